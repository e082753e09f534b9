"""The cases of inbound_jwt_removed: an outage, unless everybody is still let in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sentinel import Severity
from sentinel.finding import Outcome
from sentinel.rules.inbound_jwt_removed import inbound_jwt_removed as rule
from sentinel.subject import Resource
from sentinel.subjects import AgentRuntime, Harness, ResourcePolicy

from tests.unit.worlds import World, identity, judged, make, read, recorded, seen_in, told

JWT = {"customJWTAuthorizer": {"discoveryUrl": "https://x/.well-known/openid-configuration"}}
PATH = "authorizerConfiguration.customJWTAuthorizer"
ORGANIZATION = "o-a1b2c3d4e5"
OTHERS = {"StringNotEquals": {"aws:PrincipalOrgID": ORGANIZATION}}
both = pytest.mark.parametrize("kind", [AgentRuntime, Harness])


def world(kind: type[Resource], before: Any = JWT, policy: Any = None) -> World:
    of = identity(kind)
    guarding = ResourcePolicy.guarding(of.key)
    stored = None if policy is None else ResourcePolicy.seen(guarding, {"policy": policy})
    baselines = {} if before == "none" else {of.key: agent(kind, before)}
    return World(baselines=baselines, live={("resource-policy", of.key): stored})


def agent(kind: type[Resource], configuration: Any = None, *, complete: bool = True) -> Any:
    return make(kind, {"authorizerConfiguration": configuration}, complete=complete)


def allowed(**more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"} | more
    return {name: value for name, value in statement.items() if value is not None}


def denied(**more: Any) -> dict[str, Any]:
    return allowed(Effect="Deny", **more)


def both_of(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def policy(principal: Any = "*", **more: Any) -> str:
    return both_of(allowed(Principal=principal, **more))


@both
def test_a_check_that_is_gone_is_medium_since_signatures_are_checked_instead(kind: Any) -> None:
    assert told(read(rule, agent(kind), world(kind))) == [(PATH, None, "MEDIUM")]


@pytest.mark.parametrize(
    "document",
    [
        policy(),
        policy({"AWS": "*"}),
        policy(Condition={"StringEquals": {"aws:PrincipalOrgID": "*"}}),
        policy(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        policy(Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": ORGANIZATION}}),
        policy(Condition={"StringNotEquals": {"aws:PrincipalOrgID": ORGANIZATION}}),
        both_of(allowed(), denied(Action="bedrock-agentcore:StopRuntimeSession")),
        both_of(allowed(), denied(Principal={"AWS": "arn:aws:iam::111122223333:root"})),
        both_of(allowed(), denied(Condition=OTHERS | {"Bool": {"aws:SecureTransport": "false"}})),
        both_of(allowed(Action="bedrock-agentcore:AnActionToCome"), denied(Action="s3:*")),
    ],
)
def test_it_is_critical_while_the_resource_policy_still_admits_everybody(document: str) -> None:
    verdict = read(rule, agent(AgentRuntime), world(AgentRuntime, policy=document))
    assert told(verdict)[-1] == ("resourcePolicy.Principal", "*", "CRITICAL")


def test_a_harness_has_no_resource_policy_that_could_be_read() -> None:
    seen = world(Harness, policy=policy())
    verdict = read(rule, agent(Harness), seen)
    assert (told(verdict), verdict.gap, seen.reads) == ([(PATH, None, "MEDIUM")], "", [])


@pytest.mark.parametrize(
    "document",
    [
        policy({"AWS": "arn:aws:iam::444455556666:root"}),
        policy(Condition={"StringEquals": {"aws:SourceAccount": "444455556666"}}),
        policy(Condition={"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}),
        policy(Condition={"StringEquals": {"aws:PrincipalAccount": ["444455556666"]}}),
        policy(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/*"}}),
        policy(Condition={"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}),
        policy(Effect="Deny"),
        both_of(allowed(), denied()),
        both_of(allowed(), denied(Condition=OTHERS)),
        both_of(allowed(), denied(Principal=None, NotPrincipal={"AWS": ["arn:aws:iam::1:root"]})),
    ],
)
def test_a_resource_policy_that_confines_leaves_it_medium(document: str) -> None:
    verdict = read(rule, agent(AgentRuntime), world(AgentRuntime, policy=document))
    assert verdict.severity is Severity.MEDIUM


@both
@pytest.mark.parametrize("configuration", [JWT, JWT | {}])
def test_an_agent_that_still_checks_tokens_is_silent(kind: Any, configuration: Any) -> None:
    assert read(rule, agent(kind, configuration), world(kind)).outcome is Outcome.COMPLIANT


@both
def test_an_agent_that_never_had_a_check_is_silent(kind: Any) -> None:
    assert read(rule, agent(kind), world(kind, before=None)).outcome is Outcome.COMPLIANT


@both
def test_a_created_agent_without_a_check_is_silent(kind: Any) -> None:
    assert read(rule, agent(kind), world(kind, before="none")).outcome is Outcome.NO_BASELINE


@both
def test_a_check_that_is_set_again_is_silent(kind: Any) -> None:
    assert read(rule, agent(kind, JWT), world(kind)).outcome is Outcome.COMPLIANT


@pytest.mark.parametrize("cleared", [{}, {"optionalValue": None}, {"optionalValue": {}}])
def test_a_harness_update_that_clears_the_wrapper_removes_the_check(cleared: Any) -> None:
    name = identity(Harness).name
    found = recorded("UpdateHarness", {"harnessId": name, "authorizerConfiguration": cleared})
    verdict = judged(rule, seen_in(Harness, found), world(Harness))
    assert (verdict.severity, verdict.from_read) == (Severity.MEDIUM, False)


def test_a_harness_update_of_something_else_is_decided_by_a_read() -> None:
    found = recorded("UpdateHarness", {"harnessId": identity(Harness).name, "maxTokens": 5})
    seen = world(Harness)
    seen.live["harness", identity(Harness).key] = agent(Harness, JWT)
    verdict = judged(rule, seen_in(Harness, found), seen)
    assert (verdict.outcome, verdict.from_read) == (Outcome.COMPLIANT, True)


def test_a_runtime_update_without_the_member_is_decided_by_a_read() -> None:
    found = recorded("UpdateAgentRuntime", {"agentRuntimeId": identity(AgentRuntime).name})
    subject = seen_in(AgentRuntime, found)
    assert judged(rule, subject, world(AgentRuntime)).outcome is Outcome.COULD_NOT_ASSESS
    seen = world(AgentRuntime)
    seen.live["runtime", identity(AgentRuntime).key] = agent(AgentRuntime)
    assert judged(rule, subject, seen).severity is Severity.MEDIUM


@pytest.mark.parametrize("document", ["not json", "***"])
def test_a_resource_policy_that_cannot_be_read_keeps_the_medium_and_says_so(document: str) -> None:
    verdict = read(rule, agent(AgentRuntime), world(AgentRuntime, policy=document))
    assert verdict.severity is Severity.MEDIUM
    assert verdict.gap


def test_a_refused_read_of_the_resource_policy_keeps_the_medium_and_says_so() -> None:
    seen = world(AgentRuntime)
    seen.live.clear()
    verdict = read(rule, agent(AgentRuntime), seen)
    assert (verdict.severity, bool(verdict.gap)) == (Severity.MEDIUM, True)
