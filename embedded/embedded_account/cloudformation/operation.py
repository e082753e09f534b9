"""One stack operation as it runs: makes, changes and removes resources, and undoes what failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from embedded_account.cloudformation.deployed import StackEvent
from embedded_account.cloudformation.errors import StackFailedError
from embedded_account.cloudformation.intrinsics import resolve
from embedded_account.cloudformation.provisioners import type_of
from embedded_account.cloudformation.resource_type import Clients, Made, Order
from embedded_account.cloudformation.scope import Resource, StackIdentity
from embedded_account.cloudformation.template import Declaration, Template

STACK_TYPE = "AWS::CloudFormation::Stack"
_GONE = ("DoesNotExist", "NoSuch", "NonExistent", "NotFound")


@dataclass(slots=True)
class Operation:
    """What one operation has done so far, and how to undo it.

    *resources* is the stack's new state; *undo* holds what takes each step back, newest last.
    """

    identity: StackIdentity
    clients: Clients
    tags: Mapping[str, str]
    now: Callable[[], datetime]
    before: Mapping[str, Resource]
    resources: dict[str, Resource] = field(default_factory=dict)
    replaced: list[Resource] = field(default_factory=list)
    events: list[StackEvent] = field(default_factory=list)
    undo: list[tuple[Resource, Callable[[], object]]] = field(default_factory=list)

    def tell_stack(self, status: str, reason: str | None = None) -> None:
        """Add an event of the stack itself."""
        name, stack_id = self.identity.stack_name, self.identity.stack_id
        self.events.append(StackEvent(self.now(), name, stack_id, STACK_TYPE, status, reason))

    def provision(self, template: Template) -> None:
        """Bring every declared resource to what the template says.

        Raises StackFailedError naming the first resource that could not be; nothing is undone yet.
        """
        for declaration in template.declarations:
            try:
                self._bring(declaration, template)
            except Exception as error:
                verb = "UPDATE" if declaration.logical_id in self.before else "CREATE"
                reason = reason_of(error)
                self._tell(declaration.logical_id, "", declaration.type, f"{verb}_FAILED", reason)
                raise StackFailedError(
                    self.identity.stack_name, declaration.logical_id, declaration.type, reason
                ) from error

    def _bring(self, declaration: Declaration, template: Template) -> None:
        scope = replace(template.scope, resources=self.resources)
        properties = resolve(declaration.properties, scope)
        before = self.before.get(declaration.logical_id)
        wanted = Resource(
            logical_id=declaration.logical_id,
            type=declaration.type,
            physical_id="",
            attributes={},
            properties=properties,
            account=self.identity.account,
            region=self.identity.region,
            stack_name=self.identity.stack_name,
            depends_on=declaration.depends_on,
            deletion_policy=declaration.deletion_policy,
            update_replace_policy=declaration.update_replace_policy,
        )
        if before is None:
            self._create(wanted)
        elif before.type == wanted.type and before.properties == properties:
            kept = replace(wanted, physical_id=before.physical_id, attributes=before.attributes)
            self.resources[wanted.logical_id] = kept
        else:
            self._change(before, wanted)

    def _create(self, wanted: Resource) -> None:
        resource_type = type_of(wanted.logical_id, wanted.type)
        self._tell(wanted.logical_id, "", wanted.type, "CREATE_IN_PROGRESS")
        made = self._finish(wanted, resource_type.create(self._order(wanted)), "CREATE_COMPLETE")
        if made.deletion_policy != "Retain":
            self.undo.append((made, lambda: self._delete(made)))

    def _change(self, before: Resource, wanted: Resource) -> None:
        resource_type = type_of(wanted.logical_id, wanted.type)
        self._tell(wanted.logical_id, before.physical_id, wanted.type, "UPDATE_IN_PROGRESS")
        update = resource_type.update
        is_replaced = before.type != wanted.type or resource_type.is_replaced(
            before.properties, wanted.properties
        )
        if update is None or is_replaced:
            made = self._finish(
                wanted, resource_type.create(self._order(wanted)), "UPDATE_COMPLETE"
            )
            if (made.type, made.physical_id) != (before.type, before.physical_id):
                self.replaced.append(before)
                self.undo.append((made, lambda: self._delete(made)))
            return
        made = self._finish(wanted, update(self._order(wanted), before), "UPDATE_COMPLETE")
        self.undo.append((made, lambda: update(self._order(before), made)))

    def _finish(self, wanted: Resource, made: Made, status: str) -> Resource:
        resource = replace(wanted, physical_id=made.physical_id, attributes=made.attributes)
        self.resources[wanted.logical_id] = resource
        self._tell(wanted.logical_id, made.physical_id, wanted.type, status)
        return resource

    def roll_back(self) -> list[str]:
        """Undo every step, newest first, and return what could not be undone."""
        failures = []
        for resource, take_back in reversed(self.undo):
            try:
                take_back()
            except Exception as error:  # noqa: BLE001 - told to the caller; the others are undone
                failures.append(f"{resource.logical_id} ({resource.type}): {reason_of(error)}")
        return failures

    def remove(self, resources: list[Resource]) -> list[Resource]:
        """Delete resources, last made first, except those to retain; returns those that resist."""
        resisting = []
        for resource in reversed(resources):
            is_replaced = resource in self.replaced
            policy = resource.update_replace_policy if is_replaced else resource.deletion_policy
            where = (resource.logical_id, resource.physical_id, resource.type)
            if policy != "Delete":
                self._tell(*where, "DELETE_SKIPPED")
                continue
            self._tell(*where, "DELETE_IN_PROGRESS")
            try:
                self._delete(resource)
            except Exception as error:  # noqa: BLE001 - becomes DELETE_FAILED of this resource
                self._tell(*where, "DELETE_FAILED", reason_of(error))
                resisting.append(resource)
            else:
                self._tell(*where, "DELETE_COMPLETE")
        return resisting

    def _delete(self, resource: Resource) -> None:
        """Delete a resource; one that is gone already counts as deleted, as in CloudFormation."""
        resource_type = type_of(resource.logical_id, resource.type)
        try:
            resource_type.delete(self._order(resource), resource)
        except ClientError as error:
            if not any(word in error.response["Error"]["Code"] for word in _GONE):
                raise

    def _order(self, resource: Resource) -> Order:
        return Order(
            self.identity,
            resource.logical_id,
            resource.type,
            resource.properties,
            self.clients,
            self.tags,
        )

    def _tell(
        self, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None = None
    ) -> None:
        self.events.append(StackEvent(self.now(), logical_id, physical_id, kind, status, reason))


def reason_of(error: Exception) -> str:
    """What went wrong, in the service's words; a bare KeyError would only say a name."""
    if isinstance(error, KeyError):
        return f"the required property or member {error} is missing"
    return str(error) or type(error).__name__


def check_types(template: Template) -> None:
    """Raise for a type or a property that has no provisioner, before anything is made."""
    for declaration in template.declarations:
        properties: Mapping[str, Any] = declaration.properties
        type_of(declaration.logical_id, declaration.type).check(properties)
