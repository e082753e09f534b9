"""The actions that calls to DynamoDB and S3 need.

Sources: Service Authorization Reference, pages of Amazon DynamoDB and Amazon S3; DynamoDB Developer
Guide, "DynamoDB API permissions" and "Using IAM policy conditions for fine-grained access control".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import FakeKey, s3_backends

from embedded_account.authorization.need import (
    Need,
    Rule,
    action_of,
    arn,
    everything,
    global_arn,
    member,
    on,
)
from embedded_account.calls import Call

# --- DynamoDB ------------------------------------------------------------------------------------

EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
_NAME = re.compile(r"(?<![\w:#])(#?[A-Za-z_]\w*)(?!\w*\s*\()")
_WORDS = frozenset(["and", "or", "not", "between", "in", "set", "remove", "add", "delete"])


def _table_arn(call: Call, name: str) -> str:
    return name if name.startswith("arn:") else arn(call, "dynamodb", f"table/{name}")


def _table(call: Call) -> str:
    return _table_arn(call, call.parameters["TableName"])


def _item_needs(call: Call, action: str, request: Mapping[str, Any]) -> Need:
    """The need of one item's request, whichever call carries it."""
    table = _table_arn(call, request["TableName"])
    index = request.get("IndexName")
    context: dict[str, str | Sequence[str]] = {"dynamodb:Attributes": _attributes(request)}
    keys = _leading_keys(call, request)
    if keys:
        context["dynamodb:LeadingKeys"] = keys
    for name in ("Select", "ReturnValues", "ReturnConsumedCapacity"):
        if name in request:
            context[f"dynamodb:{name}"] = request[name]
    resource = f"{table}/index/{index}" if index else table
    return Need(f"dynamodb:{action}", resource, context)


def _attributes(request: Mapping[str, Any]) -> list[str]:
    """The top-level attribute names that a request reads or writes."""
    names = [*request.get("Item", {}), *request.get("Key", {}), *request.get("AttributesToGet", ())]
    names += request.get("AttributeUpdates", {})
    aliases = request.get("ExpressionAttributeNames", {})
    for expression in EXPRESSIONS:
        for name in _NAME.findall(request.get(expression, "").replace(".", " .")):
            if name.lower() not in _WORDS:
                names.append(aliases.get(name, name))
    return sorted(set(names))


def _leading_keys(call: Call, request: Mapping[str, Any]) -> list[str]:
    """The values of the table's (or index's) partition key that a request names."""
    name = request["TableName"].rpartition("/")[2]
    tables = dynamodb_backends[call.account][call.region].tables
    if name not in tables:
        return []
    schema = tables[name].schema
    for index in (*tables[name].indexes, *tables[name].global_indexes):
        if index.name == request.get("IndexName"):
            schema = index.schema
    key = next(part["AttributeName"] for part in schema if part["KeyType"] == "HASH")
    item = request.get("Key") or request.get("Item") or {}
    if key in item:
        return [str(value) for value in item[key].values()]
    return _key_in_condition(key, request)


def _key_in_condition(key: str, request: Mapping[str, Any]) -> list[str]:
    aliases = {key} | {
        alias for alias, name in request.get("ExpressionAttributeNames", {}).items() if name == key
    }
    values = request.get("ExpressionAttributeValues", {})
    condition = request.get("KeyConditionExpression", "")
    return [
        str(next(iter(values[placeholder].values())))
        for name, placeholder in re.findall(r"(#?\w+)\s*=\s*(:\w+)", condition)
        if name in aliases and placeholder in values
    ]


def _one_item(call: Call) -> Iterable[Need]:
    yield _item_needs(call, call.operation, call.parameters)


def _transaction(call: Call) -> Iterator[Need]:
    actions = {"ConditionCheck": "ConditionCheckItem", "Get": "GetItem"}
    for entry in call.parameters["TransactItems"]:
        for kind, request in entry.items():
            action = actions.get(kind) or {"Put": "PutItem", "Update": "UpdateItem"}.get(
                kind, "DeleteItem"
            )
            yield _item_needs(call, action, request)


def _batch(call: Call) -> Iterator[Need]:
    for table in call.parameters["RequestItems"]:
        yield Need(action_of(call), _table_arn(call, table))


def _shard(call: Call) -> str:
    # A shard iterator begins with its stream's ARN.
    return str(call.parameters["ShardIterator"]).split("|")[0]


DYNAMODB: Mapping[str, Rule] = {
    **dict.fromkeys(("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"), _one_item),
    **dict.fromkeys(("TransactWriteItems", "TransactGetItems"), _transaction),
    **dict.fromkeys(("BatchGetItem", "BatchWriteItem"), _batch),
    **on(
        _table,
        "CreateTable",
        "DeleteTable",
        "DescribeContinuousBackups",
        "DescribeTable",
        "DescribeTimeToLive",
        "UpdateContinuousBackups",
        "UpdateTable",
        "UpdateTimeToLive",
    ),
    **on(member("ResourceArn"), "ListTagsOfResource", "TagResource", "UntagResource"),
    **on(everything, "DescribeLimits", "ListTables"),
}

DYNAMODB_STREAMS: Mapping[str, Rule] = {
    **on(member("StreamArn"), "DescribeStream", "GetShardIterator"),
    **on(_shard, "GetRecords"),
    **on(everything, "ListStreams"),
}

# --- S3 ------------------------------------------------------------------------------------------


