"""The agent runtime: an agent's code, its role and its network."""

from __future__ import annotations

from typing import ClassVar

from sentinel.agentcore import SOURCES, identity_of
from sentinel.record import Record
from sentinel.seen import Part
from sentinel.subject import Effect, Identity, Reading, Resource
from sentinel.subjects.jwt_authorizer import AuthorizerConfiguration


class ContainerConfiguration(Part):
    """The image that an agent runs."""

    container_uri: str


class CodeBucket(Part):
    """The object that holds an agent's code."""

    bucket: str
    prefix: str
    version_id: str | None = None


class Code(Part):
    """Where an agent's code lies; the union knows no other arm."""

    s3: CodeBucket | None = None


class CodeConfiguration(Part):
    """Code that the service builds into an agent."""

    code: Code
    entry_point: tuple[str, ...] = ()


class AgentRuntimeArtifact(Part):
    """What an agent runs: an image, or code."""

    container_configuration: ContainerConfiguration | None = None
    code_configuration: CodeConfiguration | None = None


class AgentRuntime(Resource):
    """An agent's code, its role and its network.

    AWS's documentation does not say whether UpdateAgentRuntime resets what is left out, so an
    update is taken as a part of the state and the rest is read.
    """

    kind: ClassVar[str] = "runtime"
    sources: ClassVar[tuple[str, ...]] = SOURCES
    segment: ClassVar[str] = "runtime"
    events: ClassVar[dict[str, Effect]] = {
        "CreateAgentRuntime": Effect.CREATES,
        "UpdateAgentRuntime": Effect.PATCHES,
        "DeleteAgentRuntime": Effect.DELETES,
    }
    updated: ClassVar[str] = "lastUpdatedAt"
    artifact_member: ClassVar[str] = "agentRuntimeArtifact"
    reading: ClassVar[Reading] = Reading(
        service="bedrock-agentcore-control",
        list="ListAgentRuntimes",
        listed_id="agentRuntimeId",
        get="GetAgentRuntime",
        get_id="agentRuntimeId",
        actions=frozenset(
            {"bedrock-agentcore:ListAgentRuntimes", "bedrock-agentcore:GetAgentRuntime"}
        ),
        version="agentRuntimeVersion",
        calls_per_second=30,
    )

    agent_runtime_name: str
    agent_runtime_version: str
    role_arn: str
    agent_runtime_artifact: AgentRuntimeArtifact
    authorizer_configuration: AuthorizerConfiguration | None = None

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """From the ARN or id in the call, in its answer, or in CloudTrail's list of resources."""
        members = ("agentRuntimeArn", "agentRuntimeId")
        created = record.name == "CreateAgentRuntime"
        return identity_of(record, cls.kind, cls.segment, members, created=created)

    @property
    def artifact(self) -> AgentRuntimeArtifact | None:
        """What the agent runs."""
        return self.agent_runtime_artifact

    @property
    def jwt_authorizer(self) -> AuthorizerConfiguration | None:
        """The authorizer's configuration; without one AWS signatures are checked."""
        return self.authorizer_configuration
