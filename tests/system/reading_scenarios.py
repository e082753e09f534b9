"""What is read in a watched account, one kind after the other: after events, and in a sweep.

Each scenario leaves something to find, mends it, and looks whether that was seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.system import scenarios as calls
from tests.system.rights import MEMBER_ROLES, forget_events
from tests.system.rights_scenarios import (
    FOREIGN_IMAGE,
    Scenario,
    blind,
    findings,
    heads,
    settle,
)
from tests.system.stage import REGION, Stage

JWT = {
    "customJWTAuthorizer": {
        "discoveryUrl": "https://login.example.com/.well-known/openid-configuration",
        "allowedAudience": ["orders"],
    }
}
ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "bedrock-agentcore:*"}
EVERYTHING = json.dumps(calls.EVERY_MODEL)
ONE = json.dumps(calls.ONE_MODEL)


def runtime(stage: Stage) -> Any:
    """A runtime with an image from outside that is gone again."""
    artifact = {"containerConfiguration": {"containerUri": FOREIGN_IMAGE}}
    calls.create_runtime(stage, agentRuntimeArtifact=artifact)
    settle(stage)
    calls.control(stage).delete_agent_runtime(agentRuntimeId=stage.names["runtime"])
    settle(stage)
    return findings(stage), blind(stage)


def harness(stage: Stage) -> Any:
    """A harness with an image from outside that is gone again."""
    artifact = {"containerConfiguration": {"containerUri": FOREIGN_IMAGE}}
    made = calls.control(stage).create_harness(
        harnessName="helper",
        executionRoleArn=calls.role(stage, "agent"),
        environmentArtifact=artifact,
    )
    settle(stage)
    calls.control(stage).delete_harness(harnessId=made["harness"]["harnessId"])
    settle(stage)
    return findings(stage), blind(stage)


def resource_policies(stage: Stage) -> Any:
    """A runtime, which everybody may call, and a harness that ask for a token no more."""
    control = calls.control(stage)
    calls.create_runtime(stage, authorizerConfiguration=JWT)
    made = control.create_harness(
        harnessName="helper",
        executionRoleArn=calls.role(stage, "agent"),
        authorizerConfiguration=JWT,
    )["harness"]
    statement = ANYBODY | {"Resource": stage.names["runtime arn"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    control.put_resource_policy(resourceArn=stage.names["runtime arn"], policy=policy)
    settle(stage)
    own = f"{stage.member}.dkr.ecr.eu-central-1.amazonaws.com/agent:2"
    control.update_agent_runtime(
        agentRuntimeId=stage.names["runtime"],
        roleArn=calls.role(stage, "agent"),
        networkConfiguration={"networkMode": "PUBLIC"},
        agentRuntimeArtifact={"containerConfiguration": {"containerUri": own}},
    )
    control.update_harness(harnessId=made["harnessId"], authorizerConfiguration={})
    settle(stage)
    severities = [found["problem"]["severity"] for found in heads(stage, "finding")]
    return findings(stage), sorted(severities), blind(stage)


def blind_spot(stage: Stage) -> Any:
    """A gateway whose targets cannot be listed, and that is gone before they can."""
    action = "bedrock-agentcore:ListGatewayTargets"
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    stage.client("iam").put_role_policy(
        RoleName=MEMBER_ROLES["ReadRole"],
        PolicyName="denied",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    forget_events(stage)
    calls.create_gateway(stage)
    settle(stage)
    unread = blind(stage)
    calls.delete_gateway(stage)
    settle(stage)
    return unread, blind(stage)


def buckets(stage: Stage) -> Any:
    """A runtime whose code lies in a bucket of its own account."""
    code = {"s3": {"bucket": f"trail-{stage.member}", "prefix": "agent.zip"}}
    configuration = {"code": code, "runtime": "PYTHON_3_13", "entryPoint": ["main.py"]}
    calls.create_runtime(stage, agentRuntimeArtifact={"codeConfiguration": configuration})
    settle(stage)
    return findings(stage), blind(stage)


def trails(stage: Stage) -> Any:
    """A second trail that stops and starts again."""
    calls.second_trail(stage)
    settle(stage)
    calls.stop_logging(stage)
    settle(stage)
    calls.start_logging(stage)
    settle(stage)
    return findings(stage), blind(stage)


def managed_policy(stage: Stage) -> Any:
    """A managed policy that grants everything, and then one model."""
    iam = stage.client("iam")
    made = iam.create_policy(PolicyName="models", PolicyDocument=EVERYTHING)["Policy"]
    settle(stage)
    iam.create_policy_version(PolicyArn=made["Arn"], PolicyDocument=ONE, SetAsDefault=True)
    settle(stage)
    return findings(stage), blind(stage)


def group_policy(stage: Stage) -> Any:
    """The policy of a group that grants everything, and then one model."""
    iam = stage.client("iam")
    iam.create_group(GroupName="analysts")
    return _narrowed(stage, lambda text: iam.put_group_policy(GroupName="analysts", **_named(text)))


def user_policy(stage: Stage) -> Any:
    """The policy of a user that grants everything, and then one model."""
    iam = stage.client("iam")
    iam.create_user(UserName="analyst")
    return _narrowed(stage, lambda text: iam.put_user_policy(UserName="analyst", **_named(text)))


def role(stage: Stage) -> Any:
    """A role that Bedrock may assume for anybody; its policy grants everything, then one model."""
    iam = stage.client("iam")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="agent", AssumeRolePolicyDocument=trust)
    return _narrowed(stage, lambda text: iam.put_role_policy(RoleName="agent", **_named(text)))


def swept_agents(stage: Stage) -> Any:
    """A runtime and a harness that no event told of."""
    artifact = {"containerConfiguration": {"containerUri": FOREIGN_IMAGE}}
    calls.create_runtime(stage, agentRuntimeArtifact=artifact)
    calls.control(stage).create_harness(
        harnessName="helper",
        executionRoleArn=calls.role(stage, "agent"),
        environmentArtifact=artifact,
    )
    return _swept(stage, REGION, "runtime", "harness")


def swept_roles(stage: Stage) -> Any:
    """A role that no event told of."""
    calls.analyst(stage)
    calls.put_policy(stage, calls.EVERY_MODEL)
    return _swept(stage, calls.IAM_REGION, "iam-policy")


def _swept(stage: Stage, region: str, *kinds: str) -> Any:
    forget_events(stage)
    stage.clock.advance(3)
    asked = {"accounts": [stage.member], "regions": [region], "kinds": list(kinds)}
    return stage.invoke("sweep", asked).error_type, findings(stage), blind(stage)


def _named(text: str) -> dict[str, str]:
    return {"PolicyName": "models", "PolicyDocument": text}


def _narrowed(stage: Stage, put: Callable[[str], Any]) -> Any:
    put(EVERYTHING)
    settle(stage)
    put(ONE)
    settle(stage)
    return findings(stage), blind(stage)


ARTIFACT, WILDCARD = "agent_artifact_foreign", calls.WILDCARD
READING = (
    Scenario(
        "a runtime is read after its events",
        runtime,
        ({f"{ARTIFACT} RESOLVED": 1}, []),
        ("ReadRole.BedrockAgentcore4",),
    ),
    Scenario(
        "a harness is read after its events",
        harness,
        ({f"{ARTIFACT} RESOLVED": 1}, []),
        ("ReadRole.BedrockAgentcore3",),
    ),
    Scenario(
        "the resource policy of an agent is read once it asks for no token",
        resource_policies,
        ({"inbound_jwt_removed OPEN": 2}, [2, 4], []),
        (),
    ),
    Scenario(
        "a gap about a gateway is closed when the gateway is gone",
        blind_spot,
        (["ListGatewayTargets"], []),
        ("EvaluateRole.OpenGaps",),
    ),
    Scenario(
        "the buckets of an account are known",
        buckets,
        ({}, []),
        ("ReadRole.S31",),
    ),
    Scenario(
        "a trail is read after its events",
        trails,
        ({"trail_stopped RESOLVED": 1}, []),
        ("ReadRole.Cloudtrail1", "ReadRole.Cloudtrail2"),
    ),
    Scenario(
        "a managed policy is read after its events",
        managed_policy,
        ({f"{WILDCARD} RESOLVED": 1}, []),
        ("ReadRole.Iam2",),
    ),
    Scenario(
        "the policy of a group is read after its events",
        group_policy,
        ({f"{WILDCARD} RESOLVED": 1}, []),
        ("ReadRole.Iam3",),
    ),
    Scenario(
        "the policy of a user is read after its events",
        user_policy,
        ({f"{WILDCARD} RESOLVED": 1}, []),
        ("ReadRole.Iam5",),
    ),
    Scenario(
        "a role and its policies are read after their events",
        role,
        ({"agent_trust_unscoped OPEN": 1, f"{WILDCARD} RESOLVED": 1}, []),
        ("ReadRole.Iam4",),
    ),
    Scenario(
        "a sweep lists agents",
        swept_agents,
        (None, {f"{ARTIFACT} OPEN": 3}, []),
        ("ReadRole.BedrockAgentcore1",),
    ),
    Scenario(
        "a sweep lists policies",
        swept_roles,
        (None, {f"{WILDCARD} OPEN": 1}, []),
        ("ReadRole.Iam1",),
    ),
)
