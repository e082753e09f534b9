"""The cases of iam_bedrock_wildcard: the grades of a wildcard, and the ways to a document."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from sentinel import Severity
from sentinel.finding import Outcome
from sentinel.rules.iam_bedrock_wildcard import iam_bedrock_wildcard as rule
from sentinel.subjects import IamPolicy

from tests.unit.worlds import ACCOUNT, World, judged, read, recorded, seen_in, told

ARN = f"arn:aws:iam::{ACCOUNT}:policy/models"
IAM: dict[str, Any] = {"eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1"}
MODEL = "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-x"
RUNTIME = f"arn:aws:bedrock-agentcore:eu-central-1:{ACCOUNT}:runtime"


def document(action: Any = "bedrock:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource} | more
    return {"Version": "2012-10-17", "Statement": [statement]}


def policy(source: Any, **members: Any) -> IamPolicy:
    of = IamPolicy.managed("aws", ACCOUNT, ARN)
    return IamPolicy.seen(of, {"policyDocument": source} | members)


def severity(source: Any) -> Severity | None:
    verdict = read(rule, policy(source))
    assert not verdict.gap
    return verdict.severity if verdict.problems else None


@pytest.mark.parametrize(
    "action, resource, expected",
    [
        ("bedrock:*", "*", Severity.CRITICAL),
        ("BEDROCK:invokemodel", "*", Severity.CRITICAL),
        ("b*:Invoke*", "*", Severity.CRITICAL),
        ("*", "*", Severity.CRITICAL),
        ("bedrock-agentcore:*", "arn:*:bedrock-agentcore:*:*:*", Severity.CRITICAL),
        ("bedrock-agentcore:*", f"arn:aws:bedrock-agentcore:*:{ACCOUNT}:*", Severity.HIGH),
        ("bedrock-agentcore:InvokeAgentRuntime", f"{RUNTIME}/*", Severity.MEDIUM),
        ("bedrock:InvokeModel", MODEL, None),
        ("bedrock-agentcore:InvokeAgentRuntime", f"{RUNTIME}/orders-*", None),
        ("bedrock:List*", "*", None),
        ("s3:*", "*", None),
        ("bedrock-mantle:*", "*", None),
    ],
)
def test_a_wildcard_is_graded_by_how_far_it_reaches(
    action: str, resource: str, expected: Severity | None
) -> None:
    assert severity(document(action, resource)) is expected


def test_a_confining_condition_lowers_it_and_another_is_only_named() -> None:
    confining = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    other = {"Bool": {"aws:SecureTransport": "true"}}
    assert severity(document(Condition=confining)) is Severity.LOW
    verdict = read(rule, policy(document(Condition=other)))
    assert verdict.severity is Severity.CRITICAL
    assert told(verdict)[0][1]["conditions"] == ["Bool aws:SecureTransport"]


def test_not_action_and_not_resource_grant_what_they_leave_out() -> None:
    everything_but = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert severity({"Version": "2012-10-17", "Statement": everything_but}) is Severity.CRITICAL
    elsewhere = {"Effect": "Allow", "Action": "bedrock:*", "NotResource": "arn:aws:s3:::*"}
    assert severity({"Version": "2012-10-17", "Statement": elsewhere}) is Severity.CRITICAL


def test_an_unconditional_deny_takes_it_back() -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    source = document()
    source["Statement"].append(deny)
    assert severity(source) is None


@pytest.mark.parametrize("spelled", [json.dumps, lambda d: quote(json.dumps(d)), dict])
def test_a_document_is_one_however_it_is_spelled(spelled: Any) -> None:
    assert severity(spelled(document())) is Severity.CRITICAL


@pytest.mark.parametrize("source", ["", "not json", "[]", {"Statement": []}, {"a": 1}, "***"])
def test_a_document_that_is_none_could_not_be_assessed(source: Any) -> None:
    assert read(rule, policy(source)).outcome is Outcome.COULD_NOT_ASSESS


def test_one_policy_is_one_finding_however_many_grants() -> None:
    source = document()
    source["Statement"].append(document("bedrock-agentcore:*")["Statement"][0])
    assert [p.key for p in read(rule, policy(source)).problems] == [""]


@pytest.mark.parametrize(
    "name, request_parameters",
    [
        ("PutRolePolicy", {"roleName": "r", "policyName": "p"}),
        ("PutUserPolicy", {"userName": "u", "policyName": "p"}),
        ("PutGroupPolicy", {"groupName": "g", "policyName": "p"}),
        ("CreatePolicy", {"policyName": "p"}),
        ("CreatePolicyVersion", {"policyArn": ARN, "setAsDefault": True}),
    ],
)
def test_an_event_with_the_document_is_judged_without_a_read(
    name: str, request_parameters: dict[str, Any]
) -> None:
    request = request_parameters | {"policyDocument": json.dumps(document())}
    world = World()
    verdict = judged(rule, seen_in(IamPolicy, recorded(name, request, **IAM)), world)
    assert (verdict.severity, world.reads) == (Severity.CRITICAL, [])


@pytest.mark.parametrize(
    "name, request_parameters",
    [
        ("AttachRolePolicy", {"roleName": "r", "policyArn": ARN}),
        ("SetDefaultPolicyVersion", {"policyArn": ARN, "versionId": "v2"}),
        ("DeletePolicyVersion", {"policyArn": ARN, "versionId": "v2"}),
    ],
)
def test_an_event_with_only_the_arn_is_read(name: str, request_parameters: dict[str, Any]) -> None:
    world = World(live={("iam-policy", ARN): policy(document())})
    verdict = judged(rule, seen_in(IamPolicy, recorded(name, request_parameters, **IAM)), world)
    assert (verdict.severity, world.reads) == (Severity.CRITICAL, [ARN])


def test_a_version_that_is_stored_and_not_used_is_informational() -> None:
    request = {"policyArn": ARN, "policyDocument": json.dumps(document()), "setAsDefault": False}
    subject = seen_in(IamPolicy, recorded("CreatePolicyVersion", request, **IAM))
    assert judged(rule, subject).severity is Severity.INFORMATIONAL


def test_a_hostile_pattern_is_judged_in_linear_time() -> None:
    assert severity(document("bedrock:" + "*a" * 2000, "*")) is None
