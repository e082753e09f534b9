"""The cases of gateway_authorizer_none: whatever stands behind an open door."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel import Severity, cloudtrail
from sentinel.finding import Outcome, fingerprint
from sentinel.record import Skip, Unreadable
from sentinel.rules.gateway_authorizer_none import gateway_authorizer_none as rule
from sentinel.subject import Resource
from sentinel.subjects import Gateway, GatewayTarget

from tests.unit.worlds import World, event, identity, judged, make, read, recorded, seen_in, told

CREATED = {"gatewayId": "orders-mcp-a1b2c3d4e5"}
LAMBDA = {"lambda": {"arn": "arn:aws:lambda:eu-central-1:444455556666:function:check"}}


def gateway(kind: str = "NONE", **members: Any) -> Gateway:
    seen: Gateway = make(Gateway, {"authorizerType": kind} | members)
    return seen


def interceptor(*points: str, headers: bool | None = None) -> dict[str, Any]:
    told = {"interceptor": LAMBDA, "interceptionPoints": list(points)}
    seen = {} if headers is None else {"inputConfiguration": {"passRequestHeaders": headers}}
    return {"interceptorConfigurations": [told | seen]}


def targets(*kinds: str | None) -> World:
    children = [
        make(
            GatewayTarget,
            {
                "targetId": f"T{n}",
                "credentialProviderConfigurations": (
                    [{"credentialProviderType": kind}] if kind else []
                ),
            },
        )
        for n, kind in enumerate(kinds)
    ]
    return World(children={GatewayTarget: children})


def severity(subject: Gateway, world: World | None = None) -> Severity | None:
    verdict = judged(rule, subject, world or targets())
    return verdict.severity if verdict.problems else None


def engine(mode: str) -> dict[str, Any]:
    return {"policyEngineConfiguration": {"arn": "engine", "mode": mode}}


@pytest.mark.parametrize("kind", ["AWS_IAM", "CUSTOM_JWT", "AUTHENTICATE_ONLY", "aws_iam"])
def test_a_gateway_with_an_authorizer_is_silent(kind: str) -> None:
    assert judged(rule, gateway(kind)).outcome is Outcome.COMPLIANT


@pytest.mark.parametrize("kind", ["NONE", "none", "None"])
def test_none_is_critical_in_any_case(kind: str) -> None:
    assert severity(gateway(kind)) is Severity.CRITICAL


def test_the_event_alone_decides_without_a_read_of_the_gateway() -> None:
    world = targets()
    assert judged(rule, gateway(), world).severity is Severity.CRITICAL
    assert world.reads == []


@pytest.mark.parametrize("kind", ["API_KEY", "", "OAUTH"])
def test_a_fifth_type_could_not_be_assessed(kind: str) -> None:
    verdict = read(rule, gateway(kind))
    assert verdict.outcome is Outcome.COULD_NOT_ASSESS
    assert "authorizerType" in verdict.gap


@pytest.mark.parametrize("mark", ["***", "REDACTED", {"a": 1}, 7])
def test_a_redacted_type_is_read_live(mark: Any) -> None:
    world = targets()
    world.live["gateway", identity(Gateway).key] = gateway("NONE")
    verdict = judged(rule, make(Gateway, {"authorizerType": mark}), world)
    assert (verdict.outcome, verdict.from_read) == (Outcome.VIOLATION, True)


def test_a_redacted_type_that_cannot_be_read_could_not_be_assessed() -> None:
    verdict = judged(rule, make(Gateway, {"authorizerType": "***"}))
    assert verdict.outcome is Outcome.COULD_NOT_ASSESS


def test_the_answer_tells_a_type_that_the_request_hides() -> None:
    found = recorded(
        "CreateGateway", {"authorizerType": "***"}, CREATED | {"authorizerType": "NONE"}
    )
    assert judged(rule, seen_in(Gateway, found), targets()).severity is Severity.CRITICAL


def test_an_enforcing_engine_lowers_it_to_medium_and_is_named() -> None:
    verdict = judged(rule, gateway(**engine("ENFORCE")), targets())
    assert told(verdict) == [
        ("authorizerType", "NONE", "MEDIUM"),
        ("policyEngineConfiguration.mode", "ENFORCE", "MEDIUM"),
    ]


def test_an_engine_that_only_logs_is_no_guard() -> None:
    assert severity(gateway(**engine("LOG_ONLY"))) is Severity.CRITICAL


@pytest.mark.parametrize(
    "points, headers, expected",
    [
        (("REQUEST",), True, Severity.MEDIUM),
        (("REQUEST", "RESPONSE"), True, Severity.MEDIUM),
        (("REQUEST",), False, Severity.HIGH),
        (("REQUEST",), None, Severity.HIGH),
        (("RESPONSE",), True, Severity.CRITICAL),
    ],
)
def test_an_interceptor_guards_as_far_as_it_sees_the_request(
    points: tuple[str, ...], headers: bool | None, expected: Severity
) -> None:
    assert severity(gateway(**interceptor(*points, headers=headers))) is expected


@pytest.mark.parametrize(
    "kinds, expected",
    [
        ((), Severity.CRITICAL),
        (("JWT_PASSTHROUGH",), Severity.MEDIUM),
        (("JWT_PASSTHROUGH", "JWT_PASSTHROUGH"), Severity.MEDIUM),
        (("JWT_PASSTHROUGH", "OAUTH"), Severity.CRITICAL),
        (("GATEWAY_IAM_ROLE",), Severity.CRITICAL),
        ((None,), Severity.CRITICAL),
    ],
)
def test_targets_guard_only_if_there_are_some_and_all_pass_the_callers_token(
    kinds: tuple[str | None, ...], expected: Severity
) -> None:
    assert severity(gateway(), targets(*kinds)) is expected


def test_targets_that_cannot_be_read_lower_nothing_and_are_named() -> None:
    verdict = judged(rule, gateway(), World())
    assert verdict.severity is Severity.CRITICAL
    assert verdict.unread == ("List gateway-target: AccessDenied",)


def test_targets_that_cannot_be_read_do_not_hide_an_interceptor_without_headers() -> None:
    verdict = judged(rule, gateway(**interceptor("REQUEST", headers=False)), World())
    assert (verdict.severity, verdict.unread) == (Severity.HIGH, ())


def test_none_again_is_the_same_finding() -> None:
    one, two = judged(rule, gateway(), targets()), read(rule, gateway(), targets())
    assert [p.key for p in one.problems] == [p.key for p in two.problems] == [""]


def test_a_recreated_gateway_is_a_new_finding() -> None:
    old, new = identity(Gateway), identity(Gateway, "orders-mcp-z9y8x7w6v5")
    assert fingerprint(rule.id, old, "") != fingerprint(rule.id, new, "")


@pytest.mark.parametrize(
    "more, skip",
    [
        ({"eventSource": "ecs.amazonaws.com"}, Skip.UNWATCHED),
        ({"errorCode": "AccessDenied"}, Skip.FAILED_CALL),
    ],
)
def test_another_services_gateway_and_a_failed_call_are_no_news(
    more: dict[str, Any], skip: Skip
) -> None:
    with pytest.raises(Unreadable) as caught:
        cloudtrail.sightings(
            cloudtrail.opened(event("CreateGateway", {"authorizerType": "NONE"}, CREATED, **more))
        )
    assert caught.value.skip is skip


def test_a_gateway_is_a_resource_that_can_be_swept() -> None:
    assert issubclass(Gateway, Resource)
    assert Gateway.reading is not None
