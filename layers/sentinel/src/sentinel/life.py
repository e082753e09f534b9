"""The life of a finding: how a verdict moves it, as pure functions over what is stored.

An event may open a finding or raise it. Only a complete fresh look lowers or closes one. Older news
never overrides newer, and the same event twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sentinel.finding import Cause, Problem, Severity, Verdict, fingerprint
from sentinel.policy import Exemption
from sentinel.subject import Identity


class Status(StrEnum):
    """Where a finding is in its life."""

    OPEN = "OPEN"
    SUPPRESSED = "SUPPRESSED"
    RESOLVED = "RESOLVED"


class Move(StrEnum):
    """What a change did to a finding or a gap."""

    OPENED = "opened"
    REOPENED = "reopened"
    CHANGED = "changed"
    RAISED = "raised"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a rule has judged a subject: the watermark that older news does not pass.

    *open* maps the evidence keys of findings that are not closed to their fingerprints.
    """

    rule: str
    subject: Identity
    as_of: datetime
    from_read: bool = False
    event_id: str = ""
    gap: str = ""
    open: Mapping[str, str] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and its life.

    *episode* counts how often it was opened, *change* its changes; *told* is the count of an
    activity as the last change told it.
    """

    fingerprint: str
    rule: str
    subject: Identity
    status: Status
    problem: Problem
    cause: Cause
    opened_at: datetime
    changed_at: datetime
    as_of: datetime
    closed_at: datetime | None = None
    episode: int = 1
    change: int = 1
    told: int = 1
    unread: tuple[str, ...] = ()
    exemption: Exemption | None = None
    version: int = 0

    @property
    def severity(self) -> Severity:
        """The severity of the problem as it stands."""
        return self.problem.severity


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the outbox: what became of a finding, and the finding as it then was."""

    move: Move
    finding: Finding

    @property
    def id(self) -> str:
        """The same in every delivery of the same change: fingerprint, episode and number."""
        return f"{self.finding.fingerprint}.{self.finding.episode}.{self.finding.change}"


@dataclass(frozen=True, slots=True)
class Transition:
    """What a verdict writes: the standing, findings that moved, and the changes to tell."""

    standing: Standing
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()


Exempt = Callable[[str, Identity, datetime], Exemption | None]


def is_news(standing: Standing | None, verdict: Verdict) -> bool:
    """Whether a verdict is newer than what stands; activities add up in any order.

    Event times have whole seconds: two events of one second, or an event in the second of a read,
    are a tie, which the recheck's live read decides.
    """
    return standing is None or verdict.activity or verdict.as_of > standing.as_of


def apply(
    standing: Standing | None,
    findings: Mapping[str, Finding],
    verdict: Verdict,
    exempt: Exempt,
    now: datetime,
) -> Transition | None:
    """What a verdict changes, None when it changes nothing.

    *findings* are those stored of this rule and subject, by evidence key, closed ones included.
    """
    if not is_news(standing, verdict):
        return None
    moved: list[tuple[Move | None, Finding]] = []
    for problem in verdict.problems:
        stored = findings.get(problem.key)
        if not (verdict.activity and stored and problem.count <= stored.problem.count):
            moved.append(_seen(stored, problem, verdict, exempt, now))
    if verdict.activity and not moved:
        return None
    if verdict.from_read and not verdict.gap and not verdict.no_baseline:
        still = {problem.key for problem in verdict.problems}
        for key, stored in findings.items():
            if key not in still and stored.status is not Status.RESOLVED:
                moved.append((Move.RESOLVED, _closed(stored, verdict, now)))
    return Transition(
        standing=_moved_standing(standing, findings, verdict, [f for _, f in moved]),
        findings=tuple(f for _, f in moved),
        changes=tuple(Change(move, f) for move, f in moved if move),
    )


