"""The comparison operators of event patterns, each made into a test of one JSON value.

Sources: the EventBridge User Guide, page "Comparison operators for use in event patterns", and
Event Ruler's RuleCompiler, JsonRuleCompiler, WildcardParser, CIDR and ComparableNumber.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

Test = Callable[[Any], bool]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LARGEST_NUMBER = Decimal(5_000_000_000)  # User Guide, "Numeric matching"


class InvalidPatternError(ValueError):
    """PutRule would refuse the pattern: *path* says where, *reason* why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Event pattern is not valid. Reason: {reason} at {path or 'the top'}")
        self.path = path
        self.reason = reason


def test_of(condition: Any, path: str) -> Test:
    """Compile one element of a pattern's array; ``{"exists": false}`` is the caller's business.

    Raises InvalidPatternError for unknown operators and ill-formed arguments, mostly in Event
    Ruler's words.
    """
    if isinstance(condition, list):
        raise InvalidPatternError(path, "Match value must be String, number, true, false, or null")
    if not isinstance(condition, dict):
        return _literal(condition)
    if len(condition) != 1:
        raise InvalidPatternError(path, "Only one key allowed in match expression")
    ((operator, argument),) = condition.items()
    match operator:
        case "prefix" | "suffix" | "equals-ignore-case" | "wildcard":
            return _string_test(operator, argument, path)
        case "anything-but":
            return _anything_but(argument, path)
        case "numeric":
            return _numeric(argument, path)
        case "cidr":
            return _cidr(argument, path)
        case "exists" if argument is True:
            return lambda value: True
        case "exists":
            raise InvalidPatternError(path, "exists match pattern must be either true or false.")
    raise InvalidPatternError(path, f"Unrecognized match type {operator}")


def _literal(expected: Any) -> Test:
    """Equality of JSON values; 300 and 300.0 differ, and so do false and 0.

    The User Guide compares the text of numbers, Event Ruler's compiler also their value: we do not
    match where they disagree. A string that is an IP address matches other notations of it.
    """
    address = _address(expected)
    if address is not None:
        return lambda value: _address(value) == address
    if isinstance(expected, str):
        return _equal_text(expected)
    text = json.dumps(expected)
    return lambda value: json.dumps(value) == text


def _string_test(operator: str, argument: Any, path: str) -> Test:
    if operator == "wildcard":
        return _wildcard(_string(operator, argument, path), path)
    if operator == "equals-ignore-case":
        lowered = _string(operator, argument, path).lower()
        return lambda value: isinstance(value, str) and value.lower() == lowered
    compare = str.startswith if operator == "prefix" else str.endswith
    if isinstance(argument, dict):
        if list(argument) != ["equals-ignore-case"]:
            raise InvalidPatternError(path, f"Unsupported {operator} pattern: {list(argument)}")
        lowered = _string("equals-ignore-case", argument["equals-ignore-case"], path).lower()
        return lambda value: isinstance(value, str) and compare(value.lower(), lowered)
    affix = _string(operator, argument, path)
    return lambda value: isinstance(value, str) and compare(value, affix)


def _string(operator: str, argument: Any, path: str) -> str:
    if not isinstance(argument, str):
        raise InvalidPatternError(path, f"{operator} match pattern must be a string")
    return argument


def _wildcard(pattern: str, path: str) -> Test:
    """``*`` stands for any characters, ``\\*`` and ``\\\\`` for themselves; linear in the value."""
    parts = [""]
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in ("*", "\\"):
                raise InvalidPatternError(path, "Invalid escape character in wildcard")
            parts[-1] += escaped
        elif character == "*":
            parts.append("")
        else:
            parts[-1] += character
    if "" in parts[1:-1]:
        raise InvalidPatternError(path, "Consecutive wildcard characters")
    return lambda value: isinstance(value, str) and _parts_in_order(parts, value)


def _parts_in_order(parts: Sequence[str], value: str) -> bool:
    first, *middle = parts
    if not middle:
        return value == first
    last = middle.pop()
    if len(value) < len(first) + len(last) or not value.startswith(first):
        return False
    position, end = len(first), len(value) - len(last)
    for part in middle:
        # The leftmost place is always the best one: it leaves most of the value for what follows.
        position = value.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return value.endswith(last)


