"""What a rule looks at, and how much of it was seen.

A member of a subject can be *present*, *absent* (AWS would say so), or *unseen* (redacted, left out
of a partial update, over 100 KB). The first two are values; touching the third raises `NotKnown`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Self,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from sentinel import moment

if TYPE_CHECKING:
    from sentinel.record import Actor, Record

REDACTIONS = frozenset({"***", "REDACTED", "HIDDEN_DUE_TO_SECURITY_REASONS"})
"""What AWS writes over a value that it does not tell: gateway events, gateway data events,
registry.
"""

_REQUIRED: Any = object()
_ABSENT: Any = object()


class NotKnown(Exception):
    """A rule looked at something that nobody could see; the engine makes COULD_NOT_ASSESS of it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Member:
    """AWS's own name of a member where camelCase of the Python name is not it."""

    name: str


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Marks a member that is looked at and never stored, told or logged."""


@dataclass(frozen=True, slots=True)
class _Field:
    member: str
    default: Any
    adapter: TypeAdapter[Any]
    parts: tuple[type[Part], ...]
    sensitive: bool


@dataclass(frozen=True, slots=True)
class _Context:
    path: str
    omitted: set[str]


def redacted(value: object) -> bool:
    """Whether AWS wrote one of its marks over *value*, or over an element of it."""
    if isinstance(value, str):
        return value in REDACTIONS
    return isinstance(value, list | tuple) and any(redacted(element) for element in value)


class Part:
    """A piece of what AWS says, in its own words; a member is validated when it is first touched."""

    _declared: ClassVar[Mapping[str, Any]] = {}
    _seen: Mapping[str, Any]
    _complete: bool
    _context: _Context

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        declared = dict(cls._declared)
        for name, annotation in inspect.get_annotations(cls).items():
            if name.startswith("_") or "ClassVar" in str(annotation):
                continue
            declared[name] = cls.__dict__.get(name, _REQUIRED)
            if name in cls.__dict__:
                delattr(cls, name)
        cls._declared = declared

    @classmethod
    def of(cls, seen: Mapping[str, Any], *, complete: bool = True) -> Self:
        """Make one from AWS's members. *complete*: what is not in *seen* is absent, else it is
        unseen.
        """
        return cls._made(seen, complete, _Context("", set()))

    @classmethod
    def _made(cls, seen: Mapping[str, Any], complete: bool, context: _Context) -> Self:
        made = cls.__new__(cls)
        made.__dict__.update(_seen=seen, _complete=complete, _context=context)
        return made

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name not in type(self)._declared:
                raise AttributeError(f"{type(self).__name__} has no member {name!r}")
            value = self.__dict__[name] = self._read(fields(type(self))[name])
            return value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is what AWS said; {name!r} cannot be set")

    def _read(self, field: _Field) -> Any:
        raw = self._seen.get(field.member, _ABSENT)
        path = f"{self._context.path}.{field.member}".lstrip(".")
        if raw is _ABSENT and not self._complete:
            raise NotKnown(path, "was not seen")
        if raw is _ABSENT or raw is None:
            if field.default is _REQUIRED:
                raise NotKnown(path, "is missing, though AWS always gives it")
            self._context.omitted.add(path)
            return field.default
        if redacted(raw):
            raise NotKnown(path, "was redacted by AWS")
        try:
            return field.adapter.validate_python(raw, context=_Context(path, self._context.omitted))
        except ValidationError as error:
            raise NotKnown(
                path, f"is not what was expected ({error.errors()[0]['type']})"
            ) from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def nested(value: Any, info: core_schema.ValidationInfo) -> Part:
            if isinstance(value, cls):
                return value
            if not isinstance(value, Mapping):
                raise ValueError(f"expected an object, not {type(value).__name__}")
            return cls._made(value, True, info.context or _Context("", set()))

        return core_schema.with_info_plain_validator_function(nested)


_FIELDS: dict[type[Part], Mapping[str, _Field]] = {}


def fields(part: type[Part]) -> Mapping[str, _Field]:
    """The members that a part declares, by Python name; worked out when they are first needed."""
    if part not in _FIELDS:
        hints = get_type_hints(part, include_extras=True)
        declared = part._declared.items()
        _FIELDS[part] = {name: _field(name, hints[name], default) for name, default in declared}
    return _FIELDS[part]


def _field(name: str, hint: Any, default: Any) -> _Field:
    marks = hint.__metadata__ if get_origin(hint) is Annotated else ()
    member = next((mark.name for mark in marks if isinstance(mark, Member)), to_camel(name))
    sensitive = any(isinstance(mark, Sensitive) for mark in marks)
    return _Field(member, default, TypeAdapter(hint), tuple(_parts(hint)), sensitive)


def _parts(hint: Any) -> Iterator[type[Part]]:
    if isinstance(hint, type) and issubclass(hint, Part):
        yield hint
    for argument in get_args(hint):
        yield from _parts(argument)


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


class Subject(Part):
    """What a rule looks at."""

    kind: ClassVar[str]
    sources: ClassVar[tuple[str, ...]] = ()
    events: ClassVar[Mapping[str, Effect]] = {}
    identity: ClassVar[Identity]

    @classmethod
    def seen(cls, identity: Identity, members: Mapping[str, Any], *, complete: bool = True) -> Self:
        """What was seen of the thing that *identity* names."""
        made = cls.of(members, complete=complete)
        made.__dict__["identity"] = identity
        return made

    @property
    def key(self) -> str:
        """What the findings of this subject hang on."""
        return self.identity.key

    @property
    def omitted(self) -> frozenset[str]:
        """The members that were asked for and absent: a verdict may rest on them."""
        return frozenset(self._context.omitted)

    @contextmanager
    def asking_without_resting(self) -> Iterator[None]:
        """Within it, members found absent are not counted among `omitted`."""
        before = frozenset(self._context.omitted)
        try:
            yield
        finally:
            self._context.omitted.intersection_update(before)

    @property
    def complete(self) -> bool:
        """Whether a member that is not there is absent, rather than unseen."""
        return self._complete


@dataclass(frozen=True, slots=True)
class Effect:
    """What a CloudTrail event tells of a subject.

    *tells* is "all" when the request is the whole state (create, and replacing updates where AWS
    says so), "part" for a PATCH or where nobody knows, "nothing" when the state must be read, "end"
    for a delete, "call" for an activity.
    """

    tells: str


CREATES = Effect("all")
REPLACES = Effect("all")
PATCHES = Effect("part")
TOUCHES = Effect("nothing")
DELETES = Effect("end")
CALLS = Effect("call")


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
    ARN. Where *absence_resolves* is False a deleted one is a state to be judged.
    """

    reading: ClassVar[Reading | None] = None
    actions: ClassVar[frozenset[str]] = frozenset()
    updated: ClassVar[str] = ""
    absence_resolves: ClassVar[bool] = True
    parent: ClassVar[type[Resource] | None] = None
    segment: ClassVar[str] = ""

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """Which resource a record is about, None when it does not say."""
        raise NotImplementedError

    @classmethod
    def members(cls, record: Record) -> Mapping[str, Any]:
        """What a record tells of the resource's members: the request, then the response over it."""
        told = {**record.request, **record.response}
        return {member: value for member, value in told.items() if value is not None}

    @classmethod
    def reads(cls) -> frozenset[str]:
        """The IAM actions that listing and reading this kind needs."""
        return cls.actions | (cls.reading.actions if cls.reading else frozenset())

    @property
    def updated_at(self) -> datetime | None:
        """When AWS says that the resource was last changed, where AWS says it."""
        told = self._seen.get(self.updated) if self.updated else None
        if isinstance(told, str):
            return moment.parse(told)
        return told if isinstance(told, datetime) else None

    def state(self) -> dict[str, Any]:
        """What can be kept of this resource: declared members, and the names of those unseen.

        Sensitive members are named and not kept. `restored` gives back a resource for which
        present, absent and unseen are what they were.
        """
        unseen: list[str] = []
        kept = _pruned(type(self), self._seen, unseen)
        return {"v": 1, "seen": kept, "complete": self._complete, "unseen": sorted(unseen)}

    @classmethod
    def restored(cls, identity: Identity, state: Mapping[str, Any]) -> Self:
        """The resource that `state` was taken from."""
        seen = dict(state["seen"])
        seen.update(dict.fromkeys(state["unseen"], "***"))
        return cls.seen(identity, seen, complete=state["complete"])


