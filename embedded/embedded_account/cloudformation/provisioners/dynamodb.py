"""Provisions AWS::DynamoDB tables: streams, indexes, expiry, recovery, encryption, protection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.resource_type import Made, Order, ResourceType, names
from embedded_account.cloudformation.scope import Resource

_TYPE = "AWS::DynamoDB::Table"
_APART = (
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "StreamSpecification",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
)


def _stream(properties: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation's StreamSpecification has no StreamEnabled: to name one is to have one."""
    given = properties.get("StreamSpecification")
    return {} if given is None else {"StreamSpecification": {"StreamEnabled": True, **given}}


def _encryption(properties: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(properties.get("SSESpecification") or {})
    if "SSEEnabled" in given:
        given["Enabled"] = given.pop("SSEEnabled")
    return {"SSESpecification": given} if given else {}


def _made(order: Order, name: str) -> Made:
    table = order.call("dynamodb", "DescribeTable", {"TableName": name})["Table"]
    attributes = {"Arn": table["TableArn"]}
    if "StreamSpecification" in order.properties:
        attributes["StreamArn"] = table["LatestStreamArn"]
    return Made(name, attributes)


def _set_expiry_and_recovery(order: Order, name: str, before: Mapping[str, Any]) -> None:
    expiry, former = order.get("TimeToLiveSpecification"), before.get("TimeToLiveSpecification")
    if expiry != former:
        specification = expiry if expiry is not None else {**(former or {}), "Enabled": False}
        given = {"TableName": name, "TimeToLiveSpecification": specification}
        order.call("dynamodb", "UpdateTimeToLive", given)
    member = "PointInTimeRecoverySpecification"
    if order.get(member) != before.get(member):
        recovery = order.get(member) or {"PointInTimeRecoveryEnabled": False}
        given = {"TableName": name, member: recovery}
        order.call("dynamodb", "UpdateContinuousBackups", given)


def _create(order: Order) -> Made:
    name = order.name("TableName", 255)
    order.call(
        "dynamodb",
        "CreateTable",
        {
            **order.given_except(*_APART),
            **_stream(order.properties),
            **_encryption(order.properties),
            "TableName": name,
            "Tags": order.tag_list(),
        },
    )
    _set_expiry_and_recovery(order, name, {})
    return _made(order, name)


def _index_changes(
    order: Order, before: Mapping[str, Any]
) -> Sequence[Mapping[str, Mapping[str, Any]]]:
    """The index updates, each for a call of its own; no index's keys can be changed in place."""
    member = "GlobalSecondaryIndexes"
    had = {index["IndexName"]: index for index in before.get(member) or []}
    wanted = {index["IndexName"]: index for index in order.get(member) or []}
    for name in set(had) & set(wanted):
        if had[name] != wanted[name]:
            raise TemplateError(f"{_TYPE}.{member}: the index {name} cannot be changed in place")
    removed = [{"Delete": {"IndexName": name}} for name in sorted(set(had) - set(wanted))]
    return [*removed, *({"Create": wanted[name]} for name in sorted(set(wanted) - set(had)))]


def _update(order: Order, resource: Resource) -> Made:
    name, before = resource.physical_id, resource.properties
    changed: dict[str, Any] = {}
    for member in ("BillingMode", "ProvisionedThroughput", "TableClass"):
        if order.get(member) != before.get(member) and order.get(member) is not None:
            changed[member] = order.get(member)
    if order.get("DeletionProtectionEnabled") != before.get("DeletionProtectionEnabled"):
        changed["DeletionProtectionEnabled"] = order.get("DeletionProtectionEnabled", False)
    if _encryption(order.properties) != _encryption(before):
        changed.update(_encryption(order.properties) or {"SSESpecification": {"Enabled": False}})
    if changed:
        order.call("dynamodb", "UpdateTable", {"TableName": name, **changed})
    if _stream(order.properties) != _stream(before):
        if _stream(before):
            off = {"StreamSpecification": {"StreamEnabled": False}}
            order.call("dynamodb", "UpdateTable", {"TableName": name, **off})
        if _stream(order.properties):
            on = _stream(order.properties)
            order.call("dynamodb", "UpdateTable", {"TableName": name, **on})
    for change in _index_changes(order, before):
        given = {"TableName": name, **order.given("AttributeDefinitions")}
        order.call("dynamodb", "UpdateTable", {**given, "GlobalSecondaryIndexUpdates": [change]})
    _set_expiry_and_recovery(order, name, before)
    made = _made(order, name)
    if order.tag_list():
        given = {"ResourceArn": made.attributes["Arn"], "Tags": order.tag_list()}
        order.call("dynamodb", "TagResource", given)
    return made


def _delete(order: Order, resource: Resource) -> None:
    order.call("dynamodb", "DeleteTable", {"TableName": resource.physical_id})


RESOURCE_TYPES: Final = (
    ResourceType(
        _TYPE,
        names(
            "AttributeDefinitions BillingMode DeletionProtectionEnabled GlobalSecondaryIndexes "
            "KeySchema LocalSecondaryIndexes OnDemandThroughput PointInTimeRecoverySpecification "
            "ProvisionedThroughput SSESpecification StreamSpecification TableClass TableName Tags "
            "TimeToLiveSpecification"
        ),
        _create,
        _delete,
        _update,
        names("KeySchema LocalSecondaryIndexes OnDemandThroughput TableName"),
    ),
)
