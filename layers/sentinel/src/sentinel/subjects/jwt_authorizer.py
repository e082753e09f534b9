"""The JWT authorizer: one facet with one shape for everything that carries it."""

from __future__ import annotations

from typing import Annotated

from sentinel.seen import Member, Part


class ClaimMatchValue(Part):
    """What a claim is compared with."""

    match_value_string: str | None = None
    match_value_string_list: tuple[str, ...] = ()


class AuthorizingClaimMatchValue(Part):
    """How a claim is compared, and with what."""

    claim_match_operator: str
    claim_match_value: ClaimMatchValue


class CustomClaim(Part):
    """A claim that the token must hold."""

    inbound_token_claim_name: str
    inbound_token_claim_value_type: str
    authorizing_claim_match_value: AuthorizingClaimMatchValue


class HostingEnvironment(Part):
    """A resource from which the workload must call."""

    arn: str


class AllowedWorkloadConfiguration(Part):
    """Which workloads may call: the "only my gateway" pin."""

    hosting_environments: tuple[HostingEnvironment, ...] = ()
    workload_identities: tuple[str, ...] = ()


class JwtAuthorizer(Part):
    """Whose tokens are accepted, and which of them."""

    discovery_url: str
    allowed_audience: tuple[str, ...] = ()
    allowed_clients: tuple[str, ...] = ()
    allowed_scopes: tuple[str, ...] = ()
    custom_claims: tuple[CustomClaim, ...] = ()
    allowed_workload_configuration: AllowedWorkloadConfiguration | None = None


class AuthorizerConfiguration(Part):
    """The union that carries a JWT authorizer; AWS knows no other arm."""

    custom_jwt_authorizer: Annotated[JwtAuthorizer | None, Member("customJWTAuthorizer")] = None
