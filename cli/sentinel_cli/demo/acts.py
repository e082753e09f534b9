"""Holds what people do in the embedded accounts as data: what is shown is what is called."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sentinel_cli.demo.act import Act, Call, Expected, NotYetError, Stage
from sentinel_cli.demo.deployment import STACK
from sentinel_cli.demo.people import (
    ADMINISTRATOR,
    AGENT_ROLE,
    EXEMPT_ROLE,
    GATEWAY_ROLE,
    READ_ROLE,
    SECURITY_ENGINEER,
    TRAIL,
)
from sentinel_cli.demo.sample_archive import COMMAND as REPLAY_COMMAND

AGENTCORE = "bedrock-agentcore-control"
IAM_REGION = "us-east-1"
"""Where CloudTrail tells of IAM."""
EVERY_MODEL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel*", "Resource": "*"}],
}
NO_GATEWAY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "bedrock-agentcore:GetGateway", "Resource": "*"}],
}


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


def _policy_on(role: str, name: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"RoleName": role, "PolicyName": name, "PolicyDocument": json.dumps(document)}


def _grant(_stage: Stage) -> Mapping[str, Any]:
    return _policy_on(AGENT_ROLE, "every-model", EVERY_MODEL)


def _granted(*, granted: bool) -> Callable[[Stage, Mapping[str, Any]], None]:
    def after(stage: Stage, _answer: Mapping[str, Any]) -> None:
        stage.granted = granted

    return after


def _revoke(stage: Stage) -> Mapping[str, Any]:
    if not stage.granted:
        raise NotYetError("Let the role use every model first.")
    return {"RoleName": AGENT_ROLE, "PolicyName": "every-model"}


def _grant_exempt(_stage: Stage) -> Mapping[str, Any]:
    return _policy_on(EXEMPT_ROLE, "comparison", EVERY_MODEL)


def _exempted(*, exempted: bool) -> Callable[[Stage, Mapping[str, Any]], None]:
    def after(stage: Stage, _answer: Mapping[str, Any]) -> None:
        stage.exempted = exempted

    return after


def _revoke_exempt(stage: Stage) -> Mapping[str, Any]:
    if not stage.exempted:
        raise NotYetError("Let the exempted role use every model first.")
    return {"RoleName": EXEMPT_ROLE, "PolicyName": "comparison"}


def _exemption(stage: Stage) -> str:
    (held,) = stage.deployment.policy.exemptions
    return (
        f"The team's policy exempts {EXEMPT_ROLE} until {held.ends:%Y-%m-%d}: {held.reason} "
        f"({held.owner}). The finding is SUPPRESSED, and nobody is told."
    )


def _blind(stage: Stage) -> Mapping[str, Any]:
    if not stage.guarded_gateway:
        raise NotYetError("Create a gateway that enforces its policies first.")
    if not stage.readable:
        raise NotYetError("The right is gone already.")
    return _policy_on(READ_ROLE, "taken-away", NO_GATEWAY)


def _see_again(stage: Stage) -> Mapping[str, Any]:
    if stage.readable:
        raise NotYetError("Take the right to read away first.")
    return {"RoleName": READ_ROLE, "PolicyName": "taken-away"}


def _readable(*, readable: bool) -> Callable[[Stage, Mapping[str, Any]], None]:
    def after(stage: Stage, _answer: Mapping[str, Any]) -> None:
        stage.readable = readable

    return after


def _sweep(stage: Stage) -> Mapping[str, Any]:
    deployment = stage.deployment
    asked = {"accounts": [deployment.workload], "regions": [deployment.region]}
    payload = json.dumps({**asked, "kinds": ["gateway"]})
    return {"FunctionName": f"{STACK}-sweep", "Payload": payload}


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


SWEEP = Call("lambda", "invoke", _sweep, SECURITY_ENGINEER, in_hub=True)

GUARDED = Act(
    "guarded",
    "Create a gateway that enforces its policies",
    (Call(AGENTCORE, "create_gateway", _guarded),),
    _guarded_made,
)
OPEN = Act(
    "open",
    "Create a gateway without an authorizer",
    (Call(AGENTCORE, "create_gateway", _open),),
    _opened,
    Expected("gateway_authorizer_none", "CRITICAL", "CreateGateway", _of_open),
)
COMMAND = Act(
    "command",
    "Run a shell command inside an agent",
    (Call("bedrock-agentcore", "invoke_agent_runtime_command", _command),),
    _nothing,
    Expected("runtime_shell_command", "HIGH", "InvokeAgentRuntimeCommand", _of_runtime),
)
GRANT = Act(
    "grant",
    "Let a role use every Bedrock model",
    (Call("iam", "put_role_policy", _grant),),
    _granted(granted=True),
    Expected("iam_bedrock_wildcard", "CRITICAL", "PutRolePolicy", _of_role, region=IAM_REGION),
)
LOG_ONLY = Act(
    "log-only",
    "Turn a policy engine to log only",
    (Call(AGENTCORE, "update_gateway", _engine_set("LOG_ONLY")),),
    _nothing,
    Expected("gateway_enforcement_dropped", "CRITICAL", "UpdateGateway", _of_guarded),
)
DELETE = Act(
    "delete",
    "Delete the gateway without an authorizer",
    (Call(AGENTCORE, "delete_gateway", _delete),),
    _deleted,
    Expected("gateway_authorizer_none", "CRITICAL", "CreateGateway", _of_open, "RESOLVED"),
    undoes=True,
)
ENFORCE = Act(
    "enforce",
    "Let the policy engine enforce again",
    (Call(AGENTCORE, "update_gateway", _engine_set("ENFORCE")),),
    _nothing,
    undoes=True,
)
REVOKE = Act(
    "revoke",
    "Take the role's policy away again",
    (Call("iam", "delete_role_policy", _revoke),),
    _granted(granted=False),
    undoes=True,
)
EXEMPT = Act(
    "exempt",
    "Let the exempted role use every model",
    (Call("iam", "put_role_policy", _grant_exempt),),
    _exempted(exempted=True),
    note=_exemption,
)
REVOKE_EXEMPT = Act(
    "revoke-exempt",
    "Take the exempted role's policy away again",
    (Call("iam", "delete_role_policy", _revoke_exempt),),
    _exempted(exempted=False),
    undoes=True,
)
BLIND = Act(
    "blind",
    "Take the sentinel's right to read gateways away",
    (Call("iam", "put_role_policy", _blind, ADMINISTRATOR), SWEEP),
    _readable(readable=False),
    note=lambda _stage: "The next sweep tells that gateways could not be assessed.",
)
SEE_AGAIN = Act(
    "see-again",
    "Give the right to read back",
    (Call("iam", "delete_role_policy", _see_again, ADMINISTRATOR), SWEEP),
    _readable(readable=True),
    undoes=True,
)
STOP_TRAIL = Act(
    "stop-trail",
    "Stop the trail that tells all this",
    (Call("cloudtrail", "stop_logging", _trail(logging=False)),),
    _logging(logging=False),
)
START_TRAIL = Act(
    "start-trail",
    "Start the trail again",
    (Call("cloudtrail", "start_logging", _trail(logging=True)),),
    _logging(logging=True),
    undoes=True,
)
REPLAY = Act(
    "replay",
    "Replay the sample archive",
    (),
    _nothing,
    note=lambda _stage: "Offline, from a trail's files: what the rules find in recorded calls.",
    command=REPLAY_COMMAND,
    shows="archive",
)

STORY = (GUARDED, OPEN, COMMAND, GRANT, LOG_ONLY, DELETE)
BUTTONS = (
    *(OPEN, DELETE, COMMAND, GRANT, REVOKE, LOG_ONLY, ENFORCE, EXEMPT, REVOKE_EXEMPT),
    *(BLIND, SEE_AGAIN, STOP_TRAIL, START_TRAIL, REPLAY),
)
