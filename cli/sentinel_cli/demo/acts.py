"""Holds what a developer does in the workload account as data: what is shown is what is called."""

from __future__ import annotations

import json
import pprint
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sentinel_cli.demo.deployment import (
    AGENT_ROLE,
    GATEWAY_ROLE,
    REGION,
    TRAIL,
    Deployment,
)

AGENTCORE = "bedrock-agentcore-control"
IAM_REGION = "us-east-1"
"""Where CloudTrail tells of IAM."""
EVERY_MODEL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel*", "Resource": "*"}],
}


class NotYetError(Exception):
    """An act needs what another one makes first; the message says which."""


@dataclass(slots=True)
class Stage:
    """What the acts leave behind for each other."""

    deployment: Deployment
    open_gateway: str = ""
    guarded_gateway: str = ""
    gateways: int = 0
    granted: bool = False
    logging: bool = True

    def next_name(self, name: str) -> str:
        """A gateway's name; the first one has no number."""
        return name if self.gateways < 2 else f"{name}-{self.gateways}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What people must be told of an act."""

    rule: str
    severity: str
    event_name: str
    resource: Callable[[Stage], str]
    status: str = "OPEN"
    region: str = REGION


@dataclass(frozen=True, slots=True)
class Act:
    """One boto3 call by the developer.

    *parameters* raises NotYetError as long as another act has to come first; *after* keeps what the
    answer tells.
    """

    id: str
    title: str
    service: str
    method: str
    parameters: Callable[[Stage], Mapping[str, Any]]
    after: Callable[[Stage, Mapping[str, Any]], None]
    expected: Expected | None = None
    undoes: bool = False

    def code(self, stage: Stage) -> str:
        """The call as Python, to be run in a shell that has joined in."""
        members = "".join(
            f"    {name}={_indented(value)},\n" for name, value in self.parameters(stage).items()
        )
        return f'boto3.client("{self.service}").{self.method}(\n{members})'


def _indented(value: Any) -> str:
    return pprint.pformat(value, width=64, sort_dicts=False).replace("\n", "\n    ")


def _open(stage: Stage) -> Mapping[str, Any]:
    return {
        "name": stage.next_name("orders-mcp"),
        "roleArn": stage.deployment.role_arn(GATEWAY_ROLE),
        "protocolType": "MCP",
        "authorizerType": "NONE",
    }


def _opened(stage: Stage, answer: Mapping[str, Any]) -> None:
    stage.open_gateway = answer["gatewayId"]
    stage.gateways += 1


def _guarded(stage: Stage) -> Mapping[str, Any]:
    return {"name": stage.next_name("billing-mcp"), **_billing(stage, "ENFORCE")}


def _billing(stage: Stage, mode: str) -> Mapping[str, Any]:
    return {
        "roleArn": stage.deployment.role_arn(GATEWAY_ROLE),
        "protocolType": "MCP",
        "authorizerType": "AWS_IAM",
        "policyEngineConfiguration": {"arn": stage.deployment.policy_engine_arn, "mode": mode},
    }


def _guarded_made(stage: Stage, answer: Mapping[str, Any]) -> None:
    stage.guarded_gateway = answer["gatewayId"]
    stage.gateways += 1


def _engine_set(mode: str) -> Callable[[Stage], Mapping[str, Any]]:
    def parameters(stage: Stage) -> Mapping[str, Any]:
        if not stage.guarded_gateway:
            raise NotYetError("Create a gateway that enforces its policies first.")
        name = stage.guarded_gateway.rpartition("-")[0]
        gateway = {"gatewayIdentifier": stage.guarded_gateway, "name": name}
        return {**gateway, **_billing(stage, mode)}

    return parameters


def _delete(stage: Stage) -> Mapping[str, Any]:
    if not stage.open_gateway:
        raise NotYetError("Create a gateway without an authorizer first.")
    return {"gatewayIdentifier": stage.open_gateway}


def _deleted(stage: Stage, _answer: Mapping[str, Any]) -> None:
    stage.open_gateway = ""


def _command(stage: Stage) -> Mapping[str, Any]:
    return {
        "agentRuntimeArn": stage.deployment.agent_runtime_arn,
        "qualifier": "DEFAULT",
        "body": {"command": "env | grep -i key"},
    }


