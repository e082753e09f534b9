"""Tests which conditions confine a grant, and which only look as if they did."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel.iam import Grade, bedrock_grants, parse

OWN = "444455556666"
PROFILE = f"arn:aws:bedrock:us-east-1:{OWN}:application-inference-profile/abcdefghijkl"


def grade(condition: dict[str, Any]) -> tuple[Grade, tuple[str, ...]]:
    (grant,) = bedrock_grants(
        parse(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": "bedrock:InvokeModel",
                    "Resource": "*",
                    "Condition": condition,
                },
            }
        )
    )
    return grant.grade, grant.conditions


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("StringEquals", "aws:ResourceTag/team", "orders"),
        ("StringLike", "aws:ResourceTag/team", "orders-*"),
        ("stringequals", "AWS:RESOURCETAG/team", "orders"),
        ("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}"),
        ("StringEquals", "aws:ResourceAccount", OWN),
        ("StringEquals", "aws:ResourceAccount", "${aws:PrincipalAccount}"),
        ("ArnLike", "bedrock:InferenceProfileArn", PROFILE),
        ("StringLike", "bedrock:InferenceProfileArn", PROFILE[:-3] + "*"),
        ("StringEquals", "aws:SourceVpc", "vpc-0123456789abcdef0"),
        ("ForAnyValue:StringEquals", "aws:SourceVpce", ["vpce-1", "vpce-2"]),
        ("StringEquals", "aws:VpceAccount", OWN),
        ("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "198.51.100.7", "2001:db8::/32"]),
    ],
)
def test_a_tag_profile_account_or_network_confines(operator: str, key: str, value: object) -> None:
    assert grade({operator: {key: value}}) == (Grade.CONDITIONED, (f"{operator} {key}",))


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("StringLike", "aws:ResourceTag/team", "*"),
        ("StringLike", "aws:ResourceTag/team", ["orders", "?*"]),
        ("StringNotEquals", "aws:ResourceTag/team", "orders"),
        ("StringEqualsIfExists", "aws:ResourceTag/team", "orders"),
        ("ForAllValues:StringEquals", "aws:ResourceTag/team", "orders"),
        ("Null", "aws:ResourceTag/team", "false"),
        ("StringLike", "aws:ResourceAccount", "4444*"),
        ("StringEquals", "aws:ResourceAccount", "\uff14" * 12),
        ("StringLike", "bedrock:InferenceProfileArn", "*"),
        ("ArnLike", "bedrock:InferenceProfileArn", "arn:aws:bedrock:*:*:inference-profile/*"),
        ("ArnLike", "bedrock:InferenceProfileArn", "not-an-arn"),
        ("StringLike", "aws:SourceVpc", "vpc-*"),
        ("IpAddress", "aws:SourceIp", "0.0.0.0/0"),
        ("IpAddress", "aws:SourceIp", ["0.0.0.0/1", "128.0.0.0/1"]),
        ("IpAddress", "aws:SourceIp", "::/0"),
        ("IpAddress", "aws:SourceIp", "<office>"),
        ("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"),
        ("StringEquals", "aws:ResourceTag/team", []),
        ("StringEquals", "aws:PrincipalTag/team", "orders"),
        ("StringEquals", "aws:RequestedRegion", "us-east-1"),
        ("Bool", "aws:MultiFactorAuthPresent", "true"),
        ("Bool", "aws:SecureTransport", True),
    ],
)
def test_any_other_condition_is_named_and_changes_nothing(
    operator: str, key: str, value: object
) -> None:
    assert grade({operator: {key: value}}) == (Grade.EVERYTHING, (f"{operator} {key}",))


def test_if_exists_confines_where_the_key_is_demanded() -> None:
    tag = {"StringEqualsIfExists": {"aws:ResourceTag/team": "orders"}}
    assert grade(tag | {"Null": {"aws:resourcetag/team": "false"}})[0] is Grade.CONDITIONED
    assert grade(tag | {"Null": {"aws:ResourceTag/team": True}})[0] is Grade.EVERYTHING
    assert grade(tag | {"Null": {"aws:ResourceTag/team": [True, False]}})[0] is Grade.EVERYTHING
    assert grade(tag | {"Null": {"aws:ResourceTag/other": "false"}})[0] is Grade.EVERYTHING


def test_an_empty_condition_is_none() -> None:
    assert grade({}) == (Grade.EVERYTHING, ())
    assert grade({"StringEquals": {}}) == (Grade.EVERYTHING, ())


def test_one_condition_that_confines_is_enough() -> None:
    assert grade(
        {"StringEquals": {"aws:ResourceAccount": OWN}, "Bool": {"aws:SecureTransport": "true"}}
    ) == (Grade.CONDITIONED, ("StringEquals aws:ResourceAccount",))
