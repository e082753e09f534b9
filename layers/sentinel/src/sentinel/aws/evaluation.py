"""Judging what was delivered: an event becomes verdicts, verdicts become findings.

A live recheck follows. Every write can be repeated: a record that fails is delivered again and
finds its work half done, or done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sentinel import catalog, cloudtrail
from sentinel.arn import partition_of
from sentinel.aws import clock, rechecks
from sentinel.aws.edge import Edge
from sentinel.aws.live import LiveWorld, Place, Refusal
from sentinel.aws.memory import Recheck
from sentinel.aws.rechecks import Rechecks
from sentinel.baseline import is_good
from sentinel.cloudtrail import Sighting
from sentinel.finding import Cause, Verdict
from sentinel.gap import STALE_READ, Gap, gap_id
from sentinel.judge import CannotRead, judge
from sentinel.life import Change, Status
from sentinel.policy import Policy
from sentinel.record import Record, Skip, Unreadable
from sentinel.rule import Rule
from sentinel.subject import Activity, Identity, Resource, Subject


class RulesFailed(ExceptionGroup):
    """Some rules raised; the others were judged and their verdicts stored."""


@dataclass
class Tally:
    """What became of what was delivered: delivered = judged + rechecked + skipped + failed.

    *failed* counts what will be delivered again: what raised, and what there was no time for.
    """

    delivered: int = 0
    judged: int = 0
    rechecked: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that is to be judged, and the subjects that it tells of."""

    record: Record
    sightings: tuple[Sighting, ...]


