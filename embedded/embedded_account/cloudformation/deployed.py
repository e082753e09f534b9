"""What is deployed: the stacks of every account and Region, and the resources that they made."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from embedded_account.cloudformation.errors import StackNotFoundError
from embedded_account.cloudformation.scope import Resource, StackIdentity

_STACK_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "embedded_account.cloudformation")


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's story, as DescribeStackEvents tells it."""

    at: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as its last operation left it; *resources* in the order they were made."""

    id: str
    name: str
    account: str
    region: str
    status: str
    template: Mapping[str, Any]
    parameters: Mapping[str, Any]
    created_at: datetime
    outputs: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    events: tuple[StackEvent, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    status_reason: str | None = None
    original_text: str = ""
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    capabilities: tuple[str, ...] = ()

    @property
    def identity(self) -> StackIdentity:
        """Where the stack lives and what it is called."""
        return StackIdentity(self.account, self.region, self.name, self.id)


class Deployed:
    """The registry that the dispatchers ask: which resources are there, and how are they set up."""

    def __init__(self) -> None:
        self._live: dict[tuple[str, str, str], Stack] = {}
        self._deleted: list[Stack] = []

    def put(self, stack: Stack) -> None:
        """Keep a stack as it is now; a deleted one is only found by its id from then on."""
        key = (stack.account, stack.region, stack.name)
        if stack.status == "DELETE_COMPLETE":
            self._live.pop(key, None)
            self._deleted.append(stack)
        else:
            self._live[key] = stack

    def find(self, account: str, region: str, name_or_id: str) -> Stack | None:
        """The live stack of that name or id, or the deleted one of that id."""
        if (account, region, name_or_id) in self._live:
            return self._live[account, region, name_or_id]
        everything = [*self._live.values(), *self._deleted]
        return next((stack for stack in everything if stack.id == name_or_id), None)

    def stack(self, account: str, region: str, name_or_id: str) -> Stack:
        """Like find, but raises StackNotFoundError when there is none."""
        found = self.find(account, region, name_or_id)
        if found is None:
            raise StackNotFoundError(name_or_id)
        return found

    def stacks(self, account: str, region: str, *, deleted: bool = False) -> tuple[Stack, ...]:
        """The live stacks of an account and Region, and the deleted ones too if asked."""
        everything = [*self._live.values(), *(self._deleted if deleted else ())]
        return tuple(s for s in everything if (s.account, s.region) == (account, region))

    def of_type(
        self, resource_type: str, *, account: str | None = None, region: str | None = None
    ) -> tuple[Resource, ...]:
        """All live resources of a type, of one account or Region if given."""
        return tuple(
            resource
            for resource in self._resources()
            if resource.type == resource_type
            and account in (None, resource.account)
            and region in (None, resource.region)
        )

    def resource(self, resource_type: str, physical_id: str) -> Resource | None:
        """The resource of a type whose Ref, Arn, or other attribute is *physical_id*."""
        for resource in self.of_type(resource_type):
            if physical_id in (resource.physical_id, *resource.attributes.values()):
                return resource
        return None

    def new_stack_id(self, account: str, region: str, name: str, partition: str) -> str:
        """The id of the next stack of that name: the same in every run."""
        former = sum(
            (s.account, s.region, s.name) == (account, region, name) for s in self._deleted
        )
        suffix = uuid.uuid5(_STACK_IDS, f"{account}/{region}/{name}/{former}")
        return f"arn:{partition}:cloudformation:{region}:{account}:stack/{name}/{suffix}"

    def _resources(self) -> Iterator[Resource]:
        for stack in tuple(self._live.values()):
            yield from stack.resources.values()
