"""The cases of agent_trust_unscoped: each statement alone, and what the role holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sentinel import Severity
from sentinel.finding import Outcome
from sentinel.rules.agent_trust_unscoped import agent_trust_unscoped as rule
from sentinel.subjects import IamPolicy, IamTrust

from tests.unit.worlds import ACCOUNT, World, read, told

AGENTCORE = "bedrock-agentcore.amazonaws.com"
OF = IamTrust.of_role("aws", ACCOUNT, "orders-agent")


def trust(*statements: dict[str, Any], path: str = "/", text: Any = None) -> IamTrust:
    document = text or json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return IamTrust.seen(OF, {"assumeRolePolicyDocument": document, "path": path})


def statement(service: Any = AGENTCORE, **more: Any) -> dict[str, Any]:
    told = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return told | more


def holding(*resources: str) -> World:
    policies = []
    for resource in resources:
        grant = {"Effect": "Allow", "Action": "bedrock:*", "Resource": resource}
        of = IamPolicy.inline("aws", ACCOUNT, "role", "orders-agent", "models")
        document = {"Version": "2012-10-17", "Statement": grant}
        policies.append(IamPolicy.seen(of, {"policyDocument": document}))
    return World(children={IamPolicy: policies})


def severity(subject: IamTrust, world: World | None = None) -> Severity | None:
    verdict = read(rule, subject, world or holding())
    assert not verdict.gap
    return verdict.severity if verdict.problems else None


@pytest.mark.parametrize("service", [AGENTCORE, "bedrock.amazonaws.com"])
def test_an_agent_service_without_a_source_condition_is_medium(service: str) -> None:
    assert severity(trust(statement(service))) is Severity.MEDIUM


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:bedrock-agentcore:*:{ACCOUNT}:*"}},
        {"StringEquals": {"aws:SourceOrgID": "o-abcdefghij"}},
    ],
)
def test_a_source_condition_silences(condition: dict[str, Any]) -> None:
    assert severity(trust(statement(Condition=condition))) is None


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {"aws:SourceAccount": "<account-id>"}},
        {"StringEquals": {"aws:SourceAccount": "{{ACCOUNT_ID}}"}},
        {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}},
        {"ForAllValues:StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}},
        {"StringLike": {"aws:SourceAccount": "*"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:bedrock-agentcore:*:*:*"}},
    ],
)
def test_a_condition_that_does_not_confine_is_no_condition(condition: dict[str, Any]) -> None:
    assert severity(trust(statement(Condition=condition))) is Severity.MEDIUM


def test_a_second_statement_without_a_condition_undoes_the_firsts() -> None:
    confined = statement(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})
    assert severity(trust(confined, statement())) is Severity.MEDIUM


@pytest.mark.parametrize(
    "action", ["sts:AssumeRole", "*", "sts:*", "sts:*Role", ["sts:AssumeRole"]]
)
def test_the_action_is_matched_as_iam_does(action: Any) -> None:
    assert severity(trust(statement(Action=action))) is Severity.MEDIUM


@pytest.mark.parametrize(
    "subject",
    [
        trust(statement("lambda.amazonaws.com")),
        trust(statement(Action="sts:TagSession")),
        trust(statement(Effect="Deny")),
        trust(statement(), path="/aws-service-role/bedrock-agentcore.amazonaws.com/"),
    ],
)
def test_other_services_other_actions_and_service_linked_roles_are_silent(
    subject: IamTrust,
) -> None:
    assert severity(subject) is None


@pytest.mark.parametrize(
    "resources, expected",
    [
        (("*",), Severity.HIGH),
        ((f"arn:aws:bedrock:*:{ACCOUNT}:*",), Severity.HIGH),
        (("arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-x",), Severity.MEDIUM),
        ((), Severity.MEDIUM),
    ],
)
def test_it_is_high_when_the_role_holds_a_wide_grant(
    resources: tuple[str, ...], expected: Severity
) -> None:
    assert severity(trust(statement()), holding(*resources)) is expected


@pytest.mark.parametrize("order", [1, -1])
def test_a_policy_that_is_none_hides_no_wide_grant(order: int) -> None:
    (wide,) = holding("*").children[IamPolicy] or ()
    none = IamPolicy.seen(wide.identity, {"policyDocument": "not json"})
    verdict = read(rule, trust(statement()), World(children={IamPolicy: [none, wide][::order]}))
    assert (verdict.severity, verdict.gap) == (Severity.HIGH, "")


def test_a_policy_that_is_none_keeps_the_medium_and_says_so() -> None:
    of = IamPolicy.inline("aws", ACCOUNT, "role", "orders-agent", "models")
    none = IamPolicy.seen(of, {"policyDocument": "not json"})
    verdict = read(rule, trust(statement()), World(children={IamPolicy: [none]}))
    assert (verdict.severity, of.key in verdict.gap) == (Severity.MEDIUM, True)


def test_policies_that_cannot_be_read_keep_the_medium_and_say_so() -> None:
    verdict = read(rule, trust(statement()), World())
    assert (verdict.severity, bool(verdict.gap)) == (Severity.MEDIUM, True)


def test_policies_are_not_read_for_a_role_that_is_scoped() -> None:
    assert (
        read(rule, trust(statement("lambda.amazonaws.com")), World()).outcome is Outcome.COMPLIANT
    )


@pytest.mark.parametrize("text", ["not json", "***", {"Statement": []}])
def test_a_document_that_is_none_could_not_be_assessed(text: Any) -> None:
    assert read(rule, trust(text=text)).outcome is Outcome.COULD_NOT_ASSESS


def test_the_evidence_names_the_statement() -> None:
    (line, *_) = told(read(rule, trust(statement("lambda.amazonaws.com"), statement()), holding()))
    assert line == (
        "assumeRolePolicyDocument.Statement[1].Principal.Service",
        AGENTCORE,
        "MEDIUM",
    )
