"""What people do in a watched account, step by step, and what is true of it after each step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sentinel.finding import Severity

from tests.system.stage import OTHER_REGION, Stage

Truth = Mapping[str, Severity | None]
"""Of each rule that a scenario is about: how severe the problem is, None when there is none."""

IAM_REGION = OTHER_REGION
EVERY_MODEL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}],
}
ONE_MODEL = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "bedrock:InvokeModel",
            "Resource": "arn:aws:bedrock:eu-central-1::foundation-model/example.model-v1:0",
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call, and what is true afterwards. It may keep names for later steps in the stage."""

    do: Callable[[Stage], Any]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps on one resource; *before* makes what they need, and everything is at rest after it.

    *activity*: it is about calls, which have no state that could be read again.
    """

    name: str
    steps: tuple[Step, ...]
    before: Callable[[Stage], Any] = lambda stage: None
    activity: bool = False

    @property
    def rules(self) -> frozenset[str]:
        """The rules whose findings the scenario knows the truth about."""
        return frozenset(rule for step in self.steps for rule in step.truth)


def role(stage: Stage, name: str = "gateway") -> str:
    """The ARN of a role of the watched account."""
    return f"arn:aws:iam::{stage.member}:role/{name}"


def control(stage: Stage) -> Any:
    """AgentCore's control plane."""
    return stage.client("bedrock-agentcore-control")


def create_gateway(stage: Stage, name: str = "orders", **members: Any) -> None:
    """Create a gateway and keep its id."""
    made = control(stage).create_gateway(
        **{"name": name, "roleArn": role(stage), "protocolType": "MCP", "authorizerType": "NONE"}
        | members
    )
    stage.names["gateway"], stage.names["gateway arn"] = made["gatewayId"], made["gatewayArn"]


def update_gateway(stage: Stage, **members: Any) -> None:
    """Update the gateway: what is left out is reset."""
    control(stage).update_gateway(
        gatewayIdentifier=stage.names["gateway"],
        **{
            "name": "orders",
            "roleArn": role(stage),
            "protocolType": "MCP",
            "authorizerType": "AWS_IAM",
        }
        | members,
    )


def delete_gateway(stage: Stage) -> None:
    """Delete the gateway."""
    control(stage).delete_gateway(gatewayIdentifier=stage.names["gateway"])


def engine(stage: Stage, mode: str) -> dict[str, Any]:
    """A gateway's policy engine in a mode."""
    return {"policyEngineConfiguration": {"arn": stage.names["engine"], "mode": mode}}


def update_engine(stage: Stage, mode: str) -> None:
    """Set the mode of the gateway's policy engine."""
    update_gateway(stage, **engine(stage, mode))


def policy_engine(stage: Stage) -> None:
    """A policy engine, at rest."""
    made = control(stage).create_policy_engine(name="guards")
    stage.names["engine"] = made["policyEngineArn"]
    stage.drain()


def guarded_gateway(stage: Stage) -> None:
    """A gateway whose policy engine enforces, and which was seen so: there is a baseline."""
    policy_engine(stage)
    create_gateway(stage, authorizerType="AWS_IAM", **engine(stage, "ENFORCE"))


def put_policy(stage: Stage, document: Mapping[str, Any]) -> None:
    """Give the role an inline policy."""
    stage.client("iam").put_role_policy(
        RoleName="analyst", PolicyName="models", PolicyDocument=json.dumps(document)
    )


