"""Provisions AWS::IAM roles, inline policies and managed policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.resource_type import Made, Order, ResourceType, names
from embedded_account.cloudformation.scope import Resource

# An inline or managed policy's holders: property, the operations' noun, the parameter that names
# one.
_HOLDERS: Final = (
    ("Roles", "Role", "RoleName"),
    ("Users", "User", "UserName"),
    ("Groups", "Group", "GroupName"),
)


def _document(document: Mapping[str, Any]) -> dict[str, Any]:
    """A policy that names its version, as moto demands; SAM's policy templates name none.

    IAM takes a missing version as 2008-10-17, which differs from 2012-10-17 in one thing: policy
    variables are plain text (IAM User Guide, "IAM JSON policy elements: Version"). So a document
    that has both no version and a variable is refused.
    """
    if "Version" not in document and "${" in json.dumps(document):
        raise TemplateError(
            "PolicyDocument: a ${...} without a Version is no variable; add Version: 2012-10-17"
        )
    return {"Version": "2012-10-17", **document}


def _list(properties: Mapping[str, Any], name: str) -> Sequence[Any]:
    return properties.get(name) or []


def _create_role(order: Order) -> Made:
    name = order.name("RoleName", 64)
    role = order.call(
        "iam",
        "CreateRole",
        {
            **order.given_except("ManagedPolicyArns", "Policies", "RoleName", "Tags"),
            "RoleName": name,
            "Tags": order.tag_list(),
        },
    )["Role"]
    _grant(order, name, {})
    return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _grant(order: Order, role: str, before: Mapping[str, Any]) -> None:
    """Give the role the policies of its properties, and take those that it had only before."""
    had = {policy["PolicyName"] for policy in _list(before, "Policies")}
    policies = _list(order.properties, "Policies")
    wanted = {policy["PolicyName"]: _document(policy["PolicyDocument"]) for policy in policies}
    for name, document in wanted.items():
        given = {"RoleName": role, "PolicyName": name, "PolicyDocument": document}
        order.call("iam", "PutRolePolicy", given)
    for name in sorted(had - set(wanted)):
        order.call("iam", "DeleteRolePolicy", {"RoleName": role, "PolicyName": name})
    attached = _list(before, "ManagedPolicyArns")
    arns = _list(order.properties, "ManagedPolicyArns")
    for arn in arns:
        if arn not in attached:
            order.call("iam", "AttachRolePolicy", {"RoleName": role, "PolicyArn": arn})
    for arn in attached:
        if arn not in arns:
            order.call("iam", "DetachRolePolicy", {"RoleName": role, "PolicyArn": arn})


def _update_role(order: Order, resource: Resource) -> Made:
    name, before = resource.physical_id, resource.properties
    trust = order.properties["AssumeRolePolicyDocument"]
    order.call("iam", "UpdateAssumeRolePolicy", {"RoleName": name, "PolicyDocument": trust})
    described = {"Description": order.get("Description", "")}
    session = {"MaxSessionDuration": order.get("MaxSessionDuration", 3600)}
    order.call("iam", "UpdateRole", {"RoleName": name, **described, **session})
    if "PermissionsBoundary" in order.properties:
        boundary = order.given("PermissionsBoundary")
        order.call("iam", "PutRolePermissionsBoundary", {"RoleName": name, **boundary})
    elif "PermissionsBoundary" in before:
        order.call("iam", "DeleteRolePermissionsBoundary", {"RoleName": name})
    if order.tag_list():
        order.call("iam", "TagRole", {"RoleName": name, "Tags": order.tag_list()})
    _grant(order, name, before)
    return Made(name, resource.attributes)


def _delete_role(order: Order, resource: Resource) -> None:
    name = resource.physical_id
    for policy in _list(resource.properties, "Policies"):
        given = {"RoleName": name, "PolicyName": policy["PolicyName"]}
        order.call("iam", "DeleteRolePolicy", given)
    for arn in _list(resource.properties, "ManagedPolicyArns"):
        order.call("iam", "DetachRolePolicy", {"RoleName": name, "PolicyArn": arn})
    order.call("iam", "DeleteRole", {"RoleName": name})


def _put_inline(order: Order, before: Mapping[str, Any]) -> Made:
    name, document = order.properties["PolicyName"], _document(order.properties["PolicyDocument"])
    for holders, noun, parameter in _HOLDERS:
        wanted = _list(order.properties, holders)
        for holder in wanted:
            given = {parameter: holder, "PolicyName": name, "PolicyDocument": document}
            order.call("iam", f"Put{noun}Policy", given)
        for holder in _list(before, holders):
            if holder not in wanted:
                order.call("iam", f"Delete{noun}Policy", {parameter: holder, "PolicyName": name})
    return Made(name, {"Id": name})


def _create_policy(order: Order) -> Made:
    return _put_inline(order, {})


def _update_policy(order: Order, resource: Resource) -> Made:
    return _put_inline(order, resource.properties)


def _delete_policy(order: Order, resource: Resource) -> None:
    for holders, noun, parameter in _HOLDERS:
        for holder in _list(resource.properties, holders):
            given = {parameter: holder, "PolicyName": resource.physical_id}
            order.call("iam", f"Delete{noun}Policy", given)


def _attach(order: Order, arn: str, before: Mapping[str, Any]) -> None:
    for holders, noun, parameter in _HOLDERS:
        wanted, attached = _list(order.properties, holders), _list(before, holders)
        for holder in wanted:
            if holder not in attached:
                order.call("iam", f"Attach{noun}Policy", {parameter: holder, "PolicyArn": arn})
        for holder in attached:
            if holder not in wanted:
                order.call("iam", f"Detach{noun}Policy", {parameter: holder, "PolicyArn": arn})


def _create_managed_policy(order: Order) -> Made:
    parameters = {
        **order.given("Description", "Path"),
        "PolicyDocument": _document(order.properties["PolicyDocument"]),
        "PolicyName": order.name("ManagedPolicyName", 128),
    }
    arn = order.call("iam", "CreatePolicy", parameters)["Policy"]["Arn"]
    _attach(order, arn, {})
    return Made(arn, {"PolicyArn": arn})


def _update_managed_policy(order: Order, resource: Resource) -> Made:
    arn = resource.physical_id
    _prune_versions(order, arn)
    document = _document(order.properties["PolicyDocument"])
    parameters = {"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": True}
    order.call("iam", "CreatePolicyVersion", parameters)
    _attach(order, arn, resource.properties)
    return Made(arn, resource.attributes)


def _prune_versions(order: Order, arn: str) -> None:
    """Delete all versions but the default: IAM keeps five, and no policy goes before them."""
    versions = order.call("iam", "ListPolicyVersions", {"PolicyArn": arn})["Versions"]
    for version in versions:
        if not version["IsDefaultVersion"]:
            parameters = {"PolicyArn": arn, "VersionId": version["VersionId"]}
            order.call("iam", "DeletePolicyVersion", parameters)


def _delete_managed_policy(order: Order, resource: Resource) -> None:
    arn = resource.physical_id
    for holders, noun, parameter in _HOLDERS:
        for holder in _list(resource.properties, holders):
            order.call("iam", f"Detach{noun}Policy", {parameter: holder, "PolicyArn": arn})
    _prune_versions(order, arn)
    order.call("iam", "DeletePolicy", {"PolicyArn": arn})


RESOURCE_TYPES: Final = (
    ResourceType(
        "AWS::IAM::Role",
        names(
            "AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path "
            "PermissionsBoundary Policies RoleName Tags"
        ),
        _create_role,
        _delete_role,
        _update_role,
        names("Path RoleName"),
    ),
    ResourceType(
        "AWS::IAM::Policy",
        names("Groups PolicyDocument PolicyName Roles Users"),
        _create_policy,
        _delete_policy,
        _update_policy,
        names("PolicyName"),
    ),
    ResourceType(
        "AWS::IAM::ManagedPolicy",
        names("Description Groups ManagedPolicyName Path PolicyDocument Roles Users"),
        _create_managed_policy,
        _delete_managed_policy,
        _update_managed_policy,
        names("Description ManagedPolicyName Path"),
    ),
)
