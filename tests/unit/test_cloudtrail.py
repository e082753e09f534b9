"""From an event to its subjects: what is opened, what is refused, and what each call tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel import catalog, cloudtrail
from sentinel.record import Skip, Unreadable
from sentinel.seen import NotKnown
from sentinel.subject import Activity, Effect, Resource
from sentinel.subjects import (
    AgentRuntime,
    CommandRun,
    Gateway,
    Harness,
    IamPolicy,
    IamTrust,
    ResourcePolicy,
    Trail,
)

from tests.unit.worlds import ACCOUNT, REGION, detail, event, recorded, seen_in

EVENTS = Path(__file__).parent.parent.parent / "events"

GATEWAY = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/orders-a1b2c3d4e5"
IAM: dict[str, Any] = {"eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1"}
TRAIL: dict[str, Any] = {"eventSource": "cloudtrail.amazonaws.com"}
CREATED = {"gatewayArn": GATEWAY, "gatewayId": "orders-a1b2c3d4e5"}


def refused(document: dict[str, Any]) -> Skip:
    with pytest.raises(Unreadable) as caught:
        cloudtrail.sightings(cloudtrail.opened(document))
    return caught.value.skip


def key(kind: Any, name: str, request: Any = None, response: Any = None, **more: Any) -> str | None:
    identity = kind.identify(recorded(name, request, response, **more))
    return identity.key if identity else None


def test_an_event_and_a_bare_record_open_to_the_same() -> None:
    assert cloudtrail.opened(event("CreateGateway", {})) == cloudtrail.opened(
        detail("CreateGateway", {})
    )


@pytest.mark.parametrize(
    "member, value",
    [
        ("account", "111122223333"),
        ("account", None),
        ("region", "us-west-2"),
        ("source", "aws.iam"),
        ("source", "bedrock-agentcore"),
        ("detail-type", "AWS Console Action via CloudTrail"),
    ],
)
def test_an_envelope_that_contradicts_its_record_is_inconsistent(member: str, value: Any) -> None:
    assert refused(event("CreateGateway", {}) | {member: value}) is Skip.INCONSISTENT


def test_a_record_that_is_no_call_is_inconsistent_with_the_type_of_a_call() -> None:
    assert refused(event("CreateGateway", {}, eventType="AwsServiceEvent")) is Skip.INCONSISTENT


@pytest.mark.parametrize("detail_type", ["Scheduled Event", "", None, [], {}])
def test_another_detail_type_is_no_record(detail_type: Any) -> None:
    assert refused(event("CreateGateway", {}) | {"detail-type": detail_type}) is Skip.NOT_A_RECORD


def test_an_envelope_without_detail_is_no_record() -> None:
    assert refused({"detail-type": "AWS API Call via CloudTrail"}) is Skip.NOT_A_RECORD


def test_a_failed_call_changed_nothing() -> None:
    assert refused(event("CreateGateway", {}, errorCode="AccessDenied")) is Skip.FAILED_CALL


@pytest.mark.parametrize(
    "name, source",
    [
        ("CreateGateway", "ecs.amazonaws.com"),
        ("CreateGateway", "iotsitewise.amazonaws.com"),
        ("CreatePolicy", "bedrock-agentcore.amazonaws.com"),
        ("PutResourcePolicy", "lambda.amazonaws.com"),
        ("ListGateways", "bedrock-agentcore.amazonaws.com"),
    ],
)
def test_a_call_of_the_same_name_elsewhere_is_unwatched(name: str, source: str) -> None:
    assert refused(event(name, {}, eventSource=source)) is Skip.UNWATCHED
    assert not cloudtrail.is_watched(recorded(name, {}, eventSource=source))


def test_a_call_that_names_nothing_has_no_subject() -> None:
    assert refused(event("UpdateGateway", {"name": "***"})) is Skip.NO_SUBJECT


@given(
    st.sampled_from(
        [(source, name) for source, names in catalog.watched().items() for name in names]
    ),
    st.dictionaries(
        st.sampled_from(
            [
                *("gatewayIdentifier", "agentRuntimeId", "agentRuntimeArn", "harnessId"),
                *("roleName", "policyArn", "policyName", "policyDocument"),
                *("name", "resourceArn", "targetId"),
            ]
        ),
        st.one_of(st.none(), st.integers(), st.text(max_size=30), st.just({}), st.just([])),
    ),
    st.one_of(
        st.none(),
        st.text(max_size=5),
        st.dictionaries(
            st.sampled_from(["harness", "policy", "targetId", "gatewayArn"]),
            st.one_of(st.none(), st.text(max_size=9), st.just({"arn": 7}), st.just([])),
        ),
    ),
)
def test_no_hostile_call_raises_anything_but_unreadable(
    call: tuple[str, str], request_parameters: dict[str, Any], response: Any
) -> None:
    source, name = call
    try:
        seen = cloudtrail.sightings(
            recorded(name, request_parameters, response, eventSource=source)
        )
    except Unreadable as error:
        assert error.skip is Skip.NO_SUBJECT
        return
    assert seen


def test_a_create_is_the_whole_state() -> None:
    gateway = seen_in(Gateway, recorded("CreateGateway", {"authorizerType": "NONE"}, CREATED))
    assert gateway.complete
    assert gateway.policy_engine_configuration is None
    assert gateway.key == GATEWAY


def test_a_create_over_100_kb_tells_only_its_answer() -> None:
    gateway = seen_in(Gateway, recorded("CreateGateway", None, CREATED | {"authorizerType": "X"}))
    assert gateway.authorizer_type == "X"
    with pytest.raises(NotKnown):
        _ = gateway.policy_engine_configuration


def test_a_patch_is_a_part_of_the_state() -> None:
    harness = seen_in(Harness, recorded("UpdateHarness", {"harnessId": "h-1"}))
    with pytest.raises(NotKnown):
        _ = harness.authorizer_configuration


@pytest.mark.parametrize("cleared", [{}, {"optionalValue": None}])
def test_an_empty_wrapper_of_a_harness_update_clears(cleared: dict[str, Any]) -> None:
    found = recorded("UpdateHarness", {"harnessId": "h-1", "authorizerConfiguration": cleared})
    assert seen_in(Harness, found).authorizer_configuration is None


def test_a_null_in_a_harness_update_is_unchanged_so_unseen() -> None:
    found = recorded("UpdateHarness", {"harnessId": "h-1", "authorizerConfiguration": None})
    with pytest.raises(NotKnown):
        _ = seen_in(Harness, found).authorizer_configuration


def test_a_wrapped_harness_member_is_unwrapped() -> None:
    wrapped = {"optionalValue": {"containerConfiguration": {"containerUri": "x/y"}}}
    found = recorded("UpdateHarness", {"harnessId": "h-1", "environmentArtifact": wrapped})
    artifact = seen_in(Harness, found).environment_artifact
    assert artifact.container_configuration.container_uri == "x/y"


def test_a_touching_call_tells_that_something_changed_and_nothing_else() -> None:
    found = recorded("UpdateTrail", {"name": "audit"}, **TRAIL)
    with pytest.raises(NotKnown):
        _ = seen_in(Trail, found).is_logging


def test_a_delete_has_no_subject_left() -> None:
    (sighting,) = cloudtrail.sightings(
        recorded("DeleteGateway", {"gatewayIdentifier": "orders-a1b2c3d4e5"})
    )
    assert (sighting.kind, sighting.identity.key, sighting.subject) == (Gateway, GATEWAY, None)


@pytest.mark.parametrize("name", ["CreateGatewayTarget", "UpdateGatewayTarget"])
def test_a_change_of_a_child_touches_its_parent(name: str) -> None:
    request = {"gatewayIdentifier": "orders-a1b2c3d4e5", "targetId": "T1"}
    (sighting,) = cloudtrail.sightings(recorded(name, request))
    assert (sighting.kind, sighting.identity.key) == (Gateway, GATEWAY)
    with pytest.raises(NotKnown):
        _ = sighting.subject.authorizer_type  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "request_parameters, response, more",
    [
        ({"gatewayIdentifier": "orders-a1b2c3d4e5"}, None, {}),
        ({"gatewayIdentifier": GATEWAY}, None, {}),
        ({"gatewayIdentifier": "***"}, {"gatewayId": "orders-a1b2c3d4e5"}, {}),
        ({}, {"gatewayArn": GATEWAY}, {}),
        (None, None, {"resources": [{"ARN": "arn:aws:kms:x:1:key/k"}, {"ARN": GATEWAY}]}),
    ],
)
def test_a_gateway_is_one_thing_however_it_is_named(
    request_parameters: Any, response: Any, more: dict[str, Any]
) -> None:
    assert key(Gateway, "UpdateGateway", request_parameters, response, **more) == GATEWAY


def test_a_created_gateway_without_a_name_is_keyed_by_its_event() -> None:
    assert key(Gateway, "CreateGateway", {}) == f"aws/{ACCOUNT}/{REGION}/gateway/event/event-1"
    assert key(Gateway, "UpdateGateway", {}) is None


@pytest.mark.parametrize("tail", ["", "/runtime-endpoint/DEFAULT", ":3"])
def test_a_runtime_is_one_thing_with_and_without_endpoint_and_version(tail: str) -> None:
    arn = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/orders-Ab1Cd2Ef3G"
    request = {"agentRuntimeArn": arn + tail}
    assert key(AgentRuntime, "UpdateAgentRuntime", request) == arn
    assert key(CommandRun, "InvokeAgentRuntimeCommand", request) == arn


def test_a_harness_is_found_under_the_wrapper_of_its_answer() -> None:
    arn = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:harness/helper-Ab1Cd2Ef3G"
    assert key(Harness, "CreateHarness", {}, {"harness": {"arn": arn}}) == arn
    assert key(Harness, "UpdateHarness", {"harnessId": "helper-Ab1Cd2Ef3G"}) == arn


@pytest.mark.parametrize("named", [None, "***", 7, "not an arn"])
def test_a_command_on_an_unnamed_runtime_is_still_a_command(named: Any) -> None:
    found = key(CommandRun, "InvokeAgentRuntimeCommand", {"agentRuntimeArn": named})
    assert found == f"aws/{ACCOUNT}/{REGION}/runtime/unknown"


def test_a_managed_policy_is_keyed_by_its_arn_however_it_is_told() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/team/models"
    request = {"policyName": "models", "path": "/team/"}
    assert key(IamPolicy, "CreatePolicy", request, {"policy": {"arn": arn}}, **IAM) == arn
    assert key(IamPolicy, "CreatePolicy", request, None, **IAM) == arn
    assert key(IamPolicy, "CreatePolicyVersion", {"policyArn": arn}, **IAM) == arn


@pytest.mark.parametrize("call", ["Put", "Delete"])
@pytest.mark.parametrize("owner", ["role", "user", "group"])
def test_an_inline_policy_is_keyed_by_the_owner_that_the_call_is_about(
    call: str, owner: str
) -> None:
    strange = {"roleName": "x", "userName": "x", "groupName": "x", "policyArn": GATEWAY}
    request = strange | {f"{owner}Name": "a b", "policyName": "p/q"}
    found = key(IamPolicy, f"{call}{owner.title()}Policy", request, **IAM)
    assert found == f"aws/{ACCOUNT}/us-east-1/inline-policy/{owner}/a%20b/p%2Fq"


def test_a_created_policy_is_what_aws_answered_and_not_what_the_caller_added() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/models"
    request = {"policyName": "models", "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/decoy"}
    assert key(IamPolicy, "CreatePolicy", request, {"policy": {"arn": arn}}, **IAM) == arn


@pytest.mark.parametrize(
    "name", ["PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy", "DetachRolePolicy"]
)
def test_a_change_of_a_roles_policies_touches_its_trust(name: str) -> None:
    request = {"roleName": "r", "policyName": "p", "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/p"}
    kinds = {s.kind: s for s in cloudtrail.sightings(recorded(name, request, **IAM))}
    assert set(kinds) == {IamPolicy, IamTrust}
    assert kinds[IamTrust].identity == IamTrust.of_role("aws", ACCOUNT, "r")
    with pytest.raises(NotKnown):
        _ = kinds[IamTrust].subject.assume_role_policy_document  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["AttachUserPolicy", "CreatePolicyVersion"])
def test_a_policy_that_names_no_role_touches_no_trust(name: str) -> None:
    request = {"userName": "u", "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/p"}
    (sighting,) = cloudtrail.sightings(recorded(name, request, **IAM))
    assert sighting.kind is IamPolicy


def test_a_policy_put_to_use_says_so_and_one_only_stored_does_not() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/models"
    for used, expected in ((True, True), ("true", True), (False, False), (None, False)):
        request = {"policyArn": arn, "policyDocument": "{}", "setAsDefault": used}
        assert (
            seen_in(IamPolicy, recorded("CreatePolicyVersion", request, **IAM)).default is expected
        )


def test_a_policy_put_to_use_rests_on_no_omission() -> None:
    request = {"roleName": "r", "policyName": "p", "policyDocument": "{}"}
    policy = seen_in(IamPolicy, recorded("PutRolePolicy", request, **IAM))
    with policy.noting_omissions() as omitted:
        assert policy.default
    assert not omitted


def test_a_trust_policy_has_one_name_in_both_calls() -> None:
    create = recorded("CreateRole", {"roleName": "r", "assumeRolePolicyDocument": "{}"}, **IAM)
    update = recorded("UpdateAssumeRolePolicy", {"roleName": "r", "policyDocument": "{}"}, **IAM)
    one, other = seen_in(IamTrust, create), seen_in(IamTrust, update)
    assert one.key == other.key
    assert one.assume_role_policy_document == other.assume_role_policy_document == "{}"


@pytest.mark.parametrize("named", ["audit", f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/audit"])
def test_a_trail_is_one_thing_by_name_and_by_arn(named: str) -> None:
    arn = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/audit"
    assert key(Trail, "StopLogging", {"name": named}, **TRAIL) == arn
    assert key(Trail, "PutEventSelectors", {"trailName": named}, **TRAIL) == arn


def test_a_resource_policy_is_keyed_by_what_it_guards() -> None:
    assert key(ResourcePolicy, "PutResourcePolicy", {"resourceArn": GATEWAY}) == GATEWAY
    assert key(ResourcePolicy, "PutResourcePolicy", {"resourceArn": "x"}) is None


def test_every_event_of_an_activity_is_a_call_and_of_a_resource_is_not() -> None:
    for kind in catalog.subjects().values():
        calls = {effect is Effect.CALLS for effect in kind.events.values()}
        assert calls == {issubclass(kind, Activity)}, kind
        assert issubclass(kind, Activity | Resource)


def test_a_cause_carries_who_called_what_and_when() -> None:
    cause = cloudtrail.cause(recorded("CreateGateway", {}))
    assert (cause.event_id, cause.event_name, cause.request_id) == (
        "event-1",
        "CreateGateway",
        "request-1",
    )
    assert cause.actor.name == "ci-deployer"


def test_what_aws_answered_names_the_resource_before_what_the_caller_sent() -> None:
    decoy = "arn:aws:bedrock-agentcore:eu-west-1:999988887777:gateway/decoy-a1b2c3d4e5"
    event = json.loads((EVENTS / "gateway_authorizer_none" / "violation.json").read_text())
    event["detail"]["requestParameters"]["gatewayArn"] = decoy
    (seen,) = cloudtrail.sightings(cloudtrail.opened(event))
    assert seen.identity.key == event["detail"]["responseElements"]["gatewayArn"]


def test_a_resource_in_another_account_than_the_call_is_inconsistent() -> None:
    decoy = "arn:aws:bedrock-agentcore:eu-west-1:999988887777:gateway/decoy-a1b2c3d4e5"
    event = json.loads((EVENTS / "gateway_authorizer_none" / "violation.json").read_text())
    event["detail"].update(responseElements=None, resources=[])
    event["detail"]["requestParameters"]["gatewayArn"] = decoy
    with pytest.raises(Unreadable) as refused:
        cloudtrail.sightings(cloudtrail.opened(event))
    assert refused.value.skip is Skip.INCONSISTENT
