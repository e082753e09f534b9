"""The members that the service itself decides: defaults, URLs, versions, secrets' ARNs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.moto_api._internal import mock_random

from embedded_account.service_models import service_model

from .kinds import Kind
from .shapes import CONTROL
from .store import AgentCoreBackend, Document, Resource, random_characters


@dataclass(frozen=True, slots=True)
class Making:
    """A document in the making: where, inside what, out of which request, in place of what."""

    backend: AgentCoreBackend
    parent: Resource | None
    parameters: Mapping[str, Any]
    former: Document | None
    at: str

    @property
    def inside(self) -> Resource:
        """The parent, for kinds that live inside another."""
        if self.parent is None:
            raise ValueError("this kind of resource does not live inside another")
        return self.parent


def complete(kind: Kind, document: Document, making: Making) -> None:
    """Fill in what a request leaves to the service, in place."""
    completion = _COMPLETIONS.get(kind.noun)
    if completion:
        completion(document, making)


def _agent_runtime(document: Document, making: Making) -> None:
    document.setdefault("networkConfiguration", {"networkMode": "PUBLIC"})
    document["lifecycleConfiguration"] = with_default_lifetimes(
        document.get("lifecycleConfiguration", {})
    )
    _workload_identity(document, making, document["agentRuntimeId"])
    former = (making.former or {}).get("metadataConfiguration", {})
    if making.former is None or former.get("requireMMDSV2"):
        document.setdefault("metadataConfiguration", {"requireMMDSV2": True})


def with_default_lifetimes(lifecycle: Document) -> Document:
    """A runtime's lifecycle, with the documented defaults in seconds."""
    return {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800} | lifecycle


def _agent_runtime_endpoint(document: Document, making: Making) -> None:
    runtime = making.inside.document
    former = making.former or {"liveVersion": runtime["agentRuntimeVersion"]}
    version = making.parameters.get("agentRuntimeVersion") or former["liveVersion"]
    document["liveVersion"] = document["targetVersion"] = version
    document.setdefault("id", f"{document['name']}-{random_characters(10)}")
    document["agentRuntimeArn"] = making.inside.arn


def _gateway(document: Document, making: Making) -> None:
    host = f"{document['gatewayId']}.gateway.bedrock-agentcore.{making.backend.region_name}"
    document["gatewayUrl"] = f"https://{host}.amazonaws.com/mcp"
    _workload_identity(document, making, document["gatewayId"])


def _gateway_target(document: Document, making: Making) -> None:
    document["gatewayArn"] = making.inside.arn
    document.setdefault("credentialProviderConfigurations", [])


def _policy_engine(document: Document, _: Making) -> None:
    document.setdefault("statusReasons", [])


def _policy(document: Document, making: Making) -> None:
    document.setdefault("statusReasons", [])
    document.setdefault("enforcementMode", "ACTIVE")
    document["policyEngineId"] = making.inside.key


def _harness(document: Document, making: Making) -> None:
    document.setdefault("model", {"bedrockModelConfig": {"modelId": "amazon.nova-pro-v1:0"}})
    document.setdefault("truncation", {"strategy": "sliding_window"})
    document.setdefault("allowedTools", ["*"])
    for member in ("systemPrompt", "tools", "skills"):
        document.setdefault(member, [])
    former = (making.former or {}).get("environment", {}).get("agentCoreRuntimeEnvironment", {})
    environment = document.get("environment", {}).get("agentCoreRuntimeEnvironment", {})
    underlying = {member: former[member] for member in _UNDERLYING if member in former}
    environment = {"networkConfiguration": {"networkMode": "PUBLIC"}} | environment | underlying
    environment["lifecycleConfiguration"] = with_default_lifetimes(
        environment.get("lifecycleConfiguration", {})
    )
    document["environment"] = {"agentCoreRuntimeEnvironment": environment}


_UNDERLYING = ("agentRuntimeArn", "agentRuntimeName", "agentRuntimeId")


def _harness_endpoint(document: Document, making: Making) -> None:
    harness = making.inside.document
    former = making.former or {"liveVersion": harness["harnessVersion"]}
    version = making.parameters.get("targetVersion") or former["liveVersion"]
    document["liveVersion"] = document["targetVersion"] = version
    document["harnessId"], document["harnessName"] = harness["harnessId"], harness["harnessName"]


def _memory(document: Document, making: Making) -> None:
    former = making.former or {}
    asked = making.parameters.get("memoryStrategies") or []
    changes = asked if isinstance(asked, dict) else {"addMemoryStrategies": asked}
    modified = {
        item["memoryStrategyId"]: item for item in changes.get("modifyMemoryStrategies", [])
    }
    deleted = {item["memoryStrategyId"] for item in changes.get("deleteMemoryStrategies", [])}
    kept = [
        strategy
        | {
            member: value
            for member, value in modified.get(strategy["strategyId"], {}).items()
            if member in ("description", "namespaces", "namespaceTemplates")
        }
        for strategy in former.get("strategies", [])
        if strategy["strategyId"] not in deleted
    ]
    added = [_memory_strategy(item, making.at) for item in changes.get("addMemoryStrategies", [])]
    document["strategies"] = kept + added
    indexed = former.get("indexedKeys", []) + making.parameters.get("addIndexedKeys", [])
    if indexed:
        document["indexedKeys"] = indexed
    if "eventExpiryDuration" not in document:
        document["eventExpiryDuration"] = former["eventExpiryDuration"]


