"""What a rule looks at: a *resource*, which has a state, or an *activity*, which is one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sentinel import moment
from sentinel.seen import NotKnown, Part, kept

if TYPE_CHECKING:
    from sentinel.record import Actor, Record

STATE_VERSION = 1
CLOCKS_DIFFER = timedelta(seconds=2)
"""CloudTrail's event time and a resource's own time of change may lie this far apart."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which thing a subject is and where it lives; *key* is what its findings hang on.

    *key* is the full ARN, or ``partition/account/region/kind/id`` where an event cannot tell the
    ARN. *name* is for people.
    """

    partition: str
    account: str
    region: str
    kind: str
    key: str
    name: str


class Effect(Enum):
    """What a CloudTrail event tells of a subject."""

    CREATES = auto()
    """The request is the whole state."""
    REPLACES = auto()
    """The request is the whole state: AWS says that an update resets what is left out."""
    PATCHES = auto()
    """The request is a part of the state, or nobody knows whether it is more."""
    TOUCHES = auto()
    """The state changed and must be read."""
    DELETES = auto()
    """The resource is gone."""
    CALLS = auto()
    """The event is the subject: an activity."""


class Subject(Part):
    """What a rule looks at."""

    kind: ClassVar[str]
    sources: ClassVar[tuple[str, ...]] = ()
    events: ClassVar[Mapping[str, Effect]] = {}
    _identity: Identity

    @classmethod
    def seen(cls, identity: Identity, members: Mapping[str, Any], *, complete: bool = True) -> Self:
        """What was seen of the thing that *identity* names."""
        made = cls.of(members, complete=complete)
        made.__dict__["_identity"] = identity
        return made

    @property
    def identity(self) -> Identity:
        """Which thing it is and where it lives."""
        return self._identity

    @property
    def key(self) -> str:
        """What the findings of this subject hang on."""
        return self.identity.key

    @property
    def complete(self) -> bool:
        """Whether a member that is not there is absent, rather than unseen."""
        return self._complete

    @contextmanager
    def noting_omissions(self) -> Iterator[set[str]]:
        """Within it, the paths of members that are asked for and absent are noted, in a set.

        What is noted within another such block inside it is noted there only.
        """
        outer = self._omissions.noted
        self._omissions.noted = set()
        try:
            yield self._omissions.noted
        finally:
            self._omissions.noted = outer


@dataclass(frozen=True, slots=True)
class Reading:
    """How a resource is listed and read: operations of one botocore service, and the IAM actions.

    *listed_id* is the member of a list item that names the thing to the get call, *get_id* the get
    call's parameter for it. *parent_id* is the parameter by which a child's calls name its parent.
    *wrapper* is the member of the answer that holds the state, where AWS wraps it. *version* names
    an immutable version, both in the answer and in the get call. *calls_per_second* leaves the
    customer a good part of the service's quota (AgentCore Developer Guide, "Quotas").
    """

    service: str
    list: str
    listed_id: str
    get: str
    get_id: str
    actions: frozenset[str]
    parent_id: str = ""
    wrapper: str = ""
    version: str = ""
    page_size: int = 100
    calls_per_second: float = 5


class Resource(Subject):
    """Has a state: it is seen in events, read live, and swept.

    *updated* is the member that tells when it was last changed, *segment* its type in an AgentCore
    ARN. Where *absence_resolves* is False a deleted one is a state to be judged. *settles_after* is
    for kinds that do not tell when they were changed: how long AWS may still answer a read with the
    state from before.
    """

    reading: ClassVar[Reading | None] = None
    actions: ClassVar[frozenset[str]] = frozenset()
    updated: ClassVar[str] = ""
    absence_resolves: ClassVar[bool] = True
    settles_after: ClassVar[timedelta] = timedelta()
    parent: ClassVar[type[Resource] | None] = None
    segment: ClassVar[str] = ""

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """Which resource a record is about, None when it does not say."""
        raise NotImplementedError

    @classmethod
    def members(cls, record: Record) -> Mapping[str, Any]:
        """What a record tells of the resource's members: the request, else the response."""
        return record.told()

    @classmethod
    def reads(cls) -> frozenset[str]:
        """The IAM actions that listing and reading this kind needs."""
        return cls.actions | (cls.reading.actions if cls.reading else frozenset())

    @classmethod
    def parent_in(cls, record: Record) -> Identity | None:
        """Which parent a record about a thing of this kind names, None when it names none."""
        return cls.parent.identify(record) if cls.parent else None

    @classmethod
    def names_parent(cls, identity: Identity) -> bool:
        """Whether a thing of this kind has one parent at most, which its identity names."""
        return True

    @classmethod
    def settled(cls, event_time: datetime, read_at: datetime) -> bool:
        """Whether a read is so much later than an event that AWS answered with its effect."""
        return read_at >= event_time + cls.settles_after

    @property
    def updated_at(self) -> datetime | None:
        """When AWS says that the resource was last changed, where AWS says it."""
        told = self._seen.get(self.updated) if self.updated else None
        if isinstance(told, str):
            return moment.parse(told)
        return told if isinstance(told, datetime) else None

    def predates(self, event_time: datetime) -> bool:
        """Whether this is a state from before an event: a read that AWS answered with old news."""
        updated = self.updated_at
        return updated is not None and updated < event_time - CLOCKS_DIFFER

    def state(self) -> dict[str, Any]:
        """What can be kept of this resource: declared members, with a mark over the sensitive.

        `restored` gives back a resource of which the same members are present, absent and unseen,
        but for the sensitive ones, which are unseen.
        """
        return {"v": STATE_VERSION, "seen": kept(type(self), self._seen), "complete": self.complete}

    @classmethod
    def restored(cls, identity: Identity, state: Mapping[str, Any]) -> Self:
        """The resource that `state` was taken from. Raises ValueError for a version to come."""
        if state["v"] > STATE_VERSION:
            raise ValueError(f"the state of {identity.key} is of version {state['v']}")
        return cls.seen(identity, state["seen"], complete=state["complete"])