def _pruned(part: type[Part], seen: Mapping[str, Any], unseen: list[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for field in fields(part).values():
        if field.member not in seen:
            continue
        if field.sensitive:
            unseen.append(field.member)
        else:
            kept[field.member] = _pruned_value(field, seen[field.member])
    return kept


def _pruned_value(field: _Field, value: Any) -> Any:
    if field.parts and isinstance(value, Mapping):
        return {k: v for part in field.parts for k, v in _nested(part, value).items()}
    if field.parts and isinstance(value, list | tuple):
        return [_pruned_value(field, element) for element in value]
    return value


def _nested(part: type[Part], value: Mapping[str, Any]) -> dict[str, Any]:
    hidden: list[str] = []
    kept = _pruned(part, value, hidden)
    return {**kept, **dict.fromkeys(hidden, "***")}


class Activity(Subject):
    """One call, judged for itself: only events show it."""

    event_id: ClassVar[str]
    event_name: ClassVar[str]
    at: ClassVar[datetime]
    actor: ClassVar[Actor]

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
        made.__dict__.update(event_id=event_id, event_name=event_name, at=at, actor=actor)
        return made

    @classmethod
    def identify(cls, record: Record) -> Identity:
        """Which resource was called; an activity is judged even where the record does not say."""
        raise NotImplementedError
