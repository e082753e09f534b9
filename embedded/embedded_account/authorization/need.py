"""What one call needs: pairs of an action and a resource, with the condition keys they bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.utilities.utils import get_partition

from embedded_account.calls import Call
from embedded_account.iam_conditions import Context


@dataclass(frozen=True, slots=True)
class Need:
    """An action on a resource ARN (or ``*``), and the action's own condition keys."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


class UnmappedOperationError(LookupError):
    """Nobody has written down which actions an operation needs; add it to the service's table."""

    def __init__(self, call: Call) -> None:
        super().__init__(
            f"{call.service} {call.operation}: no mapping to IAM actions; "
            "add it to embedded_account.authorization"
        )


Rule = Callable[[Call], Iterable[Need]]
Resource = Callable[[Call], str]

# Service prefixes of actions, where they are not botocore's service name.
PREFIXES: Mapping[str, str] = {
    "bedrock-agentcore-control": "bedrock-agentcore",
    "dynamodbstreams": "dynamodb",
    "resourcegroupstaggingapi": "tag",
    "sso-admin": "sso",
    "stepfunctions": "states",
}


def action_of(call: Call, name: str | None = None) -> str:
    """The action with the operation's name, or with *name*, in the service's prefix."""
    return f"{PREFIXES.get(call.service, call.service)}:{name or call.operation}"


def arn(call: Call, service: str, resource: str, *, account: str | None = None) -> str:
    """An ARN in the Region of the call, and in its account unless another one is named."""
    partition = get_partition(call.region)
    return f"arn:{partition}:{service}:{call.region}:{account or call.account}:{resource}"


def global_arn(call: Call, service: str, resource: str, *, account: str | None = None) -> str:
    """An ARN without Region, of the call's account unless another one (or none, "") is named."""
    owner = call.account if account is None else account
    return f"arn:{get_partition(call.region)}:{service}::{owner}:{resource}"


def everything(_: Call) -> str:
    """The resource of actions that IAM does not narrow."""
    return "*"


def on(resource: Resource, *operations: str, action: str | None = None) -> dict[str, Rule]:
    """Rules for operations that need one action, of their own name or *action*, on one resource."""

    def rule(call: Call) -> Iterable[Need]:
        yield Need(action_of(call, action), resource(call))

    return dict.fromkeys(operations, rule)


def passing(call: Call, role_arn: Any, service: str) -> Iterable[Need]:
    """iam:PassRole for the role that a request hands to a service, if it hands one."""
    if role_arn:
        context = {"iam:PassedToService": service}
        yield Need("iam:PassRole", str(role_arn), context)


def member(name: str) -> Resource:
    """A resource whose ARN is the request's member of this name."""
    return lambda call: str(call.parameters[name])
