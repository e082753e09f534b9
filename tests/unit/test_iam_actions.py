"""Tests what is known of the actions against botocore's models and what AWS documents."""

from __future__ import annotations

import json
from pathlib import Path

import botocore.session
import pytest
from sentinel.iam import ACTIONS, Access
from sentinel.iam.actions import ALL, actions_in, matching

FACTS = Path(__file__).parents[3] / "shared" / "data" / "oracle" / "agentcore_facts.json"
BY_NAME = {action.name: action for action in ACTIONS}

AUTHORIZED_AS_ANOTHER_ACTION = {
    "bedrock:Converse",
    "bedrock:ConverseStream",
    "bedrock:InvokeModelWithBidirectionalStream",
    "bedrock:StartAsyncInvoke",
    "bedrock:RetrieveAndGenerateStream",
    "bedrock-agentcore:InvokeBrowser",
    "agent-registry:BatchGetDiscoverableRegistryRecord",
}
NEWER_THAN_THE_REFERENCE = {
    "bedrock:CreateVpcConfiguration",
    "bedrock:DeleteVpcConfiguration",
    "bedrock:GetVpcConfiguration",
    "bedrock:ListVpcConfigurations",
    "bedrock-agentcore:DeleteDatasetGeneration",
    "bedrock-agentcore:GetAgentInsight",
    "bedrock-agentcore:GetAgentInsightStore",
    "bedrock-agentcore:GetDatasetGeneration",
    "bedrock-agentcore:ListAgentInsights",
    "bedrock-agentcore:ListAgentInsightStores",
    "bedrock-agentcore:ListDatasetGenerations",
    "bedrock-agentcore:RotatePaymentConnectorCredentials",
    "bedrock-agentcore:StartDatasetGeneration",
    "bedrock-agentcore:UpdateAgentInsight",
    "bedrock-agentcore:UpdateAgentInsightStore",
}


def named(pattern: str) -> set[str]:
    return {action.name for action in actions_in(matching((pattern,)))}


def test_every_operation_of_botocore_is_an_action_or_known_to_be_none() -> None:
    session = botocore.session.get_session()
    operations = set()
    for service in session.get_available_services():
        if "bedrock" in service or service.startswith("agent-registry"):
            model = session.get_service_model(service)
            operations |= {f"{model.signing_name}:{name}" for name in model.operation_names}
    assert len(operations) > 500
    unknown = operations - BY_NAME.keys()
    assert unknown == AUTHORIZED_AS_ANOTHER_ACTION | NEWER_THAN_THE_REFERENCE, (
        "botocore changed: run `python -m sentinel_cli.action_reference`, then mend the two lists"
    )


def test_actions_that_only_a_star_can_grant_are_those_that_the_facts_list() -> None:
    if not FACTS.exists():
        pytest.skip(f"{FACTS} is absent: shared test data is not part of the repository")
    for service, names in json.loads(FACTS.read_text())[
        "actions_without_resource_level_support"
    ].items():
        only_star = {
            action.name
            for action in ACTIONS
            if action.name.startswith(f"{service}:") and not action.resource_types
        }
        newer = {"bedrock:ListRetrievalInstructions", "bedrock:CreateRetrievalInstruction"}
        assert only_star - newer == {f"{service}:{name}" for name in names}


@pytest.mark.parametrize(
    ("name", "access", "resource_type"),
    [
        ("bedrock:InvokeModel", Access.INVOKE, "bedrock:foundation-model"),
        ("bedrock:InvokeAgent", Access.INVOKE, "bedrock:agent-alias"),
        ("bedrock:GetAgent", Access.READ, "bedrock:agent"),
        ("bedrock:UpdateAgent", Access.WRITE, "bedrock:agent"),
        (
            "bedrock-agentcore:InvokeAgentRuntimeCommandShell",
            Access.INVOKE,
            "bedrock-agentcore:runtime",
        ),
        ("bedrock-agentcore:InvokeGateway", Access.INVOKE, "bedrock-agentcore:gateway"),
        ("bedrock-agentcore:UpdateGateway", Access.WRITE, "bedrock-agentcore:gateway"),
        ("bedrock-mantle:CreateInference", Access.INVOKE, "bedrock-mantle:project"),
    ],
)
def test_an_action_has_its_access_and_types(name: str, access: Access, resource_type: str) -> None:
    assert BY_NAME[name].access is access
    assert resource_type in BY_NAME[name].resource_types


@pytest.mark.parametrize("pattern", ["bedrock:InvokeModel", "BEDROCK:INVOKEMODEL"])
def test_an_action_is_named_in_any_case(pattern: str) -> None:
    assert named(pattern) == {"bedrock:InvokeModel"}


def test_wildcards_stand_in_service_and_name() -> None:
    assert named("b*:InvokeAgentRuntimeC?mmand") == {"bedrock-agentcore:InvokeAgentRuntimeCommand"}
    assert matching(("*",)) == ALL
    assert named("bedrock:*") == {name for name in BY_NAME if name.startswith("bedrock:")}
    assert len(named("*:" + "*" * 5_000)) == len(ACTIONS)


@pytest.mark.parametrize(
    "pattern",
    [
        "bedrockx:InvokeModel",
        "bedrock:\uff0a",
        "bedroc\u212a:InvokeModel",
        "bedrock-agent:InvokeAgent",
        "bedrock:FlyToTheMoon",
        "s3:" + "*a" * 40 + "b",
        "",
    ],
)
def test_a_lookalike_names_nothing(pattern: str) -> None:
    assert matching((pattern,)) == 0
