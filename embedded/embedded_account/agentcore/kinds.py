"""The kinds of AgentCore resource, and how the service names, addresses and updates each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LETTERS_AND_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"

UpdateSemantics = Literal["replace", "patch"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource.

    *noun* and *plural* are those of the operations' names, *identifier* is the request member that
    addresses one, *key* the member of the stored document that it is compared with. *aliases*
    tell which document member answers for a member that only some operations have.
    """

    noun: str
    plural: str
    identifier: str
    key: str
    name: str
    arn: str | None
    arn_tail: str
    ready: str | None = "READY"
    named_by: str | None = None
    id_form: Literal["name-random", "lower-name-random", "random"] = "name-random"
    id_length: int = 10
    update: UpdateSemantics | None = None
    parent: str | None = None
    wrapper: str | None = None
    version: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    summary: tuple[str, str] | None = None

    @property
    def asked_name(self) -> str:
        """The member of the Create request that holds the name."""
        return self.named_by or self.name


KINDS: tuple[Kind, ...] = (
    Kind(
        "AgentRuntime",
        "AgentRuntimes",
        identifier="agentRuntimeId",
        key="agentRuntimeId",
        name="agentRuntimeName",
        arn="agentRuntimeArn",
        arn_tail="runtime/{key}",
        update="replace",
        version="agentRuntimeVersion",
    ),
    Kind(
        "AgentRuntimeEndpoint",
        "AgentRuntimeEndpoints",
        identifier="endpointName",
        key="name",
        name="name",
        arn="agentRuntimeEndpointArn",
        arn_tail="runtime/{parent}/runtime-endpoint/{key}",
        update="replace",
        parent="AgentRuntime",
        aliases={"endpointName": "name"},
    ),
    Kind(
        "Gateway",
        "Gateways",
        identifier="gatewayIdentifier",
        key="gatewayId",
        name="name",
        arn="gatewayArn",
        arn_tail="gateway/{key}",
        id_form="lower-name-random",
        update="replace",
    ),
    Kind(
        "GatewayTarget",
        "GatewayTargets",
        identifier="targetId",
        key="targetId",
        name="name",
        arn=None,
        arn_tail="gateway/{parent}/target/{key}",
        id_form="random",
        update="replace",
        parent="Gateway",
    ),
    Kind(
        "PolicyEngine",
        "PolicyEngines",
        identifier="policyEngineId",
        key="policyEngineId",
        name="name",
        arn="policyEngineArn",
        arn_tail="policy-engine/{key}",
        ready="ACTIVE",
        update="patch",
        summary=("PolicyEngineSummary", "PolicyEngineSummaries"),
    ),
    Kind(
        "Policy",
        "Policies",
        identifier="policyId",
        key="policyId",
        name="name",
        arn="policyArn",
        arn_tail="policy-engine/{parent}/policy/{key}",
        ready="ACTIVE",
        update="patch",
        parent="PolicyEngine",
        summary=("PolicySummary", "PolicySummaries"),
    ),
    Kind(
        "Harness",
        "Harnesses",
        identifier="harnessId",
        key="harnessId",
        name="harnessName",
        arn="arn",
        arn_tail="harness/{key}",
        update="patch",
        wrapper="harness",
        version="harnessVersion",
    ),
    Kind(
        "HarnessEndpoint",
        "HarnessEndpoints",
        identifier="endpointName",
        key="endpointName",
        name="endpointName",
        arn="arn",
        arn_tail="harness/{parent}/harness-endpoint/{key}",
        update="patch",
        parent="Harness",
        wrapper="endpoint",
    ),
    Kind(
        "Memory",
        "Memories",
        identifier="memoryId",
        key="id",
        name="name",
        arn="arn",
        arn_tail="memory/{key}",
        ready="ACTIVE",
        update="replace",
        wrapper="memory",
        aliases={"memoryId": "id"},
    ),
    Kind(
        "Browser",
        "Browsers",
        identifier="browserId",
        key="browserId",
        name="name",
        arn="browserArn",
        arn_tail="browser-custom/{key}",
    ),
    Kind(
        "CodeInterpreter",
        "CodeInterpreters",
        identifier="codeInterpreterId",
        key="codeInterpreterId",
        name="name",
        arn="codeInterpreterArn",
        arn_tail="code-interpreter-custom/{key}",
    ),
    Kind(
        "WorkloadIdentity",
        "WorkloadIdentities",
        identifier="name",
        key="name",
        name="name",
        arn="workloadIdentityArn",
        arn_tail="workload-identity-directory/default/workload-identity/{key}",
        ready=None,
        update="replace",
    ),
    Kind(
        "ApiKeyCredentialProvider",
        "ApiKeyCredentialProviders",
        identifier="name",
        key="name",
        name="name",
        arn="credentialProviderArn",
        arn_tail="token-vault/default/apikeycredentialprovider/{key}",
        ready=None,
        update="replace",
    ),
    Kind(
        "Oauth2CredentialProvider",
        "Oauth2CredentialProviders",
        identifier="name",
        key="name",
        name="name",
        arn="credentialProviderArn",
        arn_tail="token-vault/default/oauth2credentialprovider/{key}",
        update="replace",
    ),
    Kind(
        "Registry",
        "Registries",
        identifier="registryId",
        key="registryId",
        name="name",
        arn="registryArn",
        arn_tail="registry/{key}",
        id_form="random",
        id_length=12,
        update="patch",
    ),
    Kind(
        "PaymentManager",
        "PaymentManagers",
        identifier="paymentManagerId",
        key="paymentManagerId",
        name="name",
        arn="paymentManagerArn",
        arn_tail="payment-manager/{key}",
        id_form="lower-name-random",
        update="patch",
    ),
)

KIND: Mapping[str, Kind] = {kind.noun: kind for kind in KINDS}
AGENT_RUNTIME = KIND["AgentRuntime"]
AGENT_RUNTIME_ENDPOINT = KIND["AgentRuntimeEndpoint"]
GATEWAY = KIND["Gateway"]
GATEWAY_TARGET = KIND["GatewayTarget"]
HARNESS = KIND["Harness"]
POLICY_ENGINE = KIND["PolicyEngine"]

Verb = Literal["create", "get", "update", "delete", "list", "versions"]


def _operations() -> dict[str, tuple[Verb, Kind]]:
    operations: dict[str, tuple[Verb, Kind]] = {}
    for kind in KINDS:
        operations |= {
            f"Create{kind.noun}": ("create", kind),
            f"Get{kind.noun}": ("get", kind),
            f"Delete{kind.noun}": ("delete", kind),
            f"List{kind.plural}": ("list", kind),
        }
        if kind.update:
            operations[f"Update{kind.noun}"] = ("update", kind)
        if kind.version:
            operations[f"List{kind.noun}Versions"] = ("versions", kind)
        if kind.summary:
            operations[f"Get{kind.summary[0]}"] = ("get", kind)
            operations[f"List{kind.summary[1]}"] = ("list", kind)
    return operations


OPERATIONS: Mapping[str, tuple[Verb, Kind]] = _operations()


def children_of(kind: Kind) -> tuple[Kind, ...]:
    """The kinds that live inside one *kind*."""
    return tuple(child for child in KINDS if child.parent == kind.noun)
