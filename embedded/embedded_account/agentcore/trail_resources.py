"""The `resources` of AgentCore's CloudTrail records: which ARN, of which selectable type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .kinds import GATEWAY, GATEWAY_TARGET, KIND, OPERATIONS, Kind

# Advanced event selector resource types (CloudTrail user guide, logging data events). There is
# none for a harness, so its records name no resource.
RESOURCE_TYPES: Mapping[str, str] = {
    noun: f"AWS::BedrockAgentCore::{name}"
    for noun, name in {
        "AgentRuntime": "Runtime",
        "AgentRuntimeEndpoint": "RuntimeEndpoint",
        "Gateway": "Gateway",
        "PolicyEngine": "PolicyEngine",
        "Policy": "Policy",
        "Memory": "Memory",
        "Browser": "BrowserCustom",
        "CodeInterpreter": "CodeInterpreterCustom",
        "WorkloadIdentity": "WorkloadIdentity",
        "ApiKeyCredentialProvider": "APIKeyCredentialProvider",
        "Oauth2CredentialProvider": "OAuth2CredentialProvider",
        "Registry": "Registry",
        "PaymentManager": "Payments",
    }.items()
}


def control_resources(
    operation: str, arn_prefix: str, parameters: Mapping[str, Any], response: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """(type, ARN) of what a control-plane call concerned; *arn_prefix* ends with the account.

    A gateway target is logged as its gateway (documented event types); the ARN comes from the
    response where it has one, else it is made of the identifiers in the request.
    """
    if operation not in OPERATIONS:
        return _named_resources(parameters)
    kind = OPERATIONS[operation][1]
    if kind is GATEWAY_TARGET:
        kind = GATEWAY
    if kind.noun not in RESOURCE_TYPES:
        return []
    arn = _answered_arn(kind, response) or _requested_arn(kind, arn_prefix, parameters)
    return [(RESOURCE_TYPES[kind.noun], arn)] if arn else []


def _named_resources(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    arn = str(parameters.get("resourceArn", ""))
    for noun, marker in (
        ("AgentRuntimeEndpoint", "/runtime-endpoint/"),
        ("AgentRuntime", ":runtime/"),
        ("Gateway", ":gateway/"),
    ):
        if marker in arn:
            return [(RESOURCE_TYPES[noun], arn)]
    return []


def _answered_arn(kind: Kind, response: Mapping[str, Any]) -> str | None:
    document = response.get(kind.wrapper or "", response)
    found = document.get(kind.arn) if isinstance(document, Mapping) else None
    return str(found) if found else None


def _requested_arn(kind: Kind, arn_prefix: str, parameters: Mapping[str, Any]) -> str | None:
    key = parameters.get(kind.identifier)
    parent = parameters.get(KIND[kind.parent].identifier) if kind.parent else ""
    if key is None or parent is None:
        return None
    if str(key).startswith("arn:"):
        return str(key)
    return f"{arn_prefix}:{kind.arn_tail.format(key=key, parent=parent)}"


def data_resources(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(type, ARN) of what a call of a running agent concerned: its runtime and the endpoint.

    IAM authorizes these calls on both, so either selector may be the one that delivers them.
    """
    arn = str(parameters.get("agentRuntimeArn", ""))
    if not arn.startswith("arn:"):
        return []
    runtime = [(RESOURCE_TYPES["AgentRuntime"], arn)]
    if ":runtime/" not in arn:
        return runtime
    endpoint = f"{arn}/runtime-endpoint/{parameters.get('qualifier') or 'DEFAULT'}"
    return [*runtime, (RESOURCE_TYPES["AgentRuntimeEndpoint"], endpoint)]
