"""Judging: a rule looks at a subject; what it could not see is read once, and then said.

The event is judged at once for what it shows. A live read has the last word where a member was not
seen, and where a HIGH or CRITICAL verdict rests on a member's absence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, get_args, get_origin

from sentinel.finding import Cause, Evidence, Problem, Severity, Verdict, kept
from sentinel.rule import Account, Before, Each, Earlier, Lookup, Rule
from sentinel.seen import NotKnown
from sentinel.subject import Activity, Identity, Resource, Subject


class CannotRead(NotKnown):
    """A live read was refused or failed: the operation, and why."""


class World(Protocol):
    """The edge that a rule's needs are met from: live AWS, an archive, or a test's dictionaries.

    Each method raises CannotRead when the answer cannot be had.
    """

    def read(self, kind: type[Resource], identity: Identity) -> Resource | None: ...
    def lookup(self, kind: type[Resource], key: str, beside: Identity) -> Resource | None: ...
    def each(self, kind: type[Resource], beside: Identity) -> Sequence[Resource]: ...
    def before(self, kind: type[Resource], identity: Identity) -> Resource | None: ...
    def earlier(
        self, kind: type[Activity], like: Activity, span: timedelta
    ) -> Sequence[Activity]: ...
    def account(self, identity: Identity) -> Account: ...
    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What one run of a rule over one state of a subject gave.

    *unknown* ended the run; *unread* are guards that could not be seen; *omitted* are the members
    that were asked for and absent; *compared* says that there was a baseline, if one was wanted.
    """

    evidence: tuple[Evidence, ...]
    unknown: NotKnown | None
    unread: tuple[NotKnown, ...]
    omitted: frozenset[str]
    compared: bool


def judge(
    rule: Rule,
    subject: Subject,
    world: World,
    settings: Mapping[str, Any],
    *,
    as_of: datetime,
    from_read: bool = False,
    cause: Cause | None = None,
) -> Verdict:
    """Judge a subject with a rule.

    *as_of* is the event's time, or the start of the read. A subject from an event is read live,
    once, when the rule touches what was not seen or when a HIGH or CRITICAL rests on an absent
    member. What that read does not find is gone, or not to be read yet: it closes no finding.
    """
    seen = _look(rule, subject, world, settings)
    verdict = _verdict(rule, subject, seen, as_of, from_read, cause or Cause())
    if from_read or not isinstance(subject, Resource) or not _must_read(seen, verdict):
        return verdict
    started = world.now()
    try:
        fresh = world.read(type(subject), subject.identity)
    except CannotRead as refused:
        return _unread(verdict, seen, refused)
    if fresh is None:
        return verdict if verdict.problems else replace(verdict, gone=True, gap="")
    if fresh.predates(as_of):
        return _unread(verdict, seen, CannotRead(fresh.kind, "the read is older than the event"))
    found = judge(rule, fresh, world, settings, as_of=started, from_read=True, cause=verdict.cause)
    return found if fresh.settled(as_of, started) else _unsettled(verdict, seen, found)


def _unsettled(verdict: Verdict, seen: Look, found: Verdict) -> Verdict:
    """A read that may be older than the event adds to what the event shows, and denies nothing."""
    shown = {problem.key for problem in found.problems}
    if all(problem.key in shown for problem in verdict.problems):
        return replace(found, as_of=verdict.as_of, from_read=False)
    kind = verdict.subject.kind
    return _unread(verdict, seen, CannotRead(kind, "the read may be older than the event"))


def _must_read(seen: Look, verdict: Verdict) -> bool:
    """Whether a look at the subject itself may tell more: what a need could not read, it cannot."""
    rests_on_absence = bool(seen.omitted) and verdict.severity >= Severity.HIGH
    unseen = (*seen.unread, *([seen.unknown] if seen.unknown else ()))
    return rests_on_absence or any(not isinstance(one, CannotRead) for one in unseen)


