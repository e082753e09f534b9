"""Judging without AWS: an archive tells the world in event time, and nothing is read live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sentinel import catalog, cloudtrail, record
from sentinel.aws import clock
from sentinel.baseline import is_good
from sentinel.cloudtrail import Sighting
from sentinel.finding import Cause, Verdict
from sentinel.judge import CannotRead, judge
from sentinel.policy import Policy
from sentinel.record import Record, Skip, Unreadable
from sentinel.rule import Account, Rule
from sentinel.subject import Activity, Identity, Resource, Subject

OFFLINE = "nothing is read live offline; a sweep with read access settles it"


class OfflineWorld:
    """What earlier records told: baselines and activities. Everything else cannot be read."""

    def __init__(self) -> None:
        self._baselines: dict[str, Resource] = {}
        self._activities: dict[str, list[Activity]] = {}
        self._children: dict[tuple[type[Resource], str], Sequence[Resource]] = {}

    def now(self) -> datetime:
        """The present."""
        return clock.now()

    def read(self, kind: type[Resource], identity: Identity) -> Resource | None:
        """Nothing is read."""
        raise CannotRead(kind.kind, OFFLINE)

    def lookup(self, kind: type[Resource], key: str, beside: Identity) -> Resource | None:
        """Nothing is looked up."""
        raise CannotRead(kind.kind, OFFLINE)

    def each(self, kind: type[Resource], beside: Identity) -> Sequence[Resource]:
        """The children that an export told of; nothing is listed."""
        told = self._children.get((kind, beside.key))
        if told is None:
            raise CannotRead(kind.kind, OFFLINE)
        return told

    def before(self, kind: type[Resource], identity: Identity) -> Resource | None:
        """The last good state that an earlier record told."""
        return self._baselines.get(identity.key)

    def earlier(self, kind: type[Activity], like: Activity, span: timedelta) -> list[Activity]:
        """Earlier activities on the same subject, newest first."""
        past = self._activities.get(f"{kind.kind} {like.key}", ())
        return [a for a in reversed(past) if a.event_id != like.event_id and like.at - a.at <= span]

    def account(self, identity: Identity) -> Account:
        """An account of which nothing can be read."""
        return _UnreadAccount(identity.account)

    def remember(self, activity: Activity) -> None:
        """Keep an activity for later ones."""
        self._activities.setdefault(f"{activity.kind} {activity.key}", []).append(activity)

    def accept(self, resource: Resource) -> None:
        """Take a state as the baseline of later ones."""
        self._baselines[resource.key] = resource

    def tell(self, kind: type[Resource], beside: Identity, children: Sequence[Resource]) -> None:
        """Let the children of a resource be known."""
        self._children[kind, beside.key] = children


@dataclass(frozen=True, slots=True)
class _UnreadAccount:
    id: str

    def owned_buckets(self) -> frozenset[str]:
        raise CannotRead("ListBuckets", OFFLINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was read: a file, the 1-based line in it or 0, or the index of the record."""

    file: str
    index: int | None = None
    line: int = 0

    @property
    def source(self) -> str:
        """As people are told: `file`, or `file:line`."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict that people should see, and where its record stands."""

    verdict: Verdict
    place: Place


@dataclass
class Judgement:
    """What judging some records gave: records = judged + unwatched + sum of skipped.

    *kinds* are those of which a subject was judged, *failures* the rules that broke, with places.
    """

    judged: int = 0
    unwatched: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    found: list[Judged] = field(default_factory=list)
    no_baseline: int = 0
    kinds: set[str] = field(default_factory=set)
    failures: list[tuple[Place, str]] = field(default_factory=list)

    def skip(self, reason: Skip) -> None:
        """Count a record that was passed over."""
        if reason is Skip.UNWATCHED:
            self.unwatched += 1
        else:
            self.skipped[reason.value] = self.skipped.get(reason.value, 0) + 1


class OfflineJudge:
    """Judges records in the order in which they are given, which should be that of their times."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.world = OfflineWorld()
        self.result = Judgement()

    def judge(self, detail: object, place: Place) -> None:
        """Judge one record, or one EventBridge event."""
        try:
            found = (
                cloudtrail.opened(detail) if isinstance(detail, Mapping) else record.read(detail)
            )
            if not cloudtrail.is_watched(found):
                raise Unreadable(Skip.UNWATCHED, found.name)
            seen = cloudtrail.sightings(found)
        except Unreadable as error:
            self.result.skip(error.skip)
            return
        self.result.judged += 1
        for sighting in seen:
            self._sighting(sighting, found, place)

    def subject(self, subject: Subject, as_of: datetime, place: Place) -> None:
        """Judge one subject that was handed in as it is."""
        self.result.judged += 1
        self._verdicts(subject, as_of, place, from_read=True)

    def _sighting(self, sighting: Sighting, found: Record, place: Place) -> None:
        """Judge what a record tells of a subject; of what it only touched it tells nothing."""
        subject = sighting.subject
        if subject is None or sighting.touched:
            return
        if isinstance(subject, Activity):
            self.world.remember(subject)
        cause = cloudtrail.cause(found)
        verdicts = self._verdicts(subject, found.time, place, cause=cause)
        if isinstance(subject, Resource) and subject.complete and is_good(verdicts):
            self.world.accept(subject)

    def _verdicts(
        self,
        subject: Subject,
        as_of: datetime,
        place: Place,
        *,
        cause: Cause | None = None,
        from_read: bool = False,
    ) -> list[Verdict]:
        """What every rule says; one that breaks is a failure and silences no other."""
        self.result.kinds.add(subject.kind)
        verdicts = []
        for rule in self._rules(type(subject)):
            settings = self._policy.settings_for(rule)
            try:
                verdict = judge(
                    rule,
                    subject,
                    self.world,
                    settings,
                    as_of=as_of,
                    from_read=from_read,
                    cause=cause,
                )
            except Exception as error:  # noqa: BLE001 - the other rules are judged, then it is told
                self.result.failures.append((place, broke(rule, error)))
                continue
            verdicts.append(verdict)
            self._keep(verdict, place)
        return verdicts

    def _rules(self, kind: type[Subject]) -> Iterator[Rule]:
        return (r for r in catalog.rules_for(kind) if r.id not in self._policy.disabled)

    def _keep(self, verdict: Verdict, place: Place) -> None:
        if verdict.problems or verdict.gap:
            self.result.found.append(Judged(verdict, place))
        self.result.no_baseline += verdict.no_baseline


def broke(rule: Rule, error: Exception) -> str:
    """What people are told of a rule that broke."""
    return f"rule {rule.id} broke: {type(error).__name__}: {error}"


def needs_order(detail: Mapping[str, Any]) -> bool:
    """Whether a record must be judged after earlier ones: its rules compare or count them."""
    names = catalog.watched().get(str(detail.get("eventSource")), {})
    kinds = names.get(str(detail.get("eventName")), ())
    return any(rule.compares or rule.counts for kind in kinds for rule in catalog.rules_for(kind))
