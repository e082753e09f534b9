"""The actions that calls to Amazon Bedrock AgentCore, control plane and data plane, need.

Source: Service Authorization Reference, "Amazon Bedrock AgentCore": resource types, the actions
without resource types (for which only ``*`` fits), and iam:PassRole with the service's principal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from embedded_account.authorization.need import Need, Rule, action_of, arn, passing
from embedded_account.calls import Call
from embedded_account.service_models import service_model

# Actions without a resource type; every List of what has no parent is one, too.
ONLY_EVERYTHING = frozenset(
    {
        *("CreateABTest", "CreateAgentRuntime", "CreateBrowser", "CreateBrowserProfile"),
        *("CreateCapacityProvider", "CreateCodeInterpreter", "CreateConfigurationBundle"),
        *("CreateDataset", "CreateEvaluator", "CreateGateway", "CreateHarness", "CreateMemory"),
        *("CreateOnlineEvaluationConfig", "CreatePaymentManager", "CreatePolicyEngine"),
        *("CreateRegistry", "ListABTests", "ListAgentRuntimeEndpoints"),
        *("ListAgentRuntimeVersions", "ListAgentRuntimeVersionsByCapacityProvider"),
        *("ListAgentRuntimes", "ListBatchEvaluations", "ListBrowserProfiles"),
        *("ListBrowserSessions", "ListBrowsers", "ListCapacityProviders", "ListCodeInterpreters"),
        *("ListConfigurationBundles", "ListConsentPortals", "ListDatasets", "ListEvaluators"),
        *("ListGateways", "ListHarnessEndpoints", "ListHarnessVersions", "ListHarnesses"),
        *("ListMemories", "ListOnlineEvaluationConfigs", "ListPaymentManagers"),
        *("ListPolicyEngineSummaries", "ListPolicyEngines", "ListRecommendations"),
        *("ListRegistries", "StartBatchEvaluation", "StartRecommendation"),
    }
)

# The members that name a resource, and the ARN's tail; the first that a request has counts, so
# that children stand before their parents.
RESOURCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("resourceArn",), "{resourceArn}"),
    (("agentRuntimeArn",), "{agentRuntimeArn}"),
    (
        ("agentRuntimeId", "endpointName"),
        "runtime/{agentRuntimeId}/runtime-endpoint/{endpointName}",
    ),
    (("agentRuntimeId",), "runtime/{agentRuntimeId}"),
    (("harnessId", "endpointName"), "harness/{harnessId}/harness-endpoint/{endpointName}"),
    (("harnessId",), "harness/{harnessId}"),
    (("gatewayIdentifier",), "gateway/{gatewayIdentifier}"),
    (("policyEngineId", "policyId"), "policy-engine/{policyEngineId}/policy/{policyId}"),
    (("policyEngineId",), "policy-engine/{policyEngineId}"),
    (("memoryId",), "memory/{memoryId}"),
    (("browserId",), "browser-custom/{browserId}"),
    (("browserIdentifier",), "browser-custom/{browserIdentifier}"),
    (("profileId",), "browser-profile/{profileId}"),
    (("codeInterpreterId",), "code-interpreter-custom/{codeInterpreterId}"),
    (("codeInterpreterIdentifier",), "code-interpreter-custom/{codeInterpreterIdentifier}"),
    (("registryId", "recordId"), "registry/{registryId}/record/{recordId}"),
    (("registryId",), "registry/{registryId}"),
    (("paymentManagerId",), "payment-manager/{paymentManagerId}"),
    (("capacityProviderId",), "capacity-provider/{capacityProviderId}"),
    (("configurationBundleId",), "configuration-bundle/{configurationBundleId}"),
    (("datasetId",), "dataset/{datasetId}"),
    (("evaluatorId",), "evaluator/{evaluatorId}"),
    (("onlineEvaluationConfigId",), "online-evaluation-config/{onlineEvaluationConfigId}"),
    (("tokenVaultId",), "token-vault/{tokenVaultId}"),
)
VAULT = "token-vault/default"
DIRECTORY = "workload-identity-directory/default"
# Kinds whose requests say only `name`.
NAMED = {
    "ApiKeyCredentialProvider": f"{VAULT}/apikeycredentialprovider",
    "Oauth2CredentialProvider": f"{VAULT}/oauth2credentialprovider",
    "PaymentCredentialProvider": f"{VAULT}/paymentcredentialprovider",
    "WorkloadIdentity": f"{DIRECTORY}/workload-identity",
}
LISTS_OF_NAMED = {
    "ListApiKeyCredentialProviders": VAULT,
    "ListOauth2CredentialProviders": VAULT,
    "ListPaymentCredentialProviders": VAULT,
    "ListWorkloadIdentities": DIRECTORY,
    "GetTokenVault": VAULT,
    "SetTokenVaultCMK": VAULT,
}
ROLE_MEMBERS = (
    "roleArn",
    "executionRoleArn",
    "memoryExecutionRoleArn",
    "evaluationExecutionRoleArn",
)


def _resource(call: Call) -> str:
    if call.operation in ONLY_EVERYTHING:
        return "*"
    for members, tail in RESOURCES:
        if all(name in call.parameters for name in members):
            suffix = tail.format(**{name: call.parameters[name] for name in members})
            if suffix.startswith("arn:"):
                return suffix
            if "-custom/aws." in suffix:  # a tool that AWS manages: browser/aws.browser.v1
                suffix = suffix.replace("-custom/", "/")
                return arn(call, "bedrock-agentcore", suffix, account="aws")
            return arn(call, "bedrock-agentcore", suffix)
    if call.operation in LISTS_OF_NAMED:
        return arn(call, "bedrock-agentcore", LISTS_OF_NAMED[call.operation])
    for kind, folder in NAMED.items():
        if call.operation.endswith(kind) and "name" in call.parameters:
            return arn(call, "bedrock-agentcore", f"{folder}/{call.parameters['name']}")
    return "*"


def _needs(call: Call) -> Iterator[Need]:
    resource = _resource(call)
    qualifier = call.parameters.get("qualifier")
    yield Need(action_of(call), resource)
    if call.operation.startswith("InvokeAgentRuntime"):
        # Both the runtime and the endpoint that is invoked must be allowed.
        yield Need(action_of(call), f"{resource}/runtime-endpoint/{qualifier or 'DEFAULT'}")
    if call.operation.startswith(("Create", "Update")):
        for name in ROLE_MEMBERS:
            yield from passing(call, call.parameters.get(name), "bedrock-agentcore.amazonaws.com")


def rules(service: str) -> Mapping[str, Rule]:
    """One rule for every operation of the service's model: resources follow from the members.

    The model lacks the shell, a WebSocket for which IAM has an action.
    """
    operations = service_model(service).operation_names
    return dict.fromkeys((*operations, "InvokeAgentRuntimeCommandShell"), _needs)