@dataclass(frozen=True, slots=True)
class Call:
    """The call that an activity is."""

    event_id: str
    event_name: str
    at: datetime
    actor: Actor


class Activity(Subject):
    """One call, judged for itself: only events show it."""

    _call: Call

    @property
    def event_id(self) -> str:
        """CloudTrail's id of the event, by which an activity is counted once."""
        return self._call.event_id

    @property
    def event_name(self) -> str:
        """The operation that was called."""
        return self._call.event_name

    @property
    def at(self) -> datetime:
        """When it was called."""
        return self._call.at

    @property
    def actor(self) -> Actor:
        """Who called."""
        return self._call.actor

    def told(self, name: str) -> Any:
        """A member if the record tells it, else None: CloudTrail owes an activity no member."""
        try:
            return getattr(self, name)
        except NotKnown:
            return None

    @classmethod
    def called(cls, identity: Identity, record: Record) -> Self:
        """The activity that a record tells of."""
        return cls.remembered(
            identity,
            event_id=record.event_id,
            event_name=record.name,
            at=record.time,
            actor=record.actor,
            members=record.request,
        )

    @classmethod
    def remembered(
        cls,
        identity: Identity,
        *,
        event_id: str,
        event_name: str,
        at: datetime,
        actor: Actor,
        members: Mapping[str, Any] | None = None,
    ) -> Self:
        """An activity from what was kept of it."""
        made = cls.seen(identity, members or {}, complete=False)
        made.__dict__["_call"] = Call(event_id, event_name, at, actor)
        return made

    @classmethod
    def identify(cls, record: Record) -> Identity:
        """Which resource was called; an activity is judged even where the record does not say."""
        raise NotImplementedError
