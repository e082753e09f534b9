"""Provisions AWS::S3 buckets and policies, AWS::SSM parameters, AWS::KMS keys and aliases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from embedded_account.cloudformation.errors import TemplateError, UnsupportedPropertyError
from embedded_account.cloudformation.resource_type import Made, Order, ResourceType, names
from embedded_account.cloudformation.scope import Resource


def _encryption(value: Any) -> dict[str, Any]:
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        rule = dict(rule)
        if "ServerSideEncryptionByDefault" in rule:
            default = rule.pop("ServerSideEncryptionByDefault")
            rule["ApplyServerSideEncryptionByDefault"] = default
        rules.append(rule)
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as the API nests it; a member that it does not know is refused by its shape."""
    api = {k: v for k, v in rule.items() if k not in ("Id", "Prefix", "TagFilters")}
    if "Id" in rule:
        api["ID"] = rule["Id"]
    tags = rule.get("TagFilters") or []
    prefix = {"Prefix": rule["Prefix"]} if "Prefix" in rule else {}
    if tags:
        api["Filter"] = {"And": {**prefix, "Tags": tags}}
    else:
        api["Filter"] = prefix or {"Prefix": ""}
    expiration = {
        member: api.pop(name)
        for name, member in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if name in api
    }
    if expiration:
        api["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in api:
        days = api.pop("NoncurrentVersionExpirationInDays")
        api["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "Transitions" in api:
        api["Transitions"] = [
            {("Days" if name == "TransitionInDays" else name): item for name, item in entry.items()}
            for entry in api["Transitions"]
        ]
    return api


def _lifecycle(value: Any) -> dict[str, Any]:
    rules = [_lifecycle_rule(rule) for rule in value["Rules"]]
    return {"LifecycleConfiguration": {"Rules": rules}}


def _notification(value: Any) -> dict[str, Any]:
    if set(value) != {"EventBridgeConfiguration"}:
        unsupported = sorted(set(value) - {"EventBridgeConfiguration"})[0]
        raise UnsupportedPropertyError(f"AWS::S3::Bucket.NotificationConfiguration.{unsupported}")
    return {"NotificationConfiguration": {"EventBridgeConfiguration": {}}}


def _logging(value: Any) -> dict[str, Any]:
    enabled = {
        "TargetBucket": value["DestinationBucketName"],
        "TargetPrefix": value.get("LogFilePrefix", ""),
    }
    for name in value:
        if name not in ("DestinationBucketName", "LogFilePrefix"):
            raise UnsupportedPropertyError(f"AWS::S3::Bucket.LoggingConfiguration.{name}")
    return {"BucketLoggingStatus": {"LoggingEnabled": enabled}}


def _object_lock(value: Any) -> dict[str, Any]:
    return {"ObjectLockConfiguration": value}


# Property -> (operation that puts it, its parameters, operation that takes it away).
_BUCKET_SETTINGS: Final[Mapping[str, tuple[str, Callable[[Any], dict[str, Any]], str | None]]] = {
    "VersioningConfiguration": (
        "PutBucketVersioning",
        lambda value: {"VersioningConfiguration": value},
        None,
    ),
    "BucketEncryption": ("PutBucketEncryption", _encryption, "DeleteBucketEncryption"),
    "PublicAccessBlockConfiguration": (
        "PutPublicAccessBlock",
        lambda value: {"PublicAccessBlockConfiguration": value},
        "DeletePublicAccessBlock",
    ),
    "OwnershipControls": (
        "PutBucketOwnershipControls",
        lambda value: {"OwnershipControls": value},
        "DeleteBucketOwnershipControls",
    ),
    "LifecycleConfiguration": (
        "PutBucketLifecycleConfiguration",
        _lifecycle,
        "DeleteBucketLifecycle",
    ),
    "ObjectLockConfiguration": ("PutObjectLockConfiguration", _object_lock, None),
    "LoggingConfiguration": ("PutBucketLogging", _logging, None),
    "NotificationConfiguration": ("PutBucketNotificationConfiguration", _notification, None),
}


def _put_settings(order: Order, bucket: str, before: Mapping[str, Any]) -> None:
    for name, (put, parameters, remove) in _BUCKET_SETTINGS.items():
        value = order.get(name)
        if value == before.get(name):
            continue
        if value is not None:
            order.call("s3", put, {"Bucket": bucket, **parameters(value)})
        elif remove is not None:
            order.call("s3", remove, {"Bucket": bucket})
        else:
            raise TemplateError(f"{order.type}.{name} cannot be taken away from a bucket")
    if order.tag_list():
        given = {"Bucket": bucket, "Tagging": {"TagSet": order.tag_list()}}
        order.call("s3", "PutBucketTagging", given)


def _create_bucket(order: Order) -> Made:
    name = order.name("BucketName", 63, lower=True)
    region, suffix = order.identity.region, order.identity.url_suffix
    parameters: dict[str, Any] = {"Bucket": name}
    if region != "us-east-1":
        parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
    if "ObjectLockEnabled" in order.properties:
        parameters["ObjectLockEnabledForBucket"] = order.properties["ObjectLockEnabled"]
    order.call("s3", "CreateBucket", parameters)
    _put_settings(order, name, {})
    return Made(
        name,
        {
            "Arn": f"arn:{order.identity.partition}:s3:::{name}",
            "DomainName": f"{name}.s3.{suffix}",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.{suffix}",
            "RegionalDomainName": f"{name}.s3.{region}.{suffix}",
        },
    )


def _update_bucket(order: Order, resource: Resource) -> Made:
    _put_settings(order, resource.physical_id, resource.properties)
    return Made(resource.physical_id, resource.attributes)


def _delete_bucket(order: Order, resource: Resource) -> None:
    order.call("s3", "DeleteBucket", {"Bucket": resource.physical_id})


def _put_bucket_policy(order: Order) -> Made:
    parameters = {
        "Bucket": order.properties["Bucket"],
        "Policy": order.properties["PolicyDocument"],
    }
    order.call("s3", "PutBucketPolicy", parameters)
    return Made(order.properties["Bucket"])


def _update_bucket_policy(order: Order, resource: Resource) -> Made:
    return _put_bucket_policy(order)


def _delete_bucket_policy(order: Order, resource: Resource) -> None:
    order.call("s3", "DeleteBucketPolicy", {"Bucket": resource.physical_id})


def _put_parameter(order: Order, name: str, *, overwrite: bool) -> Made:
    if order.properties["Type"] == "SecureString":
        raise TemplateError(f"{order.type}.Type: CloudFormation does not make SecureString values")
    given = {**order.given_except("Name", "Tags"), "Name": name, "Overwrite": overwrite}
    tags = order.tag_list()
    order.call("ssm", "PutParameter", {**given, "Tags": tags} if tags and not overwrite else given)
    if tags and overwrite:
        named = {"ResourceType": "Parameter", "ResourceId": name}
        order.call("ssm", "AddTagsToResource", {**named, "Tags": tags})
    return Made(name, order.given("Type", "Value"))


def _create_parameter(order: Order) -> Made:
    return _put_parameter(order, order.name("Name", 1011), overwrite=False)


def _update_parameter(order: Order, resource: Resource) -> Made:
    return _put_parameter(order, resource.physical_id, overwrite=True)


def _delete_parameter(order: Order, resource: Resource) -> None:
    order.call("ssm", "DeleteParameter", {"Name": resource.physical_id})


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _key_tags(order: Order) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in order.tag_map().items()]


def _create_key(order: Order) -> Made:
    apart = ("EnableKeyRotation", "Enabled", "KeyPolicy", "PendingWindowInDays")
    given = order.given_except(*apart, "RotationPeriodInDays", "Tags")
    if "KeyPolicy" in order.properties:
        given["Policy"] = order.properties["KeyPolicy"]
    key = order.call("kms", "CreateKey", {**given, "Tags": _key_tags(order)})["KeyMetadata"]
    _set_key_state(order, key["KeyId"], {})
    return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _set_key_state(order: Order, key: str, before: Mapping[str, Any]) -> None:
    rotates = _is_true(order.get("EnableKeyRotation", False))
    if rotates:
        given = {"KeyId": key, **order.given("RotationPeriodInDays")}
        order.call("kms", "EnableKeyRotation", given)
    elif _is_true(before.get("EnableKeyRotation", False)):
        order.call("kms", "DisableKeyRotation", {"KeyId": key})
    if not _is_true(order.get("Enabled", True)):
        order.call("kms", "DisableKey", {"KeyId": key})
    elif not _is_true(before.get("Enabled", True)):
        order.call("kms", "EnableKey", {"KeyId": key})


def _update_key(order: Order, resource: Resource) -> Made:
    key = resource.physical_id
    if "KeyPolicy" in order.properties:
        policy = {"PolicyName": "default", "Policy": order.properties["KeyPolicy"]}
        order.call("kms", "PutKeyPolicy", {"KeyId": key, **policy})
    description = order.get("Description", "")
    order.call("kms", "UpdateKeyDescription", {"KeyId": key, "Description": description})
    _set_key_state(order, key, resource.properties)
    if _key_tags(order):
        order.call("kms", "TagResource", {"KeyId": key, "Tags": _key_tags(order)})
    return Made(key, resource.attributes)


def _delete_key(order: Order, resource: Resource) -> None:
    days = resource.properties.get("PendingWindowInDays", 30)
    given = {"KeyId": resource.physical_id, "PendingWindowInDays": days}
    order.call("kms", "ScheduleKeyDeletion", given)


def _create_alias(order: Order) -> Made:
    order.call("kms", "CreateAlias", order.properties)
    return Made(order.properties["AliasName"])


def _update_alias(order: Order, resource: Resource) -> Made:
    order.call("kms", "UpdateAlias", order.properties)
    return Made(resource.physical_id)


def _delete_alias(order: Order, resource: Resource) -> None:
    order.call("kms", "DeleteAlias", {"AliasName": resource.physical_id})


RESOURCE_TYPES: Final = (
    ResourceType(
        "AWS::S3::Bucket",
        names(" ".join(_BUCKET_SETTINGS)) | names("BucketName ObjectLockEnabled Tags"),
        _create_bucket,
        _delete_bucket,
        _update_bucket,
        names("BucketName ObjectLockEnabled"),
    ),
    ResourceType(
        "AWS::S3::BucketPolicy",
        names("Bucket PolicyDocument"),
        _put_bucket_policy,
        _delete_bucket_policy,
        _update_bucket_policy,
        names("Bucket"),
    ),
    ResourceType(
        "AWS::SSM::Parameter",
        names("AllowedPattern DataType Description Name Policies Tags Tier Type Value"),
        _create_parameter,
        _delete_parameter,
        _update_parameter,
        names("Name"),
    ),
    ResourceType(
        "AWS::KMS::Key",
        names(
            "BypassPolicyLockoutSafetyCheck Description EnableKeyRotation Enabled KeyPolicy "
            "KeySpec KeyUsage MultiRegion Origin PendingWindowInDays RotationPeriodInDays Tags"
        ),
        _create_key,
        _delete_key,
        _update_key,
        names("KeySpec KeyUsage MultiRegion Origin"),
    ),
    ResourceType(
        "AWS::KMS::Alias",
        names("AliasName TargetKeyId"),
        _create_alias,
        _delete_alias,
        _update_alias,
        names("AliasName"),
    ),
)
