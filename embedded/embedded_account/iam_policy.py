"""Decide, from policy documents alone, whether IAM would allow a request.

The slow and obvious evaluator: it reads every statement for every request, expands nothing and
caches nothing, so that it can check another implementation. Source: IAM User Guide, "Policy
evaluation logic", "Evaluation logic for cross-account requests" and "Permissions boundaries".
Organizations policies (SCPs, RCPs) are not evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from embedded_account.iam_conditions import (
    Context,
    MalformedPolicyError,
    UnresolvedVariableError,
    as_list,
    conditions_hold,
    glob_matches,
    tokens,
)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, a root, a role's session (*role_arn* is set), or a *service*."""

    account: str
    arn: str
    role_arn: str | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One action on one resource, with the values of the request's condition keys."""

    principal: Principal
    action: str
    resource: str
    context: Context


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document and the name by which reports call it."""

    name: str
    document: Mapping[str, Any]

    @classmethod
    def parse(cls, name: str, text: str | Mapping[str, Any]) -> Policy:
        """Read a document; raises MalformedPolicyError when it is not a JSON object."""
        try:
            document = json.loads(text) if isinstance(text, str) else text
        except json.JSONDecodeError as error:
            raise MalformedPolicyError(f"Policy {name}: not JSON ({error})") from error
        if not isinstance(document, Mapping):
            raise MalformedPolicyError(f"Policy {name}: expected a JSON object")
        return cls(name, document)


@dataclass(frozen=True, slots=True)
class StatementUse:
    """A statement that decided: its policy's name, and its Sid or index."""

    policy: str
    statement: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, in the words of IAM's messages, and the statements that brought it about."""

    allowed: bool
    why: str
    statements: tuple[StatementUse, ...] = ()


class Grant(IntEnum):
    """How closely a resource-based policy's Principal names the one who asks."""

    NONE = 0
    ACCOUNT = 1  # delegates to the account's own identity-based policies
    IDENTITY = 2  # a role, a service, or everybody
    DIRECT = 3  # the IAM user, or the role's session, itself: boundaries do not limit this grant


def decide(
    request: AccessRequest,
    *,
    identity: Sequence[Policy],
    boundary: Policy | None = None,
    session: Policy | None = None,
    resource: Policy | None = None,
    same_account: bool,
    resource_must_allow: bool = False,
) -> Decision:
    """Decide a request of a principal on a resource.

    *same_account* says whether the resource belongs to the principal's account.
    *resource_must_allow* is for role trust policies and KMS key policies, without whose consent
    nothing is allowed. Raises MalformedPolicyError for a document that IAM would not have stored.
    """
    denied = _explicit_deny(request, identity, boundary, session, resource)
    if denied is not None:
        return denied
    grant, granting = _grant(request, resource)
    if request.principal.service is not None:
        return _resource_alone(grant, granting)
    own = [use for policy in identity for use in _uses(policy, "Allow", request)]
    limited = _limits(request, boundary, session)
    if same_account and grant is Grant.DIRECT:
        return Decision(True, "allowed by a resource-based policy", granting)
    if limited is not None:
        return limited
    if same_account and grant is Grant.IDENTITY:
        return Decision(True, "allowed by a resource-based policy", (*granting, *own))
    if not own:
        return Decision(False, "no identity-based policy allows the action")
    if grant is Grant.NONE and (resource_must_allow or not same_account):
        return Decision(False, "no resource-based policy allows the action")
    return Decision(True, "allowed by an identity-based policy", (*own, *granting))


def _explicit_deny(
    request: AccessRequest,
    identity: Sequence[Policy],
    boundary: Policy | None,
    session: Policy | None,
    resource: Policy | None,
) -> Decision | None:
    kinds: tuple[tuple[str, Sequence[Policy | None]], ...] = (
        ("an identity-based policy", identity),
        ("a permissions boundary", (boundary,)),
        ("a session policy", (session,)),
    )
    for kind, policies in kinds:
        for policy in policies:
            for use in _uses(policy, "Deny", request):
                return Decision(False, f"with an explicit deny in {kind}", (use,))
    for statement, use in _applying(resource, "Deny", request):
        if _denied_principal(statement, request.principal):
            return Decision(False, "with an explicit deny in a resource-based policy", (use,))
    return None


def _resource_alone(grant: Grant, granting: tuple[StatementUse, ...]) -> Decision:
    if grant is Grant.NONE:
        return Decision(False, "no resource-based policy allows the action")
    return Decision(True, "allowed by a resource-based policy", granting)


def _limits(
    request: AccessRequest, boundary: Policy | None, session: Policy | None
) -> Decision | None:
    for kind, policy in (("permissions boundary", boundary), ("session policy", session)):
        if policy is not None and not list(_uses(policy, "Allow", request)):
            return Decision(False, f"no {kind} allows the action")
    return None


def _grant(
    request: AccessRequest, resource: Policy | None
) -> tuple[Grant, tuple[StatementUse, ...]]:
    """The closest way in which a resource-based policy names the principal, and where."""
    best, granting = Grant.NONE, []
    for statement, use in _applying(resource, "Allow", request):
        grant = _allowed_principal(statement, request.principal)
        if grant is not Grant.NONE:
            granting.append(use)
            best = max(best, grant)
    return best, tuple(granting)


