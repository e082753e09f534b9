"""The cases of gateway_enforcement_dropped: what it was, what it is, and who forgot it."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel import Severity
from sentinel.finding import Outcome
from sentinel.rules.gateway_enforcement_dropped import gateway_enforcement_dropped as rule
from sentinel.subjects import Gateway

from tests.unit.worlds import World, identity, judged, make, read, recorded, seen_in

KEY = identity(Gateway).key
ENFORCES = {"arn": "engine-1", "mode": "ENFORCE"}
LOGS = {"arn": "engine-1", "mode": "LOG_ONLY"}
OTHER = {"arn": "engine-2", "mode": "ENFORCE"}


def gateway(engine: Any = None, **members: Any) -> Gateway:
    told = {} if engine is None else {"policyEngineConfiguration": engine}
    seen: Gateway = make(Gateway, told | members)
    return seen


def after(engine: Any) -> World:
    return World(baselines={KEY: gateway(engine)})


@pytest.mark.parametrize(
    "before, now, expected",
    [
        (ENFORCES, LOGS, Severity.CRITICAL),
        (ENFORCES, None, Severity.CRITICAL),
        (ENFORCES, OTHER, Severity.MEDIUM),
        (ENFORCES, OTHER | {"mode": "LOG_ONLY"}, Severity.CRITICAL),
        (ENFORCES, ENFORCES, None),
        (LOGS, LOGS, None),
        (LOGS, None, None),
        (LOGS, ENFORCES, None),
        (None, ENFORCES, None),
        (None, None, None),
    ],
)
def test_only_what_was_enforced_can_be_dropped(
    before: Any, now: Any, expected: Severity | None
) -> None:
    verdict = read(rule, gateway(now), after(before))
    assert (verdict.severity if verdict.problems else None) is expected


def test_the_evidence_shows_before_and_after() -> None:
    (problem,) = read(rule, gateway(LOGS), after(ENFORCES)).problems
    assert [(e.path, e.value, e.before) for e in problem.evidence] == [
        ("policyEngineConfiguration.mode", "LOG_ONLY", "ENFORCE")
    ]


def test_without_a_baseline_it_is_silent_and_says_so() -> None:
    assert read(rule, gateway(LOGS)).outcome is Outcome.NO_BASELINE


def test_an_update_that_merely_forgets_the_engine_is_confirmed_by_a_read() -> None:
    forgetful = recorded(
        "UpdateGateway",
        {"gatewayIdentifier": identity(Gateway).name, "authorizerType": "AWS_IAM", "name": "***"},
    )
    world = after(ENFORCES)
    world.live["gateway", KEY] = gateway()
    verdict = judged(rule, seen_in(Gateway, forgetful), world)
    assert (verdict.severity, verdict.from_read) == (Severity.CRITICAL, True)


def test_an_engine_that_is_still_there_when_read_is_no_finding() -> None:
    world = after(ENFORCES)
    world.live["gateway", KEY] = gateway(ENFORCES)
    verdict = judged(rule, gateway(), world)
    assert (verdict.outcome, verdict.from_read) == (Outcome.COMPLIANT, True)


def test_an_update_that_cannot_be_read_stands_since_aws_says_that_it_resets() -> None:
    verdict = judged(rule, gateway(), after(ENFORCES))
    assert (verdict.severity, verdict.from_read) == (Severity.CRITICAL, False)


@pytest.mark.parametrize("mark", ["***", "some text"])
def test_an_engine_told_as_a_text_is_read(mark: str) -> None:
    world = after(ENFORCES)
    world.live["gateway", KEY] = gateway(LOGS)
    assert judged(rule, gateway(mark), world).severity is Severity.CRITICAL


def test_an_engine_told_as_a_text_that_cannot_be_read_could_not_be_assessed() -> None:
    assert judged(rule, gateway("***"), after(ENFORCES)).outcome is Outcome.COULD_NOT_ASSESS


def test_it_fires_whoever_calls() -> None:
    assert not rule.settings
