"""What a provisioner of one resource type is, and the calls that all of them share."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name

from embedded_account.cloudformation.conform import conform
from embedded_account.cloudformation.errors import UnsupportedPropertyError
from embedded_account.cloudformation.scope import Resource, StackIdentity

Clients = Callable[[str], Any]
"""Gives a service's client with administrator rights in the stack's account and Region."""


@dataclass(frozen=True, slots=True)
class Order:
    """One resource to make or change: its resolved properties, and where it goes."""

    identity: StackIdentity
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    clients: Clients
    tags: Mapping[str, str] = field(default_factory=dict)

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the named properties that the template gives."""
        return {name: self.properties[name] for name in names if name in self.properties}

    def given_except(self, *names: str) -> dict[str, Any]:
        """All properties that the template gives, without the named ones."""
        return {name: value for name, value in self.properties.items() if name not in names}

    def get(self, name: str, default: Any = None) -> Any:
        """A property, or *default* when the template does not give it."""
        return self.properties.get(name, default)

    def name(self, member: str, limit: int, *, lower: bool = False) -> str:
        """The custom name in *member*, else ``stack-logicalId-suffix`` of at most *limit*."""
        if member in self.properties:
            return str(self.properties[member])
        suffix = self.suffix(13)
        room = limit - len(suffix) - 2
        stack_name, logical_id = self.identity.stack_name, self.logical_id
        if len(stack_name) + len(logical_id) > room:
            logical_id = logical_id[: max(room // 2, room - len(stack_name))]
            stack_name = stack_name[: room - len(logical_id)]
        name = f"{stack_name}-{logical_id}-{suffix}"
        return name.lower() if lower else name

    def suffix(self, length: int) -> str:
        """Letters that only this resource with these properties has, the same in every run."""
        seed = f"{self.identity.stack_id}/{self.logical_id}/{sorted(self.properties.items())!r}"
        digest = hashlib.sha256(seed.encode()).digest()
        return base64.b32encode(digest).decode()[:length]

    def call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation with parameters brought into its shape, and return the answer."""
        client = self.clients(service)
        shape = client.meta.service_model.operation_model(operation).input_shape
        conformed = conform(parameters, shape, self.type)
        answer: dict[str, Any] = getattr(client, xform_name(operation))(**conformed)
        return answer

    def tag_map(self) -> dict[str, str]:
        """The resource's tags over the stack's, by key."""
        own = self.properties.get("Tags") or []
        pairs = own.items() if isinstance(own, Mapping) else [(t["Key"], t["Value"]) for t in own]
        return {**self.tags, **{str(key): str(value) for key, value in pairs}}

    def tag_list(self) -> list[dict[str, str]]:
        """The same tags as a list of Key and Value."""
        return [{"Key": key, "Value": value} for key, value in self.tag_map().items()]


@dataclass(frozen=True, slots=True)
class Made:
    """What a provisioner made: the value of Ref, and those of Fn::GetAtt."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceType:
    """How one CloudFormation type is made, changed and removed through its service's API.

    *properties* are the top-level ones that *create* passes on; others are refused by name, deeper
    ones by the operation's own shape. A change of one in *replaced_by*, or any change when *update*
    is None, makes a new resource and removes the old one.
    """

    name: str
    properties: frozenset[str]
    create: Callable[[Order], Made]
    delete: Callable[[Order, Resource], None]
    update: Callable[[Order, Resource], Made] | None = None
    replaced_by: frozenset[str] = frozenset()

    def check(self, properties: Mapping[str, Any]) -> None:
        """Raise UnsupportedPropertyError for a property that *create* would not pass on."""
        for name in properties:
            if name not in self.properties:
                raise UnsupportedPropertyError(f"{self.name}.{name}")

    def is_replaced(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Whether going from *before* to *after* needs a new resource."""
        changed = {n for n in {*before, *after} if before.get(n) != after.get(n)}
        return self.update is None or bool(changed & self.replaced_by)


def names(text: str) -> frozenset[str]:
    """A set of property names from words."""
    return frozenset(text.split())
