"""What the CloudFormation API answers about stacks, events, templates and change sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from embedded_account.cloudformation.change_set import NO_CHANGES, ChangeSet
from embedded_account.cloudformation.deployed import Stack, StackEvent
from embedded_account.cloudformation.parameters import is_secret
from embedded_account.cloudformation.sam import transforms_of
from embedded_account.cloudformation.scope import Resource

_NAMED_IAM = {"AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Role": "RoleName"}


def tag_shapes(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def stack_shape(stack: Stack) -> dict[str, Any]:
    """A stack as DescribeStacks shows it; NoEcho parameters are ``****``."""
    shape = {
        **_stack_head(stack),
        "Parameters": parameter_shapes(stack.template, stack.parameters),
        "DisableRollback": False,
        "EnableTerminationProtection": False,
        "Capabilities": [*stack.capabilities],
        "Outputs": _output_shapes(stack),
        "Tags": tag_shapes(stack.tags),
        "NotificationARNs": [],
        "Description": stack.template.get("Description"),
    }
    return {name: value for name, value in shape.items() if value is not None}


def stack_summary_shape(stack: Stack) -> dict[str, Any]:
    """A stack as ListStacks shows it."""
    described = {"TemplateDescription": stack.template.get("Description")}
    shape = {**_stack_head(stack), **described}
    return {name: value for name, value in shape.items() if value is not None}


def _stack_head(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": stack.created_at,
        "LastUpdatedTime": stack.updated_at,
        "DeletionTime": stack.deleted_at,
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def parameter_shapes(
    template: Mapping[str, Any], values: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Parameters and their values, secrets hidden."""
    declared = template.get("Parameters") or {}
    return [
        {
            "ParameterKey": name,
            "ParameterValue": "****" if is_secret(declared.get(name, {})) else _as_text(value),
        }
        for name, value in values.items()
    ]


def _as_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _output_shapes(stack: Stack) -> list[dict[str, str]]:
    declared = stack.template.get("Outputs") or {}
    shapes = []
    for name, value in stack.outputs.items():
        shape = {"OutputKey": name, "OutputValue": value}
        description = declared.get(name, {}).get("Description")
        shapes.append({**shape, "Description": description} if description else shape)
    return shapes


def event_shapes(stack: Stack) -> list[dict[str, Any]]:
    """A stack's events, newest first."""
    return [_event_shape(stack, n, event) for n, event in enumerate(stack.events)][::-1]


def _event_shape(stack: Stack, position: int, event: StackEvent) -> dict[str, Any]:
    shape = {
        "StackId": stack.id,
        "EventId": f"{event.logical_id}-{event.status}-{position}",
        "StackName": stack.name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.at,
        "ResourceStatus": event.status,
    }
    return {**shape, "ResourceStatusReason": event.reason} if event.reason else shape


def resource_shape(stack: Stack, resource: Resource, *, time_member: str) -> dict[str, Any]:
    """A resource as the Describe and List calls show it; they differ in the name of the time."""
    last = next(
        (e for e in reversed(stack.events) if e.logical_id == resource.logical_id),
        None,
    )
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        time_member: last.at if last else stack.created_at,
        "ResourceStatus": last.status if last else "CREATE_COMPLETE",
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def template_body(stack: Stack, stage: str) -> str:
    """The template as it was given (Original), or after its transforms (Processed)."""
    if stage == "Original" and stack.original_text:
        return stack.original_text
    return json.dumps(stack.template)


def required_capabilities(document: Mapping[str, Any]) -> list[str]:
    """The IAM capabilities that a plain template's resources ask for."""
    found = []
    for entry in (document.get("Resources") or {}).values():
        kind = str(entry.get("Type", ""))
        if kind.startswith("AWS::IAM::"):
            is_named = _NAMED_IAM.get(kind) in (entry.get("Properties") or {})
            found.append("CAPABILITY_NAMED_IAM" if is_named else "CAPABILITY_IAM")
    return sorted(set(found), reverse=True)[:1]


def summary_shape(document: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """What GetTemplateSummary says of a template; *plain* is the same after its transforms."""
    capabilities = required_capabilities(plain)
    shape: dict[str, Any] = {
        "Parameters": [
            {
                "ParameterKey": name,
                "ParameterType": entry.get("Type", "String"),
                "NoEcho": is_secret(entry),
                "Description": entry.get("Description", ""),
                "ParameterConstraints": {
                    "AllowedValues": [str(value) for value in entry.get("AllowedValues", [])]
                },
                **({"DefaultValue": str(entry["Default"])} if "Default" in entry else {}),
            }
            for name, entry in (document.get("Parameters") or {}).items()
        ],
        "Description": document.get("Description", ""),
        "Version": document.get("AWSTemplateFormatVersion", "2010-09-09"),
        "Metadata": json.dumps(document.get("Metadata") or {}),
        "DeclaredTransforms": [*transforms_of(document)],
        "ResourceTypes": _types(document.get("Resources") or {}),
        "Capabilities": capabilities,
    }
    if capabilities:
        reason = "The template contains IAM resources"
        shape["CapabilitiesReason"] = reason
    return shape


def _types(resources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return sorted({str(entry.get("Type", "")) for entry in resources.values()})


def validation_shape(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What ValidateTemplate says: the summary with fewer members."""
    members = ("CapabilitiesReason", "Capabilities", "DeclaredTransforms", "Description")
    parameters = [
        {k: v for k, v in entry.items() if not k.startswith("ParameterT")}
        for entry in summary["Parameters"]
    ]
    for entry in parameters:
        entry.pop("ParameterConstraints")
    return {**{k: summary[k] for k in members if k in summary}, "Parameters": parameters}


def change_set_shape(change_set: ChangeSet) -> dict[str, Any]:
    """A change set as DescribeChangeSet shows it."""
    deployment = change_set.deployment
    return {
        **change_set_summary_shape(change_set),
        "Parameters": parameter_shapes(deployment.document, deployment.parameters),
        "NotificationARNs": [],
        "Capabilities": [*deployment.capabilities],
        "Tags": tag_shapes(deployment.tags),
        "Changes": [*_change_shapes(change_set)],
    }


def change_set_summary_shape(change_set: ChangeSet) -> dict[str, Any]:
    """A change set as ListChangeSets shows it."""
    shape = {
        "ChangeSetName": change_set.name,
        "ChangeSetId": change_set.id,
        "StackId": change_set.stack.id,
        "StackName": change_set.stack.name,
        "Description": change_set.description,
        "CreationTime": change_set.created_at,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
    }
    return shape if change_set.changes else {**shape, "StatusReason": NO_CHANGES}


def _change_shapes(change_set: ChangeSet) -> Iterable[dict[str, Any]]:
    for change in change_set.changes:
        shape = {
            "Action": change.action,
            "LogicalResourceId": change.logical_id,
            "ResourceType": change.type,
            "Scope": ["Properties"] if change.action == "Modify" else [],
            "Details": [],
        }
        if change.physical_id:
            shape["PhysicalResourceId"] = change.physical_id
        if change.replacement is not None:
            shape["Replacement"] = change.replacement
        yield {"Type": "Resource", "ResourceChange": shape}