def _grant(_stage: Stage) -> Mapping[str, Any]:
    document = json.dumps(EVERY_MODEL)
    return {"RoleName": AGENT_ROLE, "PolicyName": "every-model", "PolicyDocument": document}


def _granted(*, granted: bool) -> Callable[[Stage, Mapping[str, Any]], None]:
    def after(stage: Stage, _answer: Mapping[str, Any]) -> None:
        stage.granted = granted

    return after


def _revoke(stage: Stage) -> Mapping[str, Any]:
    if not stage.granted:
        raise NotYetError("Let the role use every model first.")
    return {"RoleName": AGENT_ROLE, "PolicyName": "every-model"}


def _trail(*, logging: bool) -> Callable[[Stage], Mapping[str, Any]]:
    def parameters(stage: Stage) -> Mapping[str, Any]:
        if stage.logging == logging:
            raise NotYetError("The trail logs." if logging else "The trail is stopped already.")
        return {"Name": TRAIL}

    return parameters


def _logging(*, logging: bool) -> Callable[[Stage, Mapping[str, Any]], None]:
    def after(stage: Stage, _answer: Mapping[str, Any]) -> None:
        stage.logging = logging

    return after


def _nothing(_stage: Stage, _answer: Mapping[str, Any]) -> None:
    """The answer tells nothing that another act needs."""


def _of_open(stage: Stage) -> str:
    return stage.open_gateway


def _of_guarded(stage: Stage) -> str:
    return stage.guarded_gateway


def _of_role(_stage: Stage) -> str:
    return AGENT_ROLE


def _of_runtime(stage: Stage) -> str:
    return stage.deployment.agent_runtime_arn.rpartition("/")[2]


GUARDED = Act(
    "guarded",
    "Create a gateway that enforces its policies",
    AGENTCORE,
    "create_gateway",
    _guarded,
    _guarded_made,
)
OPEN = Act(
    "open",
    "Create a gateway without an authorizer",
    AGENTCORE,
    "create_gateway",
    _open,
    _opened,
    Expected("gateway_authorizer_none", "CRITICAL", "CreateGateway", _of_open),
)
COMMAND = Act(
    "command",
    "Run a shell command inside an agent",
    "bedrock-agentcore",
    "invoke_agent_runtime_command",
    _command,
    _nothing,
    Expected("runtime_shell_command", "HIGH", "InvokeAgentRuntimeCommand", _of_runtime),
)
GRANT = Act(
    "grant",
    "Let a role use every Bedrock model",
    "iam",
    "put_role_policy",
    _grant,
    _granted(granted=True),
    Expected("iam_bedrock_wildcard", "CRITICAL", "PutRolePolicy", _of_role, region=IAM_REGION),
)
LOG_ONLY = Act(
    "log-only",
    "Turn a policy engine to log only",
    AGENTCORE,
    "update_gateway",
    _engine_set("LOG_ONLY"),
    _nothing,
    Expected("gateway_enforcement_dropped", "CRITICAL", "UpdateGateway", _of_guarded),
)
DELETE = Act(
    "delete",
    "Delete the gateway without an authorizer",
    AGENTCORE,
    "delete_gateway",
    _delete,
    _deleted,
    Expected("gateway_authorizer_none", "CRITICAL", "CreateGateway", _of_open, "RESOLVED"),
    undoes=True,
)
ENFORCE = Act(
    "enforce",
    "Let the policy engine enforce again",
    AGENTCORE,
    "update_gateway",
    _engine_set("ENFORCE"),
    _nothing,
    undoes=True,
)
REVOKE = Act(
    "revoke",
    "Take the role's policy away again",
    "iam",
    "delete_role_policy",
    _revoke,
    _granted(granted=False),
    undoes=True,
)
STOP_TRAIL = Act(
    "stop-trail",
    "Stop the trail that tells all this",
    "cloudtrail",
    "stop_logging",
    _trail(logging=False),
    _logging(logging=False),
)
START_TRAIL = Act(
    "start-trail",
    "Start the trail again",
    "cloudtrail",
    "start_logging",
    _trail(logging=True),
    _logging(logging=True),
    undoes=True,
)

STORY = (GUARDED, OPEN, COMMAND, GRANT, LOG_ONLY, DELETE)
BUTTONS = (OPEN, DELETE, COMMAND, GRANT, REVOKE, LOG_ONLY, ENFORCE, STOP_TRAIL, START_TRAIL)
