"""Every role may do what it does, and nothing else: granted, used, and what happens without."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from embedded_account.world import FunctionRan

from tests.system import scenarios as calls
from tests.system.stage import ROOT, Stage
from tests.system.test_faults import heads

UNUSED: Mapping[str, str] = {
    "bedrock-agentcore:GetGatewayTarget": "no scenario has a target: ListGatewayTargets is enough",
    "bedrock-agentcore:GetHarness": "no scenario has a harness",
    "bedrock-agentcore:GetResourcePolicy": "no scenario has a resource policy",
    "dynamodb:ListStreams": "Lambda's poller asks for it, which is not simulated",
    "iam:ListAttachedRolePolicies": "no scenario asks for the policies of one role",
    "iam:ListRolePolicies": "no scenario asks for the policies of one role",
    "logs:CreateLogStream": "Lambda's own agent writes the logs, which is not simulated",
    "logs:PutLogEvents": "Lambda's own agent writes the logs, which is not simulated",
    "s3:ListAllMyBuckets": "no scenario has an artifact in a bucket",
    "s3:ListBucket": "without it S3 answers AccessDenied, not NoSuchKey, when there is no policy",
    "s3:PutObject": "Lambda stores there what failed for good, which no scenario does",
    "sqs:GetQueueUrl": "Lambda's poller asks for it, which is not simulated",
    "sqs:SendMessage": "Lambda sends there what failed for good, which no scenario does",
    "sts:AssumeRole": "the sandboxes assumed the role while they were warmed up",
}
"""Rights that no scenario uses, and why a role has them all the same."""

NO_RESOURCE = frozenset(
    {
        "bedrock-agentcore:ListAgentRuntimes",
        "bedrock-agentcore:ListGateways",
        "bedrock-agentcore:ListHarnesses",
        "cloudtrail:DescribeTrails",
        "iam:GetAccountAuthorizationDetails",
        "s3:ListAllMyBuckets",
    }
)
"""Actions for which AWS knows no resource (Service Authorization Reference)."""


class Loader(yaml.SafeLoader):
    """Reads a template; intrinsic functions become their text."""


def _intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return f"!{suffix} {node.value}"
    if isinstance(node, yaml.SequenceNode):
        return [f"!{suffix}", *loader.construct_sequence(node, deep=True)]
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", _intrinsic)


@dataclass(frozen=True, slots=True)
class Granted:
    """One statement of a role's policy in a template."""

    template: str
    role: str
    policy: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.role}.{self.sid}"


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
                    yield Granted(
                        name,
                        logical,
                        policy["PolicyName"],
                        statement["Sid"],
                        _texts(statement["Action"]),
                        _texts(statement["Resource"]),
                    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


STATEMENTS = tuple(granted())
ROLES = tuple(dict.fromkeys(s.role for s in STATEMENTS))


def test_no_role_has_a_wildcard_action() -> None:
    assert [str(s) for s in STATEMENTS if any("*" in action for action in s.actions)] == []


def test_no_role_has_a_wildcard_resource_where_one_can_be_named() -> None:
    wild = [s for s in STATEMENTS if "*" in s.resources]
    assert [str(s) for s in wild if not set(s.actions) <= NO_RESOURCE] == []


@pytest.fixture(scope="module")
def used(stage: Stage) -> dict[str, set[tuple[str, str]]]:
    """Of each role, which actions of which statements were used when everything was done."""

    def part(copy: Stage) -> list[tuple[str, str, str]]:
        do_everything(copy)
        return [(u.principal, u.statement, u.action) for u in copy.account.authorizer.uses]

    found: dict[str, set[tuple[str, str]]] = {}
    for principal, statement, action in stage.play(part):
        name = principal.rpartition("/")[2]
        found.setdefault(name, set()).add((statement, action))
    return found


def do_everything(stage: Stage) -> None:
    """Every scenario, every kind of subject, a sweep, and what `tend` is for."""
    calls.second_trail(stage)
    calls.analyst(stage)
    _grants(stage)
    calls.guarded_gateway(stage)
    stage.converge(1)
    calls.update_gateway(stage, **calls.engine(stage, "LOG_ONLY"))
    calls.create_gateway(stage, "open")
    calls.create_gateway(stage, "signed", authorizerType="AUTHENTICATE_ONLY")
    calls.create_runtime(stage)
    calls.put_policy(stage, calls.EVERY_MODEL)
    calls.stop_logging(stage)
    calls.run_command(stage)
    stage.clock.advance(3)
    stage.converge()
    stage.invoke("sweep")
    stage.converge()
    _left_undone(stage)


def _grants(stage: Stage) -> None:
    """Every way in which IAM grants something."""
    iam = stage.client("iam")
    document = json.dumps(calls.EVERY_MODEL)
    arn = iam.create_policy(PolicyName="models", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="analyst", PolicyArn=arn)
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="models", PolicyDocument=document)
    iam.create_group(GroupName="analysts")
    iam.put_group_policy(GroupName="analysts", PolicyName="models", PolicyDocument=document)


