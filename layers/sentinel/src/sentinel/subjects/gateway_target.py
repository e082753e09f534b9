"""The gateway target: one backend whose tools a gateway offers."""

from __future__ import annotations

from typing import ClassVar

from sentinel.agentcore import SOURCES
from sentinel.record import Record
from sentinel.seen import Part
from sentinel.subject import Effect, Identity, Reading, Resource
from sentinel.subjects.gateway import Gateway


class CredentialProviderConfiguration(Part):
    """With whose rights the gateway calls the backend."""

    credential_provider_type: str


class GatewayTarget(Resource):
    """One backend whose tools a gateway offers."""

    kind: ClassVar[str] = "gateway-target"
    sources: ClassVar[tuple[str, ...]] = SOURCES
    parent: ClassVar[type[Resource] | None] = Gateway
    events: ClassVar[dict[str, Effect]] = {
        "CreateGatewayTarget": Effect.CREATES,
        "UpdateGatewayTarget": Effect.PATCHES,
        "DeleteGatewayTarget": Effect.DELETES,
    }
    updated: ClassVar[str] = "updatedAt"
    reading: ClassVar[Reading] = Reading(
        service="bedrock-agentcore-control",
        list="ListGatewayTargets",
        listed_id="targetId",
        get="GetGatewayTarget",
        get_id="targetId",
        parent_id="gatewayIdentifier",
        actions=frozenset(
            {"bedrock-agentcore:ListGatewayTargets", "bedrock-agentcore:GetGatewayTarget"}
        ),
        page_size=1000,
        calls_per_second=6,
    )

    target_id: str
    credential_provider_configurations: tuple[CredentialProviderConfiguration, ...] = ()

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """From the gateway and the target's id; AWS has no ARN for a target."""
        gateway = Gateway.identify(record)
        target = record.response.get("targetId") or record.request.get("targetId")
        if gateway is None or not isinstance(target, str):
            return None
        return cls.of_gateway(gateway, target)

    @classmethod
    def of_gateway(cls, gateway: Identity, target: str) -> Identity:
        """The identity of a target by its gateway and id."""
        place = f"{gateway.partition}/{gateway.account}/{gateway.region}"
        key = f"{place}/{cls.kind}/{gateway.name}/{target}"
        return Identity(gateway.partition, gateway.account, gateway.region, cls.kind, key, target)
