"""The cases of jwt_authorizer_unpinned: what pins a token, and what only looks as if it did."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel import Severity
from sentinel.finding import Outcome
from sentinel.rules.jwt_authorizer_unpinned import issuer_of
from sentinel.rules.jwt_authorizer_unpinned import jwt_authorizer_unpinned as rule
from sentinel.subjects import AgentRuntime, Gateway, Harness

from tests.unit.worlds import World, identity, judged, make, read, told

WELL_KNOWN = "/.well-known/openid-configuration"
OWN = f"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc{WELL_KNOWN}"
ENTRA = f"https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0{WELL_KNOWN}"
GITHUB = f"https://token.actions.githubusercontent.com{WELL_KNOWN}"
PATH = "authorizerConfiguration.customJWTAuthorizer"


def claim(name: str, operator: str = "EQUALS") -> dict[str, Any]:
    return {
        "inboundTokenClaimName": name,
        "inboundTokenClaimValueType": "STRING",
        "authorizingClaimMatchValue": {
            "claimMatchOperator": operator,
            "claimMatchValue": {"matchValueString": "x"},
        },
    }


def runtime(url: str = OWN, **members: Any) -> AgentRuntime:
    jwt = {"discoveryUrl": url} | members
    seen: AgentRuntime = make(
        AgentRuntime, {"authorizerConfiguration": {"customJWTAuthorizer": jwt}}
    )
    return seen


def gateway(kind: str, configuration: Any = None) -> Gateway:
    seen: Gateway = make(
        Gateway, {"authorizerType": kind, "authorizerConfiguration": configuration}
    )
    return seen


def severity(subject: Any, **settings: Any) -> Severity | None:
    verdict = read(rule, subject, **settings)
    assert not verdict.gap
    return verdict.severity if verdict.problems else None


@pytest.mark.parametrize(
    "members",
    [
        {"allowedAudience": ["orders"]},
        {"allowedClients": ["client-1"]},
        {"allowedClients": ["client-1"], "allowedAudience": []},
        {"customClaims": [claim("aud")]},
        {"customClaims": [claim("client_id", "CONTAINS_ANY")]},
        {"customClaims": [claim("department"), claim("sub")]},
        {"allowedWorkloadConfiguration": {"hostingEnvironments": [{"arn": "gateway"}]}},
        {"allowedWorkloadConfiguration": {"workloadIdentities": ["w"]}},
        {"allowedScopes": ["orders/read"]},
        {"allowedScopes": ["https://api.example/read", "orders/write"]},
    ],
)
def test_a_pinned_token_is_silent(members: dict[str, Any]) -> None:
    assert severity(runtime(**members)) is None


@pytest.mark.parametrize(
    "members, expected",
    [
        ({}, Severity.HIGH),
        ({"allowedAudience": [], "allowedClients": []}, Severity.HIGH),
        ({"allowedWorkloadConfiguration": {}}, Severity.HIGH),
        ({"allowedScopes": ["openid", "email", "profile"]}, Severity.HIGH),
        ({"allowedScopes": ["https://api.example/read", "openid"]}, Severity.HIGH),
        ({"allowedScopes": ["aws.cognito.signin.user.admin"]}, Severity.HIGH),
        ({"allowedScopes": ["read"]}, Severity.MEDIUM),
        ({"allowedScopes": ["orders/read", "read"]}, Severity.MEDIUM),
        ({"customClaims": [claim("department")]}, Severity.MEDIUM),
        ({"customClaims": [claim("aud", "CONTAINS")]}, Severity.MEDIUM),
    ],
)
def test_a_token_of_the_own_issuer_without_a_pin(
    members: dict[str, Any], expected: Severity
) -> None:
    assert severity(runtime(**members)) is expected


@pytest.mark.parametrize(
    "url",
    [
        f"https://login.microsoftonline.com/common/v2.0{WELL_KNOWN}",
        f"https://login.microsoftonline.com/COMMON/v2.0{WELL_KNOWN}",
        f"https://LOGIN.microsoftonline.com:443/organizations{WELL_KNOWN}",
        f"https://user@login.microsoftonline.com/consumers/{WELL_KNOWN}",
        f"https://accounts.google.com{WELL_KNOWN}",
        f"https://accounts.google.com.{WELL_KNOWN}",
        f"https://gitlab.com{WELL_KNOWN}",
        GITHUB,
    ],
)
def test_any_token_of_an_issuer_that_serves_everybody_is_critical(url: str) -> None:
    assert severity(runtime(url)) is Severity.CRITICAL


@pytest.mark.parametrize(
    "url", [ENTRA, f"https://accounts.google.com.example{WELL_KNOWN}", f"https://x{WELL_KNOWN}"]
)
def test_another_issuer_that_looks_like_one_is_not_shared(url: str) -> None:
    assert severity(runtime(url)) is Severity.HIGH


@pytest.mark.parametrize("url", [GITHUB, f"https://gitlab.com{WELL_KNOWN}"])
def test_where_the_caller_chooses_the_audience_it_is_no_pin(url: str) -> None:
    assert severity(runtime(url, allowedAudience=["orders"])) is Severity.CRITICAL
    assert severity(runtime(url, customClaims=[claim("aud")])) is Severity.MEDIUM
    assert severity(runtime(url, customClaims=[claim("repository")])) is None
    assert severity(runtime(url, customClaims=[claim("sub")])) is None


def test_the_team_may_name_further_shared_issuers() -> None:
    url = f"https://login.example/tenant{WELL_KNOWN}"
    assert severity(runtime(url), shared_issuers=frozenset({"login.example"})) is Severity.CRITICAL


def test_the_evidence_names_the_claims_that_do_not_pin_and_not_their_values() -> None:
    verdict = read(rule, runtime(customClaims=[claim("department")]))
    assert told(verdict) == [(f"{PATH}.customClaims", ["department"], "MEDIUM")]


def test_custom_jwt_without_a_configuration_could_not_be_assessed() -> None:
    verdict = read(rule, gateway("CUSTOM_JWT"))
    assert verdict.outcome is Outcome.COULD_NOT_ASSESS


@pytest.mark.parametrize("kind", ["AWS_IAM", "NONE"])
def test_a_configuration_left_over_on_another_type_is_silent(kind: str) -> None:
    left_over = {"customJWTAuthorizer": {"discoveryUrl": OWN}}
    assert severity(gateway(kind, left_over)) is None


def test_an_agent_without_an_authorizer_checks_aws_signatures_and_is_silent() -> None:
    assert severity(make(AgentRuntime, {})) is None
    assert severity(make(Harness, {})) is None


def test_a_harness_is_judged_like_a_runtime() -> None:
    jwt = {"customJWTAuthorizer": {"discoveryUrl": OWN}}
    assert severity(make(Harness, {"authorizerConfiguration": jwt})) is Severity.HIGH


@pytest.mark.parametrize("configuration", ["***", "text", {"customJWTAuthorizer": "***"}])
def test_a_configuration_told_as_a_text_could_not_be_assessed(configuration: Any) -> None:
    assert read(rule, gateway("CUSTOM_JWT", configuration)).outcome is Outcome.COULD_NOT_ASSESS


@pytest.mark.parametrize("url", ["https://[x", "https://[::1"])
def test_a_hostile_url_could_not_be_assessed_and_breaks_nothing(url: str) -> None:
    assert read(rule, runtime(url)).outcome is Outcome.COULD_NOT_ASSESS


def test_a_create_whose_pins_are_absent_is_confirmed_by_a_read() -> None:
    key = identity(AgentRuntime).key
    world = World(live={("runtime", key): runtime(allowedAudience=["orders"])})
    assert judged(rule, runtime(), world).outcome is Outcome.COMPLIANT
    assert world.reads == [key]


@pytest.mark.parametrize(
    "url, issuer",
    [
        (ENTRA, "login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"),
        ("https://x.example/.well-known/oauth-authorization-server/tenant", "x.example"),
        ("", ""),
    ],
)
def test_an_issuer_is_host_and_path_before_well_known(url: str, issuer: str) -> None:
    assert issuer_of(url) == issuer
