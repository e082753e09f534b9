"""What AWS said of a thing, and how much of it was seen.

A member can be *present*, *absent* (AWS would say so), or *unseen* (redacted, left out of a partial
update, over 100 KB). The first two are values; touching the third raises `NotKnown`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import NoneType
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

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

UNSEEN = "***"
REDACTIONS = frozenset({UNSEEN, "REDACTED", "HIDDEN_DUE_TO_SECURITY_REASONS"})
"""What AWS writes over a value that it does not tell: gateway events, gateway data events,
registry. Stored states use the first for whatever was not seen or is not kept.
"""

_REQUIRED: Any = object()


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
class Field:
    """A member that a part declares: a value of a type, a part, or *many* parts."""

    member: str
    type: Any
    default: Any
    part: type[Part] | None
    many: bool
    sensitive: bool


@dataclass(slots=True)
class Omissions:
    """The paths of members that were asked for and found absent; shared by a part and its parts."""

    noted: set[str] = field(default_factory=set)


def redacted(value: object) -> bool:
    """Whether AWS wrote one of its marks over *value*, or over an element of it."""
    if isinstance(value, str):
        return value in REDACTIONS
    return isinstance(value, list | tuple) and any(redacted(element) for element in value)


class Part:
    """A piece of what AWS says, in its own words; a member is validated when it is first touched.

    A subclass declares members as annotations. One without a default is always given by AWS; the
    default of another is what its absence means.
    """

    _declared: ClassVar[dict[str, Any]] = {}
    _seen: Mapping[str, Any]
    _complete: bool
    _path: str
    _omissions: Omissions

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
        """Make one from AWS's members; what is not there is absent if *complete*, else unseen."""
        return cls._made(seen, complete, "", Omissions())

    @classmethod
    def _made(
        cls, seen: Mapping[str, Any], complete: bool, path: str, omissions: Omissions
    ) -> Self:
        made = cls.__new__(cls)
        made.__dict__.update(_seen=seen, _complete=complete, _path=path, _omissions=omissions)
        return made

    if not TYPE_CHECKING:  # a type checker takes the annotations of a subclass for its members

        def __getattr__(self, name: str) -> Any:
            if name not in self._declared:
                raise AttributeError(f"{type(self).__name__} has no member {name!r}")
            return self._read(name, fields(type(self))[name])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is what AWS said; {name!r} cannot be set")

    def _read(self, name: str, declared: Field) -> Any:
        """An absent member is looked up each time, so that each look notes that it rests on it."""
        path = f"{self._path}.{declared.member}".lstrip(".")
        if declared.member not in self._seen and not self._complete:
            raise NotKnown(path, "was not seen")
        raw = self._seen.get(declared.member)
        if raw is None:
            if declared.default is _REQUIRED:
                raise NotKnown(path, "is missing, though AWS always gives it")
            self._omissions.noted.add(path)
            return declared.default
        value = self.__dict__[name] = self._value(declared, raw, path)
        return value

    def _value(self, declared: Field, raw: object, path: str) -> Any:
        if redacted(raw):
            raise NotKnown(path, "was redacted by AWS")
        if declared.part is None:
            return _validated(declared.type, raw, path)
        if not declared.many:
            return self._nested(declared.part, raw, path)
        if not isinstance(raw, list | tuple):
            raise NotKnown(path, f"is not what was expected (a list, not {type(raw).__name__})")
        return tuple(
            self._nested(declared.part, element, f"{path}[{index}]")
            for index, element in enumerate(raw)
        )

    def _nested(self, part: type[Part], raw: object, path: str) -> Part:
        if not isinstance(raw, Mapping):
            raise NotKnown(path, f"is not what was expected (an object, not {type(raw).__name__})")
        return part._made(raw, True, path, self._omissions)


def _validated(kind: Any, raw: object, path: str) -> Any:
    try:
        return _adapter(kind).validate_python(raw)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["type"]
        raise NotKnown(path, f"is not what was expected ({reason})") from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


_FIELDS: dict[type[Part], Mapping[str, Field]] = {}


def fields(part: type[Part]) -> Mapping[str, Field]:
    """The members that a part declares, by Python name; worked out when they are first needed."""
    if part not in _FIELDS:
        hints = get_type_hints(part, include_extras=True)
        declared = part._declared.items()
        _FIELDS[part] = {name: _field(name, hints[name], default) for name, default in declared}
    return _FIELDS[part]


def _field(name: str, hint: Any, default: Any) -> Field:
    marks = hint.__metadata__ if get_origin(hint) is Annotated else ()
    plain = hint.__origin__ if marks else hint
    member = next((mark.name for mark in marks if isinstance(mark, Member)), to_camel(name))
    sensitive = any(isinstance(mark, Sensitive) for mark in marks)
    part, many = _part_in(plain)
    return Field(member, plain, default, part, many, sensitive)


def _part_in(hint: Any) -> tuple[type[Part] | None, bool]:
    """The part in ``P``, ``P | None`` or ``tuple[P, ...]``, and whether there are many."""
    choices = [choice for choice in get_args(hint) if choice not in (NoneType, Ellipsis)]
    kind = choices[0] if len(choices) == 1 else hint
    if isinstance(kind, type) and issubclass(kind, Part):
        return kind, get_origin(hint) is tuple
    return None, False


def kept(part: type[Part], seen: Mapping[str, Any]) -> dict[str, Any]:
    """What may be stored of AWS's members: those declared, with a mark over what is sensitive."""
    return {
        declared.member: _kept(declared, seen[declared.member])
        for declared in fields(part).values()
        if declared.member in seen
    }


def _kept(declared: Field, value: Any) -> Any:
    if value is None or (declared.part is None and not declared.sensitive):
        return value
    if declared.part is None or declared.sensitive:
        return UNSEEN
    if declared.many and isinstance(value, list | tuple):
        return [_kept_part(declared.part, element) for element in value]
    return UNSEEN if declared.many else _kept_part(declared.part, value)


def _kept_part(part: type[Part], value: Any) -> Any:
    return kept(part, value) if isinstance(value, Mapping) else UNSEEN
