"""Deploys, updates and deletes a stack: a template made real through an account's own API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedded_account.cloudformation.deployed import Deployed, Stack, StackEvent
from embedded_account.cloudformation.errors import NoUpdatesError, StackFailedError, TemplateError
from embedded_account.cloudformation.operation import STACK_TYPE, Operation, check_types, reason_of
from embedded_account.cloudformation.resource_type import Clients
from embedded_account.cloudformation.sam import transform
from embedded_account.cloudformation.scope import StackIdentity
from embedded_account.cloudformation.template import Template, load_template, resolve_outputs
from embedded_account.cloudformation.template_text import read_template


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A plain template (no transform left in it) and all that it needs to become a stack."""

    document: Mapping[str, Any]
    stack_name: str
    parameters: Mapping[str, Any]
    account: str
    region: str
    clients: Clients
    tags: Mapping[str, str] = field(default_factory=dict)
    original_text: str = ""
    capabilities: tuple[str, ...] = ()
    now: Callable[[], datetime] = _now

    def load(self, identity: StackIdentity) -> Template:
        """The template with its parameters, every type and property of it known."""
        template = load_template(self.document, parameters=self.parameters, identity=identity)
        check_types(template)
        return template


def deploy(
    template: Path | Mapping[str, Any],
    *,
    stack_name: str,
    parameters: Mapping[str, Any] | None = None,
    account: str,
    region: str,
    clients: Clients,
    source_root: Path | None = None,
    source_layers: Mapping[str, Path] | None = None,
    tags: Mapping[str, str] | None = None,
    deployed: Deployed | None = None,
    now: Callable[[], datetime] = _now,
) -> Stack:
    """Create the stack, or update the one of that name that *deployed* holds, and return it.

    A SAM template is transformed first; *source_root* (default: the template's folder) is what its
    local paths are relative to. Raises TemplateError before anything is made, StackFailedError
    after rolling back, and NoUpdatesError when the stack is already as the template says.
    """
    registry = deployed if deployed is not None else Deployed()
    text = template.read_text(encoding="utf-8") if isinstance(template, Path) else ""
    document = read_template(text) if isinstance(template, Path) else template
    root = source_root or (template.parent if isinstance(template, Path) else None)
    given = dict(parameters or {})
    plain = transform(
        document,
        parameters=given,
        region=region,
        clients=clients,
        source_root=root,
        source_layers=source_layers,
    )
    return run(
        Deployment(
            document=plain,
            stack_name=stack_name,
            parameters=given,
            account=account,
            region=region,
            clients=clients,
            tags=dict(tags or {}),
            original_text=text,
            now=now,
        ),
        registry,
    )


def run(deployment: Deployment, deployed: Deployed) -> Stack:
    """Create or update the deployment's stack and register the outcome; raises as deploy does."""
    before = deployed.find(deployment.account, deployment.region, deployment.stack_name)
    if before is None or before.status == "REVIEW_IN_PROGRESS":
        return _create(deployment, deployed, before)
    return _update(deployment, deployed, before)


def _create(deployment: Deployment, deployed: Deployed, reviewed: Stack | None) -> Stack:
    stack = reviewed or replace(new_stack(deployment, deployed), events=())
    template = deployment.load(stack.identity)
    operation = _operation(deployment, stack)
    operation.tell_stack("CREATE_IN_PROGRESS", "User Initiated")
    stack = _described(stack, deployment, template)
    try:
        operation.provision(template)
        outputs = _outputs(template, operation)
    except StackFailedError as error:
        operation.tell_stack("ROLLBACK_IN_PROGRESS", str(error))
        failures = operation.roll_back()
        status = "ROLLBACK_FAILED" if failures else "ROLLBACK_COMPLETE"
        operation.tell_stack(status, "; ".join(failures) or None)
        left = operation.resources if failures else {}
        reason = "; ".join([str(error), *failures])
        deployed.put(_ended(stack, operation, status, resources=left, status_reason=reason))
        raise
    operation.tell_stack("CREATE_COMPLETE")
    created = _ended(
        stack, operation, "CREATE_COMPLETE", resources=operation.resources, outputs=outputs
    )
    deployed.put(created)
    return created


def _update(deployment: Deployment, deployed: Deployed, before: Stack) -> Stack:
    if before.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
        raise TemplateError(
            f"Stack:{before.id} is in {before.status} state and can not be updated."
        )
    template = deployment.load(before.identity)
    if _is_same(before, deployment, template):
        raise NoUpdatesError
    operation = _operation(deployment, before)
    operation.tell_stack("UPDATE_IN_PROGRESS", "User Initiated")
    try:
        operation.provision(template)
        outputs = _outputs(template, operation)
    except StackFailedError as error:
        operation.tell_stack("UPDATE_ROLLBACK_IN_PROGRESS", str(error))
        failures = operation.roll_back()
        status = "UPDATE_ROLLBACK_FAILED" if failures else "UPDATE_ROLLBACK_COMPLETE"
        operation.tell_stack(status, "; ".join(failures) or None)
        reason = "; ".join([str(error), *failures])
        deployed.put(_ended(before, operation, status, status_reason=reason))
        raise
    operation.tell_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    dropped = [r for name, r in before.resources.items() if name not in operation.resources]
    # CloudFormation's cleanup is best effort too: what resists is told in the events and left
    # behind.
    operation.remove([*dropped, *operation.replaced])
    operation.tell_stack("UPDATE_COMPLETE")
    updated = _ended(
        _described(before, deployment, template),
        operation,
        "UPDATE_COMPLETE",
        resources=operation.resources,
        outputs=outputs,
        updated_at=deployment.now(),
        status_reason=None,
    )
    deployed.put(updated)
    return updated


