"""The Condition element of IAM policies: operators, key sets, policy variables and wildcards.

Source: IAM User Guide, pages "IAM JSON policy elements: Condition operators", "Set operators for
multivalued context keys", "Policy variables" and "Resource". Written to be obviously right: nothing
is compiled or cached.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Context = Mapping[str, str | Sequence[str]]


class MalformedPolicyError(ValueError):
    """IAM would not store the policy, or a condition operator does not exist."""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``*`` (*many*) or ``?`` of a pattern; characters that come from variables never are."""

    many: bool
    crosses_colons: bool

    def accepts(self, character: str) -> bool:
        """Whether the wildcard may stand for this character."""
        return self.crosses_colons or character != ":"


Token = str | Wildcard


class UnresolvedVariableError(LookupError):
    """A policy variable has no single value in the request and no default: nothing matches."""


def glob_matches(pattern: Sequence[Token], value: str) -> bool:
    """Whether the tokens cover the whole value; time is the product of the two lengths."""
    start = 0  # most patterns differ from most values before their first wildcard
    while start < len(pattern) and isinstance(literal := pattern[start], str):
        if value[start : start + 1] != literal:
            return False
        start += 1
    reachable = {start}  # positions in the pattern that fit the value read so far
    for character in value[start:]:
        following = set()
        for position in _behind_stars(pattern, reachable):
            if position == len(pattern):
                continue
            token = pattern[position]
            if isinstance(token, str):
                if token == character:
                    following.add(position + 1)
            elif token.accepts(character):
                following.add(position if token.many else position + 1)
        reachable = following
    return len(pattern) in _behind_stars(pattern, reachable)


def _behind_stars(pattern: Sequence[Token], positions: set[int]) -> set[int]:
    """The positions, and those that follow when stars stand for nothing."""
    found = set(positions)
    for position in positions:
        here = position
        while here < len(pattern) and isinstance(token := pattern[here], Wildcard) and token.many:
            here += 1
            found.add(here)
    return found


