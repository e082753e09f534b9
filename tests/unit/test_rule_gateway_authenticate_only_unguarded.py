"""The cases of gateway_authenticate_only_unguarded: one guard is enough, and none is guessed."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel import Severity
from sentinel.finding import Outcome
from sentinel.rules.gateway_authenticate_only_unguarded import (
    gateway_authenticate_only_unguarded as rule,
)
from sentinel.subjects import Gateway, GatewayTarget

from tests.unit.worlds import World, make, read, told

CALLER = "CALLER_IAM_CREDENTIALS"


def gateway(kind: str = "AUTHENTICATE_ONLY", **members: Any) -> Gateway:
    seen: Gateway = make(Gateway, {"authorizerType": kind} | members)
    return seen


def behind(*targets: Any) -> World:
    return World(children={GatewayTarget: list(targets)})


def target(number: int, *kinds: str, **members: Any) -> GatewayTarget:
    given = [{"credentialProviderType": kind} for kind in kinds]
    told = {"targetId": f"T{number}", "credentialProviderConfigurations": given} | members
    seen: GatewayTarget = make(GatewayTarget, told)
    return seen


def engine(mode: str) -> dict[str, Any]:
    return {"policyEngineConfiguration": {"arn": "engine", "mode": mode}}


def interceptor(point: str) -> dict[str, Any]:
    return {
        "interceptorConfigurations": [
            {"interceptor": {"lambda": {"arn": "x"}}, "interceptionPoints": [point]}
        ]
    }


@pytest.mark.parametrize("kind", ["AWS_IAM", "CUSTOM_JWT", "NONE"])
def test_another_type_is_silent(kind: str) -> None:
    assert read(rule, gateway(kind)).outcome is Outcome.COMPLIANT


@pytest.mark.parametrize("members", [engine("ENFORCE"), interceptor("REQUEST")])
def test_one_guard_in_the_gateway_itself_is_enough_without_reading_targets(
    members: dict[str, Any],
) -> None:
    assert read(rule, gateway(**members)).outcome is Outcome.COMPLIANT


@pytest.mark.parametrize("members", [engine("LOG_ONLY"), interceptor("RESPONSE")])
def test_what_does_not_stop_a_request_is_no_guard(members: dict[str, Any]) -> None:
    verdict = read(rule, gateway(**members), behind(target(1, "GATEWAY_IAM_ROLE")))
    assert verdict.severity is Severity.HIGH


def test_targets_that_all_use_the_callers_credentials_guard() -> None:
    world = behind(target(1, CALLER), target(2, CALLER))
    assert read(rule, gateway(), world).outcome is Outcome.COMPLIANT


def test_of_mixed_targets_each_without_the_callers_credentials_is_named() -> None:
    world = behind(target(1, CALLER), target(2, "OAUTH"), target(3), target(4, CALLER, "API_KEY"))
    assert told(read(rule, gateway(), world)) == [
        ("targets.T2.credentialProviderType", ["OAUTH"], "HIGH"),
        ("targets.T3.credentialProviderType", None, "HIGH"),
        ("targets.T4.credentialProviderType", ["API_KEY", CALLER], "HIGH"),
    ]


def test_a_gateway_without_targets_is_medium() -> None:
    assert told(read(rule, gateway(), behind())) == [
        ("authorizerType", "AUTHENTICATE_ONLY", "MEDIUM")
    ]


def test_a_target_that_waits_for_authorization_counts_like_any_other() -> None:
    waiting = target(1, "OAUTH", status="CREATE_PENDING_AUTH")
    assert read(rule, gateway(), behind(waiting)).severity is Severity.HIGH


def test_an_empty_engine_in_enforce_denies_everything_and_so_guards() -> None:
    assert read(rule, gateway(**engine("ENFORCE")), behind(target(1))).outcome is Outcome.COMPLIANT


def test_targets_that_cannot_be_read_could_not_be_assessed_rather_than_silent() -> None:
    verdict = read(rule, gateway(), World())
    assert verdict.outcome is Outcome.COULD_NOT_ASSESS


def test_one_unreadable_target_keeps_what_the_others_showed() -> None:
    hidden = target(2, credentialProviderConfigurations="***")
    verdict = read(rule, gateway(), behind(target(1, "OAUTH"), hidden))
    assert verdict.severity is Severity.HIGH
    assert "credentialProviderConfigurations: was redacted" in verdict.gap
