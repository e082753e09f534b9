"""What cannot be read is said once, changes no finding, and is over when it can be read again."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from embedded_account.calls import Answer, Call
from embedded_account.doorway import Intervene
from embedded_account.world import FunctionRan

from tests.system.scenarios import (
    AUTHORIZER,
    ONE_MODEL,
    analyst,
    control,
    create_gateway,
    create_runtime,
    delete_gateway,
    put_policy,
    update_gateway,
)
from tests.system.stage import REGION, Stage

READ_ROLE = "agentcore-sentinel-read"
SWEEP = {"kinds": ["gateway"], "regions": [REGION]}


def deny(stage: Stage, action: str, resource: str) -> None:
    """Take a right on a resource from the read role of the watched account."""
    statement = {"Effect": "Deny", "Action": action, "Resource": resource}
    stage.client("iam").put_role_policy(
        RoleName=READ_ROLE,
        PolicyName="denied",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def allow(stage: Stage) -> None:
    """Give the right back."""
    stage.client("iam").delete_role_policy(RoleName=READ_ROLE, PolicyName="denied")


def heads(stage: Stage, what: str) -> list[dict[str, Any]]:
    """The findings or gaps, as they are stored."""
    items = stage.items("Findings")
    return [json.loads(i["body"]) for i in items if i["sk"] == "head" and i["what"] == what]


def about_gaps(stage: Stage) -> list[str]:
    """The messages that tell of gaps."""
    return [m.text for m in stage.account.slack.messages if "cannot be read" in m.text]


def test_an_unreadable_gateway_makes_one_gap_that_is_told_once_and_closed(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        create_gateway(copy)
        copy.clock.advance(3)
        copy.drain()
        deny(copy, "bedrock-agentcore:GetGateway", copy.names["gateway arn"])
        copy.drain()
        create_gateway(copy, "readable", authorizerType="AWS_IAM")
        for _ in range(3):
            copy.invoke("sweep", SWEEP)
            copy.converge(1)
        seen: list[Any] = [_look(copy)]
        allow(copy)
        copy.drain()
        copy.invoke("sweep", SWEEP)
        copy.converge(1)
        return [*seen, _look(copy)]

    def _look(copy: Stage) -> tuple[list[Any], list[str], int]:
        gaps = [(gap["cause"], gap["status"], gap["change"]) for gap in heads(copy, "gap")]
        statuses = [f["status"] for f in heads(copy, "finding") if f["rule"] == AUTHORIZER]
        return gaps, statuses, len(about_gaps(copy))

    denied, allowed = stage.play(part)
    assert denied == ([("GetGateway", "OPEN", 1)], ["OPEN"], 1)
    assert allowed == ([("GetGateway", "RESOLVED", 2)], ["OPEN"], 1)


def test_a_finding_stays_when_its_gateway_can_be_read_no_more(stage: Stage) -> None:
    def part(copy: Stage) -> list[str]:
        create_gateway(copy)
        copy.clock.advance(3)
        copy.drain()
        deny(copy, "bedrock-agentcore:*", "*")
        copy.drain()
        delete_gateway(copy)
        copy.clock.advance(3)
        copy.converge()
        return [f["status"] for f in heads(copy, "finding")]

    assert stage.play(part) == ["OPEN"]


def test_an_unreadable_guard_lowers_nothing(stage: Stage) -> None:
    def severity(copy: Stage, *, readable: bool) -> tuple[int, list[str]]:
        if not readable:
            deny(copy, "bedrock-agentcore:GetGatewayTarget", "*")
        create_gateway(copy)
        control(copy).create_gateway_target(
            gatewayIdentifier=copy.names["gateway"],
            name="tool",
            targetConfiguration={"mcp": {"mcpServer": {"endpoint": "https://tool.example.com"}}},
            credentialProviderConfigurations=[{"credentialProviderType": "JWT_PASSTHROUGH"}],
        )
        copy.clock.advance(3)
        copy.converge()
        (found,) = [f for f in heads(copy, "finding") if f["rule"] == AUTHORIZER]
        return found["problem"]["severity"], found["unread"]

    lowered, unread = stage.play(lambda copy: severity(copy, readable=True))
    assert (lowered, unread) == (2, [])
    stands, (unread,) = stage.play(lambda copy: severity(copy, readable=False))
    assert (stands, "GetGatewayTarget" in unread) == (4, True)


def know(stage: Stage, *types: str) -> None:
    """Make the rule of a version that knows these authorizer types."""
    with stage.inside("evaluate"):
        rule: Any = importlib.import_module(f"sentinel.rules.{AUTHORIZER}")
        rule.KNOWN = frozenset(types)


def gaps(stage: Stage) -> list[tuple[str, str, str]]:
    """Each gap's cause, status and example."""
    return [(gap["cause"], gap["status"], gap["example"]) for gap in heads(stage, "gap")]


