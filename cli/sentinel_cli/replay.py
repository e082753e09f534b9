"""Replaying archives: many files, fast, judged as if they had just been delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sentinel import catalog
from sentinel.policy import Policy

from sentinel_cli.archive import FileResult, Source, SourceError, Watch, expand, read_all
from sentinel_cli.offline import Judgement, OfflineJudge, Place, needs_order
from sentinel_cli.report import Report


@dataclass
class Sifted:
    """What one file gave: what could be judged at once, and the records that wait for order."""

    total: int
    unwatched: int
    skipped: dict[str, int]
    errors: tuple[SourceError, ...]
    judgement: Judgement
    waiting: list[tuple[Place, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sift:
    """Judges in the process that read a file whatever needs no earlier record."""

    policy: Policy

    def __call__(self, result: FileResult) -> Sifted:
        judge = OfflineJudge(self.policy)
        waiting = []
        for position, record in result.records:
            line = position if result.has_lines else 0
            place = Place(result.source.name, None if line else position, line)
            if needs_order(record):
                waiting.append((place, record))
            else:
                judge.judge(record, place)
        return Sifted(
            total=result.total,
            unwatched=result.unwatched,
            skipped=dict(result.skipped),
            errors=result.errors,
            judgement=judge.result,
            waiting=waiting,
        )


def watch() -> Watch:
    """What the rules watch, by event source."""
    return {source: frozenset(names) for source, names in catalog.watched().items()}


def replay(
    paths: Sequence[str],
    policy: Policy,
    *,
    strict: bool,
    jobs: int,
    read: Callable[[int, int], None] = lambda done, files: None,
) -> Report:
    """Judge all records of some files, folders, globs, or of standard input.

    Records whose rules compare with earlier ones, or count them, are judged last, in the order of
    their times. What cannot be read is in the report's errors. *read* is told how many files of all
    are done.
    """
    report = Report(policy)
    waiting: list[tuple[Place, Any]] = []
    sources = list(expand(paths))
    report.files = sum(isinstance(source, Source) for source in sources)
    processes = min(jobs, len(sources))
    results = read_all(sources, watch(), strict=strict, jobs=processes, work=Sift(policy))
    for done, sifted in enumerate(results, start=1):
        report.records += sifted.total
        report.unwatched += sifted.unwatched
        report.count_skipped(sifted.skipped)
        report.add_errors(sifted.errors, whole=not sifted.total)
        report.add(sifted.judgement)
        waiting += sifted.waiting
        read(done, len(sources))
    waiting.sort(key=lambda found: str(found[1].get("eventTime")))
    last = OfflineJudge(policy)
    for place, record in waiting:
        last.judge(record, place)
    report.add(last.result)
    return report