def _memory_strategy(asked: Document, at: str) -> Document:
    ((arm, given),) = asked.items()
    namespaces = given.get("namespaces") or ["/strategies/{memoryStrategyId}/actors/{actorId}/"]
    strategy = {
        "strategyId": f"{given['name']}-{random_characters(10)}",
        "name": given["name"],
        "type": _STRATEGY_TYPES[arm],
        "namespaces": namespaces,
        "namespaceTemplates": given.get("namespaceTemplates") or namespaces,
        "status": "ACTIVE",
        "createdAt": at,
        "updatedAt": at,
    }
    if "selfManagedConfiguration" in given.get("configuration", {}):
        strategy["configuration"] = {
            "type": "SELF_MANAGED",
            "selfManagedConfiguration": {"historicalContextWindowSize": 4}
            | given["configuration"]["selfManagedConfiguration"],
        }
    return strategy | {m: given[m] for m in ("description", "memoryRecordSchema") if m in given}


_STRATEGY_TYPES = {
    "semanticMemoryStrategy": "SEMANTIC",
    "summaryMemoryStrategy": "SUMMARIZATION",
    "userPreferenceMemoryStrategy": "USER_PREFERENCE",
    "customMemoryStrategy": "CUSTOM",
    "episodicMemoryStrategy": "EPISODIC",
}


def _api_key_credential_provider(document: Document, making: Making) -> None:
    config = making.parameters.get("apiKeySecretConfig")
    document["apiKeySecretArn"] = _secret(document, making, "apikey", config)
    document.setdefault("apiKeySecretSource", "EXTERNAL" if config else "MANAGED")
    if config:
        document["apiKeySecretJsonKey"] = config["jsonKey"]


def _oauth2_credential_provider(document: Document, making: Making) -> None:
    ((arm, given),) = making.parameters["oauth2ProviderConfigInput"].items()
    output = service_model(CONTROL).operation_model("GetOauth2CredentialProvider").output_shape
    answered = output.members["oauth2ProviderConfigOutput"].members[arm].members
    shown = {member: value for member, value in given.items() if member in answered}
    issuer = given.get("issuer", f"https://{arm.removesuffix('Oauth2ProviderConfig')}.example.com")
    discovery = {"discoveryUrl": f"{issuer}/.well-known/openid-configuration"}
    document["oauth2ProviderConfigOutput"] = {arm: {"oauthDiscovery": discovery} | shown}
    config = given.get("clientSecretConfig")
    document["clientSecretArn"] = _secret(document, making, "oauth2", config)
    document["clientSecretSource"] = "EXTERNAL" if config else "MANAGED"
    if making.former is None:
        host = f"https://bedrock-agentcore.{making.backend.region_name}.amazonaws.com"
        document["callbackUrl"] = f"{host}/identities/oauth2/callback/{mock_random.uuid4()}"


def _secret(document: Document, making: Making, folder: str, config: Any) -> Document:
    if config and config["secretId"].startswith("arn:"):
        return {"secretArn": config["secretId"]}
    backend = making.backend
    managed = f"bedrock-agentcore-identity!default/{folder}/{document['name']}"
    name = config["secretId"] if config else managed
    where = f"{backend.region_name}:{backend.account_id}"
    former = next((v for k, v in (making.former or {}).items() if k.endswith("SecretArn")), None)
    arn = f"arn:{backend.partition}:secretsmanager:{where}:secret:{name}-{random_characters(6)}"
    return former if former and not config else {"secretArn": arn}


def _registry(document: Document, _: Making) -> None:
    document.setdefault("authorizerType", "AWS_IAM")


def _payment_manager(document: Document, making: Making) -> None:
    _workload_identity(document, making, document["paymentManagerId"])


def _workload_identity(document: Document, making: Making, name: str) -> None:
    tail = f"workload-identity-directory/default/workload-identity/{name}"
    document["workloadIdentityDetails"] = {"workloadIdentityArn": making.backend.arn(tail)}


_COMPLETIONS: Mapping[str, Callable[[Document, Making], None]] = {
    "AgentRuntime": _agent_runtime,
    "AgentRuntimeEndpoint": _agent_runtime_endpoint,
    "Gateway": _gateway,
    "GatewayTarget": _gateway_target,
    "PolicyEngine": _policy_engine,
    "Policy": _policy,
    "Harness": _harness,
    "HarnessEndpoint": _harness_endpoint,
    "Memory": _memory,
    "ApiKeyCredentialProvider": _api_key_credential_provider,
    "Oauth2CredentialProvider": _oauth2_credential_provider,
    "Registry": _registry,
    "PaymentManager": _payment_manager,
}
