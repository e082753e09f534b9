"""The cases of agent_artifact_foreign: whose registry, whose bucket."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel import Severity
from sentinel.finding import Outcome
from sentinel.rules.agent_artifact_foreign import agent_artifact_foreign as rule
from sentinel.subjects import AgentRuntime, Harness

from tests.unit.worlds import Account, World, identity, judged, make, read, told

OWN = "444455556666.dkr.ecr.eu-central-1.amazonaws.com/orders"
FOREIGN = "999988887777.dkr.ecr.eu-central-1.amazonaws.com/orders"


def image(uri: Any) -> AgentRuntime:
    artifact = {"containerConfiguration": {"containerUri": uri}}
    seen: AgentRuntime = make(AgentRuntime, {"agentRuntimeArtifact": artifact})
    return seen


def code(bucket: Any) -> AgentRuntime:
    artifact = {"codeConfiguration": {"code": {"s3": {"bucket": bucket, "prefix": "a.zip"}}}}
    seen: AgentRuntime = make(AgentRuntime, {"agentRuntimeArtifact": artifact})
    return seen


def severity(subject: Any, *, owned: frozenset[str] | None = None, **settings: Any) -> Any:
    verdict = read(rule, subject, World(own=Account(buckets=owned or frozenset())), **settings)
    assert not verdict.gap
    return verdict.severity if verdict.problems else None


@pytest.mark.parametrize(
    "uri",
    [
        f"{OWN}@sha256:00",
        f"{OWN}:latest",
        "444455556666.dkr-ecr.eu-central-1.on.aws/orders",
        "444455556666.dkr.ecr-fips.us-gov-west-1.amazonaws.com/orders",
        "444455556666.dkr.ecr.cn-north-1.amazonaws.com.cn/orders",
    ],
)
def test_an_image_of_the_own_account_is_silent(uri: str) -> None:
    assert severity(image(uri)) is None


def test_an_image_pulled_through_the_own_cache_is_silent() -> None:
    assert severity(image(f"{OWN.rsplit('/', 1)[0]}/docker-hub/library/python:3.13")) is None


@pytest.mark.parametrize(
    "uri",
    [
        FOREIGN,
        "docker.io/library/python:3.13",
        "ghcr.io/acme/agent",
        "python:3.13",
        f"evil.example/{OWN}",
        "444455556666.dkr.ecr.eu-central-1.amazonaws.com.evil.example/orders",
        "444455556666.dkr.ecr.eu-central-1.evil.amazonaws.com/orders",
        "public.ecr.aws.evil.example/x",
        "4444555566667.dkr.ecr.eu-central-1.amazonaws.com/orders",
        "",
    ],
)
def test_an_image_of_anybody_else_is_high(uri: str) -> None:
    assert severity(image(uri)) is Severity.HIGH


def test_the_public_registry_of_aws_is_medium() -> None:
    assert severity(image("public.ecr.aws/acme/agent:1")) is Severity.MEDIUM


def test_a_trusted_account_is_silent() -> None:
    assert severity(image(FOREIGN), trusted_accounts=frozenset({"999988887777"})) is None


def test_an_own_bucket_and_a_trusted_one_are_silent_and_another_is_high() -> None:
    assert severity(code("mine"), owned=frozenset({"mine"})) is None
    assert severity(code("theirs"), trusted_buckets=frozenset({"theirs"})) is None
    assert severity(code("theirs-eu"), trusted_buckets=frozenset({"theirs-*"})) is None
    assert severity(code("theirs"), owned=frozenset({"mine"})) is Severity.HIGH


def test_buckets_that_cannot_be_listed_could_not_be_assessed() -> None:
    verdict = read(rule, code("theirs"), World(own=Account(buckets=None)))
    assert verdict.outcome is Outcome.COULD_NOT_ASSESS
    assert "ListBuckets" in verdict.gap


def test_a_trusted_bucket_needs_no_list() -> None:
    world = World(own=Account(buckets=None))
    verdict = read(rule, code("theirs"), world, trusted_buckets=frozenset({"theirs"}))
    assert verdict.outcome is Outcome.COMPLIANT


@pytest.mark.parametrize("artifact", ["***", "text", {"codeConfiguration": "***"}])
def test_an_artifact_told_as_a_text_is_read(artifact: Any) -> None:
    key = identity(AgentRuntime).key
    world = World(live={("runtime", key): image(FOREIGN)})
    verdict = judged(rule, make(AgentRuntime, {"agentRuntimeArtifact": artifact}), world)
    assert (verdict.severity, verdict.from_read) == (Severity.HIGH, True)


@pytest.mark.parametrize(
    "artifact", [{}, {"wasmConfiguration": {}}, {"codeConfiguration": {"code": {}}}]
)
def test_an_artifact_of_an_unknown_kind_could_not_be_assessed(artifact: Any) -> None:
    verdict = read(rule, make(AgentRuntime, {"agentRuntimeArtifact": artifact}))
    assert verdict.outcome is Outcome.COULD_NOT_ASSESS


def test_a_harness_without_an_artifact_runs_the_services_image_and_is_silent() -> None:
    assert severity(make(Harness, {})) is None


def test_the_evidence_names_the_member_as_each_kind_spells_it() -> None:
    artifact = {"containerConfiguration": {"containerUri": FOREIGN}}
    harness = make(Harness, {"environmentArtifact": artifact})
    paths = [told(read(rule, subject))[0][0] for subject in (image(FOREIGN), harness)]
    assert paths == [
        "agentRuntimeArtifact.containerConfiguration.containerUri",
        "environmentArtifact.containerConfiguration.containerUri",
    ]
