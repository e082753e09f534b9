"""The operations that are no verb of a kind: tags, resource policies, the token vault, targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .errors import invalid, not_found
from .kinds import GATEWAY, GATEWAY_TARGET
from .refusals import refuse_resource_policy, refuse_unless_settled
from .store import RUNNING, AgentCoreBackend, Document, Resource, timestamp

Parameters = Mapping[str, Any]


def _resource(backend: AgentCoreBackend, parameters: Parameters) -> Resource:
    arn = parameters["resourceArn"]
    resource = backend.resources.get(arn)
    if resource is None or backend.vanished(resource):
        raise not_found("Resource", arn)
    return resource


def _tag_resource(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    _resource(backend, parameters).tags.update(parameters["tags"])
    return {}


def _untag_resource(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    tags = _resource(backend, parameters).tags
    for key in parameters["tagKeys"]:
        tags.pop(key, None)
    return {}


def _list_tags_for_resource(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    return {"tags": dict(_resource(backend, parameters).tags)}


def _put_resource_policy(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    resource = _resource(backend, parameters)
    refuse_resource_policy(resource, parameters["policy"])
    backend.policies[resource.arn] = parameters["policy"]
    return {"policy": parameters["policy"]}


def _get_resource_policy(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    arn = _resource(backend, parameters).arn
    if arn not in backend.policies:
        raise not_found("Resource policy of", arn)
    return {"policy": backend.policies[arn]}


def _delete_resource_policy(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    arn = _resource(backend, parameters).arn
    if backend.policies.pop(arn, None) is None:
        raise not_found("Resource policy of", arn)
    return {}


def _get_token_vault(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    if parameters.get("tokenVaultId", "default") != "default":
        raise not_found("TokenVault", parameters["tokenVaultId"])
    return backend.token_vault


def _set_token_vault_cmk(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    vault = _get_token_vault(backend, parameters)
    configuration = parameters["kmsConfiguration"]
    if (configuration["keyType"] == "CustomerManagedKey") != ("kmsKeyArn" in configuration):
        raise invalid("kmsKeyArn belongs to the key type CustomerManagedKey, and only to it")
    vault |= {"kmsConfiguration": configuration, "lastModifiedDate": timestamp(RUNNING.now())}
    return vault


def _reset_token_vault_key_material(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    vault = _get_token_vault(backend, parameters)
    if vault["kmsConfiguration"]["keyType"] != "CustomerManagedKey":
        raise invalid("A token vault is reset only if its customer managed key has been deleted")
    reset = {"keyType": "ServiceManagedKey"}
    vault |= {"kmsConfiguration": reset, "lastModifiedDate": timestamp(RUNNING.now())}
    return vault


def _synchronize_gateway_targets(backend: AgentCoreBackend, parameters: Parameters) -> Document:
    gateway = backend.find(GATEWAY, parameters["gatewayIdentifier"])
    targets = [
        backend.find(GATEWAY_TARGET, target, gateway) for target in parameters["targetIdList"]
    ]
    for target in targets:
        refuse_unless_settled(backend, target)
    at = timestamp(RUNNING.now())
    for target in targets:
        target.change(target.document | {"lastSynchronizedAt": at})
        target.meanwhile = {"status": "SYNCHRONIZING"}
        target.settles_at = RUNNING.settled_at()
    return {"targets": [target.document | {"status": "SYNCHRONIZING"} for target in targets]}


OTHER_OPERATIONS: Mapping[str, Callable[[AgentCoreBackend, Parameters], Document]] = {
    "TagResource": _tag_resource,
    "UntagResource": _untag_resource,
    "ListTagsForResource": _list_tags_for_resource,
    "PutResourcePolicy": _put_resource_policy,
    "GetResourcePolicy": _get_resource_policy,
    "DeleteResourcePolicy": _delete_resource_policy,
    "GetTokenVault": _get_token_vault,
    "SetTokenVaultCMK": _set_token_vault_cmk,
    "ResetTokenVaultKeyMaterial": _reset_token_vault_key_material,
    "SynchronizeGatewayTargets": _synchronize_gateway_targets,
}
