"""What botocore's service model says of a value: whether it may be sent, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

CONTROL = "bedrock-agentcore-control"
DATA = "bedrock-agentcore"

# The model's patterns are Java's; Python's re has no \p{C} (control characters).
_JAVA_CONTROL_CHARACTERS = (r"\p{C}", r"\x00-\x1f\x7f-\x9f")


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that the service model does not allow."""

    path: str
    value: object
    constraint: str
    shape: str

    def __str__(self) -> str:
        return (
            f"Value '{self.value}' at '{self.path}' failed to satisfy constraint: {self.constraint}"
        )


def violations(shape: Any, value: Any, path: str = "") -> Iterator[Violation]:
    """Every place where *value*, as it is on the wire, departs from *shape*.

    botocore checks required members and minimum lengths before it sends; patterns, enums and
    maxima are left to the service, so the fake has to know them.
    """
    if getattr(shape, "is_document_type", False) or shape.type_name == "blob":
        return
    expected = _PYTHON_TYPES[shape.type_name]
    if shape.type_name == "timestamp":
        expected = (str,) if is_iso8601(shape) else (int, float)
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        constraint = f"Member must be of type {shape.type_name}"
        yield Violation(path, _shown(shape, value), constraint, shape.name)
        return
    for constraint in _broken_constraints(shape, value):
        yield Violation(path, _shown(shape, value), constraint, shape.name)
    yield from _violations_within(shape, value, path)


def _violations_within(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    inner = f"{path}." if path else ""
    if shape.type_name == "structure":
        for member in shape.required_members:
            if value.get(member) is None:
                yield Violation(f"{inner}{member}", None, "Member must not be null", shape.name)
        for member, member_shape in shape.members.items():
            if value.get(member) is not None:
                yield from violations(member_shape, value[member], f"{inner}{member}")
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from violations(shape.member, item, f"{inner}{index + 1}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from violations(shape.key, key, f"{inner}key")
            yield from violations(shape.value, item, f"{inner}{key}")


def _broken_constraints(shape: Any, value: Any) -> Iterator[str]:
    limits = shape.metadata
    if limits.get("enum") and value not in limits["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]"
    if limits.get("pattern") and isinstance(value, str) and not _matches(limits["pattern"], value):
        yield f"Member must satisfy regular expression pattern: {limits['pattern']}"
    sized = isinstance(value, str | list | dict)
    measured, noun = (len(value), "length ") if sized else (value, "value ")
    if shape.type_name in ("string", "list", "map", "integer", "long", "float", "double"):
        if "min" in limits and measured < limits["min"]:
            yield f"Member must have {noun}greater than or equal to {limits['min']}"
        if "max" in limits and measured > limits["max"]:
            yield f"Member must have {noun}less than or equal to {limits['max']}"
    if getattr(shape, "is_tagged_union", False):
        given = [member for member in shape.members if value.get(member) is not None]
        if len(given) != 1:
            yield f"Exactly one of {', '.join(shape.members)} must be set"


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern.replace(*_JAVA_CONTROL_CHARACTERS), value) is not None


def _shown(shape: Any, value: Any) -> Any:
    return "***" if is_sensitive(shape) else value


_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (str, int, float),
}


def is_sensitive(shape: Any) -> bool:
    """Whether the shape carries Smithy's sensitive trait."""
    return bool(shape.metadata.get("sensitive"))


def is_iso8601(shape: Any) -> bool:
    """Whether a timestamp is written as text; the identity operations write seconds instead."""
    return bool(shape.serialization.get("timestampFormat") == "iso8601")


def on_the_wire(shape: Any, stored: Any) -> Any:
    """A stored value as this operation writes it: timestamps are stored as ISO 8601 text."""
    if stored is None or getattr(shape, "is_document_type", False):
        return stored
    if shape.type_name == "structure":
        return {
            member: on_the_wire(shape.members[member], value) if member in shape.members else value
            for member, value in stored.items()
        }
    if shape.type_name == "list":
        return [on_the_wire(shape.member, item) for item in stored]
    if shape.type_name == "timestamp" and isinstance(stored, str) and not is_iso8601(shape):
        return datetime.fromisoformat(stored).timestamp()
    return stored
