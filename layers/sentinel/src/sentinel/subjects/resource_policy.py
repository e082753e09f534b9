"""The resource policy of a runtime, an endpoint, a gateway or a memory."""

from __future__ import annotations

from typing import ClassVar

from sentinel.agentcore import SOURCES, identity_of
from sentinel.arn import Arn, is_arn
from sentinel.record import Record
from sentinel.subject import Effect, Identity, Resource
from sentinel.subjects.agent_runtime import AgentRuntime


class ResourcePolicy(Resource):
    """Who may call a resource, as its own policy says; it is read by the resource's ARN, not
    listed. Its parent is the runtime that it guards.
    """

    kind: ClassVar[str] = "resource-policy"
    sources: ClassVar[tuple[str, ...]] = SOURCES
    parent: ClassVar[type[Resource] | None] = AgentRuntime
    events: ClassVar[dict[str, Effect]] = {
        "PutResourcePolicy": Effect.CREATES,
        "DeleteResourcePolicy": Effect.DELETES,
    }
    actions: ClassVar[frozenset[str]] = frozenset({"bedrock-agentcore:GetResourcePolicy"})

    policy: str | None = None

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """The ARN of the resource that the policy guards."""
        named = record.request.get("resourceArn")
        return cls.guarding(named) if isinstance(named, str) and is_arn(named) else None

    @classmethod
    def parent_in(cls, record: Record) -> Identity | None:
        """The runtime of which the call names the ARN, or that of an endpoint."""
        return identity_of(record, AgentRuntime.kind, AgentRuntime.segment, ("resourceArn",))

    @classmethod
    def guarding(cls, resource: str) -> Identity:
        """The identity of the policy of the resource with this ARN."""
        arn = Arn.parse(resource)
        name = arn.resource.rsplit("/", 1)[-1]
        return Identity(arn.partition, arn.account, arn.region, cls.kind, resource, name)
