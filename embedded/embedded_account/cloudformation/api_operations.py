"""The CloudFormation API's operations, each from a request to the members of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from embedded_account.cloudformation import api_shapes as shapes
from embedded_account.cloudformation.api_request import RefusedError, Request
from embedded_account.cloudformation.change_set import ChangeSet, new_change_set
from embedded_account.cloudformation.errors import StackFailedError, TemplateError
from embedded_account.cloudformation.stack import Deployment, delete, new_stack, run
from embedded_account.cloudformation.template_text import read_template


def _run(request: Request, deployment: Deployment) -> None:
    """Run a deployment; a failure is not the call's but the stack's, whose events tell it."""
    with request.state.one_at_a_time:
        try:
            run(deployment, request.deployed)
        except StackFailedError:
            return


def _create_stack(request: Request) -> dict[str, Any]:
    name = request.given("StackName")
    existing = request.deployed.find(request.account, request.region, name)
    if existing is not None and existing.status != "REVIEW_IN_PROGRESS":
        raise RefusedError("AlreadyExistsException", f"Stack [{name}] already exists")
    _run(request, request.deployment(None, needs_expand=True))
    return {"StackId": request.stack().id}


def _update_stack(request: Request) -> dict[str, Any]:
    before = request.stack()
    _run(request, request.deployment(before, needs_expand=True))
    return {"StackId": before.id}


def _delete_stack(request: Request) -> dict[str, Any]:
    request.refuse_unsupported()
    account, region, name = request.account, request.region, request.given("StackName")
    with request.state.one_at_a_time:
        stack = request.deployed.find(account, region, name)
        if stack is not None and stack.status != "DELETE_COMPLETE":
            try:
                delete(
                    stack,
                    clients=request.clients,
                    deployed=request.deployed,
                    now=request.state.now,
                )
            except StackFailedError:
                return {}
    return {}


def _describe_stacks(request: Request) -> dict[str, Any]:
    if request.given("StackName") is not None:
        return {"Stacks": [shapes.stack_shape(request.stack())]}
    stacks = request.deployed.stacks(request.account, request.region)
    return {"Stacks": [shapes.stack_shape(stack) for stack in stacks]}


def _list_stacks(request: Request) -> dict[str, Any]:
    wanted = request.given("StackStatusFilter", [])
    account, region = request.account, request.region
    stacks = request.deployed.stacks(account, region, deleted=True)
    chosen = [stack for stack in stacks if not wanted or stack.status in wanted]
    return {"StackSummaries": [shapes.stack_summary_shape(stack) for stack in chosen]}


def _describe_stack_events(request: Request) -> dict[str, Any]:
    return {"StackEvents": shapes.event_shapes(request.stack())}


def _list_stack_resources(request: Request) -> dict[str, Any]:
    stack = request.stack()
    return {
        "StackResourceSummaries": [
            shapes.resource_shape(stack, resource, time_member="LastUpdatedTimestamp")
            for resource in stack.resources.values()
        ]
    }


def _describe_stack_resources(request: Request) -> dict[str, Any]:
    physical_id = request.given("PhysicalResourceId")
    if request.given("StackName") is not None:
        stack = request.stack()
    else:
        stacks = request.deployed.stacks(request.account, request.region)
        holders = [
            s for s in stacks if any(r.physical_id == physical_id for r in s.resources.values())
        ]
        if not holders:
            raise TemplateError(f"Stack for {physical_id} does not exist")
        stack = holders[0]
    logical_id = request.given("LogicalResourceId")
    return {
        "StackResources": [
            shapes.resource_shape(stack, resource, time_member="Timestamp")
            for resource in stack.resources.values()
            if logical_id in (None, resource.logical_id)
        ]
    }


def _describe_stack_resource(request: Request) -> dict[str, Any]:
    stack, logical_id = request.stack(), request.given("LogicalResourceId")
    if logical_id not in stack.resources:
        raise TemplateError(f"Resource {logical_id} does not exist for stack {stack.name}")
    resource = stack.resources[logical_id]
    shape = shapes.resource_shape(stack, resource, time_member="LastUpdatedTimestamp")
    return {"StackResourceDetail": shape}


def _get_template(request: Request) -> dict[str, Any]:
    stage = request.given("TemplateStage", "Original")
    if request.given("ChangeSetName") is not None:
        deployment = _find_change_set(request).deployment
        stack = replace(
            _find_change_set(request).stack,
            template=deployment.document,
            original_text=deployment.original_text,
        )
    else:
        stack = request.stack()
    stages = ["Original", "Processed"]
    return {"TemplateBody": shapes.template_body(stack, stage), "StagesAvailable": stages}


def _summary(request: Request) -> dict[str, Any]:
    if request.given("StackName") is not None:
        stack = request.stack()
        return shapes.summary_shape(stack.template, stack.template)
    document = read_template(request.template_text())
    # Capabilities are judged without the transform: parameters without default are not known here.
    return shapes.summary_shape(document, document)


def _validate_template(request: Request) -> dict[str, Any]:
    return shapes.validation_shape(_summary(request))


def _create_change_set(request: Request) -> dict[str, Any]:
    state, kind = request.state, request.given("ChangeSetType", "UPDATE")
    account, region = request.account, request.region
    before = request.deployed.find(account, region, request.given("StackName"))
    if before is not None and before.status == "REVIEW_IN_PROGRESS":
        deployment, stack = request.deployment(None, needs_expand=False), before
    elif kind == "CREATE":
        if before is not None:
            message = f"Stack [{before.name}] already exists"
            raise RefusedError("AlreadyExistsException", message)
        deployment = request.deployment(None, needs_expand=False)
        stack = new_stack(deployment, request.deployed)
    elif kind == "UPDATE":
        stack = request.stack()
        deployment = request.deployment(stack, needs_expand=False)
    else:
        raise TemplateError(f"ChangeSetType {kind} is not supported by the embedded account")
    with state.one_at_a_time:
        state.change_sets_made += 1
        change_set = new_change_set(
            request.given("ChangeSetName"),
            stack,
            deployment,
            state.change_sets_made,
            request.given("Description", ""),
        )
        request.deployed.put(stack)
        state.change_sets[change_set.id] = change_set
    return {"Id": change_set.id, "StackId": stack.id}


def _find_change_set(request: Request) -> ChangeSet:
    wanted = request.given("ChangeSetName")
    if wanted in request.state.change_sets:
        return request.state.change_sets[wanted]
    stack = request.stack()
    for change_set in reversed(request.state.change_sets.values()):
        if change_set.name == wanted and change_set.stack.id == stack.id:
            return change_set
    raise RefusedError("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist")


def _describe_change_set(request: Request) -> dict[str, Any]:
    return shapes.change_set_shape(_find_change_set(request))


def _list_change_sets(request: Request) -> dict[str, Any]:
    stack = request.stack()
    return {
        "Summaries": [
            shapes.change_set_summary_shape(change_set)
            for change_set in request.state.change_sets.values()
            if change_set.stack.id == stack.id
        ]
    }


def _execute_change_set(request: Request) -> dict[str, Any]:
    request.refuse_unsupported()
    change_set = _find_change_set(request)
    if change_set.execution_status != "AVAILABLE":
        raise RefusedError(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be executed in its current execution status of "
            f"[{change_set.execution_status}]",
        )
    done = replace(change_set, execution_status="EXECUTE_COMPLETE")
    request.state.change_sets[change_set.id] = done
    _run(request, change_set.deployment)
    return {}


def _delete_change_set(request: Request) -> dict[str, Any]:
    change_set = _find_change_set(request)
    del request.state.change_sets[change_set.id]
    return {}


OPERATIONS: Final[Mapping[str, Callable[[Request], dict[str, Any]]]] = {
    "CreateChangeSet": _create_change_set,
    "CreateStack": _create_stack,
    "DeleteChangeSet": _delete_change_set,
    "DeleteStack": _delete_stack,
    "DescribeChangeSet": _describe_change_set,
    "DescribeStackEvents": _describe_stack_events,
    "DescribeStackResource": _describe_stack_resource,
    "DescribeStackResources": _describe_stack_resources,
    "DescribeStacks": _describe_stacks,
    "ExecuteChangeSet": _execute_change_set,
    "GetTemplate": _get_template,
    "GetTemplateSummary": _summary,
    "ListChangeSets": _list_change_sets,
    "ListStackResources": _list_stack_resources,
    "ListStacks": _list_stacks,
    "UpdateStack": _update_stack,
    "ValidateTemplate": _validate_template,
}
