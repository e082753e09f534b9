"""Makes the people of the demo: roles, each with the rights that its part of the story needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

DEVELOPER = "developer"
ADMINISTRATOR = "administrator"
SECURITY_ENGINEER = "security-engineer"
AGENT_ROLE = "support-agent"
EXEMPT_ROLE = "research-agent"
GATEWAY_ROLE = "gateway"
READ_ROLE = "agentcore-sentinel-read"
TRAIL = "audit"


def make_agents(roles: Any, account: str) -> None:
    """The roles that agents and gateways run with; nothing is granted to them yet."""
    for name in (AGENT_ROLE, EXEMPT_ROLE, GATEWAY_ROLE):
        trust = _trust(
            {"Service": "bedrock-agentcore.amazonaws.com"},
            {"StringEquals": {"aws:SourceAccount": account}},
        )
        roles.create_role(RoleName=name, AssumeRolePolicyDocument=trust)


def make_developer(roles: Any, account: str) -> None:
    """A developer who may do what the story tells, in the workload account only."""
    agentcore = f"arn:aws:bedrock-agentcore:*:{account}"
    agents = [_role(account, name) for name in (AGENT_ROLE, EXEMPT_ROLE, GATEWAY_ROLE)]
    statements = [
        _statement(
            "Gateways",
            _all("bedrock-agentcore", "UpdateGateway", "DeleteGateway", "GetGateway"),
            [f"{agentcore}:gateway/*"],
        ),
        _statement(
            "Lists",
            _all(
                "bedrock-agentcore",
                "CreateGateway",
                "ListGateways",
                "ListAgentRuntimes",
                "ListPolicyEngines",
            ),
            ["*"],
        ),
        _statement(
            "Engines",
            _all("bedrock-agentcore", "GetPolicyEngine"),
            [f"{agentcore}:policy-engine/*"],
        ),
        _statement(
            "Commands",
            _all("bedrock-agentcore", "InvokeAgentRuntimeCommand", "GetAgentRuntime"),
            [f"{agentcore}:runtime/*"],
        ),
        _statement(
            "Roles",
            _all("iam", "PutRolePolicy", "DeleteRolePolicy", "GetRolePolicy", "PassRole"),
            agents,
        ),
        _statement(
            "Trail",
            _all("cloudtrail", "StartLogging", "StopLogging", "GetTrailStatus"),
            [f"arn:aws:cloudtrail:*:{account}:trail/{TRAIL}"],
        ),
    ]
    _make(roles, account, DEVELOPER, statements)


def make_administrator(roles: Any, account: str) -> None:
    """Somebody who may change what the sentinel may read."""
    actions = _all("iam", "PutRolePolicy", "DeleteRolePolicy", "GetRolePolicy")
    statements = [_statement("ReadRole", actions, [_role(account, READ_ROLE)])]
    _make(roles, account, ADMINISTRATOR, statements)


def make_security_engineer(
    roles: Any, hub: str, workload: str, stack: str, outputs: Mapping[str, str]
) -> None:
    """Somebody of the hub's team, who runs the commands that the messages name."""
    tables = [outputs[name] for name in ("FindingsTableName", "MemoryTableName")]
    records = f"arn:aws:s3:::{outputs['RecordsBucketName']}"
    statements = [
        _statement(
            "Stack",
            ["cloudformation:DescribeStacks"],
            [f"arn:aws:cloudformation:*:{hub}:stack/{stack}/*"],
        ),
        _statement(
            "Findings",
            _all("dynamodb", "GetItem", "PutItem", "Query", "UpdateItem"),
            [f"arn:aws:dynamodb:*:{hub}:table/{name}{of}" for name in tables for of in ("", "/*")],
        ),
        _statement("Policy", _all("s3", "GetObject", "PutObject"), [f"{records}/policy/*"]),
        _statement("Buckets", ["s3:ListBucket"], [records]),
        _statement(
            "Sweep",
            ["lambda:InvokeFunction"],
            [f"arn:aws:lambda:*:{hub}:function:{stack}-sweep"],
        ),
        _statement(
            "DeadLetters",
            _all("sqs", "GetQueueAttributes", "ReceiveMessage", "DeleteMessage", "SendMessage"),
            [f"arn:aws:sqs:*:{hub}:{stack}-*"],
        ),
        _statement("Read", ["sts:AssumeRole"], [_role(workload, READ_ROLE)]),
    ]
    _make(roles, hub, SECURITY_ENGINEER, statements)


def _make(roles: Any, account: str, name: str, statements: Sequence[Mapping[str, Any]]) -> None:
    trust = _trust({"AWS": f"arn:aws:iam::{account}:root"})
    roles.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    document = {"Version": "2012-10-17", "Statement": statements}
    roles.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=json.dumps(document))


def _trust(principal: Mapping[str, str], condition: Mapping[str, Any] | None = None) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "sts:AssumeRole",
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _statement(sid: str, actions: Sequence[str], resources: Sequence[str]) -> Mapping[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _all(service: str, *names: str) -> list[str]:
    return [f"{service}:{name}" for name in names]


def _role(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"