def analyst(stage: Stage) -> None:
    """A role that EC2 may assume."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    stage.client("iam").create_role(RoleName="analyst", AssumeRolePolicyDocument=json.dumps(trust))


def create_runtime(stage: Stage, **members: Any) -> None:
    """Create an agent runtime and keep its ARN."""
    image = f"{stage.member}.dkr.ecr.eu-central-1.amazonaws.com/agent:1"
    made = control(stage).create_agent_runtime(
        **{
            "agentRuntimeName": "helper",
            "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": image}},
            "roleArn": role(stage, "agent"),
            "networkConfiguration": {"networkMode": "PUBLIC"},
        }
        | members
    )
    stage.names["runtime"], stage.names["runtime arn"] = (
        made["agentRuntimeId"],
        made["agentRuntimeArn"],
    )


def run_command(stage: Stage) -> None:
    """Run a shell command in the agent."""
    answer = stage.client("bedrock-agentcore").invoke_agent_runtime_command(
        agentRuntimeArn=stage.names["runtime arn"],
        runtimeSessionId="s" * 36,
        body={"command": "cat /etc/passwd"},
    )
    for _ in answer.get("stream", ()):
        continue


def stop_logging(stage: Stage) -> None:
    """Stop the second trail."""
    stage.client("cloudtrail").stop_logging(Name="second")


def start_logging(stage: Stage) -> None:
    """Start the second trail again."""
    stage.client("cloudtrail").start_logging(Name="second")


def second_trail(stage: Stage) -> None:
    """Another trail, so that its end is still told."""
    trails = stage.client("cloudtrail")
    trails.create_trail(Name="second", S3BucketName=f"trail-{stage.member}")
    trails.start_logging(Name="second")


OPEN, CLOSED = Severity.CRITICAL, None
AUTHORIZER = "gateway_authorizer_none"
ENFORCEMENT = "gateway_enforcement_dropped"
WILDCARD = "iam_bedrock_wildcard"
COMMAND = "runtime_shell_command"
TRAIL = "trail_stopped"

GATEWAY_COMES_AND_GOES = Scenario(
    "a gateway without authorizer comes and goes",
    (
        Step(create_gateway, {AUTHORIZER: OPEN}),
        Step(delete_gateway, {AUTHORIZER: CLOSED}),
    ),
)
GUARD_IS_LOST = Scenario(
    "an open gateway loses its guard, gets it back and goes",
    (
        Step(
            lambda stage: create_gateway(stage, **engine(stage, "ENFORCE")),
            {AUTHORIZER: Severity.MEDIUM},
        ),
        Step(
            lambda stage: update_gateway(stage, authorizerType="NONE", **engine(stage, "LOG_ONLY")),
            {AUTHORIZER: OPEN},
        ),
        Step(
            lambda stage: update_gateway(stage, authorizerType="NONE", **engine(stage, "ENFORCE")),
            {AUTHORIZER: Severity.MEDIUM},
        ),
        Step(delete_gateway, {AUTHORIZER: CLOSED}),
    ),
    before=policy_engine,
)
ENGINE_FLAPS = Scenario(
    "a policy engine stops enforcing, enforces, stops again and enforces",
    tuple(
        Step(
            partial(update_engine, mode=mode),
            {ENFORCEMENT: CLOSED if mode == "ENFORCE" else OPEN},
        )
        for mode in ("LOG_ONLY", "ENFORCE", "LOG_ONLY", "ENFORCE")
    ),
    before=guarded_gateway,
)
ENGINE_DROPPED = Scenario(
    "a policy engine enforces again, and then no more",
    ENGINE_FLAPS.steps[:3],
    before=guarded_gateway,
)
ROLE_WIDENED = Scenario(
    "a role may use every model, one, and every model",
    (
        Step(lambda stage: put_policy(stage, EVERY_MODEL), {WILDCARD: OPEN}),
        Step(lambda stage: put_policy(stage, ONE_MODEL), {WILDCARD: CLOSED}),
        Step(lambda stage: put_policy(stage, EVERY_MODEL), {WILDCARD: OPEN}),
    ),
    before=analyst,
)
COMMANDS_RUN = Scenario(
    "commands are run in an agent",
    (Step(run_command, {COMMAND: OPEN}),) * 3,
    before=create_runtime,
    activity=True,
)
TRAIL_STOPS = Scenario(
    "a trail stops and starts",
    (
        Step(stop_logging, {TRAIL: Severity.HIGH}),
        Step(start_logging, {TRAIL: CLOSED}),
    ),
    before=second_trail,
)
SCENARIOS = (
    GATEWAY_COMES_AND_GOES,
    GUARD_IS_LOST,
    ENGINE_FLAPS,
    ENGINE_DROPPED,
    ROLE_WIDENED,
    COMMANDS_RUN,
    TRAIL_STOPS,
)