def tokens(
    text: str, context: Context, *, variables: bool, wildcards: bool, arn: bool = False
) -> list[Token]:
    """Split a policy's text into literal characters and wildcards, variables replaced.

    *variables* is false for policies before version 2012-10-17. In an *arn* a star at the end of a
    colon-separated segment crosses colons, other wildcards do not (IAM User Guide, "Resource").
    Raises UnresolvedVariableError when a variable has no value.
    """
    found: list[Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        if variables and text.startswith("${", position) and "}" in text[position:]:
            end = text.index("}", position)
            found.extend(_variable(text[position + 2 : end], context))
            position = end + 1
            continue
        position += 1
        if wildcards and character in "*?":
            ends_segment = position == len(text) or text[position] == ":"
            many = character == "*"
            found.append(Wildcard(many=many, crosses_colons=not arn or (many and ends_segment)))
        else:
            found.append(character)
    return found


def _variable(text: str, context: Context) -> str:
    if text in ("*", "?", "$"):
        return text
    name, has_default, default = text.partition(",")
    values = context_values(context, name.strip())
    if len(values) == 1:
        return values[0]
    if not values and has_default:
        return default.strip().strip("'")
    raise UnresolvedVariableError(text)


def context_values(context: Context, key: str) -> tuple[str, ...]:
    """The request's values of a condition key, whose name is compared without case."""
    for name, value in context.items():
        if name.lower() == key.lower():
            return (value,) if isinstance(value, str) else tuple(value)
    return ()


def conditions_hold(
    condition: Mapping[str, Mapping[str, Any]], context: Context, *, variables: bool
) -> bool:
    """Whether all operators and keys of a Condition element hold for the request.

    Raises MalformedPolicyError for an operator that IAM does not have.
    """
    return all(
        _key_holds(operator, key, as_list(expected), context, variables=variables)
        for operator, keys in condition.items()
        for key, expected in keys.items()
    )


def as_list(value: Any) -> list[Any]:
    """A policy's single value or list of values, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _key_holds(
    operator: str, key: str, expected: Sequence[Any], context: Context, *, variables: bool
) -> bool:
    quantifier, _, name = operator.rpartition(":")
    values = context_values(context, key)
    if operator.lower() == "null":
        return any(_text(wanted).lower() == str(not values).lower() for wanted in expected)
    optional = name.lower().endswith("ifexists")
    name = name[: -len("IfExists")] if optional else name
    negated, matches = _operator(name)

    def matches_one_of_policy(value: str) -> bool:
        return any(matches(value, _text(wanted), context, variables) for wanted in expected)

    def holds(value: str) -> bool:
        return matches_one_of_policy(value) is not negated

    match quantifier.lower():
        case "forallvalues":
            return all(holds(value) for value in values)
        case "foranyvalue":
            return any(holds(value) for value in values) or (optional and not values)
        case "":
            if not values:
                return negated or optional
            return all(map(holds, values)) if negated else any(map(holds, values))
    raise MalformedPolicyError(f"Condition operator {operator!r} does not exist in IAM")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- operators: (request's value, policy's text, context, whether variables count) -> match ------

Matcher = Callable[[str, str, Context, bool], bool]


def _operator(name: str) -> tuple[bool, Matcher]:
    """Split an operator into its negation and the positive comparison."""
    lowered = name.lower()
    for spelling, negated, matcher in _OPERATORS:
        if spelling.lower() == lowered:
            return negated, matcher
    raise MalformedPolicyError(f"Condition operator {name!r} does not exist in IAM")


def _string(*, fold: bool = False, wildcards: bool = False) -> Matcher:
    def matches(value: str, text: str, context: Context, variables: bool) -> bool:
        try:
            pattern = tokens(text, context, variables=variables, wildcards=wildcards)
        except UnresolvedVariableError:
            return False
        if fold:
            lowered = [token.lower() if isinstance(token, str) else token for token in pattern]
            return glob_matches(lowered, value.lower())
        return glob_matches(pattern, value)

    return matches


def _arn(value: str, text: str, context: Context, variables: bool) -> bool:
    """Each of the six components by itself; ArnEquals and ArnLike behave alike."""
    parts, patterns = value.split(":", 5), _arn_components(text)
    if len(parts) != 6 or len(patterns) != 6:
        return False
    matches = _string(wildcards=True)
    return all(
        matches(part, pattern, context, variables)
        for part, pattern in zip(parts, patterns, strict=True)
    )


def _arn_components(text: str) -> list[str]:
    """Split at the first five colons that do not stand inside a policy variable."""
    components = [""]
    inside = False
    for character in text:
        inside = (inside or components[-1].endswith("$")) if character == "{" else inside
        if character == ":" and not inside and len(components) < 6:
            components.append("")
            continue
        inside = inside and character != "}"
        components[-1] += character
    return components


def _compared(read: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Matcher:
    def matches(value: str, text: str, context: Context, variables: bool) -> bool:
        try:
            return compare(read(value), read(text))
        except (ValueError, InvalidOperation):
            return False

    return matches


def _moment(text: str) -> datetime:
    """A date of ISO 8601, or seconds since 1970; without an offset it is UTC."""
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_network(value: str, text: str, context: Context, variables: bool) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _equal(left: Any, right: Any) -> bool:
    return bool(left == right)


_ORDERS: tuple[tuple[str, Callable[[Any, Any], bool]], ...] = (
    ("LessThan", lambda left, right: left < right),
    ("LessThanEquals", lambda left, right: left <= right),
    ("GreaterThan", lambda left, right: left > right),
    ("GreaterThanEquals", lambda left, right: left >= right),
)

_OPERATORS: tuple[tuple[str, bool, Matcher], ...] = (
    ("StringEquals", False, _string()),
    ("StringNotEquals", True, _string()),
    ("StringEqualsIgnoreCase", False, _string(fold=True)),
    ("StringNotEqualsIgnoreCase", True, _string(fold=True)),
    ("StringLike", False, _string(wildcards=True)),
    ("StringNotLike", True, _string(wildcards=True)),
    ("ArnEquals", False, _arn),
    ("ArnLike", False, _arn),
    ("ArnNotEquals", True, _arn),
    ("ArnNotLike", True, _arn),
    ("IpAddress", False, _in_network),
    ("NotIpAddress", True, _in_network),
    ("Bool", False, _compared(_boolean, _equal)),
    ("BinaryEquals", False, _compared(base64.b64decode, _equal)),
    ("NumericEquals", False, _compared(Decimal, _equal)),
    ("NumericNotEquals", True, _compared(Decimal, _equal)),
    ("DateEquals", False, _compared(_moment, _equal)),
    ("DateNotEquals", True, _compared(_moment, _equal)),
    *((f"Numeric{name}", False, _compared(Decimal, order)) for name, order in _ORDERS),
    *((f"Date{name}", False, _compared(_moment, order)) for name, order in _ORDERS),
)
