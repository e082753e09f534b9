"""Tests which services a role trusts on anybody's behalf."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel.iam import InvalidDocumentError, UnscopedService, parse, unscoped_services

AGENTCORE = "bedrock-agentcore.amazonaws.com"
OWN = "444455556666"
ARN = f"arn:aws:bedrock-agentcore:us-east-1:{OWN}:*"
ORGANIZATION = "o-abcdefghij"


def trusts(service: object = AGENTCORE, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"} | more


def unscoped(*statements: dict[str, Any]) -> tuple[UnscopedService, ...]:
    return unscoped_services(parse({"Version": "2012-10-17", "Statement": list(statements)}))


def test_an_unscoped_service_is_named_with_its_place_and_conditions() -> None:
    second = {
        "Effect": "Allow",
        "Principal": {"Service": ["lambda.amazonaws.com", "bedrock.amazonaws.com"]},
        "Action": ["sts:TagSession", "sts:AssumeRole"],
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}},
    }
    assert unscoped(trusts("lambda.amazonaws.com"), second) == (
        UnscopedService(
            service="bedrock.amazonaws.com",
            statement=1,
            path="Statement[1].Principal.Service",
            conditions=("StringEquals aws:PrincipalOrgID",),
        ),
    )


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": OWN}},
        {"StringEquals": {"AWS:sourceaccount": [OWN, "111122223333"]}},
        {"StringLike": {"aws:SourceAccount": OWN}},
        {"ArnLike": {"aws:SourceArn": ARN}},
        {"StringLike": {"aws:SourceArn": f"arn:*:*:*:{OWN}:*"}},
        {"StringEquals": {"aws:SourceOrgID": ORGANIZATION}},
        {"ForAnyValue:StringLike": {"aws:SourceOrgPaths": f"{ORGANIZATION}/r-ab12/ou-1/*"}},
        {
            "StringEqualsIfExists": {"aws:SourceAccount": OWN},
            "Null": {"aws:SourceAccount": "false"},
        },
    ],
)
def test_a_source_condition_confines(condition: dict[str, Any]) -> None:
    assert unscoped(trusts(Condition=condition)) == ()


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {"aws:SourceAccount": "<account-id>"}},
        {"StringEquals": {"aws:SourceAccount": "{{ACCOUNT_ID}}"}},
        {"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}},
        {"StringEquals": {"aws:SourceAccount": [OWN, "*"]}},
        {"StringEquals": {"aws:SourceAccount": OWN + "\n"}},
        {"StringLike": {"aws:SourceAccount": "4444*"}},
        {"StringNotEquals": {"aws:SourceAccount": OWN}},
        {"StringEqualsIfExists": {"aws:SourceAccount": OWN}},
        {"ForAllValues:StringEquals": {"aws:SourceAccount": OWN}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:bedrock-agentcore:*:*:*"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}},
        {"ArnLike": {"aws:SourceArn": f"*:{OWN}:*"}},
        {"StringLike": {"aws:SourceOrgID": "o-*"}},
        {"ForAnyValue:StringLike": {"aws:SourceOrgPaths": ORGANIZATION}},
        {"ForAnyValue:StringLike": {"aws:SourceOrgPaths": "o-*/r-ab12/*"}},
        {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}},
        {"StringEquals": {"sts:ExternalId": OWN}},
    ],
)
def test_a_condition_that_does_not_name_the_source_does_not_confine(
    condition: dict[str, Any],
) -> None:
    assert [found.service for found in unscoped(trusts(Condition=condition))] == [AGENTCORE]


@pytest.mark.parametrize("action", ["*", "sts:*", "STS:assumerole", "sts:*Role", "sts:AssumeRol?"])
def test_every_pattern_of_assume_role_counts(action: str) -> None:
    assert unscoped(trusts(Action=action))


@pytest.mark.parametrize(
    "statement",
    [
        trusts("lambda.amazonaws.com"),
        trusts(Action="sts:TagSession"),
        trusts(Effect="Deny"),
        trusts(None),
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"Service": AGENTCORE}, "NotAction": "sts:*"},
    ],
)
def test_other_services_actions_and_principals_are_other_rules_business(
    statement: dict[str, Any],
) -> None:
    assert unscoped(statement) == ()


def test_each_allow_statement_stands_alone() -> None:
    confined = trusts(Condition={"StringEquals": {"aws:SourceAccount": OWN}})
    assert [found.statement for found in unscoped(confined, trusts(), confined)] == [1]


def test_not_principal_trusts_every_service_that_it_does_not_name() -> None:
    statement = {
        "Effect": "Allow",
        "NotPrincipal": {"Service": AGENTCORE},
        "Action": "sts:AssumeRole",
    }
    assert [found.service for found in unscoped(statement)] == ["bedrock.amazonaws.com"]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
            r"Statement\[0\]: a trust policy needs Principal",
        ),
        (trusts(Resource="*"), r"Statement\[0\]: a trust policy has no Resource"),
    ],
)
def test_a_document_that_is_no_trust_policy_is_refused(
    statement: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        unscoped(statement)


@given(st.permutations(["lambda.amazonaws.com", AGENTCORE, "ec2.amazonaws.com"]), st.booleans())
def test_order_and_case_of_the_services_change_nothing(services: list[str], upper: bool) -> None:
    spelled = [service.upper() if upper else service for service in services]
    assert [found.service for found in unscoped(trusts(spelled))] == [AGENTCORE]
