"""What the judge makes of a rule: what is read, what stands unread, and what is never lowered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sentinel import Before, Each, Earlier, Evidence, Findings, Guard, Lookup, NotKnown, Severity
from sentinel.finding import Outcome, Verdict, kept
from sentinel.judge import CannotRead
from sentinel.rule import Rule, rule
from sentinel.subjects import CommandRun, Gateway, GatewayTarget

from tests.unit.worlds import EVENT_TIME, NOW, World, identity, judged, make, read, run, told

ENGINE = {"arn": "engine-1", "mode": "ENFORCE"}
KEY = identity(Gateway).key


def gateway(*, complete: bool = True, **members: Any) -> Gateway:
    seen: Gateway = make(Gateway, members, complete=complete)
    return seen


def live(**members: Any) -> World:
    return World(live={("gateway", KEY): gateway(**members)})


def gone() -> World:
    return World(live={("gateway", KEY): None})


@rule(Severity.CRITICAL)
def engine_missing(gateway: Gateway) -> Findings:
    """Engine is missing.

    Risk:
        Some.

    Fix:
        One.
    """
    if gateway.policy_engine_configuration is None:
        yield Evidence("policyEngineConfiguration", None)


@rule(Severity.CRITICAL)
def type_none(gateway: Gateway) -> Findings:
    """Type is NONE.

    Risk:
        Some.

    Fix:
        One.
    """
    if gateway.authorizer_type == "NONE":
        yield Evidence("authorizerType", "NONE", guarded_by=lambda: engine_of(gateway))


def engine_of(gateway: Gateway) -> Guard | None:
    engine = gateway.policy_engine_configuration
    return Guard(Severity.MEDIUM, "policyEngineConfiguration.mode", engine.mode) if engine else None


@rule(Severity.LOW)
def evidence_then_unknown(gateway: Gateway, other: Lookup[Gateway]) -> Findings:
    """Two looks.

    Risk:
        Some.

    Fix:
        One.
    """
    yield Evidence("name", gateway.name)
    yield Evidence("roleArn", gateway.role_arn, Severity.HIGH, key="role")


@rule(Severity.HIGH)
def changed(gateway: Gateway, before: Before[Gateway]) -> Findings:
    """Name changed.

    Risk:
        Some.

    Fix:
        One.
    """
    good = before()
    if good and good.name != gateway.name:
        yield Evidence("name", gateway.name, before=good.name)


@rule(Severity.HIGH)
def guarded_by_children(gateway: Gateway, targets: Each[GatewayTarget]) -> Findings:
    """Guarded by its children.

    Risk:
        Some.

    Fix:
        One.
    """
    yield Evidence("name", "x", guarded_by=lambda: Guard(Severity.LOW, "t", len(targets())))


@rule(Severity.HIGH)
def burst(run: CommandRun, past: Earlier[CommandRun], *, window: int = 1) -> Findings:
    """Burst of commands.

    Risk:
        Some.

    Fix:
        One.
    """
    yield Evidence("count", len(past.within(timedelta(hours=window))) + 1)


@rule(Severity.HIGH)
def broken(gateway: Gateway) -> Iterator[Evidence]:
    """Broken.

    Risk:
        Some.

    Fix:
        One.
    """
    yield Evidence("name", "x")
    raise ZeroDivisionError


def outcome(verdict: Verdict) -> tuple[Outcome, bool]:
    return verdict.outcome, verdict.from_read


def test_an_event_that_shows_the_problem_is_judged_without_a_read() -> None:
    world = World()
    verdict = judged(type_none, gateway(authorizerType="NONE"), world)
    assert outcome(verdict) == (Outcome.VIOLATION, False)
    assert (verdict.severity, world.reads) == (Severity.CRITICAL, [])


def test_an_event_that_shows_no_problem_is_compliant_without_a_read() -> None:
    world = World()
    assert judged(type_none, gateway(authorizerType="AWS_IAM"), world).outcome is Outcome.COMPLIANT
    assert world.reads == []


def test_a_critical_that_rests_on_an_absent_member_is_read_live_first() -> None:
    world = live(policyEngineConfiguration=ENGINE)
    assert outcome(judged(engine_missing, gateway(), world)) == (Outcome.COMPLIANT, True)
    assert world.reads == [KEY]


def test_a_critical_on_an_absent_member_stands_when_the_live_read_confirms_it() -> None:
    verdict = judged(engine_missing, gateway(), live())
    assert outcome(verdict) == (Outcome.VIOLATION, True)
    assert verdict.as_of == NOW


def test_a_create_or_replacing_update_stands_when_it_cannot_be_read() -> None:
    verdict = judged(engine_missing, gateway(), World())
    assert outcome(verdict) == (Outcome.VIOLATION, False)
    assert verdict.as_of == EVENT_TIME


def test_a_critical_does_not_rest_on_a_member_that_was_absent_for_another_rule() -> None:
    subject = gateway(authorizerType="NONE")
    judged(engine_missing, subject, World())
    world = World()
    judged(type_none, subject, world)
    assert world.reads == []


def test_a_critical_rests_on_a_member_that_another_rules_guard_found_absent_before() -> None:
    subject = gateway(authorizerType="NONE")
    judged(type_none, subject, World())
    world = live(policyEngineConfiguration=ENGINE)
    assert judged(engine_missing, subject, world).outcome is Outcome.COMPLIANT
    assert world.reads == [KEY]


def test_what_was_not_seen_is_read_once_and_judged_again() -> None:
    world = live(authorizerType="NONE")
    verdict = judged(type_none, gateway(complete=False), world)
    assert outcome(verdict) == (Outcome.VIOLATION, True)
    assert world.reads == [KEY]


def test_what_is_redacted_even_in_the_read_could_not_be_assessed() -> None:
    world = live(authorizerType="***")
    verdict = judged(type_none, gateway(authorizerType="***"), world)
    assert outcome(verdict) == (Outcome.COULD_NOT_ASSESS, True)
    assert verdict.gap == "authorizerType: was redacted by AWS"
    assert world.reads == [KEY]


def test_what_was_not_seen_and_cannot_be_read_could_not_be_assessed_and_says_both() -> None:
    verdict = judged(type_none, gateway(complete=False), World())
    assert outcome(verdict) == (Outcome.COULD_NOT_ASSESS, False)
    assert verdict.gap == "authorizerType: was not seen; Get gateway: AccessDenied"


def test_evidence_found_before_the_unknown_is_kept() -> None:
    verdict = judged(evidence_then_unknown, gateway(name="orders", roleArn="***"), World())
    assert outcome(verdict) == (Outcome.VIOLATION, False)
    assert told(verdict) == [("name", "orders", "LOW")]
    assert "roleArn: was redacted" in verdict.gap


def test_a_read_that_aws_answers_with_old_news_has_not_the_last_word() -> None:
    world = live(updatedAt=EVENT_TIME - timedelta(seconds=60), policyEngineConfiguration=ENGINE)
    verdict = judged(engine_missing, gateway(), world)
    assert outcome(verdict) == (Outcome.VIOLATION, False)


def test_old_news_does_not_fill_in_what_an_event_left_out() -> None:
    world = live(updatedAt=EVENT_TIME - timedelta(seconds=60), authorizerType="AWS_IAM")
    verdict = judged(type_none, gateway(complete=False), world)
    assert verdict.outcome is Outcome.COULD_NOT_ASSESS
    assert "the read is older than the event" in verdict.gap


def test_a_resource_that_is_gone_keeps_what_the_event_showed() -> None:
    assert outcome(judged(engine_missing, gateway(), gone())) == (Outcome.VIOLATION, False)


def test_a_resource_that_is_gone_and_showed_nothing_is_gone() -> None:
    verdict = judged(type_none, gateway(complete=False), gone())
    assert outcome(verdict) == (Outcome.GONE, False)
    assert not verdict.gap


def test_a_guard_lowers_the_severity_and_is_named() -> None:
    subject = gateway(authorizerType="NONE", policyEngineConfiguration=ENGINE)
    verdict = judged(type_none, subject)
    assert told(verdict) == [
        ("authorizerType", "NONE", "MEDIUM"),
        ("policyEngineConfiguration.mode", "ENFORCE", "MEDIUM"),
    ]


def test_a_guard_that_cannot_be_read_lowers_nothing_and_is_named() -> None:
    subject = gateway(complete=False, authorizerType="NONE")
    verdict = judged(type_none, subject, World())
    assert (verdict.severity, verdict.unread) == (
        Severity.CRITICAL,
        ("policyEngineConfiguration: was not seen",),
    )
    assert verdict.outcome is Outcome.VIOLATION
    assert not verdict.gap


def test_a_guard_that_was_not_seen_is_read_live() -> None:
    subject = gateway(complete=False, authorizerType="NONE")
    verdict = judged(
        type_none, subject, live(authorizerType="NONE", policyEngineConfiguration=ENGINE)
    )
    assert (verdict.severity, verdict.unread) == (Severity.MEDIUM, ())


def test_the_subject_is_not_read_again_for_children_that_cannot_be_read() -> None:
    world = World()
    verdict = judged(guarded_by_children, gateway(), world)
    assert (verdict.severity, verdict.unread) == (
        Severity.HIGH,
        ("List gateway-target: AccessDenied",),
    )
    assert world.reads == []


def test_a_guard_never_raises_the_severity() -> None:
    @rule(Severity.LOW)
    def low(gateway: Gateway) -> Findings:
        """Low.

        Risk:
            Some.

        Fix:
            One.
        """
        yield Evidence("name", "x", guarded_by=lambda: Guard(Severity.HIGH, "guard", 1))

    assert judged(low, gateway()).severity is Severity.LOW


def test_a_change_rule_without_baseline_says_so() -> None:
    verdict = read(changed, gateway(name="orders"))
    assert verdict.outcome is Outcome.NO_BASELINE


def test_a_change_rule_compares_with_the_baseline() -> None:
    world = World(baselines={KEY: gateway(name="orders")})
    assert read(changed, gateway(name="orders"), world).outcome is Outcome.COMPLIANT
    verdict = read(changed, gateway(name="other"), world)
    assert [(e.value, e.before) for p in verdict.problems for e in p.evidence] == [
        ("other", "orders")
    ]


def test_evidence_of_one_key_is_one_problem_with_its_worst_severity() -> None:
    @rule(Severity.LOW)
    def many(gateway: Gateway) -> Findings:
        """Many.

        Risk:
            Some.

        Fix:
            One.
        """
        yield Evidence("a", 1, key="k")
        yield Evidence("b", 2, Severity.HIGH, key="k")
        yield Evidence("c", 3, key="other")

    problems = judged(many, gateway()).problems
    assert [(p.key, p.severity.name, len(p.evidence)) for p in problems] == [
        ("k", "HIGH", 2),
        ("other", "LOW", 1),
    ]


def test_activities_are_counted_over_the_past_without_the_one_that_is_judged() -> None:
    past = [run(event_id="event-1"), run(event_id="event-2"), run(event_id="event-3")]
    verdict = judged(burst, run(), World(past=past))
    assert verdict.problems[0].count == 3
    assert verdict.activity


def test_a_setting_reaches_the_rule() -> None:
    past = [run(EVENT_TIME - timedelta(minutes=90), "event-2")]
    assert judged(burst, run(), World(past=past)).problems[0].count == 1
    assert judged(burst, run(), World(past=past), window=2).problems[0].count == 2


def test_a_broken_rule_raises_and_is_no_verdict() -> None:
    with pytest.raises(ZeroDivisionError):
        judged(broken, gateway())


def test_a_read_subject_is_not_read_again() -> None:
    world = live()
    assert read(engine_missing, gateway(), world).outcome is Outcome.VIOLATION
    assert world.reads == []


def test_a_refused_read_is_something_that_is_not_known() -> None:
    assert issubclass(CannotRead, NotKnown)
    assert isinstance(engine_missing, Rule)


def test_the_evidence_of_a_huge_policy_stays_small_enough_to_be_stored() -> None:
    found = [
        Evidence(f"Statement[{n}]", {"actions": ["bedrock:Invoke*"] * 500, "resource": "x" * 5000})
        for n in range(1000)
    ]
    lines = kept(found)
    assert len(json.dumps([[line.path, line.value] for line in lines])) < 40_000
    assert lines[-1].value == "980 more pieces of evidence"