def _bucket(call: Call) -> str:
    return global_arn(call, "s3", call.parameters["Bucket"], account="")


def _object(call: Call, key: str | None = None) -> str:
    return f"{_bucket(call)}/{call.parameters['Key'] if key is None else key}"


def _versioned(call: Call, action: str) -> str:
    return f"{action}Version" if call.parameters.get("VersionId") else action


def _read_object(call: Call) -> Iterable[Need]:
    action = {"HeadObject": "GetObject"}.get(call.operation, call.operation)
    yield Need(action_of(call, _versioned(call, action)), _object(call))
    if not _exists(call):  # GetObject: only who may list the bucket is told that nothing is there
        yield Need("s3:ListBucket", _bucket(call))


def _exists(call: Call) -> bool:
    """Whether a bucket has an object, or there is no such bucket, which everybody is told."""
    name, key = call.parameters["Bucket"], call.parameters["Key"]
    buckets = [
        backend.buckets[name]
        for backends in tuple(s3_backends.values())
        for backend in tuple(backends.values())
        if name in backend.buckets
    ]
    return not buckets or any(isinstance(each.keys.get(key), FakeKey) for each in buckets)


_OBJECT_KEYS = {
    "IfNoneMatch": "s3:if-none-match",
    "IfMatch": "s3:if-match",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "StorageClass": "s3:x-amz-storage-class",
    "ACL": "s3:x-amz-acl",
}


def _write_object(call: Call) -> Iterator[Need]:
    context = {
        key: str(call.parameters[name])
        for name, key in _OBJECT_KEYS.items()
        if name in call.parameters
    }
    yield Need("s3:PutObject", _object(call), context)
    extra = {
        "ACL": "s3:PutObjectAcl",
        "Tagging": "s3:PutObjectTagging",
        "ObjectLockRetainUntilDate": "s3:PutObjectRetention",
        "ObjectLockLegalHoldStatus": "s3:PutObjectLegalHold",
    }
    for name, action in extra.items():
        if name in call.parameters:
            yield Need(action, _object(call))


def _copy_object(call: Call) -> Iterator[Need]:
    source, _, version = unquote(call.parameters["CopySource"]).lstrip("/").partition("?versionId=")
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    yield Need(action, global_arn(call, "s3", source, account=""))
    yield from _write_object(call)


def _delete_object(call: Call) -> Iterable[Need]:
    yield Need(action_of(call, _versioned(call, "DeleteObject")), _object(call))


def _delete_objects(call: Call) -> Iterator[Need]:
    for entry in call.parameters["Delete"]["Objects"]:
        action = "s3:DeleteObjectVersion" if entry.get("VersionId") else "s3:DeleteObject"
        yield Need(action, _object(call, entry["Key"]))


def _list(action: str) -> Rule:
    names = {"Prefix": "s3:prefix", "Delimiter": "s3:delimiter", "MaxKeys": "s3:max-keys"}

    def rule(call: Call) -> Iterable[Need]:
        context = {
            key: str(call.parameters[name])
            for name, key in names.items()
            if name in call.parameters
        }
        yield Need(action, _bucket(call), context)

    return rule


def _bucket_actions(*pairs: tuple[str, str]) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for operation, action in pairs:
        rules |= on(_bucket, operation, action=action)
    return rules


S3: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            "GetObject",
            "GetObjectAttributes",
            "GetObjectTagging",
            "HeadObject",
        ),
        _read_object,
    ),
    **dict.fromkeys(("PutObject", "CreateMultipartUpload"), _write_object),
    **on(_object, "CompleteMultipartUpload", "UploadPart", action="PutObject"),
    **on(
        _object,
        "AbortMultipartUpload",
        "GetObjectLegalHold",
        "GetObjectRetention",
        "PutObjectLegalHold",
        "PutObjectRetention",
        "PutObjectTagging",
    ),
    "CopyObject": _copy_object,
    "DeleteObject": _delete_object,
    "DeleteObjects": _delete_objects,
    **dict.fromkeys(("ListObjects", "ListObjectsV2", "HeadBucket"), _list("s3:ListBucket")),
    "ListObjectVersions": _list("s3:ListBucketVersions"),
    "ListMultipartUploads": _list("s3:ListBucketMultipartUploads"),
    **on(everything, "ListBuckets", action="ListAllMyBuckets"),
    **on(
        _bucket,
        "CreateBucket",
        "DeleteBucket",
        "DeleteBucketPolicy",
        "GetBucketLocation",
        "GetBucketOwnershipControls",
        "GetBucketPolicy",
        "GetBucketPolicyStatus",
        "GetBucketTagging",
        "GetBucketVersioning",
        "PutBucketOwnershipControls",
        "PutBucketPolicy",
        "PutBucketTagging",
        "PutBucketVersioning",
    ),
    **_bucket_actions(
        ("GetBucketEncryption", "GetEncryptionConfiguration"),
        ("PutBucketEncryption", "PutEncryptionConfiguration"),
        ("DeleteBucketEncryption", "PutEncryptionConfiguration"),
        ("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
        ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
        ("DeleteBucketLifecycle", "PutLifecycleConfiguration"),
        ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
        ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
        ("DeletePublicAccessBlock", "PutBucketPublicAccessBlock"),
        ("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
        ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
        ("GetBucketNotificationConfiguration", "GetBucketNotification"),
        ("PutBucketNotificationConfiguration", "PutBucketNotification"),
    ),
}
