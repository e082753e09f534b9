"""Create, read, update, delete and list: the same five verbs for every kind of resource."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from embedded_account.service_models import service_model

from .completion import Making, complete
from .errors import conflict, invalid, not_found
from .kinds import AGENT_RUNTIME, AGENT_RUNTIME_ENDPOINT, HARNESS, KIND, Kind, children_of
from .refusals import refuse_creation, refuse_deletion, refuse_unless_settled, refuse_update
from .shapes import CONTROL
from .store import (
    RUNNING,
    AgentCoreBackend,
    Document,
    Resource,
    members_of,
    random_characters,
    timestamp,
)

Parameters = Mapping[str, Any]

_CREATED = ("createdAt", "createdTime")
_UPDATED = ("updatedAt", "lastUpdatedAt", "lastUpdatedTime")


def create(backend: AgentCoreBackend, kind: Kind, parameters: Parameters) -> Resource:
    """Make one resource; what lives inside it from the start is made with it."""
    parent = _parent(backend, kind, parameters)
    refuse_creation(backend, kind, parent, parameters)
    name = parameters.get(kind.asked_name) or f"{kind.noun}-{random_characters(10)}"
    for other in backend.of_kind(kind, parent):
        if other.document[kind.name] == name and not backend.vanished(other):
            raise conflict(f"{kind.noun} with name {name} already exists")
    members = members_of(kind)
    document = {m: deepcopy(value) for m, value in parameters.items() if m in members}
    document[kind.name] = name
    if kind.key != kind.name:
        document[kind.key] = _new_id(kind, name)
    arn = backend.arn(
        kind.arn_tail.format(key=document[kind.key], parent=parent.key if parent else "")
    )
    if kind.arn:
        document[kind.arn] = arn
    at = timestamp(RUNNING.now())
    document |= {m: at for m in (*_CREATED, *_UPDATED) if m in members}
    if kind.version:
        document[kind.version] = "1"
    complete(kind, document, Making(backend, parent, parameters, None, at))
    if kind.ready:
        document["status"] = kind.ready
    resource = Resource(kind, arn, parent, document, RUNNING.settled_at())
    resource.tags = dict(parameters.get("tags") or {})
    if kind.ready:
        resource.meanwhile = {"status": "CREATING"}
    if kind is HARNESS:
        _make_underlying_runtime(backend, resource)
    if kind.version:
        resource.versions["1"] = deepcopy(document)
    backend.resources[arn] = resource
    if kind is AGENT_RUNTIME:
        _make_default_endpoint(backend, resource)
    return resource


def _new_id(kind: Kind, name: str) -> str:
    if kind.id_form == "random":
        return random_characters(kind.id_length).upper()
    stem = name.lower() if kind.id_form == "lower-name-random" else name
    return f"{stem}-{random_characters(kind.id_length)}"


def _make_underlying_runtime(backend: AgentCoreBackend, harness: Resource) -> None:
    runtime = create(backend, AGENT_RUNTIME, _underlying_runtime(harness.document))
    runtime.owner = harness
    harness.document["environment"]["agentCoreRuntimeEnvironment"] |= {
        m: runtime.document[m] for m in ("agentRuntimeArn", "agentRuntimeName", "agentRuntimeId")
    }


def _make_default_endpoint(backend: AgentCoreBackend, runtime: Resource) -> None:
    # The service makes it together with the runtime, while a caller would have to wait for that.
    settles_at, runtime.settles_at = runtime.settles_at, RUNNING.now()
    create(backend, AGENT_RUNTIME_ENDPOINT, {"agentRuntimeId": runtime.key, "name": "DEFAULT"})
    runtime.settles_at = settles_at


def _underlying_runtime(harness: Document) -> Document:
    environment = harness["environment"]["agentCoreRuntimeEnvironment"]
    artifact = harness.get("environmentArtifact")
    return {
        "agentRuntimeName": f"harness_{harness['harnessName']}",
        "roleArn": harness["executionRoleArn"],
        "networkConfiguration": environment["networkConfiguration"],
        "lifecycleConfiguration": environment["lifecycleConfiguration"],
        **({"agentRuntimeArtifact": artifact} if artifact else {}),
        **{
            member: harness[member]
            for member in ("authorizerConfiguration", "environmentVariables")
            if member in harness
        },
    }


def _parent(backend: AgentCoreBackend, kind: Kind, parameters: Parameters) -> Resource | None:
    if kind.parent is None:
        return None
    parent = KIND[kind.parent]
    return backend.find(parent, parameters[parent.identifier])


def read(backend: AgentCoreBackend, kind: Kind, parameters: Parameters) -> Document:
    """The document as a read sees it; of a former version, if the request names one."""
    parent = _parent(backend, kind, parameters)
    document = backend.read(kind, parameters[kind.identifier], parent)
    version = parameters.get(kind.version) if kind.version else None
    if version is None or version == document[kind.version or ""]:
        return document
    resource = backend.find(kind, parameters[kind.identifier], parent)
    if version not in resource.versions:
        raise not_found(f"{kind.noun} {resource.key} version", version)
    return deepcopy(resource.versions[version])


def update(backend: AgentCoreBackend, kind: Kind, parameters: Parameters) -> Resource:
    """Change one resource as its Update does: replace what it accepts, or patch what is given."""
    parent = _parent(backend, kind, parameters)
    resource = backend.find(kind, parameters[kind.identifier], parent)
    refuse_update(backend, resource, parameters)
    accepted = service_model(CONTROL).operation_model(f"Update{kind.noun}").input_shape.members
    change = _replaced if kind.update == "replace" else _patched
    former = resource.document
    document = change(kind, former, accepted, parameters)
    at = timestamp(RUNNING.now())
    document |= {m: at for m in _UPDATED if m in members_of(kind)}
    if kind.version:
        document[kind.version] = str(max(int(v) for v in resource.versions) + 1)
    complete(kind, document, Making(backend, parent, parameters, former, at))
    resource.change(document)
    if kind.version:
        resource.versions[document[kind.version]] = deepcopy(document)
    if kind.ready:
        shown = {m: former[m] for m in ("liveVersion",) if m in former}
        resource.meanwhile = {"status": "UPDATING"} | shown
        resource.settles_at = RUNNING.settled_at()
    _follow_update(backend, resource)
    return resource


def _replaced(kind: Kind, former: Document, accepted: Any, parameters: Parameters) -> Document:
    """Omitted members are reset, and members that the API does not know are lost."""
    members = members_of(kind)
    kept = {m: former[m] for m in former if m in members and m not in accepted}
    given = {m: deepcopy(parameters[m]) for m in accepted if m in parameters and m in members}
    return {kind.name: former[kind.name]} | kept | given


def _patched(kind: Kind, former: Document, accepted: Any, parameters: Parameters) -> Document:
    """Omitted members stay; an ``optionalValue`` wrapper without value clears the member."""
    document = deepcopy(former)
    members = members_of(kind)
    for member in (m for m in accepted if m in parameters and m in members):
        value = deepcopy(parameters[member])
        if list(getattr(accepted[member], "members", ())) == ["optionalValue"]:
            value = value.get("optionalValue")
        if value is None:
            document.pop(member, None)
        else:
            document[member] = value
    return document


def _follow_update(backend: AgentCoreBackend, resource: Resource) -> None:
    if resource.kind is HARNESS:
        arn = resource.document["environment"]["agentCoreRuntimeEnvironment"]["agentRuntimeArn"]
        runtime = backend.resources[arn]
        version = str(int(runtime.document["agentRuntimeVersion"]) + 1)
        mirrored = _underlying_runtime(resource.document)
        kept = {
            m: value
            for m, value in runtime.document.items()
            if m not in ("authorizerConfiguration", "environmentVariables", "agentRuntimeArtifact")
        }
        runtime.change(kept | mirrored | {"agentRuntimeVersion": version})
        runtime.versions[version] = deepcopy(runtime.document)
        _follow_update(backend, runtime)
    if resource.kind is AGENT_RUNTIME:
        endpoint = backend.find(AGENT_RUNTIME_ENDPOINT, "DEFAULT", resource)
        version = resource.document["agentRuntimeVersion"]
        former = endpoint.document["liveVersion"]
        endpoint.change(endpoint.document | {"liveVersion": version, "targetVersion": version})
        endpoint.meanwhile = {"status": "UPDATING", "liveVersion": former}
        endpoint.settles_at = resource.settles_at


def delete(backend: AgentCoreBackend, kind: Kind, parameters: Parameters) -> Resource:
    """Delete one resource, or only the version of it that the request names."""
    parent = _parent(backend, kind, parameters)
    resource = backend.find(kind, parameters[kind.identifier], parent)
    version = parameters.get(kind.version) if kind.version else None
    if version is not None:
        _delete_version(backend, resource, version)
        return resource
    refuse_deletion(backend, resource)
    _vanish(resource)
    for child_kind in children_of(kind):
        for child in backend.of_kind(child_kind, resource):
            _vanish(child)
    if kind is HARNESS:
        arn = resource.document["environment"]["agentCoreRuntimeEnvironment"]["agentRuntimeArn"]
        _vanish(backend.resources[arn])
    backend.policies.pop(resource.arn, None)
    return resource


def _vanish(resource: Resource) -> None:
    if not resource.gone:
        resource.gone = True
        resource.meanwhile = {"status": "DELETING"} if resource.kind.ready else {}
        resource.settles_at = RUNNING.settled_at() if resource.kind.ready else RUNNING.now()


def _delete_version(backend: AgentCoreBackend, resource: Resource, version: str) -> None:
    refuse_unless_settled(backend, resource)
    if version not in resource.versions:
        raise not_found(f"{resource.kind.noun} {resource.key} version", version)
    for endpoint in backend.of_kind(KIND[f"{resource.kind.noun}Endpoint"], resource):
        serving = (endpoint.document["liveVersion"], endpoint.document["targetVersion"])
        if version in serving and not backend.vanished(endpoint):
            raise conflict(f"Version {version} is served by endpoint {endpoint.key}")
    if version == resource.document[resource.kind.version or ""]:
        raise conflict(f"Version {version} is the newest version of {resource.key}")
    del resource.versions[version]


def select(backend: AgentCoreBackend, kind: Kind, parameters: Parameters) -> list[Document]:
    """The documents that a List of the kind sees, after its own filters."""
    parent = _parent(backend, kind, parameters)
    documents = [backend.seen(resource) for resource in backend.of_kind(kind, parent)]
    listed = [document for document in documents if document is not None]
    if kind.noun in ("Browser", "CodeInterpreter") and parameters.get("type") == "SYSTEM":
        return []  # the tools that AWS manages are not simulated
    if kind.noun == "Registry":
        asked = {m: parameters[m] for m in ("status", "authorizerType") if m in parameters}
        listed = [d for d in listed if all(d[m] == value for m, value in asked.items())]
    if kind.noun == "Policy" and "targetResourceScope" in parameters:
        listed = [d for d in listed if parameters["targetResourceScope"] in str(d["definition"])]
    return listed


def select_versions(
    backend: AgentCoreBackend, kind: Kind, parameters: Parameters
) -> list[Document]:
    """Every version of one resource, newest first."""
    resource = backend.find(kind, parameters[kind.identifier], _parent(backend, kind, parameters))
    return [
        deepcopy(resource.versions[v]) for v in sorted(resource.versions, key=int, reverse=True)
    ]


def page(
    documents: list[Document], parameters: Parameters, limit: int
) -> tuple[list[Document], str | None]:
    """One page of *documents*, and the token that continues after it."""
    token = parameters.get("nextToken")
    try:
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except (binascii.Error, ValueError) as problem:
        raise invalid("nextToken is not one that this operation gave out") from problem
    end = start + int(parameters.get("maxResults") or limit)
    following = base64.urlsafe_b64encode(b"%d" % end).decode() if end < len(documents) else None
    return documents[start:end], following
