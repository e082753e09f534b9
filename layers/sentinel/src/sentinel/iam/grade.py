"""Grades what an identity policy grants on every id of a model or agent type.

`*` is everything; every type of one account is less; one type is less again; a wildcard inside one
agent is nothing. What is graded are actions that invoke or write. A Deny without a condition
removes; one with a condition does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from operator import or_

from sentinel.iam.actions import ACTIONS, ALL, Access, action_set, actions_in, matching
from sentinel.iam.conditions import confined, confines_resource, is_account_id
from sentinel.iam.document import Document, InvalidDocumentError, Statement
from sentinel.iam.glob import without_repeated_stars
from sentinel.iam.resources import (
    GRADED_TYPES,
    Place,
    Reach,
    ResourceType,
    covers,
    is_arn_pattern,
    narrowed,
    place_of,
    reach,
    resolve_variables,
    surely_covers,
)


class Grade(IntEnum):
    """How wide a grant is; the larger, the wider."""

    CONDITIONED = 1
    """Wide, but a condition confines it to a tag, an inference profile, an account or a network."""
    TYPE = 2
    """Every id of one type or of several, such as every foundation model."""
    ACCOUNT = 3
    """Every type of the account, in one Region or in all."""
    EVERYTHING = 4
    """Every type in every Region and account."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one resource pattern of one Allow statement grants.

    Attributes:
        grade: how wide.
        statement: the statement's index in the document, from 0.
        path: where the pattern stands, such as `Statement[2].Resource[0]`; always with indices.
        pattern: the pattern as written; for NotResource, all of them, separated by a comma.
        action_patterns: the Action or NotAction patterns as written that grant the actions.
        actions: the actions' names, such as `bedrock:InvokeModel`: those that invoke or write.
        resource_types: the types of which every id is reached, such as `bedrock:foundation-model`.
        conditions: the statement's conditions by operator and key; those that confine, if any do.
    """

    grade: Grade
    statement: int
    path: str
    pattern: str
    action_patterns: tuple[str, ...]
    actions: tuple[str, ...]
    resource_types: tuple[str, ...]
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Removal:
    """What takes actions away on the ARNs that its patterns match, or (inverted) do not match."""

    actions: int
    patterns: tuple[str, ...]
    inverted: bool

    def removes(self, arn: str) -> bool:
        if self.inverted:
            return not any(covers(pattern, arn) for pattern in self.patterns)
        return any(surely_covers(pattern, arn) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class _Policy:
    """A document, where it lies, and its Deny statements without a condition."""

    document: Document
    own_account: str | None
    partition: str | None
    denies: tuple[_Removal, ...]


@dataclass(frozen=True, slots=True)
class _Share:
    """The actions that a statement grants on one type, and those that a removal took away."""

    type: ResourceType
    kept: int
    lost: int


_MOST_PLACES = 256  # each is a pass over all types; a policy of people names a handful


_ACTIONS_ON = {
    graded.name: action_set(
        action.name
        for action in ACTIONS
        if action.access is not Access.READ and graded.name in action.resource_types
    )
    for graded in GRADED_TYPES
}
_GRADED_ACTIONS = reduce(or_, _ACTIONS_ON.values())


def bedrock_grants(
    document: Document, *, own_account: str | None = None, partition: str | None = None
) -> tuple[Grant, ...]:
    """Return what an identity policy grants on every id of a model or agent type.

    Args:
        document: an identity policy.
        own_account: the account in which the policy lies, twelve digits. Given, a Deny or
            NotResource of this account counts against a grant on any account, and a pattern for
            another account is never more than TYPE.
        partition: the partition in which the policy lies, such as `aws-us-gov`. Given, a Deny or
            NotResource of this partition counts against a grant on any partition.

    Raises:
        InvalidDocumentError: nothing was found, and a statement that grants graded actions is none
            of an identity policy: it names a principal, no resource, or a resource that is no ARN.
            What was found outweighs it; a statement about other services is never looked at.
        ValueError: `own_account` is no account id.
    """
    if own_account is not None and not is_account_id(own_account):
        raise ValueError(f"own_account: expected twelve digits, found {own_account!r:.40}")
    graded = [
        (statement, actions)
        for statement in document.statements
        if statement.effect == "Allow" and (actions := _actions_of(statement) & _GRADED_ACTIONS)
    ]
    if not graded:
        return ()
    policy = _Policy(document, own_account, partition, _unconditional_denies(document))
    grants: list[Grant] = []
    refusals: list[str] = []
    for statement, actions in graded:
        granted = _statement_grants(policy, statement, actions)
        if statement.principals is None:
            grants += granted
        elif granted:
            refusals.append(f"{_at(statement)}: an identity policy has no Principal")
        refusals += _refusals(statement)
    if refusals and not grants:
        raise InvalidDocumentError("; ".join(refusals))
    return tuple(grants)


def _refusals(statement: Statement) -> list[str]:
    """Return why IAM would not store the resources of a statement in an identity policy."""
    if statement.resources is None:
        return [f"{_at(statement)}: an identity policy needs Resource or NotResource"]
    return [
        f"{_path(statement)}[{index}]: expected an ARN or *"
        for index, pattern in enumerate(statement.resources)
        if not is_arn_pattern(pattern)
    ]


def _statement_grants(policy: _Policy, statement: Statement, actions: int) -> list[Grant]:
    removals = policy.denies
    if statement.not_resource:
        left_out = _resource_patterns(policy.document, statement)
        removals += (_Removal(ALL, left_out, inverted=False),)
    grants = []
    for path, written, pattern in _granted_patterns(policy.document, statement):
        grade, kept = Grade.CONDITIONED, dict[str, int]()
        own, *others = _places(policy, pattern, actions)
        for place in (own, *others):
            reached = reach(pattern, place)
            shares = _shares(reached, actions, removals)
            if any(share.kept for share in shares):
                everywhere = reached.everywhere if place == own else frozenset[str]()
                grade = max(grade, _width(policy, place, reached.account, everywhere, shares))
                for share in shares:
                    kept[share.type.name] = kept.get(share.type.name, 0) | share.kept
        if kept:
            grants.append(_grant(statement, path, written, grade, kept))
    return grants


def _places(policy: _Policy, pattern: str, actions: int) -> list[Place]:
    """Return the places to ask about: the pattern's own, and those that a Deny leaves over.

    A Deny with NotResource leaves what it names, and that may be a whole account.

    Raises:
        InvalidDocumentError: there are too many to decide in time.
    """
    own = place_of(pattern, policy.own_account, policy.partition)
    places = {own: None}
    for deny in policy.denies:
        if deny.inverted and deny.actions & actions:
            for left in deny.patterns:
                other = place_of(left, policy.own_account, policy.partition)
                places |= dict.fromkeys([other, *(narrowed(place, other) for place in places)])
                if len(places) > _MOST_PLACES:
                    raise InvalidDocumentError(
                        f"Deny with NotResource: more than {_MOST_PLACES} Regions and accounts"
                    )
    return list(places)


def _at(statement: Statement) -> str:
    return f"Statement[{statement.index}]"


def _path(statement: Statement) -> str:
    return f"{_at(statement)}.{'NotResource' if statement.not_resource else 'Resource'}"


def _actions_of(statement: Statement) -> int:
    actions = matching(statement.actions)
    return ALL & ~actions if statement.not_action else actions


def _unconditional_denies(document: Document) -> tuple[_Removal, ...]:
    return tuple(
        _Removal(
            _actions_of(statement), _resource_patterns(document, statement), statement.not_resource
        )
        for statement in document.statements
        if statement.effect == "Deny"
        and not statement.conditions
        and statement.resources is not None
        and statement.principals is None
    )


def _resource_patterns(document: Document, statement: Statement) -> tuple[str, ...]:
    """Return a statement's patterns with variables resolved, without those that match no ARN."""
    return tuple(
        _resolved(document, pattern) for pattern in statement.resources or () if pattern.isascii()
    )


