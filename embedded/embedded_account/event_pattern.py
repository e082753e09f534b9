"""Decide whether an event pattern matches an event, as EventBridge does.

Sources: the EventBridge User Guide, page "Comparison operators for use in event patterns", and the
compiler and array-consistent finder of Event Ruler (github.com/aws/event-ruler), the library that
EventBridge runs. Like Event Ruler we flatten the event into fields named by dotted paths and look
for one choice of fields, none of them in different elements of the same array, that satisfies all
fields of the pattern. Where the two sources disagree, or the User Guide is silent, we refuse the
pattern or do not match: each such place says so.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from embedded_account.event_pattern_operators import InvalidPatternError, Test, test_of

__all__ = ["InvalidPatternError", "Pattern", "PatternField", "compile_pattern"]

MAXIMUM_SIZE = 2_048  # EventBridge quotas: "Event pattern size"
MAXIMUM_BRANCHES = 1_000  # keeps matching cheap; EventBridge has a limit of its own, not published
# Event Ruler, Constants.RESERVED_FIELD_NAMES_IN_OR_RELATIONSHIP.
RESERVED_INSIDE_OR = frozenset(
    {"exactly", "prefix", "suffix", "equals-ignore-case", "anything-but", "exists", "wildcard"}
    | {"numeric", "cidr", "html", "=", "<", "<=", ">", ">="}
    | {"regex", "not-wildcard", "not-equals-ignore-case"}
    | {"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"}
    | {"ip-address-in-range", "ip-address-not-in-range"}
)

Membership = frozenset[tuple[int, int]]  # (array, element) pairs that a field lies in


@dataclass(frozen=True, slots=True)
class PatternField:
    """A leaf of the pattern: a dotted path, and the tests of which one must hold."""

    path: str
    tests: tuple[Test, ...]
    may_be_absent: bool


Branch = tuple[PatternField, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern: ``$or`` is written out into branches, each a conjunction of fields."""

    branches: tuple[Branch, ...]
    prefixes: frozenset[str]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether EventBridge would deliver *event* to a rule with this pattern."""
        found: dict[str, list[tuple[Any, Membership]]] = {}
        arrays = itertools.count()
        for path, value, membership in _flatten(event, "", frozenset(), arrays, self.prefixes):
            found.setdefault(path, []).append((value, membership))
        return any(_satisfied(branch, found) for branch in self.branches)


def compile_pattern(
    pattern: str | Mapping[str, Any], *, maximum_size: int = MAXIMUM_SIZE
) -> Pattern:
    """Check a pattern as PutRule does and make it ready to match.

    Raises InvalidPatternError where PutRule answers InvalidEventPatternException. *maximum_size* is
    in characters; Lambda's event source mappings allow 4,096.
    """
    text = pattern if isinstance(pattern, str) else json.dumps(pattern, separators=(",", ":"))
    if len(text) > maximum_size:
        raise InvalidPatternError("", f"{len(text)} characters, at most {maximum_size} are allowed")
    branches = _object(_parse(text), "", [{}], inside_or=False)
    # Event Ruler walks the fields of pattern and event in the order of their names, and the outcome
    # of {"exists": false} under an array depends on what was chosen before it.
    compiled = tuple(tuple(branch[path] for path in sorted(branch)) for branch in branches)
    paths = {field.path for branch in compiled for field in branch}
    return Pattern(compiled, frozenset(prefix for path in paths for prefix in _prefixes(path)))


def _parse(text: str) -> Mapping[str, Any]:
    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise InvalidPatternError(name, f"Path `{name}` cannot be allowed multiple times")
        return dict(pairs)

    def no_constant(name: str) -> Any:
        raise InvalidPatternError("", f"{name} is not JSON")

    try:
        pattern = json.loads(text, object_pairs_hook=object_of, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise InvalidPatternError("", f"not JSON ({error})") from error
    if not isinstance(pattern, dict):
        raise InvalidPatternError("", "Filter is not an object")
    return pattern


def _prefixes(path: str) -> Iterator[str]:
    steps = path.split(".")
    return (".".join(steps[:count]) for count in range(1, len(steps) + 1))


# --- compiling -----------------------------------------------------------------------------------

Fields = dict[str, PatternField]


def _object(
    pattern: Mapping[str, Any], path: str, branches: list[Fields], *, inside_or: bool
) -> list[Fields]:
    if not pattern:
        raise InvalidPatternError(path, "Empty objects are not allowed")
    for name, value in pattern.items():
        here = f"{path}.{name}" if path else name
        if name == "$or":
            branches = _or(value, path, branches)
        elif inside_or and name in RESERVED_INSIDE_OR:
            raise InvalidPatternError(
                here, f"{name} is Ruler reserved fieldName which cannot be used inside $or."
            )
        elif isinstance(value, dict):
            branches = _object(value, here, branches, inside_or=inside_or)
        elif isinstance(value, list):
            branches = [_with_field(branch, _leaf(value, here)) for branch in branches]
        else:
            raise InvalidPatternError(here, f'"{name}" must be an object or an array')
    return branches


def _or(value: Any, path: str, branches: list[Fields]) -> list[Fields]:
    # Event Ruler's README lets an ill-formed "$or" be an ordinary field, its JsonRuleCompiler
    # refuses it; nobody has tried on EventBridge, so we refuse.
    if not isinstance(value, list) or not all(isinstance(choice, dict) for choice in value):
        raise InvalidPatternError(path, "Only JSON object is allowed in array of $or relationship.")
    if len(value) < 2:
        raise InvalidPatternError(path, "There must have at least 2 Objects in $or relationship.")
    written_out = [
        branch for choice in value for branch in _object(choice, path, branches, inside_or=True)
    ]
    if len(written_out) > MAXIMUM_BRANCHES:
        raise InvalidPatternError(path, f"$or leads to more than {MAXIMUM_BRANCHES} combinations")
    return written_out


def _with_field(branch: Fields, field: PatternField) -> Fields:
    # By default Event Ruler lets the second of two conditions on one path win in silence; its
    # strict mode refuses. Which one PutRule uses is not documented, so we refuse.
    if field.path in branch:
        raise InvalidPatternError(
            field.path, f"Path `{field.path}` cannot be allowed multiple times"
        )
    return {**branch, field.path: field}


def _leaf(conditions: Sequence[Any], path: str) -> PatternField:
    if not conditions:
        raise InvalidPatternError(path, "Empty arrays are not allowed")
    tests = tuple(
        test_of(condition, path) for condition in conditions if not _is_absence(condition)
    )
    return PatternField(path, tests, may_be_absent=len(tests) < len(conditions))


# --- matching ------------------------------------------------------------------------------------


def _flatten(
    value: Any, path: str, membership: Membership, arrays: Iterator[int], wanted: frozenset[str]
) -> Iterator[tuple[str, Any, Membership]]:
    """Yield the event's fields, with objects in an array under the array's own path."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            here = f"{path}.{name}" if path else name
            if here in wanted:
                yield from _flatten(member, here, membership, arrays, wanted)
    elif isinstance(value, list | tuple):
        array = next(arrays)
        for index, element in enumerate(value):
            nested = isinstance(element, Mapping | list | tuple)
            inside = membership | {(array, index)} if nested else membership
            yield from _flatten(element, path, inside, arrays, wanted)
    else:
        yield path, value, membership


