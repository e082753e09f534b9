"""The gateway: the front door to an agent's tools."""

from __future__ import annotations

from typing import Annotated, ClassVar

from sentinel.agentcore import SOURCES, identity_of
from sentinel.record import Record
from sentinel.seen import Member, Part
from sentinel.subject import Effect, Identity, Reading, Resource
from sentinel.subjects.jwt_authorizer import AuthorizerConfiguration


class PolicyEngineConfiguration(Part):
    """Which policy engine decides, and whether it blocks or only logs."""

    arn: str
    mode: str


class InterceptorLambda(Part):
    """The function of an interceptor."""

    arn: str


class Interceptor(Part):
    """The code of an interceptor."""

    function: Annotated[InterceptorLambda, Member("lambda")]


class InterceptorInput(Part):
    """What an interceptor gets to see."""

    pass_request_headers: bool


class InterceptorConfiguration(Part):
    """Code that sees each request or response."""

    interceptor: Interceptor
    interception_points: tuple[str, ...]
    input_configuration: InterceptorInput | None = None


class Gateway(Resource):
    """The front door to an agent's tools."""

    kind: ClassVar[str] = "gateway"
    sources: ClassVar[tuple[str, ...]] = SOURCES
    segment: ClassVar[str] = "gateway"
    events: ClassVar[dict[str, Effect]] = {
        "CreateGateway": Effect.CREATES,
        "UpdateGateway": Effect.REPLACES,
        "DeleteGateway": Effect.DELETES,
    }
    updated: ClassVar[str] = "updatedAt"
    reading: ClassVar[Reading] = Reading(
        service="bedrock-agentcore-control",
        list="ListGateways",
        listed_id="gatewayId",
        get="GetGateway",
        get_id="gatewayIdentifier",
        actions=frozenset({"bedrock-agentcore:ListGateways", "bedrock-agentcore:GetGateway"}),
        page_size=1000,
        calls_per_second=6,
    )

    name: str
    role_arn: str
    authorizer_type: str
    authorizer_configuration: AuthorizerConfiguration | None = None
    policy_engine_configuration: PolicyEngineConfiguration | None = None
    interceptor_configurations: tuple[InterceptorConfiguration, ...] = ()

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """From the ARN or id in the call, in its answer, or in CloudTrail's list of resources."""
        members = ("gatewayArn", "gatewayIdentifier", "gatewayId")
        created = record.name == "CreateGateway"
        return identity_of(record, cls.kind, cls.segment, members, created=created)

    @property
    def jwt_authorizer(self) -> AuthorizerConfiguration | None:
        """The authorizer's configuration where tokens are checked by it."""
        used = self.authorizer_type.upper() == "CUSTOM_JWT"
        return self.authorizer_configuration if used else None