def _resolved(document: Document, pattern: str) -> str:
    if document.version == "2012-10-17":
        pattern = resolve_variables(pattern)
    return without_repeated_stars(pattern)


def _granted_patterns(document: Document, statement: Statement) -> Iterator[tuple[str, str, str]]:
    """Yield path, pattern as written and pattern to match of each resource that is granted."""
    written = statement.resources or ()
    if statement.not_resource:
        yield _path(statement), ", ".join(written), "*"
        return
    for index, pattern in enumerate(written):
        if pattern.isascii():
            yield f"{_path(statement)}[{index}]", pattern, _resolved(document, pattern)


def _shares(reached: Reach, actions: int, removals: tuple[_Removal, ...]) -> list[_Share]:
    shares = []
    for entry in reached.reached:
        kept = granted = actions & _ACTIONS_ON[entry.type.name]
        for removal in removals:
            if kept & removal.actions and all(map(removal.removes, entry.samples)):
                kept &= ~removal.actions
        shares.append(_Share(entry.type, kept, granted & ~kept))
    return shares


def _grant(
    statement: Statement, path: str, written: str, grade: Grade, kept: dict[str, int]
) -> Grant:
    granted = reduce(or_, kept.values())
    confining = confined(statement.conditions, confines_resource)
    return Grant(
        Grade.CONDITIONED if confining else grade,
        statement.index,
        path,
        written,
        tuple(
            pattern
            for pattern in statement.actions
            if statement.not_action or matching((pattern,)) & granted
        ),
        tuple(action.name for action in actions_in(granted)),
        tuple(name for name, actions in kept.items() if actions),
        tuple(map(str, confining or statement.conditions)),
    )


def _width(
    policy: _Policy,
    place: Place,
    account: frozenset[str],
    everywhere: frozenset[str],
    shares: list[_Share],
) -> Grade:
    """Return the width of the widest action; one that lost a type is as narrow as the rest of it.

    It is asked of each action, or a Deny of one would make a grant of the others look narrower.
    """
    kept = reduce(or_, (share.kept for share in shares))
    intact = kept & ~reduce(or_, (share.lost for share in shares))
    if intact & matching(f"{service}:*" for service in everywhere):
        return Grade.EVERYTHING
    lost = reduce(or_, (share.lost for share in shares if share.type.has_account), 0)
    intact_in_account = kept & ~lost & matching(f"{service}:*" for service in account)
    if intact_in_account and policy.own_account in (None, place.account):
        return Grade.ACCOUNT
    return Grade.TYPE
