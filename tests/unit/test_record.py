"""A CloudTrail record is read once, tolerantly, and refused with a reason of the closed list."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel import record
from sentinel.record import Actor, Skip, Unreadable

from tests.unit.worlds import ACCOUNT, EVENT_TIME, REGION, ROLE, detail, recorded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
RESOURCE = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/orders-a1b2c3d4e5"


def actor(**identity: Any) -> Actor:
    return recorded("CreateGateway", {}, userIdentity=identity).actor


def test_a_record_is_read_whole() -> None:
    found = recorded("CreateGateway", {"authorizerType": "NONE"}, {"gatewayId": "g-1"})
    assert (found.name, found.source) == ("CreateGateway", "bedrock-agentcore.amazonaws.com")
    assert (found.partition, found.account, found.region) == ("aws", ACCOUNT, REGION)
    assert (found.time, found.event_id, found.request_id) == (EVENT_TIME, "event-1", "request-1")
    assert not found.truncated


@pytest.mark.parametrize("document", [None, 7, "text", [], {}, {"eventSource": 7}, {"Records": []}])
def test_what_is_no_record_says_so(document: object) -> None:
    with pytest.raises(Unreadable) as caught:
        record.read(document)
    assert caught.value.skip is Skip.NOT_A_RECORD


@pytest.mark.parametrize("member", ["eventTime", "eventName", "awsRegion"])
@pytest.mark.parametrize("value", [None, "", 7, {}])
def test_a_record_without_what_every_record_has_is_malformed_and_names_it(
    member: str, value: object
) -> None:
    with pytest.raises(Unreadable, match=f"{member} is missing") as caught:
        record.read(detail("CreateGateway") | {member: value})
    assert caught.value.skip is Skip.MALFORMED


def test_a_time_that_is_none_is_malformed() -> None:
    with pytest.raises(Unreadable) as caught:
        record.read(detail("CreateGateway", eventTime="0001-01-01T00:00:00+14:00"))
    assert caught.value.skip is Skip.MALFORMED


@given(
    st.dictionaries(st.sampled_from(sorted(detail("x"))), JSON, max_size=6),
    st.dictionaries(st.text(max_size=8), JSON, max_size=2),
)
def test_no_hostile_record_raises_anything_but_unreadable(
    known: dict[str, Any], more: dict[str, Any]
) -> None:
    try:
        found = record.read(detail("CreateGateway") | more | known)
    except Unreadable:
        return
    assert isinstance(found.actor.name, str)
    assert all(isinstance(arn, str) for arn in found.resource_arns())
    assert isinstance(found.told(), dict)


TOO_LARGE = {"reason": "requestParameters too large", "omitted": True, "originalSize": 123_456}


@pytest.mark.parametrize("request_parameters", [None, "***", [], TOO_LARGE])
def test_a_request_that_is_left_out_tells_nothing(request_parameters: object) -> None:
    found = recorded("UpdateGateway", request_parameters)
    assert found.truncated
    assert found.request == {}


def test_a_text_longer_than_any_of_aws_is_kept_with_a_mark_where_it_was_cut() -> None:
    endless = "a" * 600_000
    found = recorded("x", {}, userIdentity={"arn": endless}, userAgent=endless, eventID=endless)
    for kept in (found.actor.arn, found.actor.principal, found.actor.user_agent, found.event_id):
        assert len(kept) == record.LONGEST
        assert "a…a" in kept


def test_the_account_is_the_recipients_not_the_callers() -> None:
    found = recorded("x", {}, userIdentity={"accountId": "111122223333"})
    assert found.account == ACCOUNT


def test_without_a_recipient_the_account_is_the_callers() -> None:
    found = recorded("x", {}, recipientAccountId=None, userIdentity={"accountId": "111122223333"})
    assert found.account == "111122223333"


@pytest.mark.parametrize(
    "region, partition",
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-east-1", "aws")],
)
def test_the_partition_follows_the_region(region: str, partition: str) -> None:
    assert recorded("x", {}, awsRegion=region).partition == partition


def test_a_session_is_known_by_its_role() -> None:
    found = recorded("x", {}).actor
    assert (found.principal, found.session, found.name) == (ROLE, "gh-4711", "ci-deployer")


def test_a_session_without_issuer_is_known_by_the_role_in_its_arn() -> None:
    found = actor(type="AssumedRole", arn=f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/deploy/me")
    assert found.principal == f"arn:aws-cn:iam::{ACCOUNT}:role/deploy"


def test_a_user_root_and_a_service_are_known_by_themselves() -> None:
    assert actor(arn=f"arn:aws:iam::{ACCOUNT}:user/ann").principal.endswith("user/ann")
    assert actor(type="Root", arn=f"arn:aws:iam::{ACCOUNT}:root").name == "root"
    assert actor(type="AWSService", invokedBy="ecs.amazonaws.com").name == "ecs.amazonaws.com"


def test_an_anonymous_caller_has_a_name_too() -> None:
    assert actor(type="AWSAccount", principalId="", accountId="anonymous").name == "AWSAccount"


def test_the_listed_resources_are_read_in_either_spelling_and_only_if_they_are_arns() -> None:
    resources = [{"ARN": RESOURCE}, {"arn": RESOURCE}, {"ARN": "x"}, {"ARN": 7}, "text", {}]
    found = recorded("x", {}, resources=resources)
    assert list(found.resource_arns()) == [RESOURCE, RESOURCE]


def test_the_request_tells_before_the_response() -> None:
    found = recorded("x", {"authorizerType": "NONE"}, {"authorizerType": "AWS_IAM", "id": "g"})
    assert found.told() == {"authorizerType": "NONE", "id": "g"}


def test_a_redacted_request_leaves_the_word_to_the_response() -> None:
    assert recorded("x", {"name": "***"}, {"name": "orders"}).told() == {"name": "orders"}
    assert recorded("x", {"name": "***"}, {"name": None}).told() == {"name": "***"}
    assert recorded("x", {"name": "***"}, {"name": "***"}).told() == {"name": "***"}


def test_a_null_is_no_telling() -> None:
    assert recorded("x", {"a": None, "b": 1}, {"a": 2, "c": None}).told() == {"a": 2, "b": 1}