def _unread(verdict: Verdict, seen: Look, refused: CannotRead) -> Verdict:
    """A create or a replacing update says itself that what is absent is gone: it stands unread."""
    if seen.unknown is None:
        return verdict
    return replace(verdict, gap=f"{seen.unknown}; {refused}")


def _look(rule: Rule, subject: Subject, world: World, settings: Mapping[str, Any]) -> Look:
    found: list[Evidence] = []
    unread: list[NotKnown] = []
    baseline = _Baseline(world, subject)
    needs = {name: _provide(need, subject, world, baseline) for name, need in rule.needs.items()}
    unknown: NotKnown | None = None
    with subject.noting_omissions() as omitted:
        try:
            for evidence in rule.judge(subject, **needs, **settings):
                found.extend(_lowered(evidence, rule, subject, unread))
        except NotKnown as unseen:
            unknown = unseen
    return Look(tuple(found), unknown, tuple(unread), frozenset(omitted), baseline.found)


def _lowered(
    evidence: Evidence, rule: Rule, subject: Subject, unread: list[NotKnown]
) -> Iterator[Evidence]:
    """The evidence with its severity settled, and the guard that lowered it as evidence too.

    What a guard finds absent does not count as an omission: no guard is what was judged already.
    """
    severity = rule.severity if evidence.severity is None else evidence.severity
    if evidence.guarded_by is None:
        yield replace(evidence, severity=severity)
        return
    guard = None
    with subject.noting_omissions():
        try:
            guard = evidence.guarded_by()
        except NotKnown as unseen:
            unread.append(unseen)
    lowered = min(severity, guard.severity) if guard else severity
    yield replace(evidence, severity=lowered, guarded_by=None)
    if guard:
        yield Evidence(guard.path, guard.value, lowered, evidence.key)


class _Baseline:
    """The baseline, and whether there was one when a rule asked for it."""

    def __init__(self, world: World, subject: Subject) -> None:
        self._world, self._subject = world, subject
        self.found = True

    def __call__(self) -> Resource | None:
        subject = self._subject
        if not isinstance(subject, Resource):
            raise TypeError(f"{type(subject).__name__} has no state, so no baseline")
        state = self._world.before(type(subject), subject.identity)
        self.found = state is not None
        return state


def _provide(need: Any, subject: Subject, world: World, baseline: _Baseline) -> Any:
    kind = get_origin(need) or need
    of: Any = next(iter(get_args(need)), None)
    if kind is Lookup:
        return Lookup(lambda key: world.lookup(of, key, subject.identity))
    if kind is Each:
        return Each(lambda: world.each(of, subject.identity))
    if kind is Before:
        return Before(baseline)
    if kind is Earlier and isinstance(subject, Activity):
        return Earlier(lambda span: world.earlier(of, subject, span))
    return world.account(subject.identity)


def _verdict(
    rule: Rule, subject: Subject, seen: Look, as_of: datetime, from_read: bool, cause: Cause
) -> Verdict:
    by_key: dict[str, list[Evidence]] = {}
    for evidence in seen.evidence:
        by_key.setdefault(evidence.key, []).append(evidence)
    problems = tuple(_problem(key, lines) for key, lines in by_key.items())
    return Verdict(
        rule=rule.id,
        subject=subject.identity,
        as_of=as_of,
        problems=problems,
        gap=str(seen.unknown) if seen.unknown else "",
        unread=tuple(str(unseen) for unseen in seen.unread),
        from_read=from_read,
        no_baseline=rule.compares and not seen.compared,
        activity=isinstance(subject, Activity),
        cause=cause,
    )


def _problem(key: str, found: Sequence[Evidence]) -> Problem:
    counts = [e.value for e in found if e.path == "count" and isinstance(e.value, int)]
    return Problem(
        key=key,
        severity=max(e.severity or Severity.INFORMATIONAL for e in found),
        evidence=kept(found),
        count=max(counts, default=1),
    )
