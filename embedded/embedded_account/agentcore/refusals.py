"""What the service refuses beyond its shapes, and what nobody has seen it accept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .errors import conflict, invalid, not_found
from .kinds import GATEWAY, POLICY_ENGINE, Kind, children_of
from .store import AgentCoreBackend, Document, Resource

_TRANSITIONAL = ("CREATING", "UPDATING", "DELETING", "SYNCHRONIZING")


def refuse_unless_settled(backend: AgentCoreBackend, resource: Resource) -> None:
    """409 while an earlier change of the resource is still on its way."""
    status = str((backend.current(resource) or {}).get("status", ""))
    if status in _TRANSITIONAL or status.endswith("_PENDING_AUTH"):
        raise conflict(
            f"{resource.kind.noun} {resource.key} is in status {status} and cannot be changed"
        )


def refuse_creation(
    backend: AgentCoreBackend, kind: Kind, parent: Resource | None, parameters: Mapping[str, Any]
) -> None:
    """Refuse what a Create of the kind must not say."""
    if parent is not None:
        refuse_unless_settled(backend, parent)
    _refuse_authorizer(kind, parameters)
    _refuse_policy_engine(backend, parameters)
    _refuse_unknown_version(parent, parameters)


def refuse_update(
    backend: AgentCoreBackend, resource: Resource, parameters: Mapping[str, Any]
) -> None:
    """Refuse what an Update of the resource must not say."""
    refuse_unless_settled(backend, resource)
    if resource.kind.update == "replace":
        _refuse_authorizer(resource.kind, parameters)
    _refuse_policy_engine(backend, parameters)
    _refuse_unknown_version(resource.parent, parameters)
    if resource.owner:
        raise invalid(f"Agent runtime {resource.key} is updated through its harness")
    refusal = _UPDATES.get(resource.kind.noun)
    if refusal:
        refusal(resource.document, parameters)


def refuse_deletion(backend: AgentCoreBackend, resource: Resource) -> None:
    """Refuse to delete what others live in or lean on."""
    refuse_unless_settled(backend, resource)
    living = [
        child
        for kind in children_of(resource.kind)
        for child in backend.of_kind(kind, resource)
        if not backend.vanished(child) and child.key != "DEFAULT"
    ]
    if living and resource.kind is GATEWAY:
        raise invalid(
            f"Gateway {resource.key} has targets associated with it. "
            "Delete all targets before deleting the gateway."
        )
    if living:
        raise conflict(
            f"{resource.kind.noun} {resource.key} still has {living[0].kind.noun} {living[0].key}"
        )
    if resource.parent and resource.key == "DEFAULT":
        raise conflict("The DEFAULT endpoint cannot be deleted")
    if resource.kind is POLICY_ENGINE:
        _refuse_engine_in_use(backend, resource)
    if resource.owner:
        raise conflict(f"Agent runtime {resource.key} belongs to a harness")


def _refuse_engine_in_use(backend: AgentCoreBackend, engine: Resource) -> None:
    for gateway in backend.of_kind(GATEWAY):
        used = gateway.document.get("policyEngineConfiguration", {}).get("arn")
        if used == engine.arn and not backend.vanished(gateway):
            raise conflict(f"Policy engine {engine.key} is used by gateway {gateway.key}")


def _refuse_authorizer(kind: Kind, parameters: Mapping[str, Any]) -> None:
    configuration = parameters.get("authorizerConfiguration")
    if "authorizerType" in parameters or kind is GATEWAY:
        jwt = parameters.get("authorizerType") == "CUSTOM_JWT"
        if jwt and not configuration:
            raise invalid("authorizerConfiguration is required when authorizerType is CUSTOM_JWT")
        if configuration and not jwt:
            raise invalid(
                "authorizerConfiguration is only allowed when authorizerType is CUSTOM_JWT"
            )
    if configuration:
        refuse_open_jwt(configuration)


def refuse_open_jwt(configuration: Mapping[str, Any]) -> None:
    """A JWT authorizer that pins nothing is refused, as the developer guide says."""
    pins = ("allowedAudience", "allowedClients", "allowedScopes", "customClaims")
    authorizer = configuration.get("customJWTAuthorizer", {})
    if not any(authorizer.get(pin) for pin in pins):
        raise invalid(f"customJWTAuthorizer needs at least one of {', '.join(pins)}")


def _refuse_policy_engine(backend: AgentCoreBackend, parameters: Mapping[str, Any]) -> None:
    arn = parameters.get("policyEngineConfiguration", {}).get("arn")
    if arn is None:
        return
    engine = backend.resources.get(arn)
    if engine is None or backend.vanished(engine):
        raise invalid(f"Policy engine {arn} does not exist in this account and Region")
    if (backend.current(engine) or {}).get("status") != "ACTIVE":
        raise conflict(f"Policy engine {arn} is not ACTIVE")


def _refuse_unknown_version(parent: Resource | None, parameters: Mapping[str, Any]) -> None:
    version = parameters.get("agentRuntimeVersion") or parameters.get("targetVersion")
    if parent and version and version not in parent.versions:
        raise not_found(f"{parent.kind.noun} {parent.key} version", version)


def _gateway(document: Document, parameters: Mapping[str, Any]) -> None:
    if parameters["name"] != document["name"]:
        raise invalid("Gateway name cannot be updated for an existing gateway")
    if parameters["authorizerType"] != document["authorizerType"]:
        raise invalid("Authorizer type cannot be updated for an existing gateway")


def _agent_runtime(_: Document, parameters: Mapping[str, Any]) -> None:
    if parameters.get("metadataConfiguration", {}).get("requireMMDSV2") is False:
        raise invalid("requireMMDSV2 cannot be false")


def _endpoint(document: Document, _: Mapping[str, Any]) -> None:
    if document.get("name", document.get("endpointName")) == "DEFAULT":
        raise invalid("The DEFAULT endpoint always serves the newest version")


def _wrapped_authorizer(_: Document, parameters: Mapping[str, Any]) -> None:
    wrapper = parameters.get("authorizerConfiguration", {})
    configuration = wrapper.get("optionalValue", wrapper)
    if configuration:
        refuse_open_jwt(configuration)


_UPDATES: Mapping[str, Callable[[Document, Mapping[str, Any]], None]] = {
    "Gateway": _gateway,
    "AgentRuntime": _agent_runtime,
    "AgentRuntimeEndpoint": _endpoint,
    "HarnessEndpoint": _endpoint,
    "Harness": _wrapped_authorizer,
    "Registry": _wrapped_authorizer,
    "PaymentManager": _wrapped_authorizer,
}


def refuse_resource_policy(resource: Resource, policy: str) -> None:
    """Refuse a resource policy that the developer guide says is refused."""
    if resource.kind.noun not in ("AgentRuntime", "AgentRuntimeEndpoint", "Gateway"):
        raise invalid(f"Resource policies are not supported for {resource.kind.noun}")
    try:
        document = json.loads(policy)
    except ValueError as problem:
        raise invalid(f"The policy is not valid JSON: {problem}") from problem
    statements = document.get("Statement") if isinstance(document, dict) else None
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not all(isinstance(s, dict) for s in statements):
        raise invalid("The policy needs a Statement")
    for statement in statements:
        if statement.get("Resource") not in (resource.arn, [resource.arn]):
            raise invalid(f"The policy's Resource must be exactly {resource.arn}")
        if "Principal" not in statement:
            raise invalid("The policy's statements need a Principal")
        if _takes_tokens(resource) and statement["Principal"] not in ("*", {"AWS": "*"}):
            raise invalid("The policy of a resource with a JWT authorizer needs Principal *")


def _takes_tokens(resource: Resource) -> bool:
    return "customJWTAuthorizer" in resource.document.get("authorizerConfiguration", {})
