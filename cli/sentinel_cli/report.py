"""What judging gave, as one document: the summary and the findings, in an order of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sentinel import catalog, moment
from sentinel.finding import Outcome, Problem, Severity, Verdict, fingerprint

from sentinel_cli.archive import SourceError
from sentinel_cli.offline import Judged


@dataclass
class Report:
    """Findings and what was read for them. records = judged + unwatched + the sum of skipped."""

    files: int = 0
    records: int = 0
    judged: int = 0
    unwatched: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    errors: list[SourceError] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)

    def add(self, found: Iterable[Judged]) -> None:
        """Add the findings of verdicts."""
        for judged in found:
            self.findings += documents(judged.verdict, judged.source)

    def count_skipped(self, skipped: Mapping[str, int]) -> None:
        """Add to the records that were passed over, by reason."""
        for reason, count in skipped.items():
            self.skipped[reason] = self.skipped.get(reason, 0) + count

    def document(self) -> dict[str, Any]:
        """The report as one object; the same input gives the same object."""
        summary = {
            "files": self.files,
            "records": self.records,
            "judged": self.judged,
            "unwatched": self.unwatched,
            "skipped": dict(sorted(self.skipped.items())),
            "errors": [{"source": e.source, "message": e.message} for e in self.errors],
        }
        return {"summary": summary, "findings": self.ordered()}

    def ordered(self) -> list[dict[str, Any]]:
        """The findings by severity, account, Region, resource and time; one gap per rule and subject."""
        once: dict[tuple[str, ...], dict[str, Any]] = {}
        for found in sorted(self.findings, key=_order):
            key = (found["rule"], found["fingerprint"], found["verdict"])
            if found["verdict"] == Outcome.VIOLATION.value:
                key = (*key, found["eventID"], found["source"])
            once.setdefault(key, found)
        return list(once.values())


def _order(found: Mapping[str, Any]) -> tuple[Any, ...]:
    blind = found["verdict"] != Outcome.VIOLATION.value
    severity = -Severity[found["severity"]].value
    place = (found["account"], found["region"], found["resource"])
    return (blind, severity, *place, found["eventTime"], found["rule"], found["eventID"])


def documents(verdict: Verdict, source: str) -> Iterator[dict[str, Any]]:
    """The findings of a verdict, with the names that other tools rely on."""
    for problem in verdict.problems:
        yield _document(verdict, problem, source)
    if verdict.gap and not verdict.problems:
        yield _document(verdict, None, source)


def _document(verdict: Verdict, problem: Problem | None, source: str) -> dict[str, Any]:
    rule, cause, subject = catalog.rules()[verdict.rule], verdict.cause, verdict.subject
    severity = problem.severity if problem else Severity.INFORMATIONAL
    outcome = Outcome.VIOLATION if problem else Outcome.COULD_NOT_ASSESS
    made: dict[str, Any] = {
        "rule": rule.id,
        "severity": severity.name,
        "verdict": outcome.value,
        "title": rule.title,
        "fingerprint": fingerprint(rule.id, subject, problem.key if problem else ""),
        "resource": subject.key,
        "account": subject.account,
        "region": subject.region,
        "eventID": cause.event_id,
        "eventName": cause.event_name,
        "eventTime": moment.text(cause.event_time) if cause.event_time else "",
        "actor": cause.actor.arn or cause.actor.principal,
        "evidence": [_line(line) for line in problem.evidence] if problem else [],
        "source": source,
    }
    if verdict.gap:
        made["gap"] = verdict.gap
    if verdict.unread:
        made["unread"] = list(verdict.unread)
    return made


def _line(line: Any) -> dict[str, Any]:
    shown = {"path": line.path, "value": line.value}
    return shown if line.before is None else {**shown, "before": line.before}
