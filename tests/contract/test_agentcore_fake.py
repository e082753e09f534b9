"""The AgentCore fake, through boto3: true to the service model, and to what is known of updates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from embedded_account import agentcore
from embedded_account.agentcore.beliefs import BELIEFS
from embedded_account.agentcore.shapes import CONTROL, violations
from embedded_account.service_models import service_model
from moto import mock_aws

REGION = "eu-central-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agent"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ARTIFACT = {
    "containerConfiguration": {"containerUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/a:1"}
}
DISCOVERY = "https://idp.example.com/.well-known/openid-configuration"
JWT = {"customJWTAuthorizer": {"discoveryUrl": DISCOVERY, "allowedClients": ["client"]}}
TARGET = {"mcp": {"mcpServer": {"endpoint": "https://tools.example.com/mcp"}}}

# Patterns of botocore 1.44.5 that the service's own ARNs cannot match (see beliefs).
DEFECTIVE_SHAPES = {
    "ApiKeyCredentialProviderArnType": "acps",
    "CredentialProviderArnType": "acps",
    "PaymentManagerArn": "arn:(-[^:]+)?:",
}

# Optional in requests, but required and not empty in answers (see beliefs).
EMPTY_WHERE_NOTHING_WAS_SENT = "CredentialProviderConfigurations"

Client = Any


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[agentcore.AgentCore]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    running = agentcore.install()
    with mock_aws():
        yield running
    running.reset()


@pytest.fixture
def control(fake: agentcore.AgentCore) -> Client:
    return boto3.client(CONTROL, region_name=REGION)


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def runtime_of(control: Client, name: str = "agent", **members: Any) -> Any:
    return control.create_agent_runtime(
        agentRuntimeName=name, agentRuntimeArtifact=ARTIFACT, roleArn=ROLE, **members
    )


def gateway_of(control: Client, name: str = "tools", **members: Any) -> Any:
    return control.create_gateway(
        name=name, roleArn=ROLE, **{"authorizerType": "AWS_IAM", **members}
    )


# --- The self-check ---------------------------------------------------------------------------


def tour(control: Client) -> None:
    """Call every simulated operation of the control plane at least once."""
    runtime = runtime_of(
        control,
        networkConfiguration={"networkMode": "PUBLIC"},
        environmentVariables={"A": "b"},
        authorizerConfiguration=JWT,
        tags={"a": "b"},
    )
    runtime_id = runtime["agentRuntimeId"]
    control.list_agent_runtimes()
    control.update_agent_runtime(
        agentRuntimeId=runtime_id, agentRuntimeArtifact=ARTIFACT, roleArn=ROLE
    )
    control.get_agent_runtime(agentRuntimeId=runtime_id)
    control.list_agent_runtime_versions(agentRuntimeId=runtime_id)
    endpoint = {"agentRuntimeId": runtime_id, "endpointName": "live"}
    control.create_agent_runtime_endpoint(agentRuntimeId=runtime_id, name="live")
    control.update_agent_runtime_endpoint(**endpoint, agentRuntimeVersion="1")
    control.get_agent_runtime_endpoint(**endpoint)
    control.list_agent_runtime_endpoints(agentRuntimeId=runtime_id)
    policy = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "*",
        "Resource": runtime["agentRuntimeArn"],
    }
    control.put_resource_policy(
        resourceArn=runtime["agentRuntimeArn"],
        policy=json.dumps({"Version": "2012-10-17", "Statement": policy}),
    )
    control.get_resource_policy(resourceArn=runtime["agentRuntimeArn"])
    control.delete_resource_policy(resourceArn=runtime["agentRuntimeArn"])
    control.tag_resource(resourceArn=runtime["agentRuntimeArn"], tags={"c": "d"})
    control.untag_resource(resourceArn=runtime["agentRuntimeArn"], tagKeys=["a"])
    control.list_tags_for_resource(resourceArn=runtime["agentRuntimeArn"])
    control.delete_agent_runtime_endpoint(**endpoint)
    control.delete_agent_runtime(agentRuntimeId=runtime_id)
    tour_gateways(control)
    tour_harnesses(control)
    tour_tools_and_memories(control)
    tour_identities(control)


def tour_gateways(control: Client) -> None:
    engine = control.create_policy_engine(name="engine", description="d")
    engine_id = engine["policyEngineId"]
    statement = "forbid(principal, action, resource);"
    policy = control.create_policy(
        policyEngineId=engine_id, name="deny", definition={"cedar": {"statement": statement}}
    )
    policy_key = {"policyEngineId": engine_id, "policyId": policy["policyId"]}
    control.update_policy(**policy_key, enforcementMode="LOG_ONLY")
    control.update_policy_engine(policyEngineId=engine_id, description={"optionalValue": "e"})
    control.get_policy(**policy_key)
    control.get_policy_summary(**policy_key)
    control.list_policies(policyEngineId=engine_id)
    control.list_policy_summaries(policyEngineId=engine_id)
    control.get_policy_engine(policyEngineId=engine_id)
    control.get_policy_engine_summary(policyEngineId=engine_id)
    control.list_policy_engines()
    control.list_policy_engine_summaries()
    gateway = gateway_of(control, authorizerType="CUSTOM_JWT", authorizerConfiguration=JWT)
    gateway_id = gateway["gatewayId"]
    control.update_gateway(
        gatewayIdentifier=gateway_id,
        name="tools",
        roleArn=ROLE,
        authorizerType="CUSTOM_JWT",
        authorizerConfiguration=JWT,
        policyEngineConfiguration={"arn": engine["policyEngineArn"], "mode": "ENFORCE"},
    )
    control.get_gateway(gatewayIdentifier=gateway_id)
    control.list_gateways()
    target = control.create_gateway_target(
        gatewayIdentifier=gateway_id, name="mcp", targetConfiguration=TARGET
    )
    target_key = {"gatewayIdentifier": gateway_id, "targetId": target["targetId"]}
    control.update_gateway_target(**target_key, targetConfiguration=TARGET)
    control.synchronize_gateway_targets(
        gatewayIdentifier=gateway_id, targetIdList=[target["targetId"]]
    )
    control.get_gateway_target(**target_key)
    control.list_gateway_targets(gatewayIdentifier=gateway_id)
    control.delete_gateway_target(**target_key)
    control.delete_gateway(gatewayIdentifier=gateway_id)
    control.delete_policy(**policy_key)
    control.delete_policy_engine(policyEngineId=engine_id)


def tour_harnesses(control: Client) -> None:
    created = control.create_harness(harnessName="h", executionRoleArn=ROLE)
    harness_id = created["harness"]["harnessId"]
    control.update_harness(harnessId=harness_id, maxIterations=3)
    control.get_harness(harnessId=harness_id)
    control.list_harnesses()
    control.list_harness_versions(harnessId=harness_id)
    endpoint = {"harnessId": harness_id, "endpointName": "live"}
    control.create_harness_endpoint(**endpoint)
    control.update_harness_endpoint(**endpoint, targetVersion="1")
    control.get_harness_endpoint(**endpoint)
    control.list_harness_endpoints(harnessId=harness_id)
    control.delete_harness_endpoint(**endpoint)
    control.delete_harness(harnessId=harness_id)


def tour_tools_and_memories(control: Client) -> None:
    browser = control.create_browser(name="b", networkConfiguration={"networkMode": "PUBLIC"})
    control.get_browser(browserId=browser["browserId"])
    control.list_browsers()
    control.delete_browser(browserId=browser["browserId"])
    code = control.create_code_interpreter(
        name="c", networkConfiguration={"networkMode": "SANDBOX"}
    )
    control.get_code_interpreter(codeInterpreterId=code["codeInterpreterId"])
    control.list_code_interpreters()
    control.delete_code_interpreter(codeInterpreterId=code["codeInterpreterId"])
    strategy = {"semanticMemoryStrategy": {"name": "facts", "namespaces": ["/a/"]}}
    memory = control.create_memory(name="m", eventExpiryDuration=30, memoryStrategies=[strategy])
    memory_id = memory["memory"]["id"]
    control.update_memory(memoryId=memory_id, eventExpiryDuration=60)
    control.get_memory(memoryId=memory_id)
    control.list_memories()
    control.delete_memory(memoryId=memory_id)


def tour_identities(control: Client) -> None:
    control.create_workload_identity(name="identity")
    control.update_workload_identity(
        name="identity", allowedResourceOauth2ReturnUrls=["https://app.example.com/back"]
    )
    control.get_workload_identity(name="identity")
    control.list_workload_identities()
    control.delete_workload_identity(name="identity")
    control.create_api_key_credential_provider(name="key", apiKey="secret")
    control.update_api_key_credential_provider(name="key", apiKey="other")
    control.get_api_key_credential_provider(name="key")
    control.list_api_key_credential_providers()
    control.delete_api_key_credential_provider(name="key")
    oauth = {
        "name": "oauth",
        "credentialProviderVendor": "GithubOauth2",
        "oauth2ProviderConfigInput": {
            "githubOauth2ProviderConfig": {"clientId": "id", "clientSecret": "secret"}
        },
    }
    control.create_oauth2_credential_provider(**oauth)
    control.update_oauth2_credential_provider(**oauth)
    control.get_oauth2_credential_provider(name="oauth")
    control.list_oauth2_credential_providers()
    control.delete_oauth2_credential_provider(name="oauth")
    control.set_token_vault_cmk(
        kmsConfiguration={"keyType": "CustomerManagedKey", "kmsKeyArn": KEY}
    )
    control.get_token_vault()
    control.reset_token_vault_key_material(tokenVaultId="default")
    registry = control.create_registry(name="registry")["registryArn"].rsplit("/", 1)[-1]
    control.update_registry(registryId=registry, description={"optionalValue": "d"})
    control.get_registry(registryId=registry)
    control.list_registries()
    control.delete_registry(registryId=registry)
    manager = control.create_payment_manager(name="pay", authorizerType="AWS_IAM", roleArn=ROLE)
    manager_id = manager["paymentManagerId"]
    control.update_payment_manager(paymentManagerId=manager_id, description="d")
    control.get_payment_manager(paymentManagerId=manager_id)
    control.list_payment_managers()
    control.delete_payment_manager(paymentManagerId=manager_id)


@pytest.mark.parametrize("slow", [False, True])
def test_every_answer_of_every_operation_is_what_the_service_model_says(
    fake: agentcore.AgentCore, control: Client, slow: bool
) -> None:
    found: list[str] = []
    covered: set[str] = set()

    def check(model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        covered.add(model.name)
        assert response_dict["status_code"] == model.http["responseCode"], model.name
        answer = json.loads(response_dict["body"] or b"{}")
        found.extend(
            f"{model.name}: {violation}"
            for violation in violations(model.output_shape, answer)
            if violation.shape not in DEFECTIVE_SHAPES
            and (violation.shape, violation.value) != (EMPTY_WHERE_NOTHING_WAS_SENT, [])
        )

    events = control.meta.events
    events.register(
        f"before-parse.{CONTROL}", lambda operation_model, **rest: check(operation_model, **rest)
    )
    if slow:
        # Each look at the clock takes longer than a change does.
        fake.settle, times = 1.0, iter(range(10_000))
        start = datetime(2026, 1, 1, tzinfo=UTC)
        fake.now = lambda: start + timedelta(seconds=2 * next(times))
    tour(control)
    assert not found, "\n".join(found)
    assert covered == agentcore.SIMULATED_CONTROL_OPERATIONS
    assert len(covered) >= 90


def test_the_service_model_is_still_wrong_where_the_self_check_looks_away() -> None:
    for name, fault in DEFECTIVE_SHAPES.items():
        assert fault in service_model(CONTROL).shape_for(name).metadata["pattern"]


def test_every_operation_that_is_not_simulated_answers_501_with_its_name(control: Client) -> None:
    others = set(service_model(CONTROL).operation_names) - agentcore.SIMULATED_CONTROL_OPERATIONS
    assert {"CreateEvaluator", "ListConsentPortals"} <= others
    with pytest.raises(ClientError) as caught:
        control.list_evaluators()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "ListEvaluators" in caught.value.response["Error"]["Message"]


def test_a_data_plane_operation_that_is_not_simulated_answers_501(
    fake: agentcore.AgentCore,
) -> None:
    data = boto3.client("bedrock-agentcore", region_name=REGION)
    code, message = refused(lambda: data.list_sessions(memoryId="m-1234567890", actorId="a"))
    assert (code, "ListSessions" in message) == ("NotImplementedException", True)


def test_every_belief_names_its_source_and_none_claims_to_be_tried_live() -> None:
    assert all(belief.statement and belief.source for belief in BELIEFS)
    assert not any(belief.tried_live for belief in BELIEFS)


# --- Requests ---------------------------------------------------------------------------------


def test_values_outside_the_model_are_refused_and_each_is_named(control: Client) -> None:
    code, message = refused(
        lambda: control.create_gateway(name="bad name!", roleArn="x", authorizerType="OPEN")
    )
    assert code == "ValidationException"
    assert message.startswith("3 validation errors detected")
    assert all(f"at '{member}'" in message for member in ("name", "roleArn", "authorizerType"))


def test_a_sensitive_value_is_not_repeated_in_the_refusal(control: Client) -> None:
    code, message = refused(lambda: gateway_of(control, description="s3cret" * 100))
    assert code == "ValidationException"
    assert "s3cret" not in message


def test_a_body_that_is_not_json_is_refused(control: Client) -> None:
    def break_body(request: Any, **_: Any) -> None:
        request.data = b"{"

    control.meta.events.register("before-sign", break_body)
    code, _ = refused(lambda: gateway_of(control))
    assert code == "ValidationException"


def test_a_second_resource_of_the_same_name_is_a_conflict(control: Client) -> None:
    gateway_of(control)
    assert refused(lambda: gateway_of(control))[0] == "ConflictException"


def test_the_same_client_token_gives_the_same_answer_and_makes_one_resource(
    control: Client,
) -> None:
    token = "t" * 33
    first = gateway_of(control, clientToken=token)
    second = gateway_of(control, clientToken=token)
    assert first["gatewayId"] == second["gatewayId"]
    assert len(control.list_gateways()["items"]) == 1
    code, _ = refused(lambda: gateway_of(control, name="other", clientToken=token))
    assert code == "ConflictException"


def test_lists_are_paged_and_the_paginator_sees_everything_once(control: Client) -> None:
    names = {f"gateway{number}" for number in range(7)}
    for name in names:
        gateway_of(control, name=name)
    first = control.list_gateways(maxResults=3)
    assert len(first["items"]) == 3
    pages = control.get_paginator("list_gateways").paginate(PaginationConfig={"PageSize": 3})
    seen = [item["name"] for page in pages for item in page["items"]]
    assert (len(seen), set(seen)) == (7, names)
    assert refused(lambda: control.list_gateways(nextToken="!!"))[0] == "ValidationException"


def test_accounts_and_regions_do_not_see_each_other(control: Client) -> None:
    gateway_of(control)
    elsewhere = boto3.client(CONTROL, region_name="us-east-1")
    assert elsewhere.list_gateways()["items"] == []


def test_an_absent_resource_is_not_found(control: Client) -> None:
    code, _ = refused(lambda: control.get_gateway(gatewayIdentifier="none-1234567890"))
    assert code == "ResourceNotFoundException"


def test_a_jwt_authorizer_that_pins_nothing_is_refused(control: Client) -> None:
    loose = {"customJWTAuthorizer": {"discoveryUrl": DISCOVERY}}
    for call in (
        lambda: runtime_of(control, authorizerConfiguration=loose),
        lambda: gateway_of(control, authorizerType="CUSTOM_JWT", authorizerConfiguration=loose),
    ):
        assert refused(call)[0] == "ValidationException"


# --- Updates (facts 1.11) ---------------------------------------------------------------------


def test_updating_a_runtime_resets_every_member_that_is_omitted(
    fake: agentcore.AgentCore, control: Client
) -> None:
    network = {
        "networkMode": "VPC",
        "networkModeConfig": {"securityGroups": ["sg-12345678"], "subnets": ["subnet-12345678"]},
    }
    runtime = runtime_of(
        control,
        networkConfiguration=network,
        authorizerConfiguration=JWT,
        environmentVariables={"A": "b"},
    )
    control.update_agent_runtime(
        agentRuntimeId=runtime["agentRuntimeId"], agentRuntimeArtifact=ARTIFACT, roleArn=ROLE
    )
    now = control.get_agent_runtime(agentRuntimeId=runtime["agentRuntimeId"])
    assert now["networkConfiguration"] == {"networkMode": "PUBLIC"}
    assert not {"authorizerConfiguration", "environmentVariables"} & set(now)
    assert now["agentRuntimeVersion"] == "2"


def test_a_former_version_of_a_runtime_stays_readable_and_unchanged(control: Client) -> None:
    runtime = runtime_of(control, authorizerConfiguration=JWT)
    key = {"agentRuntimeId": runtime["agentRuntimeId"]}
    control.update_agent_runtime(**key, agentRuntimeArtifact=ARTIFACT, roleArn=ROLE)
    former = control.get_agent_runtime(**key, agentRuntimeVersion="1")
    assert former["authorizerConfiguration"] == JWT
    versions = control.list_agent_runtime_versions(**key)["agentRuntimes"]
    assert [version["agentRuntimeVersion"] for version in versions] == ["2", "1"]


def test_the_default_endpoint_moves_to_the_newest_version_and_named_ones_stay(
    control: Client,
) -> None:
    key = {"agentRuntimeId": runtime_of(control)["agentRuntimeId"]}
    control.create_agent_runtime_endpoint(**key, name="pinned")
    control.update_agent_runtime(**key, agentRuntimeArtifact=ARTIFACT, roleArn=ROLE)
    endpoints = control.list_agent_runtime_endpoints(**key)["runtimeEndpoints"]
    assert {e["name"]: e["liveVersion"] for e in endpoints} == {"DEFAULT": "2", "pinned": "1"}


def test_a_version_that_an_endpoint_serves_cannot_be_deleted(control: Client) -> None:
    key = {"agentRuntimeId": runtime_of(control)["agentRuntimeId"]}
    control.create_agent_runtime_endpoint(**key, name="pinned")
    control.update_agent_runtime(**key, agentRuntimeArtifact=ARTIFACT, roleArn=ROLE)
    deletion = {**key, "agentRuntimeVersion": "1"}
    assert refused(lambda: control.delete_agent_runtime(**deletion))[0] == "ConflictException"
    control.update_agent_runtime_endpoint(**key, endpointName="pinned", agentRuntimeVersion="2")
    control.delete_agent_runtime(**deletion)
    code, _ = refused(lambda: control.get_agent_runtime(**deletion))
    assert code == "ResourceNotFoundException"


def test_updating_a_gateway_without_its_policy_engine_removes_it(control: Client) -> None:
    engine = control.create_policy_engine(name="engine")["policyEngineArn"]
    guard = {"arn": engine, "mode": "ENFORCE"}
    created = gateway_of(control, exceptionLevel="DEBUG", policyEngineConfiguration=guard)
    key = {"gatewayIdentifier": created["gatewayId"]}
    control.update_gateway(**key, name="tools", roleArn=ROLE, authorizerType="AWS_IAM")
    assert not {"policyEngineConfiguration", "exceptionLevel"} & set(control.get_gateway(**key))


def test_the_authorizer_type_of_a_gateway_cannot_be_changed(control: Client) -> None:
    key = {"gatewayIdentifier": gateway_of(control, authorizerType="NONE")["gatewayId"]}
    update = {**key, "name": "tools", "roleArn": ROLE, "authorizerType": "AWS_IAM"}
    assert refused(lambda: control.update_gateway(**update)) == (
        "ValidationException",
        "Authorizer type cannot be updated for an existing gateway",
    )


def test_a_gateway_cannot_be_renamed_or_given_a_policy_engine_that_does_not_exist(
    control: Client,
) -> None:
    key = {"gatewayIdentifier": gateway_of(control)["gatewayId"]}
    same = {**key, "roleArn": ROLE, "authorizerType": "AWS_IAM"}
    assert refused(lambda: control.update_gateway(**same, name="x"))[0] == "ValidationException"
    absent = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:policy-engine/e-1234567890"
    guard = {"arn": absent, "mode": "ENFORCE"}
    code, message = refused(
        lambda: control.update_gateway(**same, name="tools", policyEngineConfiguration=guard)
    )
    assert code == "ValidationException"
    assert absent in message


def test_updating_a_harness_keeps_what_is_omitted_and_an_empty_wrapper_clears(
    control: Client,
) -> None:
    created = control.create_harness(
        harnessName="h", executionRoleArn=ROLE, authorizerConfiguration=JWT, maxIterations=5
    )
    key = {"harnessId": created["harness"]["harnessId"]}
    control.update_harness(**key, maxTokens=100)
    kept = control.get_harness(**key)["harness"]
    assert (kept["authorizerConfiguration"], kept["maxIterations"]) == (JWT, 5)
    control.update_harness(**key, authorizerConfiguration={})
    assert "authorizerConfiguration" not in control.get_harness(**key)["harness"]
    former = control.get_harness(**key, harnessVersion="2")["harness"]
    assert former["authorizerConfiguration"] == JWT


def test_the_runtime_of_a_harness_follows_it_and_cannot_be_updated_by_itself(
    control: Client,
) -> None:
    created = control.create_harness(
        harnessName="h", executionRoleArn=ROLE, authorizerConfiguration=JWT
    )["harness"]
    runtime = created["environment"]["agentCoreRuntimeEnvironment"]["agentRuntimeId"]
    key = {"agentRuntimeId": runtime}
    assert control.get_agent_runtime(**key)["authorizerConfiguration"] == JWT
    control.update_harness(harnessId=created["harnessId"], authorizerConfiguration={})
    assert "authorizerConfiguration" not in control.get_agent_runtime(**key)
    update = {**key, "agentRuntimeArtifact": ARTIFACT, "roleArn": ROLE}
    assert refused(lambda: control.update_agent_runtime(**update))[0] == "ValidationException"


def test_a_harness_whose_runtime_cannot_be_made_is_not_made_either(control: Client) -> None:
    runtime_of(control, name="harness_h")
    create = {"harnessName": "h", "executionRoleArn": ROLE}
    assert refused(lambda: control.create_harness(**create))[0] == "ConflictException"
    assert control.list_harnesses()["harnesses"] == []


def test_updating_a_memory_changes_strategies_only_as_listed(control: Client) -> None:
    strategy = {"semanticMemoryStrategy": {"name": "facts"}}
    memory = control.create_memory(
        name="m", eventExpiryDuration=30, description="d", memoryStrategies=[strategy]
    )["memory"]
    control.update_memory(
        memoryId=memory["id"],
        memoryStrategies={"addMemoryStrategies": [{"summaryMemoryStrategy": {"name": "short"}}]},
    )
    now = control.get_memory(memoryId=memory["id"])["memory"]
    assert [s["type"] for s in now["strategies"]] == ["SEMANTIC", "SUMMARIZATION"]
    assert now["eventExpiryDuration"] == 30
    assert "description" not in now


def test_a_workload_identity_without_return_urls_in_the_update_has_none(control: Client) -> None:
    url = "https://app.example.com/back"
    control.create_workload_identity(name="identity", allowedResourceOauth2ReturnUrls=[url])
    control.update_workload_identity(name="identity")
    now = control.get_workload_identity(name="identity")
    assert now.get("allowedResourceOauth2ReturnUrls", []) == []


def test_a_gateway_with_targets_and_an_engine_in_use_cannot_be_deleted(control: Client) -> None:
    engine = control.create_policy_engine(name="engine")
    guard = {"arn": engine["policyEngineArn"], "mode": "ENFORCE"}
    key = {"gatewayIdentifier": gateway_of(control, policyEngineConfiguration=guard)["gatewayId"]}
    target = control.create_gateway_target(**key, name="t", targetConfiguration=TARGET)
    code, message = refused(lambda: control.delete_gateway(**key))
    assert (code, "has targets associated with it" in message) == ("ValidationException", True)
    engine_key = {"policyEngineId": engine["policyEngineId"]}
    assert refused(lambda: control.delete_policy_engine(**engine_key))[0] == "ConflictException"
    control.delete_gateway_target(**key, targetId=target["targetId"])
    control.delete_gateway(**key)
    control.delete_policy_engine(**engine_key)
    assert control.list_gateways()["items"] == []


def test_secrets_are_neither_stored_nor_answered(
    fake: agentcore.AgentCore, control: Client
) -> None:
    created = control.create_api_key_credential_provider(name="key", apiKey="hunter2-secret")
    stored = fake.raw(created["credentialProviderArn"])
    assert "hunter2-secret" not in json.dumps([stored, created], default=str)


# --- Settling, planted members, stale reads ---------------------------------------------------


def test_changes_settle_after_the_time_that_was_set_and_are_refused_until_then(
    fake: agentcore.AgentCore, control: Client
) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    fake.settle, fake.now = 10.0, lambda: now
    created = gateway_of(control)
    key = {"gatewayIdentifier": created["gatewayId"]}
    update = {**key, "name": "tools", "roleArn": ROLE, "authorizerType": "AWS_IAM"}
    assert created["status"] == control.get_gateway(**key)["status"] == "CREATING"
    assert refused(lambda: control.update_gateway(**update))[0] == "ConflictException"
    now += timedelta(seconds=10)
    assert control.get_gateway(**key)["status"] == "READY"
    assert control.update_gateway(**update)["status"] == "UPDATING"
    assert refused(lambda: control.update_gateway(**update))[0] == "ConflictException"
    assert refused(lambda: control.delete_gateway(**key))[0] == "ConflictException"
    now += timedelta(seconds=10)
    assert control.delete_gateway(**key)["status"] == "DELETING"
    assert control.get_gateway(**key)["status"] == "DELETING"
    now += timedelta(seconds=10)
    assert refused(lambda: control.get_gateway(**key))[0] == "ResourceNotFoundException"


def test_without_settling_time_a_change_answers_in_progress_and_is_ready_at_once(
    control: Client,
) -> None:
    created = gateway_of(control)
    assert created["status"] == "CREATING"
    assert control.get_gateway(gatewayIdentifier=created["gatewayId"])["status"] == "READY"


def test_a_planted_member_that_botocore_does_not_know_is_in_the_raw_body_until_replaced(
    fake: agentcore.AgentCore, control: Client
) -> None:
    created = gateway_of(control)
    key = {"gatewayIdentifier": created["gatewayId"]}
    fake.plant(created["gatewayArn"], "shieldConfiguration.mode", "STRICT")
    bodies: list[Any] = []
    control.meta.events.register(
        "before-parse.bedrock-agentcore-control.GetGateway",
        lambda response_dict, **_: bodies.append(json.loads(response_dict["body"])),
    )
    assert "shieldConfiguration" not in control.get_gateway(**key)
    assert bodies[0]["shieldConfiguration"] == {"mode": "STRICT"}
    control.update_gateway(**key, name="tools", roleArn=ROLE, authorizerType="AWS_IAM")
    control.get_gateway(**key)
    assert "shieldConfiguration" not in bodies[1]
    assert "shieldConfiguration" not in fake.raw(created["gatewayArn"])


def test_a_read_may_be_answered_from_the_past(fake: agentcore.AgentCore, control: Client) -> None:
    created = gateway_of(control, description="first")
    key = {"gatewayIdentifier": created["gatewayId"]}
    same = {**key, "name": "tools", "roleArn": ROLE, "authorizerType": "AWS_IAM"}
    control.update_gateway(**same, description="second")
    fake.read_back = lambda arn: 1 if arn == created["gatewayArn"] else None
    assert control.get_gateway(**key)["description"] == "first"
    fake.read_back = lambda _: 2
    assert refused(lambda: control.get_gateway(**key))[0] == "ResourceNotFoundException"
    assert control.list_gateways()["items"] == []
    fake.read_back = None
    control.delete_gateway(**key)
    fake.read_back = lambda _: 1
    assert control.get_gateway(**key)["description"] == "second"


# --- Resource policies and the data plane -----------------------------------------------------


def test_a_resource_policy_must_name_exactly_its_resource(control: Client) -> None:
    arn = gateway_of(control)["gatewayArn"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    code, _ = refused(lambda: control.put_resource_policy(resourceArn=arn, policy=policy))
    assert code == "ValidationException"
    code, _ = refused(lambda: control.get_resource_policy(resourceArn=arn))
    assert code == "ResourceNotFoundException"


def test_a_command_streams_what_it_was_told_to_print_and_runs_nothing(
    fake: agentcore.AgentCore, control: Client
) -> None:
    data = boto3.client("bedrock-agentcore", region_name=REGION)
    arn = runtime_of(control)["agentRuntimeArn"]
    fake.run_command = lambda _, command: (f"ran {command}", "", 3)
    answer = data.invoke_agent_runtime_command(agentRuntimeArn=arn, body={"command": "id"})
    chunks = [event["chunk"] for event in answer["stream"]]
    assert chunks[1] == {"contentDelta": {"stdout": "ran id"}}
    assert chunks[2] == {"contentStop": {"exitCode": 3, "status": "COMPLETED"}}
    assert data.invoke_agent_runtime(agentRuntimeArn=arn, payload=b"{}")["statusCode"] == 200
    data.stop_runtime_session(agentRuntimeArn=arn, runtimeSessionId="s" * 33)


def test_a_runtime_without_mmdsv2_cannot_be_invoked(
    fake: agentcore.AgentCore, control: Client
) -> None:
    data = boto3.client("bedrock-agentcore", region_name=REGION)
    arn = runtime_of(control)["agentRuntimeArn"]
    fake.plant(arn, "metadataConfiguration", {"requireMMDSV2": False})
    code, _ = refused(lambda: data.invoke_agent_runtime(agentRuntimeArn=arn, payload=b"{}"))
    assert code == "ValidationException"


def test_ids_and_arns_carry_account_region_and_name(control: Client) -> None:
    arn = runtime_of(control, name="billing")["agentRuntimeArn"]
    assert re.fullmatch(
        rf"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/billing-[a-z0-9]{{10}}", arn
    )