def _left_undone(stage: Stage) -> None:
    """A change that no stream tells, a recheck that got lost, and a sweep that ran out of time."""
    lambdas, sqs = (stage.client(service, account=stage.hub) for service in ("lambda", "sqs"))
    for mapping in lambdas.list_event_source_mappings()["EventSourceMappings"]:
        if ":dynamodb:" in mapping["EventSourceArn"] or "Rechecks" in mapping["EventSourceArn"]:
            lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    calls.create_gateway(stage, "untold")
    stage.clock.advance(3)
    stage.drain()
    for url in sqs.list_queues()["QueueUrls"]:
        if "Rechecks" in url:
            sqs.purge_queue(QueueUrl=url)
    current = {"sweep": "none", "unfinished": ["one"]}
    stage.client("dynamodb", account=stage.hub).put_item(
        TableName=stage.outputs["MemoryTableName"],
        Item={"pk": {"S": "sweep"}, "sk": {"S": "current"}, "body": {"S": json.dumps(current)}},
    )
    stage.clock.advance(600)
    stage.invoke("tend")
    stage.drain()


def _role_name(stage: Stage, statement: Granted) -> tuple[str, str]:
    """The account and the name of the deployed role."""
    if statement.template == "member.yaml":
        kind = "read" if statement.role == "ReadRole" else "forward"
        return stage.member, f"agentcore-sentinel-{kind}"
    roles = stage.client("iam", account=stage.hub).list_roles()["Roles"]
    return stage.hub, next(r["RoleName"] for r in roles if f"-{statement.role}-" in r["RoleName"])


@pytest.mark.parametrize("role", ROLES)
def test_every_right_is_used_or_explained(
    stage: Stage, used: dict[str, set[tuple[str, str]]], role: str
) -> None:
    statements = [s for s in STATEMENTS if s.role == role]
    _, name = _role_name(stage, statements[0])
    uses = {action for _, action in used.get(name, set())}
    idle = {a for s in statements for a in s.actions} - uses - set(UNUSED)
    print(f"{role}: granted {sum(len(s.actions) for s in statements)}, used {len(uses)}, {idle}")
    assert idle == set()


@pytest.mark.parametrize("role", ROLES)
def test_without_its_first_statement_something_fails(stage: Stage, role: str) -> None:
    statements = [s for s in STATEMENTS if s.role == role and s.sid != "Logs"][:1]

    def without(copy: Stage, statement: Granted) -> bool:
        account, name = _role_name(copy, statement)
        iam = copy.client("iam", account=account)
        policy = iam.get_role_policy(RoleName=name, PolicyName=statement.policy)["PolicyDocument"]
        policy["Statement"] = [s for s in policy["Statement"] if s["Sid"] != statement.sid]
        iam.put_role_policy(
            RoleName=name, PolicyName=statement.policy, PolicyDocument=json.dumps(policy)
        )
        copy.drain()
        do_everything(copy)
        return _fails(copy)

    parts = [lambda copy, s=s: without(copy, s) for s in statements]
    red = list(stage.play_all(parts, 2))
    assert [str(s) for s, failed in zip(statements, red, strict=True) if not failed] == []


def _fails(stage: Stage) -> bool:
    """Whether anybody could notice: a function failed, a gap is told, a finding is missing."""
    history = stage.account.world.history
    failed = any(
        isinstance(e, FunctionRan)
        and (e.outcome.error_type or (e.outcome.payload or {}).get("batchItemFailures"))
        for e in history
    )
    found = heads(stage)
    rules = {h["rule"] for h in found if "rule" in h}
    missing = not {"gateway_authorizer_none", "runtime_shell_command"} <= rules
    return (
        failed
        or missing
        or any("problem" not in h for h in found)
        or not stage.account.slack.messages
    )
