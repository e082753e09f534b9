"""What hangs on a resource changes what is said of it, though it was not changed itself."""

from __future__ import annotations

import json
from typing import Any

from tests.system.scenarios import control, create_gateway, create_runtime
from tests.system.stage import Stage
from tests.system.test_gap import gaps, heads

HOUR = 3600
ISSUER = "https://issuer.example.com/.well-known/openid-configuration"
JWT = {"customJWTAuthorizer": {"discoveryUrl": ISSUER, "allowedAudience": ["orders"]}}


def admitting_everybody(runtime: str) -> str:
    """A resource policy with which everybody may call a runtime."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "bedrock-agentcore:InvokeAgentRuntime",
        "Resource": runtime,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def open_findings(stage: Stage) -> list[tuple[str, int]]:
    """The findings that are open, each with its severity."""
    return sorted(
        (f["rule"], f["problem"]["severity"])
        for f in heads(stage, "finding")
        if f["status"] == "OPEN"
    )


def test_a_target_of_an_old_gateway_is_judged_at_once_and_no_gap_is_told(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        create_gateway(copy, authorizerType="AUTHENTICATE_ONLY")
        copy.converge()
        seen = [open_findings(copy)]
        copy.clock.advance(HOUR)
        target = control(copy).create_gateway_target(
            gatewayIdentifier=copy.names["gateway"],
            name="tool",
            targetConfiguration={
                "mcp": {"mcpServer": {"endpoint": "https://tool.example.com/mcp"}}
            },
        )
        copy.drain()
        seen.append(open_findings(copy))
        copy.clock.advance(HOUR)
        control(copy).delete_gateway_target(
            gatewayIdentifier=copy.names["gateway"], targetId=target["targetId"]
        )
        copy.drain()
        return [*seen, open_findings(copy), gaps(copy)]

    rule = "gateway_authenticate_only_unguarded"
    assert stage.play(part) == [[(rule, 2)], [(rule, 3)], [(rule, 2)], []]


def test_a_policy_that_opens_an_agent_after_its_tokens_are_gone_raises_the_finding(
    stage: Stage,
) -> None:
    def part(copy: Stage) -> list[Any]:
        create_runtime(copy, authorizerConfiguration=JWT)
        copy.clock.advance(3)
        copy.converge()
        copy.clock.advance(HOUR)
        control(copy).update_agent_runtime(
            agentRuntimeId=copy.names["runtime"],
            agentRuntimeArtifact={
                "containerConfiguration": {
                    "containerUri": f"{copy.member}.dkr.ecr.eu-central-1.amazonaws.com/agent:2"
                }
            },
            roleArn=f"arn:aws:iam::{copy.member}:role/agent",
            networkConfiguration={"networkMode": "PUBLIC"},
        )
        copy.drain()
        seen = [open_findings(copy)]
        copy.clock.advance(HOUR)
        arn = copy.names["runtime arn"]
        control(copy).put_resource_policy(resourceArn=arn, policy=admitting_everybody(arn))
        copy.drain()
        return [*seen, open_findings(copy), gaps(copy)]

    rule = "inbound_jwt_removed"
    assert stage.play(part) == [[(rule, 2)], [(rule, 4)], []]