def _consistent(left: Membership, right: Membership) -> bool:
    elements = dict(left)
    return all(elements.get(array, element) == element for array, element in right)


def _satisfied(branch: Branch, found: Mapping[str, list[tuple[Any, Membership]]]) -> bool:
    """Whether each field of the branch finds a value, no two in different elements of one array."""
    arrays_later: list[set[int]] = [set()]
    for field in reversed(branch):
        arrays = {array for _, inside in found.get(field.path, ()) for array, _ in inside}
        arrays_later.insert(0, arrays | arrays_later[0])
    failed: set[tuple[int, Membership]] = set()

    def rest_satisfied(index: int, chosen: Membership) -> bool:
        if index == len(branch):
            return True
        # Choices in arrays that no later field touches cannot matter: forgetting them lets the
        # memory of failed states keep the search from growing with the product of the arrays.
        chosen = frozenset(pair for pair in chosen if pair[0] in arrays_later[index])
        if (index, chosen) in failed:
            return False
        field = branch[index]
        candidates = [
            (value, inside)
            for value, inside in found.get(field.path, ())
            if _consistent(chosen, inside)
        ]
        if field.may_be_absent and not candidates and rest_satisfied(index + 1, chosen):
            return True
        for value, inside in candidates:
            if any(test(value) for test in field.tests) and rest_satisfied(
                index + 1, chosen | inside
            ):
                return True
        failed.add((index, chosen))
        return False

    return rest_satisfied(0, frozenset())


def _is_absence(condition: Any) -> bool:
    return (
        isinstance(condition, dict)
        and list(condition) == ["exists"]
        and condition["exists"] is False
    )
