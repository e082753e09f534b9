"""A change set: a deployment that waits to be executed, and what it would change."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from embedded_account.cloudformation.deployed import Stack
from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.intrinsics import resolve
from embedded_account.cloudformation.provisioners import type_of
from embedded_account.cloudformation.scope import Resource
from embedded_account.cloudformation.stack import Deployment
from embedded_account.cloudformation.template import Declaration, Template

_CHANGE_SET_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "embedded_account.cloudformation.change_set")
NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change set: *action* is Add, Modify or Remove."""

    action: str
    logical_id: str
    type: str
    physical_id: str = ""
    replacement: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What was asked for, judged but not done: its Status, and whether it can be executed."""

    id: str
    name: str
    stack: Stack
    deployment: Deployment
    changes: tuple[Change, ...]
    created_at: datetime
    description: str = ""
    execution_status: str = "AVAILABLE"

    @property
    def status(self) -> str:
        """CREATE_COMPLETE, or FAILED when nothing would change."""
        return "CREATE_COMPLETE" if self.changes else "FAILED"


def new_change_set(
    name: str, stack: Stack, deployment: Deployment, sequence: int, description: str
) -> ChangeSet:
    """Judge what *deployment* would change of *stack*; raises TemplateError for a bad template."""
    template = deployment.load(stack.identity)
    changes = _changes(template, stack.resources)
    if not changes and _differs_beside_resources(template, deployment, stack):
        changes = (Change("Modify", stack.name, "AWS::CloudFormation::Stack", stack.id, "False"),)
    suffix = uuid.uuid5(_CHANGE_SET_IDS, f"{stack.id}/{name}/{sequence}")
    return ChangeSet(
        id=stack.identity.arn("cloudformation", f"changeSet/{name}/{suffix}"),
        name=name,
        stack=stack,
        deployment=deployment,
        changes=changes,
        created_at=deployment.now(),
        description=description,
        execution_status="AVAILABLE" if changes else "UNAVAILABLE",
    )


def _differs_beside_resources(template: Template, deployment: Deployment, stack: Stack) -> bool:
    outputs_differ = deployment.document.get("Outputs") != stack.template.get("Outputs")
    parameters_differ = template.scope.parameters != stack.parameters
    return outputs_differ or parameters_differ or deployment.tags != stack.tags


def _changes(template: Template, before: Mapping[str, Resource]) -> tuple[Change, ...]:
    wanted = {declaration.logical_id for declaration in template.declarations}
    removed = [
        Change("Remove", name, resource.type, resource.physical_id)
        for name, resource in before.items()
        if name not in wanted
    ]
    kept = [_change(declaration, template, before) for declaration in template.declarations]
    return tuple(change for change in [*kept, *removed] if change is not None)


def _change(
    declaration: Declaration, template: Template, before: Mapping[str, Resource]
) -> Change | None:
    name, kind = declaration.logical_id, declaration.type
    if name not in before:
        return Change("Add", name, kind)
    resource = before[name]
    scope = replace(template.scope, resources=before)
    properties: Mapping[str, Any] | None
    try:
        properties = resolve(declaration.properties, scope)
    except TemplateError:
        # It refers to a resource that is yet to be made: what it becomes is known only then.
        return Change("Modify", name, kind, resource.physical_id, "Conditional")
    if resource.type == kind and resource.properties == properties:
        return None
    is_replaced = resource.type != kind or type_of(name, kind).is_replaced(
        resource.properties, properties or {}
    )
    return Change("Modify", name, kind, resource.physical_id, str(is_replaced))
