"""What the roles of both templates may do, and which of it a run uses: by statement and resource.

The account's authorizer says which statement allowed each call; a statement can be taken away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from tests.system.stage import ROOT, Stage

MEMBER_ROLES = {
    "ForwardRole": "agentcore-sentinel-forward",
    "ReadRole": "agentcore-sentinel-read",
}
"""The roles of member.yaml, and the names that it gives them."""


class Loader(yaml.SafeLoader):
    """Reads a template; intrinsic functions become their text."""


def _intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return f"!{suffix} {node.value}"
    if isinstance(node, yaml.SequenceNode):
        return [f"!{suffix}", *loader.construct_sequence(node, deep=True)]
    raise TypeError(f"no intrinsic function takes a mapping here: {suffix}")


Loader.add_multi_constructor("!", _intrinsic)


@dataclass(frozen=True, slots=True)
class Granted:
    """One statement of a role's policy: as a template has it, or as it was deployed."""

    role: str
    policy: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.role}.{self.sid}"


@dataclass(frozen=True, slots=True)
class Used:
    """An action that a statement allowed, and by which of the statement's resources."""

    statement: str
    action: str
    resource: str


def granted() -> Iterator[Granted]:
    """Every statement of every role of both templates."""
    for name in ("template.yaml", "member.yaml"):
        template = yaml.load((ROOT / name).read_text(), Loader)  # noqa: S506 - Loader is a SafeLoader
        for logical, resource in template["Resources"].items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            for policy in resource["Properties"]["Policies"]:
                for found in policy["PolicyDocument"]["Statement"]:
                    statement = found[2] if isinstance(found, list) else found
                    yield _granted(logical, policy["PolicyName"], statement)


def _granted(role: str, policy: str, statement: dict[str, Any]) -> Granted:
    actions, resources = _texts(statement["Action"]), _texts(statement["Resource"])
    return Granted(role, policy, statement["Sid"], actions, resources)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


STATEMENTS = tuple(granted())
ROLES = tuple(dict.fromkeys(statement.role for statement in STATEMENTS))


def role_arn(stage: Stage, role: str) -> str:
    """The ARN of a deployed role by its logical name."""
    if role in MEMBER_ROLES:
        return f"arn:aws:iam::{stage.member}:role/{MEMBER_ROLES[role]}"
    return stage.function(role.removesuffix("Role").lower()).role_arn


def deployed(stage: Stage) -> tuple[Granted, ...]:
    """Every statement of every role, as it was deployed."""
    policies = dict.fromkeys((statement.role, statement.policy) for statement in STATEMENTS)
    return tuple(
        _granted(role, policy, statement)
        for role, policy in policies
        for statement in _document(stage, role, policy)["Statement"]
    )


def used(stage: Stage, statements: Iterable[Granted], since: int) -> frozenset[Used]:
    """What the roles used since the authorizer's list of uses was so long."""
    roles = {role_arn(stage, role): role for role in ROLES}
    by_name = {(s.role, s.policy, s.sid): s for s in statements}
    return frozenset(
        Used(str(statement), use.action, resource)
        for use in stage.account.authorizer.uses[since:]
        if (role := roles.get(use.principal))
        and (statement := by_name.get((role, use.policy, use.statement)))
        for resource in statement.resources
        if fnmatchcase(use.resource, resource)
    )


def take_away(stage: Stage, statement: Granted) -> None:
    """Take a statement from a deployed role. Raises LookupError when it is not there.

    No event tells of it: what a run shows then follows from the missing right.
    """
    document = _document(stage, statement.role, statement.policy)
    left = [s for s in document["Statement"] if s["Sid"] != statement.sid]
    if len(left) + 1 != len(document["Statement"]):
        raise LookupError(f"{statement} was not deployed")
    where = _where(stage, statement.role, statement.policy)
    iam = stage.client("iam", account=_account(stage, statement.role))
    if left:
        iam.put_role_policy(**where, PolicyDocument=json.dumps(document | {"Statement": left}))
    else:
        iam.delete_role_policy(**where)
    forget_events(stage)


def forget_events(stage: Stage) -> None:
    """What CloudTrail has to tell is lost."""
    for delivery in stage.account.world.pending():
        if delivery.kind == "cloudtrail":
            delivery.claim()


def _account(stage: Stage, role: str) -> str:
    return role_arn(stage, role).split(":")[4]


def _where(stage: Stage, role: str, policy: str) -> dict[str, str]:
    return {"RoleName": role_arn(stage, role).rpartition("/")[2], "PolicyName": policy}


def _document(stage: Stage, role: str, policy: str) -> dict[str, Any]:
    iam = stage.client("iam", account=_account(stage, role))
    found: dict[str, Any] = iam.get_role_policy(**_where(stage, role, policy))
    document: dict[str, Any] = found["PolicyDocument"]
    return document
