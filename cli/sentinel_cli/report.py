"""What judging gave, as one document: the summary and the findings, in an order of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sentinel import catalog
from sentinel.finding import EvidenceLine, Outcome, Problem, Severity, Verdict, fingerprint, short
from sentinel.policy import Policy
from sentinel.subject import Identity

from sentinel_cli.archive import SourceError
from sentinel_cli.offline import Judged, Judgement, Place

VERSION = 1
"""Of the report's shape; it changes when a member is renamed, removed or means something else."""


@dataclass
class Report:
    """Findings and what was read for them. records = judged + unwatched + the sum of skipped.

    *unreadable* counts the inputs of which nothing could be read, *partly* the lines of others,
    *failures* the rules that broke: all are among *errors*. *kinds* are those of which a subject
    was judged.
    """

    policy: Policy = field(default_factory=Policy)
    files: int = 0
    records: int = 0
    judged: int = 0
    unwatched: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    errors: list[SourceError] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    unreadable: int = 0
    partly: int = 0
    failures: int = 0
    no_baseline: int = 0
    kinds: set[str] = field(default_factory=set)

    def add(self, judgement: Judgement) -> None:
        """Add what judging some records gave."""
        self.judged += judgement.judged
        self.unwatched += judgement.unwatched
        self.count_skipped(judgement.skipped)
        self.no_baseline += judgement.no_baseline
        self.kinds |= judgement.kinds
        self.failures += len(judgement.failures)
        self.errors += [SourceError(place.source, what) for place, what in judgement.failures]
        self.add_found(judgement.found)

    def add_found(self, found: Iterable[Judged]) -> None:
        """Add the findings of verdicts."""
        for judged in found:
            self.findings += documents(judged.verdict, judged.place, self.policy)

    def add_errors(self, errors: Iterable[SourceError], *, whole: bool) -> None:
        """Add what could not be read; *whole*: nothing else of that input could."""
        found = list(errors)
        self.errors += found
        if whole:
            self.unreadable += bool(found)
        else:
            self.partly += len(found)

    def count_skipped(self, skipped: Mapping[str, int]) -> None:
        """Add to the records that were passed over, by reason."""
        for reason, count in skipped.items():
            self.skipped[reason] = self.skipped.get(reason, 0) + count

    def summary(self) -> dict[str, Any]:
        """What was read and judged."""
        return {
            "version": VERSION,
            "files": self.files,
            "records": self.records,
            "judged": self.judged,
            "unwatched": self.unwatched,
            "skipped": dict(sorted(self.skipped.items())),
            "no_baseline": self.no_baseline,
            "errors": [{"source": e.source, "message": e.message} for e in self.errors],
        }

    def document(self) -> dict[str, Any]:
        """The report as one object; the same input gives the same object."""
        return {"summary": self.summary(), "findings": self.ordered()}

    def ordered(self) -> list[dict[str, Any]]:
        """The findings by severity, account, Region, resource and time.

        One gap per rule and subject; an event that was delivered twice counts once.
        """
        once: dict[tuple[str, ...], dict[str, Any]] = {}
        for found in sorted(self.findings, key=_order):
            key: tuple[str, ...] = (found["rule"], found["fingerprint"], found["verdict"])
            if found["verdict"] == Outcome.VIOLATION.value:
                key = (*key, found["eventID"] or found["source"])
            once.setdefault(key, found)
        return list(once.values())

    def idle_rules(self) -> list[str]:
        """The rules to which nothing that was read had to do."""
        return [
            rule.id
            for rule in catalog.rules().values()
            if rule.id not in self.policy.disabled
            and not any(kind.kind in self.kinds for kind in rule.subjects)
        ]


def unknown(found: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """How much could not be assessed, and how many findings have a part that is unknown."""
    gaps = Counter(one["verdict"] for one in found if "gap" in one)
    return gaps[Outcome.COULD_NOT_ASSESS.value], gaps[Outcome.VIOLATION.value]


def _order(found: Mapping[str, Any]) -> tuple[Any, ...]:
    blind = found["verdict"] != Outcome.VIOLATION.value
    severity = -Severity[found["severity"]].value
    place = (found["account"], found["region"], found["resource"])
    event = (found["eventTime"], found["rule"], found["eventID"])
    return (blind, severity, *place, *event, found["source"], found.get("record", -1))


def documents(verdict: Verdict, place: Place, policy: Policy) -> Iterator[dict[str, Any]]:
    """The findings of a verdict, with the names that other tools rely on."""
    for problem in verdict.problems:
        yield _document(verdict, problem, place) | _excused(verdict, policy)
    if verdict.gap and not verdict.problems:
        yield _document(verdict, None, place)


def _document(verdict: Verdict, problem: Problem | None, place: Place) -> dict[str, Any]:
    rule, cause, subject = catalog.rules()[verdict.rule], verdict.cause, verdict.subject
    severity = problem.severity if problem else Severity.INFORMATIONAL
    outcome = Outcome.VIOLATION if problem else Outcome.COULD_NOT_ASSESS
    name = fingerprint(rule.id, subject, problem.key if problem else "")
    made: dict[str, Any] = {
        "id": short(name),
        "rule": rule.id,
        "severity": severity.name,
        "verdict": outcome.value,
        "title": rule.title,
        "fingerprint": name,
        **_where(subject),
        "eventID": cause.event_id,
        "eventName": cause.event_name,
        "eventTime": _cloudtrail_time(cause.event_time),
        "actor": cause.actor.arn or cause.actor.principal,
        "session": cause.actor.session,
        "sourceIPAddress": cause.actor.source_ip,
        "userAgent": cause.actor.user_agent,
        "evidence": [_line(line) for line in problem.evidence] if problem else [],
        "source": place.source,
    }
    if place.line:
        made["line"] = place.line
    if place.index is not None:
        made["record"] = place.index
    if verdict.gap:
        made["gap"] = verdict.gap
    if verdict.unread:
        made["unread"] = list(verdict.unread)
    return made


def _where(subject: Identity) -> dict[str, str]:
    return {
        "resource": subject.key,
        "resourceName": subject.name,
        "kind": subject.kind,
        "account": subject.account,
        "region": subject.region,
    }


def _excused(verdict: Verdict, policy: Policy) -> dict[str, Any]:
    """The exemption that was in force when it happened: the finding is kept, and fails nothing."""
    held = policy.exemption(verdict.rule, verdict.subject, verdict.as_of)
    if held is None:
        return {}
    ends = held.ends.date().isoformat()
    return {"suppressed": {"reason": held.reason, "owner": held.owner, "expires": ends}}


def _cloudtrail_time(time: datetime | None) -> str:
    """A time as CloudTrail writes it, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else ""


def _line(line: EvidenceLine) -> dict[str, Any]:
    shown = {"path": line.path, "value": line.value}
    return shown if line.before is None else {**shown, "before": line.before}