def test_what_a_rule_cannot_judge_is_told_until_it_can(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        know(copy, "NONE")
        create_gateway(copy, authorizerType="AWS_IAM")
        copy.clock.advance(3)
        copy.converge()
        told = [m.text for m in copy.account.slack.messages if "could not judge" in m.text]
        seen = [copy.names["gateway arn"], gaps(copy), len(told)]
        know(copy, "NONE", "AWS_IAM")
        update_gateway(copy)
        copy.clock.advance(3)
        copy.converge()
        return [*seen, gaps(copy)]

    arn, blind, told, judged = stage.play(part)
    assert (blind, told) == ([(AUTHORIZER, "OPEN", arn)], 1)
    assert judged == [(AUTHORIZER, "RESOLVED", arn)]


def test_a_read_role_that_cannot_be_assumed_is_a_gap_until_it_can(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        create_gateway(copy, authorizerType="AWS_IAM")
        copy.clock.advance(3)
        copy.converge()
        iam = copy.client("iam")
        trust = iam.get_role(RoleName=READ_ROLE)["Role"]["AssumeRolePolicyDocument"]
        nobody = {**trust, "Statement": [{**s, "Effect": "Deny"} for s in trust["Statement"]]}
        iam.update_assume_role_policy(RoleName=READ_ROLE, PolicyDocument=json.dumps(nobody))
        copy.clock.advance(3700)
        copy.invoke("sweep", SWEEP)
        refused = gaps(copy)
        iam.update_assume_role_policy(RoleName=READ_ROLE, PolicyDocument=json.dumps(trust))
        copy.clock.advance(60)
        copy.invoke("sweep", SWEEP)
        return [refused, gaps(copy)]

    refused, assumed = stage.play(part)
    assert refused
    assert {(cause, status, of) for cause, status, of in refused} == {("AssumeRole", "OPEN", "")}
    assert {(cause, status, of) for cause, status, of in assumed} == {
        ("AssumeRole", "RESOLVED", "")
    }


def test_a_token_check_that_is_gone_stays_gone_at_the_next_update(stage: Stage) -> None:
    issuer = "https://issuer.example.com/.well-known/openid-configuration"
    jwt = {"customJWTAuthorizer": {"discoveryUrl": issuer, "allowedAudience": ["orders"]}}

    def part(copy: Stage) -> list[str]:
        create_runtime(copy, authorizerConfiguration=jwt)
        copy.clock.advance(3)
        copy.converge()
        dynamodb = copy.client("dynamodb", account=copy.hub)
        for item in copy.items("Memory"):
            key = {part: {"S": item[part]} for part in ("pk", "sk")}
            dynamodb.delete_item(TableName=copy.outputs["MemoryTableName"], Key=key)
        for _ in range(2):
            _update_runtime(copy)
            copy.clock.advance(3)
            copy.converge()
        found = [f for f in heads(copy, "finding") if f["rule"] == "inbound_jwt_removed"]
        return [finding["status"] for finding in found]

    def _update_runtime(copy: Stage) -> None:
        image = f"{copy.member}.dkr.ecr.eu-central-1.amazonaws.com/agent:2"
        copy.client("bedrock-agentcore-control").update_agent_runtime(
            agentRuntimeId=copy.names["runtime"],
            agentRuntimeArtifact={"containerConfiguration": {"containerUri": image}},
            roleArn=f"arn:aws:iam::{copy.member}:role/agent",
            networkConfiguration={"networkMode": "PUBLIC"},
        )

    assert stage.play(part) == ["OPEN"]


@pytest.mark.parametrize("event", ["told", "lost"])
def test_a_gap_about_a_gateway_ends_with_the_gateway(stage: Stage, event: str) -> None:
    def part(copy: Stage) -> list[Any]:
        deny(copy, "bedrock-agentcore:ListGatewayTargets", "*")
        create_gateway(copy, authorizerType="AUTHENTICATE_ONLY")
        copy.clock.advance(3)
        copy.converge()
        seen = [copy.names["gateway arn"], gaps(copy)]
        copy.clock.advance(3)
        delete_gateway(copy)
        if event == "lost":
            forget_events(copy)
        copy.converge()
        if event == "lost":
            copy.invoke("sweep", SWEEP)
        return [*seen, gaps(copy)]

    arn, met, ended = stage.play(part)
    assert met == [("ListGatewayTargets", "OPEN", arn)]
    assert ended == [("ListGatewayTargets", "RESOLVED", arn)]


def forget_events(stage: Stage) -> None:
    """What CloudTrail has to tell is lost."""
    for delivery in stage.account.world.pending():
        if delivery.kind == "cloudtrail":
            delivery.claim()


def test_a_gap_of_an_event_s_read_is_closed_by_a_sweep_that_reads_otherwise(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        analyst(copy)
        deny(copy, "iam:GetRolePolicy", "*")
        copy.converge()
        put_policy(copy, ONE_MODEL)
        copy.clock.advance(3)
        copy.converge()
        refused = [(cause, status) for cause, status, _ in gaps(copy)]
        copy.invoke("sweep", {"kinds": ["iam-policy"]})
        return [refused, [(cause, status) for cause, status, _ in gaps(copy)]]

    refused, swept = stage.play(part)
    assert refused == [("GetRolePolicy", "OPEN")]
    assert swept == [("GetRolePolicy", "RESOLVED")]


@pytest.mark.parametrize(
    ("kind", "cause"), [("iam-policy", "GetRolePolicy"), ("iam-trust", "GetRole")]
)
def test_a_gap_about_what_iam_has_no_more_ends_with_it(stage: Stage, kind: str, cause: str) -> None:
    def part(copy: Stage) -> list[Any]:
        deny(copy, f"iam:{cause}", f"arn:aws:iam::{copy.member}:role/analyst")
        analyst(copy)
        put_policy(copy, ONE_MODEL)
        copy.clock.advance(3)
        copy.converge()
        met = gaps(copy)
        copy.client("iam").delete_role_policy(RoleName="analyst", PolicyName="models")
        copy.client("iam").delete_role(RoleName="analyst")
        allow(copy)
        forget_events(copy)
        copy.clock.advance(60)
        copy.invoke("sweep", {"kinds": [kind]})
        return [met, gaps(copy)]

    met, swept = stage.play(part)
    assert [(name, status, "analyst" in of) for name, status, of in met] == [(cause, "OPEN", True)]
    assert [(name, status) for name, status, _ in swept] == [(cause, "RESOLVED")]


def test_a_gap_about_a_trail_ends_with_the_trail(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        trails = copy.client("cloudtrail")
        arn = f"arn:aws:cloudtrail:{REGION}:{copy.member}:trail/second"
        deny(copy, "cloudtrail:GetTrailStatus", arn)
        trails.create_trail(Name="second", S3BucketName=f"trail-{copy.member}")
        copy.converge()
        met = [arn, gaps(copy)]
        trails.delete_trail(Name="second")
        forget_events(copy)
        copy.clock.advance(60)
        copy.invoke("sweep", {"kinds": ["trail"], "regions": [REGION]})
        return [*met, gaps(copy)]

    arn, met, swept = stage.play(part)
    assert met == [("GetTrailStatus", "OPEN", arn)]
    assert swept == [("GetTrailStatus", "RESOLVED", arn)]


class NewArm:
    """Answers reads of a gateway with an authorizer of a kind beside those that are known."""

    def before(self, call: Call) -> None:
        if call.operation == "GetGateway":
            known = {"discoveryUrl": "https://issuer.example.com/.well-known/openid-configuration"}
            arms = {"customJWTAuthorizer": known, "somethingNew": {}}
            body = {"name": "orders", "authorizerConfiguration": arms}
            raise Intervene(Answer(200, {}, json.dumps(body).encode()))

    def after(self, call: Call, answer: Answer) -> None:
        return


def test_an_answer_of_a_shape_that_the_model_lacks_is_a_gap(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        create_gateway(copy)
        copy.account.doorway.observers.append(NewArm())
        copy.clock.advance(3)
        copy.converge()
        errors = [
            entry.outcome.error_message
            for entry in copy.account.world.history
            if isinstance(entry, FunctionRan) and entry.outcome.error_type
        ]
        statuses = [f["status"] for f in heads(copy, "finding") if f["rule"] == AUTHORIZER]
        return [[(cause, status) for cause, status, _ in gaps(copy)], statuses, errors]

    assert stage.play(part) == [[("GetGateway", "OPEN")], ["OPEN"], []]
