"""Provisions AWS::StepFunctions state machines, from a definition given in any of its forms."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from embedded_account.cloudformation.conform import as_text
from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.resource_type import Made, Order, ResourceType, names
from embedded_account.cloudformation.scope import Resource
from embedded_account.cloudformation.source_tree import SOURCE_TREE_BUCKET, source_tree_path

_DEFINITION = ("Definition", "DefinitionS3Location", "DefinitionString", "DefinitionSubstitutions")
_CONFIGURATION = ("EncryptionConfiguration", "LoggingConfiguration", "TracingConfiguration")
_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


def _definition(order: Order) -> str:
    given = order.given("Definition", "DefinitionS3Location", "DefinitionString")
    if len(given) != 1:
        raise TemplateError(
            f"{order.type}: give one of Definition, DefinitionS3Location and DefinitionString"
        )
    ((member, value),) = given.items()
    if member == "DefinitionS3Location":
        value = _stored(order, value["Bucket"], value["Key"])
    elif member == "Definition":
        value = json.dumps(value)
    substitutions = order.get("DefinitionSubstitutions") or {}

    def substitute(match: re.Match[str]) -> str:
        if match.group(1) not in substitutions:
            return match.group(0)
        return as_text(substitutions[match.group(1)])

    return _SUBSTITUTION.sub(substitute, str(value))


def _stored(order: Order, bucket: str, key: str) -> str:
    if bucket == SOURCE_TREE_BUCKET:
        return source_tree_path(key).read_text(encoding="utf-8")
    answer = order.call("s3", "GetObject", {"Bucket": bucket, "Key": key})
    return str(answer["Body"].read().decode())


def _tags(order: Order) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in order.tag_map().items()]


def _create(order: Order) -> Made:
    name = order.name("StateMachineName", 80)
    parameters: dict[str, Any] = {
        **order.given("RoleArn", *_CONFIGURATION),
        "Name": name,
        "Definition": _definition(order),
        "Type": order.get("StateMachineType", "STANDARD"),
        "Tags": _tags(order),
    }
    arn = order.call("stepfunctions", "CreateStateMachine", parameters)["stateMachineArn"]
    return Made(arn, {"Arn": arn, "Name": name})


def _update(order: Order, resource: Resource) -> Made:
    parameters = {
        **order.given("RoleArn", *_CONFIGURATION),
        "StateMachineArn": resource.physical_id,
        "Definition": _definition(order),
    }
    order.call("stepfunctions", "UpdateStateMachine", parameters)
    if _tags(order):
        given = {"ResourceArn": resource.physical_id, "Tags": _tags(order)}
        order.call("stepfunctions", "TagResource", given)
    return Made(resource.physical_id, resource.attributes)


def _delete(order: Order, resource: Resource) -> None:
    given = {"StateMachineArn": resource.physical_id}
    order.call("stepfunctions", "DeleteStateMachine", given)


RESOURCE_TYPES: Final = (
    ResourceType(
        "AWS::StepFunctions::StateMachine",
        frozenset({*_DEFINITION, *_CONFIGURATION})
        | names("RoleArn StateMachineName StateMachineType Tags"),
        _create,
        _delete,
        _update,
        names("StateMachineName StateMachineType"),
    ),
)