class Evaluation:
    """Judges events and rechecks with the live world."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self.world = LiveWorld(edge)
        self.tally = Tally()
        self._rechecks = Rechecks(edge)
        self._settled: set[str] = set()

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._edge.policy_copy.current()

    def event(self, event: Mapping[str, Any]) -> None:
        """Judge one EventBridge event, or do one recheck.

        Raises RulesFailed when a rule broke, and whatever AWS raised when a write failed: the
        record is then delivered again.
        """
        if "recheck" in event:
            self._recheck(event["recheck"])
            self.tally.rechecked += 1
            return
        seen = self.seen(event)
        if seen is None:
            return
        for sighting in seen.sightings:
            self._judge(sighting, seen.record)
        self.tally.judged += 1

    def seen(self, event: Mapping[str, Any]) -> Seen | None:
        """What an event tells of; None when it is skipped, which is counted."""
        try:
            found = cloudtrail.opened(event)
            self._check_member(found)
            return Seen(found, cloudtrail.sightings(found))
        except Unreadable as error:
            self._skip(event, error)
            return None

    def activities(self, many: Sequence[Seen]) -> dict[int, Exception]:
        """Judge many activities: all are stored, then each group is judged by its last one.

        Gives the error of each that must be judged again, by its place among the many. Raises what
        AWS raised when they could not be stored.
        """
        groups: dict[tuple[str, str, str, str], list[tuple[int, Sighting]]] = {}
        kept: list[Activity] = []
        for number, seen in enumerate(many):
            for sighting in seen.sightings:
                if isinstance(sighting.subject, Activity):
                    kept.append(sighting.subject)
                    group = groups.setdefault(_group(sighting, seen.record), [])
                    group.append((number, sighting))
        self._edge.memory.keep(kept)
        failed: dict[int, Exception] = {}
        for group in groups.values():
            last, sighting = group[-1]
            try:
                self._judge(sighting, many[last].record)
            except Exception as error:  # noqa: BLE001 - the other groups are judged, then it is told
                failed |= dict.fromkeys((number for number, _ in group), error)
        self.tally.judged += len(many) - len(failed)
        return failed

    def finish(self) -> None:
        """Close the gaps of what could be seen, and tell what could not. Call it once per batch."""
        for where, read in self.world.succeeded.items():
            at = (where.partition, where.account, where.region, where.kind, where.operation)
            self._edge.store.cure(gap_id(*at), read)
        self._close_settled_gaps()
        for where, refusals in self.world.refused.items():
            refusal = next(iter(refusals.values()), None)
            if refusal is None:
                continue
            now = clock.now()
            self._edge.store.meet(
                Gap(
                    partition=where.partition,
                    account=where.account,
                    region=where.region,
                    kind=where.kind,
                    cause=where.operation,
                    opened_at=now,
                    changed_at=now,
                    reason=refusal.code,
                    example=refusal.of,
                )
            )
        self.world.forget()

    def _close_settled_gaps(self) -> None:
        """Close every gap about what is gone, or was judged whole whichever way it was read."""
        if self._settled:
            for found in list(self._edge.store.gaps(Status.OPEN)):
                if found.example in self._settled:
                    self._edge.store.cure(found.id, self._settled)
            self._settled.clear()

    def fresh(
        self,
        kind: type[Resource],
        identity: Identity,
        resource: Resource | None,
        started: datetime,
        rules: Sequence[Rule] | None = None,
        cause: Cause | None = None,
    ) -> list[Verdict]:
        """Judge a resource that was just read, or found gone, with all rules of its kind.

        A look at which nothing worse than MEDIUM was found, by every rule, moves the baseline.
        """
        chosen = self._enabled(catalog.rules_for(kind)) if rules is None else rules
        verdicts = []
        failures = []
        for rule in chosen:
            if resource is None:
                verdict = Verdict(rule.id, identity, started, from_read=True, gone=True)
            else:
                try:
                    verdict = self._judged(rule, resource, started, True, cause or Cause())
                except Exception as error:  # noqa: BLE001 - every other rule is judged, then it is raised
                    failures.append(_named(error, rule, identity))
                    continue
            verdicts.append(verdict)
            self.record([verdict])
        if failures:
            raise RulesFailed(f"rules failed on {identity.key}", failures)
        if rules is None and not any(verdict.gap or verdict.unread for verdict in verdicts):
            self._settled.add(identity.key)
        if resource is not None and rules is None and is_good(verdicts):
            self._edge.memory.accept(resource, started)
        return verdicts

    def tells_of(self, resource: Resource, started: datetime) -> datetime:
        """The time of which a read tells: its start, or just before an event that it lacks."""
        waiting = self._edge.memory.recheck(resource.identity)
        if waiting is None or (
            resource.settled(waiting.after, started) and not rechecks.is_stale(resource, waiting)
        ):
            return started
        return min(started, waiting.after - timedelta(microseconds=1))

    def _check_member(self, found: Record) -> None:
        if not self.policy.admits(found.account, found.region):
            raise Unreadable(Skip.NOT_A_MEMBER, f"{found.account} {found.region}")

    def _skip(self, event: Mapping[str, Any], error: Unreadable) -> None:
        """Count what is passed over; a forgery or a stranger is told as a gap."""
        self.tally.skipped[error.skip.value] += 1
        if error.skip not in (Skip.INCONSISTENT, Skip.NOT_A_MEMBER):
            return
        now = clock.now()
        account = str(event.get("account", ""))[:12]
        region = str(event.get("region", ""))[:32]
        self._edge.store.meet(
            Gap(
                partition=partition_of(region),
                account=account,
                region=region,
                kind="event",
                cause=error.skip.name.lower(),
                opened_at=now,
                changed_at=now,
                reason=error.detail[:500],
            )
        )

    def _judge(self, sighting: Sighting, found: Record) -> None:
        """Judge what a record tells of a subject; what it only touched is read, and judged then."""
        failures = []
        cause = cloudtrail.cause(found)
        if isinstance(sighting.subject, Activity):
            self._edge.memory.keep([sighting.subject])
        rules = [] if sighting.touched else self._enabled(catalog.rules_for(sighting.kind))
        for rule in rules:
            try:
                self.record([self._verdict(rule, sighting, found, cause)])
            except Exception as error:  # noqa: BLE001 - every other rule is judged, then it is raised
                failures.append(_named(error, rule, sighting.identity))
        if issubclass(sighting.kind, Resource):
            self._rechecks.ask(sighting, found.time)
            self.world.excuse(sighting.identity.key)
        if failures:
            raise RulesFailed(f"rules failed on {sighting.identity.key}", failures)

    def _verdict(self, rule: Rule, sighting: Sighting, found: Record, cause: Cause) -> Verdict:
        if sighting.subject is None:
            return Verdict(rule.id, sighting.identity, found.time, gone=True, cause=cause)
        return self._judged(rule, sighting.subject, found.time, False, cause)

    def _judged(
        self, rule: Rule, subject: Subject, as_of: datetime, from_read: bool, cause: Cause
    ) -> Verdict:
        settings = self.policy.settings_for(rule)
        return judge(
            rule, subject, self.world, settings, as_of=as_of, from_read=from_read, cause=cause
        )

    def record(self, verdicts: Sequence[Verdict]) -> None:
        """Store verdicts, and keep what they changed in the tally."""
        for verdict in verdicts:
            self.tally.changes += self._edge.store.record(verdict, self.policy.exemption)
            self._note(verdict)

    def _note(self, verdict: Verdict) -> None:
        """Note for `finish` whether the rule could judge, unless a refused call says why not.

        A state that an event showed is soon read, and the read decides. What has no name but an
        event's is listed by the next sweep under its own, so nothing would ever close its gap.
        """
        subject = verdict.subject
        if not (verdict.from_read or verdict.activity) or "/event/" in subject.key:
            return
        where = _place(subject, verdict.rule)
        if not verdict.gap:
            self.world.went(where, subject.key)
        elif not self.world.explains(verdict.gap):
            self.world.failed(where, Refusal(verdict.gap[:500], subject.key))

    def _enabled(self, rules: Sequence[Rule]) -> list[Rule]:
        return [rule for rule in rules if rule.id not in self.policy.disabled]

    def _recheck(self, asked: Mapping[str, Any]) -> None:
        recheck = self._edge.memory.recheck(Identity(**asked["identity"]))
        if recheck is None:
            return
        kind = catalog.subjects()[recheck.kind]
        if not issubclass(kind, Resource):
            raise TypeError(f"{recheck.kind} is no resource and cannot be read again")
        started = clock.now()
        if not kind.settled(recheck.after, started):
            self._rechecks.postpone(recheck)
            return
        resource, doubt = self._read(kind, recheck)
        if doubt and not rechecks.is_last(recheck):
            self._rechecks.try_again(recheck)
            self.world.excuse(recheck.identity.key)
            return
        if doubt:
            self._blind(kind, recheck.identity, started, doubt)
        else:
            self.fresh(kind, recheck.identity, resource, started)
        self._ask_for_parents(kind, recheck)
        self._rechecks.finish(recheck)

    def _ask_for_parents(self, kind: type[Resource], recheck: Recheck) -> None:
        """Have those read again whose findings rest on a child that many share, as on a policy."""
        if kind.names_parent(recheck.identity):
            return
        parents = {parent.kind: parent for parent in catalog.touched_by(kind)}
        for status in (Status.OPEN, Status.SUPPRESSED):
            for subject in {found.subject for found in self._edge.store.findings(status)}:
                parent = parents.get(subject.kind)
                if parent and subject.account == recheck.identity.account:
                    unseen = parent.seen(subject, {}, complete=False)
                    touched = Sighting(parent, subject, unseen, touched=True)
                    self._rechecks.ask(touched, recheck.after)

    def _read(self, kind: type[Resource], recheck: Recheck) -> tuple[Resource | None, str]:
        """The resource as it is now, and why that may not be so."""
        try:
            resource = self.world.read(kind, recheck.identity)
        except CannotRead as refused:
            return None, str(refused)
        doubt = rechecks.doubt(resource, recheck)
        if doubt and rechecks.is_last(recheck):
            where = _place(recheck.identity, STALE_READ)
            doubt = str(self.world.refuse(where, Refusal(doubt, recheck.identity.key)))
        return resource, doubt

    def _blind(
        self, kind: type[Resource], identity: Identity, started: datetime, reason: str
    ) -> None:
        for rule in self._enabled(catalog.rules_for(kind)):
            self.record([Verdict(rule.id, identity, started, gap=reason, from_read=True)])


def _place(identity: Identity, operation: str) -> Place:
    at = (identity.partition, identity.account, identity.region, identity.kind)
    return Place(*at, operation)


def _named(error: Exception, rule: Rule, identity: Identity) -> Exception:
    error.add_note(f"rule {rule.id} on {identity.key}")
    return error


def _group(sighting: Sighting, found: Record) -> tuple[str, str, str, str]:
    hour = f"{found.time:%Y-%m-%dT%H}"
    return sighting.kind.kind, sighting.identity.key, found.actor.principal, hour
