"""The harness: a managed agent with its own runtime, model and tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from sentinel.agentcore import SOURCES, identity_of
from sentinel.record import Record
from sentinel.seen import Part
from sentinel.subject import Effect, Identity, Reading, Resource
from sentinel.subjects.agent_runtime import ContainerConfiguration
from sentinel.subjects.jwt_authorizer import AuthorizerConfiguration

_WRAPPED = ("authorizerConfiguration", "environmentArtifact", "memory")


class HarnessEnvironmentArtifact(Part):
    """What a harness runs: an image; AWS builds no code for it."""

    container_configuration: ContainerConfiguration | None = None
    code_configuration: ClassVar[None] = None


class Harness(Resource):
    """A managed agent with its own runtime, model and tools."""

    kind: ClassVar[str] = "harness"
    sources: ClassVar[tuple[str, ...]] = SOURCES
    segment: ClassVar[str] = "harness"
    events: ClassVar[dict[str, Effect]] = {
        "CreateHarness": Effect.CREATES,
        "UpdateHarness": Effect.PATCHES,
        "DeleteHarness": Effect.DELETES,
    }
    updated: ClassVar[str] = "updatedAt"
    artifact_member: ClassVar[str] = "environmentArtifact"
    reading: ClassVar[Reading] = Reading(
        service="bedrock-agentcore-control",
        list="ListHarnesses",
        listed_id="harnessId",
        get="GetHarness",
        get_id="harnessId",
        actions=frozenset({"bedrock-agentcore:ListHarnesses", "bedrock-agentcore:GetHarness"}),
        wrapper="harness",
        version="harnessVersion",
        calls_per_second=5,
    )

    harness_name: str
    harness_version: str | None = None
    execution_role_arn: str
    authorizer_configuration: AuthorizerConfiguration | None = None
    environment_artifact: HarnessEnvironmentArtifact | None = None

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """From the id in the call, or the ARN in its answer, which AWS nests under ``harness``."""
        nested = record.response.get("harness")
        answer = nested if isinstance(nested, Mapping) else record.response
        return identity_of(
            replace(record, response=answer),
            cls.kind,
            cls.segment,
            ("harnessArn", "arn", "harnessId"),
            created=record.name == "CreateHarness",
        )

    @classmethod
    def members(cls, record: Record) -> Mapping[str, Any]:
        """An update wraps what can be cleared: ``{}`` and a null in ``optionalValue`` clear it."""
        told = {k: v for k, v in record.request.items() if v is not None}
        if record.name != "UpdateHarness":
            return told
        for member in _WRAPPED:
            value = told.get(member)
            if isinstance(value, Mapping):
                told[member] = value.get("optionalValue")
        return told

    @property
    def artifact(self) -> HarnessEnvironmentArtifact | None:
        """What the harness runs; None is the service's own image."""
        return self.environment_artifact

    @property
    def jwt_authorizer(self) -> AuthorizerConfiguration | None:
        """The authorizer's configuration; without one AWS signatures are checked."""
        return self.authorizer_configuration