def update(
    stack: Stack,
    template: Path | Mapping[str, Any],
    *,
    clients: Clients,
    deployed: Deployed,
    parameters: Mapping[str, Any] | None = None,
    source_root: Path | None = None,
    source_layers: Mapping[str, Path] | None = None,
    now: Callable[[], datetime] = _now,
) -> Stack:
    """Bring an existing stack to another template or other parameters; raises as deploy does."""
    deployed.put(stack)
    return deploy(
        template,
        stack_name=stack.name,
        parameters=stack.parameters if parameters is None else parameters,
        account=stack.account,
        region=stack.region,
        clients=clients,
        source_root=source_root,
        source_layers=source_layers,
        tags=stack.tags,
        deployed=deployed,
        now=now,
    )


def delete(
    stack: Stack,
    *,
    clients: Clients,
    deployed: Deployed | None = None,
    now: Callable[[], datetime] = _now,
) -> Stack:
    """Delete a stack's resources in reverse order, keeping those with DeletionPolicy Retain.

    Raises StackFailedError naming the resource that resists; the others are deleted, and the stack
    stays as DELETE_FAILED with what is left.
    """
    registry = deployed if deployed is not None else Deployed()
    operation = Operation(stack.identity, clients, stack.tags, now, stack.resources)
    operation.tell_stack("DELETE_IN_PROGRESS", "User Initiated")
    resisting = operation.remove([*stack.resources.values()])
    if resisting:
        reasons = {e.logical_id: e.reason for e in operation.events if e.status == "DELETE_FAILED"}
        left = {r.logical_id: r for r in reversed(resisting)}
        reason = f"The following resource(s) failed to delete: [{', '.join(left)}]."
        operation.tell_stack("DELETE_FAILED", reason)
        ended = _ended(stack, operation, "DELETE_FAILED", resources=left, status_reason=reason)
        registry.put(ended)
        first = resisting[0]
        why = str(reasons[first.logical_id])
        raise StackFailedError(stack.name, first.logical_id, first.type, why)
    operation.tell_stack("DELETE_COMPLETE")
    ended = _ended(stack, operation, "DELETE_COMPLETE", resources={}, deleted_at=now())
    registry.put(ended)
    return ended


def new_stack(deployment: Deployment, deployed: Deployed) -> Stack:
    """A stack in review: it has nothing yet but the id that it keeps, and one event."""
    account, region, name = deployment.account, deployment.region, deployment.stack_name
    partition = StackIdentity(account, region, name, "").partition
    stack_id = deployed.new_stack_id(account, region, name, partition)
    status, at = "REVIEW_IN_PROGRESS", deployment.now()
    event = StackEvent(at, name, stack_id, STACK_TYPE, status, "User Initiated")
    return Stack(
        id=stack_id,
        name=name,
        account=account,
        region=region,
        status=status,
        template=deployment.document,
        parameters=deployment.parameters,
        created_at=at,
        events=(event,),
        tags=deployment.tags,
        original_text=deployment.original_text,
        capabilities=deployment.capabilities,
    )


def _operation(deployment: Deployment, stack: Stack) -> Operation:
    return Operation(
        stack.identity, deployment.clients, deployment.tags, deployment.now, stack.resources
    )


def _described(stack: Stack, deployment: Deployment, template: Template) -> Stack:
    return replace(
        stack,
        template=deployment.document,
        parameters=template.scope.parameters,
        tags=deployment.tags,
        original_text=deployment.original_text,
        capabilities=deployment.capabilities,
    )


def _ended(stack: Stack, operation: Operation, status: str, **members: Any) -> Stack:
    return replace(stack, status=status, events=(*stack.events, *operation.events), **members)


def _is_same(before: Stack, deployment: Deployment, template: Template) -> bool:
    return (
        before.template == deployment.document
        and before.parameters == template.scope.parameters
        and before.tags == deployment.tags
    )


def _outputs(template: Template, operation: Operation) -> dict[str, str]:
    scope = replace(template.scope, resources=operation.resources)
    try:
        return resolve_outputs(template, scope)
    except TemplateError as error:
        name = operation.identity.stack_name
        raise StackFailedError(name, name, STACK_TYPE, reason_of(error)) from error
