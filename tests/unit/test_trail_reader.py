"""Which trails are read, and which event selectors take every change that a rule watches."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from sentinel import NotKnown
from sentinel.aws.reading import Reader, Refused
from sentinel.aws.trail_reader import listed, records_writes
from sentinel.subjects import Trail

from tests.unit.worlds import ACCOUNT, REGION

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


OWN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/audit"
ORGANIZATION = f"arn:aws:cloudtrail:{REGION}:999988887777:trail/organization"
EVERYWHERE = {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": True}


class CloudTrail:
    """Describes trails, and refuses to say more of one of them."""

    def __init__(self, refused: str, code: str) -> None:
        self.refused, self.code = refused, code

    def describe_trails(self, **_: bool) -> dict[str, Any]:
        return {"trailList": [{"TrailARN": arn} | EVERYWHERE for arn in (ORGANIZATION, OWN)]}

    def get_trail_status(self, Name: str) -> dict[str, Any]:
        self._may(Name, "GetTrailStatus")
        return {"IsLogging": True}

    def get_event_selectors(self, TrailName: str) -> dict[str, Any]:
        self._may(TrailName, "GetEventSelectors")
        return advanced([MANAGEMENT])

    def _may(self, arn: str, operation: str) -> None:
        if arn == self.refused:
            raise ClientError({"Error": {"Code": self.code}}, operation)


def trails(refused: str, code: str) -> dict[str, Trail]:
    cloudtrail = CloudTrail(refused, code)
    reader = Reader(lambda _: cloudtrail, Trail.by_arn(OWN))
    return {trail.key: trail for trail in listed(reader, shadows=True)}


@pytest.mark.parametrize(
    "code", ["CloudTrailARNInvalidException", "TrailNotFoundException", "AccessDeniedException"]
)
def test_a_trail_of_the_organization_that_a_member_may_not_look_at_hides_no_other(
    code: str,
) -> None:
    found = trails(ORGANIZATION, code)
    assert (found[OWN].is_logging, found[OWN].records_writes) == (True, True)
    organization = found[ORGANIZATION]
    assert organization.reaches_iam
    for member in ("is_logging", "records_writes"):
        with pytest.raises(NotKnown, match="was not seen"):
            getattr(organization, member)


def test_a_trail_of_the_organization_that_a_member_may_look_at_is_seen_whole() -> None:
    organization = trails("", "")[ORGANIZATION]
    assert (organization.is_logging, organization.records_writes) == (True, True)


def test_an_own_trail_that_may_not_be_looked_at_is_refused_and_one_that_is_gone_is_none() -> None:
    with pytest.raises(Refused):
        trails(OWN, "AccessDeniedException")
    assert OWN not in trails(OWN, "TrailNotFoundException")
