"""Which event selectors of a trail take every change that a rule watches."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel.aws.trail_reader import records_writes

MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}
AGENTCORE = "bedrock-agentcore.amazonaws.com"


def basic(**members: Any) -> dict[str, Any]:
    return {"EventSelectors": [members]}


def advanced(*selectors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": fields} for fields in selectors]}


def only(field: str, **operator: list[str]) -> dict[str, Any]:
    return {"Field": field} | operator


@pytest.mark.parametrize(
    "members, expected",
    [
        ({}, True),
        ({"ReadWriteType": "All", "IncludeManagementEvents": True}, True),
        ({"ReadWriteType": "WriteOnly"}, True),
        ({"ReadWriteType": "ReadOnly"}, False),
        ({"IncludeManagementEvents": False}, False),
        ({"ExcludeManagementEventSources": []}, True),
        ({"ExcludeManagementEventSources": ["kms.amazonaws.com"]}, True),
        ({"ExcludeManagementEventSources": ["rdsdata.amazonaws.com"]}, True),
        ({"ExcludeManagementEventSources": [AGENTCORE]}, False),
        ({"ExcludeManagementEventSources": ["kms.amazonaws.com", "iam.amazonaws.com"]}, False),
    ],
)
def test_a_basic_selector_takes_changes_unless_they_are_left_out(
    members: dict[str, Any], expected: bool
) -> None:
    assert records_writes(basic(**members)) is expected


@pytest.mark.parametrize(
    "narrowed, expected",
    [
        ([], True),
        ([only("readOnly", Equals=["false"])], True),
        ([only("readOnly", Equals=["true"])], False),
        ([only("eventSource", NotEquals=["kms.amazonaws.com"])], True),
        ([only("eventSource", NotEquals=["kms.amazonaws.com", AGENTCORE])], False),
        ([only("eventSource", NotStartsWith=["bedrock"])], False),
        ([only("eventSource", NotEndsWith=["rdsdata.amazonaws.com"])], True),
        ([only("eventSource", Equals=[AGENTCORE])], False),
        ([only("eventSource", EndsWith=[".amazonaws.com"])], True),
        ([only("eventName", NotEquals=["UpdateGateway"])], False),
        ([only("eventName", NotEquals=["RunInstances"])], True),
        ([only("eventName", NotStartsWith=["Delete"])], False),
        ([only("eventType", Equals=["AwsServiceEvent"])], False),
        ([only("eventType", Equals=["AwsApiCall"])], True),
        ([only("userIdentity.arn", NotEquals=["arn:aws:iam::1:role/x"])], False),
        ([only("sessionCredentialFromConsole", NotEquals=["true"])], False),
        ([only("aFieldToCome", Equals=["x"])], False),
        (
            [
                only("eventName", NotEquals=["RunInstances"]),
                only("eventName", NotEquals=["StopLogging"]),
            ],
            False,
        ),
    ],
)
def test_an_advanced_selector_takes_changes_unless_a_field_leaves_one_out(
    narrowed: list[dict[str, Any]], expected: bool
) -> None:
    assert records_writes(advanced([MANAGEMENT, *narrowed])) is expected


def test_selectors_of_data_events_take_no_change() -> None:
    data = [only("eventCategory", Equals=["Data"]), only("resources.type", Equals=["AWS::S3::X"])]
    assert not records_writes(advanced(data))
    assert records_writes(advanced(data, [MANAGEMENT]))


def test_what_one_selector_leaves_out_another_may_take() -> None:
    most = [MANAGEMENT, only("eventName", NotEquals=["UpdateGateway"])]
    rest = [MANAGEMENT, only("eventName", Equals=["UpdateGateway"])]
    assert not records_writes(advanced(most))
    assert records_writes(advanced(most, rest))


@pytest.mark.parametrize("selectors", [{}, {"EventSelectors": [], "AdvancedEventSelectors": None}])
def test_no_selector_takes_nothing(selectors: dict[str, Any]) -> None:
    assert not records_writes(selectors)
