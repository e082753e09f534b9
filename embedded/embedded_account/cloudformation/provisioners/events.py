"""Provisions AWS::Events buses, policies, rules and archives, and AWS::Scheduler schedules."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.resource_type import Made, Order, ResourceType, names
from embedded_account.cloudformation.scope import Resource

_DEFAULT_BUS: Final = "default"


def _bus_name(bus: str) -> str:
    """The name of a bus that a property gives by name or ARN."""
    return bus.rsplit("event-bus/", 1)[-1]


def _create_bus(order: Order) -> Made:
    name = order.properties["Name"]
    parameters = {**order.given_except("Policy", "Tags"), "Tags": order.tag_list()}
    arn = order.call("events", "CreateEventBus", parameters)["EventBusArn"]
    if "Policy" in order.properties:
        given = {"EventBusName": name, **order.given("Policy")}
        order.call("events", "PutPermission", given)
    return Made(name, {"Arn": arn, "Name": name})


def _update_bus(order: Order, resource: Resource) -> Made:
    name = resource.physical_id
    if "Policy" in order.properties:
        given = {"EventBusName": name, **order.given("Policy")}
        order.call("events", "PutPermission", given)
    elif "Policy" in resource.properties:
        order.call(
            "events", "RemovePermission", {"EventBusName": name, "RemoveAllPermissions": True}
        )
    if order.tag_list():
        given = {"ResourceARN": resource.attributes["Arn"], "Tags": order.tag_list()}
        order.call("events", "TagResource", given)
    return Made(name, resource.attributes)


def _delete_bus(order: Order, resource: Resource) -> None:
    order.call("events", "DeleteEventBus", {"Name": resource.physical_id})


def _statements(order: Order, bus: str) -> list[dict[str, Any]]:
    described = order.call("events", "DescribeEventBus", {"Name": bus})
    document = json.loads(described.get("Policy") or "{}")
    statements: list[dict[str, Any]] = document.get("Statement", [])
    return statements


def _put_statements(order: Order, bus: str, statements: Iterable[Any]) -> None:
    document = {"Version": "2012-10-17", "Statement": [*statements]}
    given = {"EventBusName": bus, "Policy": document}
    order.call("events", "PutPermission", given)


def _create_bus_policy(order: Order) -> Made:
    bus = _bus_name(order.get("EventBusName", _DEFAULT_BUS))
    sid = order.properties["StatementId"]
    if "Statement" in order.properties:
        others = [s for s in _statements(order, bus) if s.get("Sid") != sid]
        _put_statements(order, bus, [*others, {**order.properties["Statement"], "Sid": sid}])
    else:
        order.call("events", "PutPermission", {**order.properties, "EventBusName": bus})
    return Made(f"{bus}|{sid}")


def _update_bus_policy(order: Order, resource: Resource) -> Made:
    return _create_bus_policy(order)


def _delete_bus_policy(order: Order, resource: Resource) -> None:
    bus, _, sid = resource.physical_id.partition("|")
    order.call("events", "RemovePermission", {"EventBusName": bus, "StatementId": sid})


def _put_rule(order: Order, name: str) -> Made:
    bus = _bus_name(order.get("EventBusName", _DEFAULT_BUS))
    own = ("EventBusName", "Name", "Tags", "Targets")
    tags = {"Tags": order.tag_list()} if order.tag_list() else {}
    order.call(
        "events",
        "PutRule",
        {**order.given_except(*own), "Name": name, "EventBusName": bus, **tags},
    )
    if order.get("Targets"):
        given = {"Rule": name, "EventBusName": bus, **order.given("Targets")}
        answer = order.call("events", "PutTargets", given)
        if answer.get("FailedEntryCount"):
            raise TemplateError(f"{order.type}.Targets: refused {answer['FailedEntries']}")
    path = name if bus == _DEFAULT_BUS else f"{bus}/{name}"
    physical_id = name if bus == _DEFAULT_BUS else f"{bus}|{name}"
    return Made(physical_id, {"Arn": order.identity.arn("events", f"rule/{path}")})


def _create_rule(order: Order) -> Made:
    return _put_rule(order, order.name("Name", 64))


def _rule_of(resource: Resource) -> dict[str, str]:
    bus, _, name = resource.physical_id.rpartition("|")
    return {"Rule": name, "EventBusName": bus or _DEFAULT_BUS}


def _remove_targets(order: Order, resource: Resource, kept: Iterable[str]) -> None:
    had = {target["Id"] for target in resource.properties.get("Targets") or []}
    removed = sorted(had - set(kept))
    if removed:
        order.call("events", "RemoveTargets", {**_rule_of(resource), "Ids": removed})


def _update_rule(order: Order, resource: Resource) -> Made:
    _remove_targets(order, resource, [target["Id"] for target in order.get("Targets") or []])
    made = _put_rule(order, _rule_of(resource)["Rule"])
    if order.tag_list():
        # PutRule takes tags for new rules only.
        given = {"ResourceARN": made.attributes["Arn"], "Tags": order.tag_list()}
        order.call("events", "TagResource", given)
    return made


def _delete_rule(order: Order, resource: Resource) -> None:
    _remove_targets(order, resource, [])
    rule = _rule_of(resource)
    given = {"Name": rule["Rule"], "EventBusName": rule["EventBusName"]}
    order.call("events", "DeleteRule", given)


def _archive_parameters(order: Order, name: str) -> dict[str, Any]:
    own = order.given_except("ArchiveName", "SourceArn")
    return {**own, "ArchiveName": name}


def _create_archive(order: Order) -> Made:
    name = order.name("ArchiveName", 48)
    given = {**_archive_parameters(order, name), "EventSourceArn": order.properties["SourceArn"]}
    order.call("events", "CreateArchive", given)
    return Made(name, {"Arn": order.identity.arn("events", f"archive/{name}")})


def _update_archive(order: Order, resource: Resource) -> Made:
    order.call("events", "UpdateArchive", _archive_parameters(order, resource.physical_id))
    return Made(resource.physical_id, resource.attributes)


def _delete_archive(order: Order, resource: Resource) -> None:
    order.call("events", "DeleteArchive", {"ArchiveName": resource.physical_id})


def _create_schedule(order: Order) -> Made:
    name = order.name("Name", 64)
    order.call("scheduler", "CreateSchedule", {**order.properties, "Name": name})
    group = order.get("GroupName", "default")
    arn = order.identity.arn("scheduler", f"schedule/{group}/{name}")
    return Made(name, {"Arn": arn})


def _update_schedule(order: Order, resource: Resource) -> Made:
    order.call("scheduler", "UpdateSchedule", {**order.properties, "Name": resource.physical_id})
    return Made(resource.physical_id, resource.attributes)


def _delete_schedule(order: Order, resource: Resource) -> None:
    group = {"GroupName": resource.properties.get("GroupName", "default")}
    order.call("scheduler", "DeleteSchedule", {"Name": resource.physical_id, **group})


RESOURCE_TYPES: Final = (
    ResourceType(
        "AWS::Events::EventBus",
        names("DeadLetterConfig Description EventSourceName KmsKeyIdentifier Name Policy Tags"),
        _create_bus,
        _delete_bus,
        _update_bus,
        names("DeadLetterConfig Description EventSourceName KmsKeyIdentifier Name"),
    ),
    ResourceType(
        "AWS::Events::EventBusPolicy",
        names("Action Condition EventBusName Principal Statement StatementId"),
        _create_bus_policy,
        _delete_bus_policy,
        _update_bus_policy,
        names("EventBusName StatementId"),
    ),
    ResourceType(
        "AWS::Events::Rule",
        names(
            "Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags "
            "Targets"
        ),
        _create_rule,
        _delete_rule,
        _update_rule,
        names("EventBusName Name"),
    ),
    ResourceType(
        "AWS::Events::Archive",
        names("ArchiveName Description EventPattern KmsKeyIdentifier RetentionDays SourceArn"),
        _create_archive,
        _delete_archive,
        _update_archive,
        names("ArchiveName SourceArn"),
    ),
    ResourceType(
        "AWS::Scheduler::Schedule",
        names(
            "Description EndDate FlexibleTimeWindow GroupName KmsKeyArn Name ScheduleExpression "
            "ScheduleExpressionTimezone StartDate State Target"
        ),
        _create_schedule,
        _delete_schedule,
        _update_schedule,
        names("GroupName Name"),
    ),
)