def _moved_standing(
    standing: Standing | None,
    findings: Mapping[str, Finding],
    verdict: Verdict,
    moved: list[Finding],
) -> Standing:
    """A verdict that saw nothing moves no watermark: what it missed may still be told by an older
    one.
    """
    blind = bool(verdict.gap) and not verdict.problems
    before = standing.as_of if standing else datetime.min.replace(tzinfo=verdict.as_of.tzinfo)
    live = {key: f for key, f in findings.items() if f.status is not Status.RESOLVED}
    live |= {f.problem.key: f for f in moved}
    return Standing(
        rule=verdict.rule,
        subject=verdict.subject,
        as_of=before if blind else verdict.as_of,
        from_read=standing.from_read if blind and standing else verdict.from_read,
        event_id=verdict.cause.event_id,
        gap=verdict.gap,
        open={k: f.fingerprint for k, f in live.items() if f.status is not Status.RESOLVED},
        version=(standing.version if standing else 0) + 1,
    )


def _seen(
    stored: Finding | None, problem: Problem, verdict: Verdict, exempt: Exempt, now: datetime
) -> tuple[Move | None, Finding]:
    exemption = exempt(verdict.rule, verdict.subject, now)
    status = Status.SUPPRESSED if exemption else Status.OPEN
    if stored is None or stored.status is Status.RESOLVED:
        return _opened(stored, problem, verdict, exemption, now)
    whole = verdict.from_read and not verdict.gap
    if not whole and problem.severity < stored.severity:
        problem = stored.problem
    move = None
    if status is not stored.status:
        move = Move.SUPPRESSED if exemption else Move.REOPENED
    elif problem.severity is not stored.severity:
        move = Move.RAISED if problem.severity > stored.severity else Move.CHANGED
    current = replace(
        stored,
        status=status,
        problem=problem,
        as_of=max(stored.as_of, verdict.as_of),
        unread=verdict.unread,
        exemption=exemption,
        version=stored.version + 1,
    )
    if move:
        current = replace(current, change=stored.change + 1, changed_at=now, told=problem.count)
    return move, current


def _opened(
    stored: Finding | None,
    problem: Problem,
    verdict: Verdict,
    exemption: Exemption | None,
    now: datetime,
) -> tuple[Move, Finding]:
    finding = Finding(
        fingerprint=fingerprint(verdict.rule, verdict.subject, problem.key),
        rule=verdict.rule,
        subject=verdict.subject,
        status=Status.SUPPRESSED if exemption else Status.OPEN,
        problem=problem,
        cause=verdict.cause,
        opened_at=verdict.as_of,
        changed_at=now,
        as_of=verdict.as_of,
        episode=stored.episode + 1 if stored else 1,
        change=stored.change + 1 if stored else 1,
        told=problem.count,
        unread=verdict.unread,
        exemption=exemption,
        version=stored.version + 1 if stored else 1,
    )
    if exemption:
        return Move.SUPPRESSED, finding
    return (Move.REOPENED if stored else Move.OPENED), finding


def _closed(stored: Finding, verdict: Verdict, now: datetime) -> Finding:
    closed = {"status": Status.RESOLVED, "closed_at": verdict.as_of, "as_of": verdict.as_of}
    return _changed(stored, now, **closed)


def closed_unread(stored: Finding, now: datetime) -> Change:
    """Close a finding that no read can close: a person said so, or an activity has been quiet."""
    return Change(Move.RESOLVED, _changed(stored, now, status=Status.RESOLVED, closed_at=now))


def uncovered(stored: Finding, now: datetime) -> Change:
    """Open again what an exemption hid until it expired."""
    return Change(Move.REOPENED, _changed(stored, now, status=Status.OPEN, exemption=None))


def recounted(stored: Finding, now: datetime) -> Change:
    """Tell how often an activity has happened by now."""
    return Change(Move.CHANGED, _changed(stored, now, told=stored.problem.count))


def _changed(stored: Finding, now: datetime, **members: Any) -> Finding:
    """A finding after one more change."""
    return replace(
        stored,
        changed_at=now,
        change=stored.change + 1,
        version=stored.version + 1,
        **members,
    )