def _anything_but(argument: Any, path: str) -> Test:
    if isinstance(argument, dict):
        refused = _refused_strings(argument, path)
    else:
        refused = _refused_values(argument, path)
    return lambda value: not any(test(value) for test in refused)


def _refused_strings(argument: Mapping[str, Any], path: str) -> list[Test]:
    if len(argument) != 1:
        raise InvalidPatternError(path, "Only one key allowed in match expression")
    ((operator, texts),) = argument.items()
    if operator not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
        raise InvalidPatternError(path, f"Unsupported anything-but pattern: {operator}")
    texts = texts if isinstance(texts, list) else [texts]
    if not texts:
        raise InvalidPatternError(path, "Empty arrays are not allowed")
    if operator in ("prefix", "suffix") and "" in texts:
        raise InvalidPatternError(path, "Null prefix/suffix not allowed")
    return [_string_test(operator, _string(operator, text, path), path) for text in texts]


def _refused_values(argument: Any, path: str) -> list[Test]:
    values = argument if isinstance(argument, list) else [argument]
    if values and all(isinstance(value, str) for value in values):
        return [_equal_text(value) for value in values]
    if values and all(_is_number(value) for value in values):
        return [_numeric(["=", value], path) for value in values]
    raise InvalidPatternError(
        path, "Inside anything but list, either all values are number or string"
    )


def _equal_text(text: str) -> Test:
    return lambda value: isinstance(value, str) and value == text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparable(value: Any) -> Decimal | None:
    """The value of a JSON number that numeric matching can see: between -5e9 and 5e9."""
    number = Decimal(str(value)) if _is_number(value) else None
    return number if number is not None and abs(number) <= LARGEST_NUMBER else None


COMPARISONS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _numeric(argument: Any, path: str) -> Test:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise InvalidPatternError(path, "Value of numeric must be an array of one or two terms")
    terms = [
        (operator, _comparable(bound))
        for operator, bound in zip(argument[::2], argument[1::2], strict=True)
    ]
    compared: list[tuple[Callable[[Decimal, Decimal], bool], Decimal]] = []
    for operator, bound in terms:
        if not isinstance(operator, str) or operator not in COMPARISONS:
            raise InvalidPatternError(path, f"Unrecognized numeric range operator: {operator}")
        if bound is None:
            raise InvalidPatternError(
                path, f"Value of {operator} must be a number between -5.0E9 and 5.0E9, inclusive"
            )
        compared.append((COMPARISONS[operator], bound))
    if len(terms) == 2:
        (low, _), (high, _) = terms
        if low not in (">", ">=") or high not in ("<", "<="):
            raise InvalidPatternError(path, f"Bad numeric range operator: {low} then {high}")
        if compared[0][1] >= compared[1][1]:
            raise InvalidPatternError(path, "Bottom must be less than top")

    def test(value: Any) -> bool:
        number = _comparable(value)
        return number is not None and all(holds(number, bound) for holds, bound in compared)

    return test


def _address(value: Any) -> Address | None:
    try:
        return ipaddress.ip_address(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _cidr(argument: Any, path: str) -> Test:
    """Addresses from the one written to the last of its block: Event Ruler keeps the host bits."""
    address_text, slash, bits_text = _string("cidr", argument, path).partition("/")
    first = _address(address_text)
    if first is None or not slash:
        raise InvalidPatternError(
            path, f"Malformed CIDR {argument!r}: an address, '/' and a number"
        )
    # Event Ruler, CIDR.java: IPv4 mask bits must be < 32, IPv6 mask bits < 128.
    if not bits_text.isdecimal() or int(bits_text) >= first.max_prefixlen:
        raise InvalidPatternError(
            path, f"Malformed CIDR, mask bits must be < {first.max_prefixlen}"
        )
    last = int(first) | ((1 << (first.max_prefixlen - int(bits_text))) - 1)

    def test(value: Any) -> bool:
        address = _address(value)
        return (
            address is not None
            and address.version == first.version
            and int(first) <= int(address) <= last
        )

    return test