def _uses(policy: Policy | None, effect: str, request: AccessRequest) -> Iterator[StatementUse]:
    return (use for _, use in _applying(policy, effect, request))


def _applying(
    policy: Policy | None, effect: str, request: AccessRequest
) -> Iterator[tuple[Mapping[str, Any], StatementUse]]:
    """The statements with this effect whose action, resource and conditions fit the request."""
    if policy is None:
        return
    variables = policy.document.get("Version") == "2012-10-17"
    for index, statement in enumerate(_statements(policy)):
        if statement["Effect"] == effect and _applies(statement, request, variables=variables):
            yield statement, StatementUse(policy.name, str(statement.get("Sid") or f"[{index}]"))


def _statements(policy: Policy) -> list[Mapping[str, Any]]:
    statements = as_list(policy.document.get("Statement", []))
    for index, statement in enumerate(statements):
        where = f"Policy {policy.name}, statement [{index}]"
        if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
            raise MalformedPolicyError(f"{where}: Effect must be Allow or Deny")
        if ("Action" in statement) == ("NotAction" in statement):
            raise MalformedPolicyError(f"{where}: expected either Action or NotAction")
        if "Resource" in statement and "NotResource" in statement:
            raise MalformedPolicyError(f"{where}: expected either Resource or NotResource")
        for element in ("Action", "NotAction", "Resource", "NotResource"):
            values = as_list(statement.get(element, "absent"))
            if not values or not all(isinstance(value, str) for value in values):
                raise MalformedPolicyError(f"{where}: {element} must be a text or a list of texts")
        condition = statement.get("Condition", {})
        if not isinstance(condition, Mapping) or not all(
            isinstance(keys, Mapping) for keys in condition.values()
        ):
            raise MalformedPolicyError(f"{where}: Condition must map operators to keys")
    return statements


def _applies(statement: Mapping[str, Any], request: AccessRequest, *, variables: bool) -> bool:
    return (
        _action_fits(statement, request.action)
        and _resource_fits(statement, request, variables=variables)
        and conditions_hold(statement.get("Condition", {}), request.context, variables=variables)
    )


def _action_fits(statement: Mapping[str, Any], action: str) -> bool:
    def named(patterns: Any) -> bool:
        return any(
            glob_matches(
                tokens(pattern.lower(), {}, variables=False, wildcards=True), action.lower()
            )
            for pattern in as_list(patterns)
        )

    if "Action" in statement:
        return named(statement["Action"])
    return not named(statement["NotAction"])


def _resource_fits(
    statement: Mapping[str, Any], request: AccessRequest, *, variables: bool
) -> bool:
    def named(patterns: Any) -> bool:
        return any(
            _resource_matches(pattern, request, variables=variables)
            for pattern in as_list(patterns)
        )

    if "Resource" in statement:
        return named(statement["Resource"])
    if "NotResource" in statement:
        return not named(statement["NotResource"])
    return True  # a role's trust policy speaks of its own role


def _resource_matches(pattern: str, request: AccessRequest, *, variables: bool) -> bool:
    try:
        wanted = tokens(pattern, request.context, variables=variables, wildcards=True, arn=True)
    except UnresolvedVariableError:
        return False
    return glob_matches(wanted, request.resource)


# --- principals ----------------------------------------------------------------------------------


def _allowed_principal(statement: Mapping[str, Any], principal: Principal) -> Grant:
    if "NotPrincipal" in statement:
        named = _named(statement["NotPrincipal"], principal)
        return Grant.IDENTITY if named is Grant.NONE else Grant.NONE
    return _named(statement.get("Principal", {}), principal)


def _denied_principal(statement: Mapping[str, Any], principal: Principal) -> bool:
    if "NotPrincipal" not in statement:
        return _named(statement.get("Principal", {}), principal) is not Grant.NONE
    # Whoever is to be spared must be listed with every name: IAM User Guide, "NotPrincipal".
    listed = _listed(statement["NotPrincipal"])
    if principal.service is not None:
        return ("Service", principal.service) not in listed
    names = {principal.arn, principal.role_arn or principal.arn}
    account_spared = any(_is_account(value, principal) for _, value in listed)
    return not (account_spared and all(("AWS", name) in listed for name in names))


def _named(element: Any, principal: Principal) -> Grant:
    return max(
        (_names(kind, value, principal) for kind, value in _listed(element)), default=Grant.NONE
    )


def _listed(element: Any) -> list[tuple[str, str]]:
    if element == "*":
        return [("*", "*")]
    if not isinstance(element, Mapping):
        raise MalformedPolicyError(f"Principal must be * or an object, not {element!r}")
    return [(kind, value) for kind, values in element.items() for value in as_list(values)]


def _names(kind: str, value: str, principal: Principal) -> Grant:
    if value == "*" and kind in ("*", "AWS"):
        return Grant.IDENTITY
    if kind == "Service":
        return Grant.IDENTITY if value == principal.service else Grant.NONE
    if kind != "AWS" or principal.service is not None:
        return Grant.NONE
    if value == principal.arn:
        return Grant.DIRECT
    if value == principal.role_arn:
        return Grant.IDENTITY
    return Grant.ACCOUNT if _is_account(value, principal) else Grant.NONE


def _is_account(value: str, principal: Principal) -> bool:
    parts = value.split(":")
    root = len(parts) == 6 and parts[2] == "iam" and parts[5] == "root"
    return value == principal.account or (root and parts[4] == principal.account)
