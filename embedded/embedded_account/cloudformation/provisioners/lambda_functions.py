"""Provisions AWS::Lambda functions, layers, versions, aliases and what invokes them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from embedded_account.cloudformation.resource_type import Made, Order, ResourceType, names
from embedded_account.cloudformation.scope import Resource
from embedded_account.cloudformation.source_tree import SOURCE_TREE_BUCKET

# What Lambda falls back to when an update leaves a property out (UpdateFunctionConfiguration keeps
# it).
_CONFIGURATION_DEFAULTS: Final[Mapping[str, Any]] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "KMSKeyArn": "",
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}


def _ensure_source_object(order: Order, code: Mapping[str, Any]) -> None:
    """Put a marker under the source tree's key: Lambda refuses code that S3 does not have."""
    if code.get("S3Bucket") != SOURCE_TREE_BUCKET:
        return
    where = order.identity.region
    location = {} if where == "us-east-1" else {"LocationConstraint": where}
    s3 = order.clients("s3")
    try:
        s3.create_bucket(
            Bucket=SOURCE_TREE_BUCKET,
            **({"CreateBucketConfiguration": location} if location else {}),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in (
            "BucketAlreadyOwnedByYou",
            "BucketAlreadyExists",
        ):
            raise
    s3.put_object(Bucket=SOURCE_TREE_BUCKET, Key=code["S3Key"], Body=code["S3Key"].encode())


def _code(order: Order) -> dict[str, Any]:
    code = dict(order.properties["Code"])
    _ensure_source_object(order, code)
    if "ZipFile" in code:
        archive = io.BytesIO()
        extension = "py" if str(order.get("Runtime", "")).startswith("python") else "js"
        with zipfile.ZipFile(archive, "w") as files:
            # A fixed time keeps CodeSha256 the same for the same text.
            entry = zipfile.ZipInfo(f"index.{extension}", (1980, 1, 1, 0, 0, 0))
            files.writestr(entry, code["ZipFile"])
        code["ZipFile"] = archive.getvalue()
    return code


def _function_made(order: Order, name: str) -> Made:
    return Made(name, {"Arn": order.identity.arn("lambda", f"function:{name}")})


def _set_concurrency(order: Order, name: str) -> None:
    if "ReservedConcurrentExecutions" in order.properties:
        order.call(
            "lambda",
            "PutFunctionConcurrency",
            {"FunctionName": name, **order.given("ReservedConcurrentExecutions")},
        )
    else:
        order.call("lambda", "DeleteFunctionConcurrency", {"FunctionName": name})


def _create_function(order: Order) -> Made:
    name = order.name("FunctionName", 64)
    own = ("Code", "FunctionName", "ReservedConcurrentExecutions", "Tags")
    parameters = {**order.given_except(*own), "FunctionName": name, "Code": _code(order)}
    order.call("lambda", "CreateFunction", {**parameters, "Tags": order.tag_map()})
    if "ReservedConcurrentExecutions" in order.properties:
        _set_concurrency(order, name)
    return _function_made(order, name)


def _update_function(order: Order, resource: Resource) -> Made:
    name, before = resource.physical_id, resource.properties
    if any(before.get(n) != order.get(n) for n in ("Code", "Architectures")):
        code = {**_code(order), **order.given("Architectures")}
        order.call("lambda", "UpdateFunctionCode", {"FunctionName": name, **code})
    own = ("Architectures", "Code", "FunctionName", "ReservedConcurrentExecutions", "Tags")
    removed = {n: v for n, v in _CONFIGURATION_DEFAULTS.items() if n in before}
    configuration = {**removed, **order.given_except(*own), "FunctionName": name}
    order.call("lambda", "UpdateFunctionConfiguration", configuration)
    if before.get("ReservedConcurrentExecutions") != order.get("ReservedConcurrentExecutions"):
        _set_concurrency(order, name)
    made = _function_made(order, name)
    tags = order.tag_map()
    if tags:
        order.call("lambda", "TagResource", {"Resource": made.attributes["Arn"], "Tags": tags})
    return made


def _delete_function(order: Order, resource: Resource) -> None:
    order.call("lambda", "DeleteFunction", {"FunctionName": resource.physical_id})


def _create_layer_version(order: Order) -> Made:
    content = order.properties["Content"]
    _ensure_source_object(order, content)
    answer = order.call(
        "lambda",
        "PublishLayerVersion",
        {**order.properties, "LayerName": order.name("LayerName", 140), "Content": content},
    )
    return Made(answer["LayerVersionArn"], {"LayerVersionArn": answer["LayerVersionArn"]})


def _delete_layer_version(order: Order, resource: Resource) -> None:
    name, version = resource.physical_id.rsplit(":", 2)[-2:]
    parameters = {"LayerName": name, "VersionNumber": version}
    order.call("lambda", "DeleteLayerVersion", parameters)


def _create_version(order: Order) -> Made:
    answer = order.call("lambda", "PublishVersion", order.properties)
    arn, version = answer["FunctionArn"], answer["Version"]
    qualified = arn if arn.endswith(f":{version}") else f"{arn}:{version}"
    return Made(qualified, {"FunctionArn": qualified, "Version": version})


def _delete_version(order: Order, resource: Resource) -> None:
    parameters = {
        "FunctionName": resource.properties["FunctionName"],
        "Qualifier": resource.attributes["Version"],
    }
    order.call("lambda", "DeleteFunction", parameters)


def _create_alias(order: Order) -> Made:
    answer = order.call("lambda", "CreateAlias", order.properties)
    return Made(answer["AliasArn"], {"AliasArn": answer["AliasArn"]})


def _update_alias(order: Order, resource: Resource) -> Made:
    order.call("lambda", "UpdateAlias", order.properties)
    return Made(resource.physical_id, resource.attributes)


def _delete_alias(order: Order, resource: Resource) -> None:
    given = {n: resource.properties[n] for n in ("FunctionName", "Name")}
    order.call("lambda", "DeleteAlias", given)


def _create_permission(order: Order) -> Made:
    statement_id = f"{order.identity.stack_name}-{order.logical_id}-{order.suffix(12)}"[-100:]
    order.call("lambda", "AddPermission", {**order.properties, "StatementId": statement_id})
    return Made(statement_id, {"Id": statement_id})


def _delete_permission(order: Order, resource: Resource) -> None:
    order.call(
        "lambda",
        "RemovePermission",
        {
            "FunctionName": resource.properties["FunctionName"],
            "StatementId": resource.physical_id,
        },
    )


def _create_mapping(order: Order) -> Made:
    tags = {"Tags": order.tag_map()} if order.tag_map() else {}
    parameters = {**order.given_except("Tags"), **tags}
    identifier = order.call("lambda", "CreateEventSourceMapping", parameters)["UUID"]
    arn = order.identity.arn("lambda", f"event-source-mapping:{identifier}")
    return Made(identifier, {"EventSourceMappingArn": arn, "Id": identifier})


def _update_mapping(order: Order, resource: Resource) -> Made:
    fixed = ("EventSourceArn", "StartingPosition", "StartingPositionTimestamp", "Tags")
    parameters = {**order.given_except(*fixed), "UUID": resource.physical_id}
    order.call("lambda", "UpdateEventSourceMapping", parameters)
    if order.tag_map():
        arn = resource.attributes["EventSourceMappingArn"]
        order.call("lambda", "TagResource", {"Resource": arn, "Tags": order.tag_map()})
    return Made(resource.physical_id, resource.attributes)


def _delete_mapping(order: Order, resource: Resource) -> None:
    order.call("lambda", "DeleteEventSourceMapping", {"UUID": resource.physical_id})


def _put_invoke_config(order: Order) -> Made:
    order.call("lambda", "PutFunctionEventInvokeConfig", order.properties)
    return Made(f"{order.properties['FunctionName']}|{order.properties['Qualifier']}")


def _update_invoke_config(order: Order, resource: Resource) -> Made:
    return _put_invoke_config(order)


def _delete_invoke_config(order: Order, resource: Resource) -> None:
    given = {n: resource.properties[n] for n in ("FunctionName", "Qualifier")}
    order.call("lambda", "DeleteFunctionEventInvokeConfig", given)


def _url_parameters(order: Order) -> dict[str, Any]:
    own = order.given_except("TargetFunctionArn")
    return {**own, "FunctionName": order.properties["TargetFunctionArn"]}


def _create_url(order: Order) -> Made:
    answer = order.call("lambda", "CreateFunctionUrlConfig", _url_parameters(order))
    arn = answer["FunctionArn"]
    return Made(arn, {"FunctionArn": arn, "FunctionUrl": answer["FunctionUrl"]})


def _update_url(order: Order, resource: Resource) -> Made:
    order.call("lambda", "UpdateFunctionUrlConfig", _url_parameters(order))
    return Made(resource.physical_id, resource.attributes)


def _delete_url(order: Order, resource: Resource) -> None:
    parameters = {"FunctionName": resource.properties["TargetFunctionArn"]}
    if "Qualifier" in resource.properties:
        parameters["Qualifier"] = resource.properties["Qualifier"]
    order.call("lambda", "DeleteFunctionUrlConfig", parameters)


RESOURCE_TYPES: Final = (
    ResourceType(
        "AWS::Lambda::Function",
        names(
            "Architectures Code DeadLetterConfig Description Environment EphemeralStorage "
            "FunctionName Handler KmsKeyArn Layers LoggingConfig MemorySize PackageType "
            "ReservedConcurrentExecutions Role Runtime Tags Timeout TracingConfig"
        ),
        _create_function,
        _delete_function,
        _update_function,
        names("FunctionName PackageType"),
    ),
    ResourceType(
        "AWS::Lambda::LayerVersion",
        names(
            "CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo"
        ),
        _create_layer_version,
        _delete_layer_version,
    ),
    ResourceType(
        "AWS::Lambda::Version",
        names("CodeSha256 Description FunctionName"),
        _create_version,
        _delete_version,
    ),
    ResourceType(
        "AWS::Lambda::Alias",
        names("Description FunctionName FunctionVersion Name RoutingConfig"),
        _create_alias,
        _delete_alias,
        _update_alias,
        names("FunctionName Name"),
    ),
    ResourceType(
        "AWS::Lambda::Permission",
        names(
            "Action EventSourceToken FunctionName FunctionUrlAuthType InvokedViaFunctionUrl "
            "Principal PrincipalOrgID SourceAccount SourceArn"
        ),
        _create_permission,
        _delete_permission,
    ),
    ResourceType(
        "AWS::Lambda::EventSourceMapping",
        names(
            "BatchSize BisectBatchOnFunctionError DestinationConfig Enabled EventSourceArn "
            "FilterCriteria FunctionName FunctionResponseTypes KmsKeyArn "
            "MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds MaximumRetryAttempts "
            "MetricsConfig ParallelizationFactor ScalingConfig StartingPosition "
            "StartingPositionTimestamp Tags TumblingWindowInSeconds"
        ),
        _create_mapping,
        _delete_mapping,
        _update_mapping,
        names("EventSourceArn StartingPosition StartingPositionTimestamp"),
    ),
    ResourceType(
        "AWS::Lambda::EventInvokeConfig",
        names(
            "DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier"
        ),
        _put_invoke_config,
        _delete_invoke_config,
        _update_invoke_config,
        names("FunctionName Qualifier"),
    ),
    ResourceType(
        "AWS::Lambda::Url",
        names("AuthType Cors InvokeMode Qualifier TargetFunctionArn"),
        _create_url,
        _delete_url,
        _update_url,
        names("Qualifier TargetFunctionArn"),
    ),
)
