"""What botocore writes, the call reader reads back: every operation of every service in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from embedded_account.call_reader import (
    CredentialScope,
    UnreadableCallError,
    credential_scope,
    read_call,
)
from hypothesis import given
from hypothesis import strategies as st

SERVICES = (
    "bedrock-agentcore",
    "bedrock-agentcore-control",
    "cloudformation",
    "cloudtrail",
    "cloudwatch",
    "dynamodb",
    "dynamodbstreams",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "organizations",
    "s3",
    "scheduler",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
)
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Sent = tuple[str, str, dict[str, str], bytes]


class _SentError(Exception):
    """Stops botocore where it would open a connection."""


def _client(service: str) -> Any:
    return boto3.client(
        service,
        region_name="eu-central-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="x" * 40,
        config=Config(inject_host_prefix=False),
    )


@contextmanager
def _captured(client: Any) -> Iterator[list[Sent]]:
    sent: list[Sent] = []

    def capture(request: Any, **_: Any) -> None:
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        body = request.body.read() if hasattr(request.body, "read") else request.body
        body = body.encode() if isinstance(body, str) else body or b""
        sent.append((request.method, request.url, headers, body))
        raise _SentError

    client.meta.events.register_last("before-send", capture, unique_id="capture")
    try:
        yield sent
    finally:
        client.meta.events.unregister("before-send", unique_id="capture")


def _send(client: Any, operation: str, parameters: Mapping[str, Any]) -> Sent:
    with _captured(client) as sent, pytest.raises(_SentError):
        getattr(client, xform_name(operation))(**parameters)
    return sent[-1]


def _sample(shape: Any, depth: int = 0) -> Any:
    """A value with every member of the shape, except optional ones far down."""
    match shape.type_name:
        case "structure" if getattr(shape, "is_document_type", False):
            return {"key": "value"}
        case "structure":
            names = [name for name in shape.members if not _is_stream(shape.members[name])]
            if shape.is_tagged_union:
                names = names[:1]
            elif depth > 2:
                names = [name for name in names if name in shape.required_members]
            return {name: _sample(shape.members[name], depth + 1) for name in names}
        case "list":
            return [_sample(shape.member, depth + 1)] * max(shape.metadata.get("min", 1), 1)
        case "map":
            return {_sample(shape.key, depth + 1): _sample(shape.value, depth + 1)}
        case "string":
            text = shape.enum[0] if shape.enum else "text-a/b c"
            return text.ljust(shape.metadata.get("min", 1), "x")
        case "integer" | "long":
            return max(shape.metadata.get("min", 1), 1)
        case "float" | "double":
            return 0.5
        case "boolean":
            return True
        case "timestamp":
            return AT
        case "blob":
            return b"blob\x00"
    raise AssertionError(shape.type_name)


def _is_stream(shape: Any) -> bool:
    return bool(getattr(shape, "is_eventstream", False) or shape.serialization.get("eventstream"))


# Operations whose sample botocore refuses, or that travel as another one, each with its reason.
NOT_ROUND_TRIP = {
    "events.PutEvents": "the sample's EndpointId is no host label",
    "iam.CreateDelegationRequest": "the query protocol cannot carry a list of empty structures",
    "lambda.CreateFunction": "the sample's memory setting is below the model's minimum",
    "lambda.UpdateFunctionConfiguration": "the sample's memory setting is below the minimum",
    "s3.CopyObject": "CopySource travels percent-encoded, Expires as text",
    "s3.CreateMultipartUpload": "Expires travels as text",
    "s3.GetBucketLifecycle": "same request as GetBucketLifecycleConfiguration",
    "s3.GetBucketNotification": "same request as GetBucketNotificationConfiguration",
    "s3.ListDirectoryBuckets": "same request as ListBuckets, told apart by the host",
    "s3.PutBucketLifecycle": "same request as PutBucketLifecycleConfiguration",
    "s3.PutBucketNotification": "same request as PutBucketNotificationConfiguration",
    "s3.PutObject": "botocore writes the real ContentLength, Expires travels as text",
    "s3.UploadPart": "botocore writes the real ContentLength",
    "s3.UploadPartCopy": "CopySource travels percent-encoded",
    "s3.WriteGetObjectResponse": "the sample's RequestRoute is no host label",
    "sts.AssumeRoleWithSAML": "unsigned",
    "sts.AssumeRoleWithWebIdentity": "unsigned",
}


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_of_the_service_is_read_back_as_it_was_written(service: str) -> None:
    client = _client(service)
    wrong: dict[str, Any] = {}
    with _captured(client) as sent:
        for operation in client.meta.service_model.operation_names:
            if f"{service}.{operation}" in NOT_ROUND_TRIP:
                continue
            shape = client.meta.service_model.operation_model(operation).input_shape
            parameters = _sample(shape) if shape else {}
            if service == "s3" and "Bucket" in parameters:
                parameters["Bucket"] = "bucket"
            try:
                getattr(client, xform_name(operation))(**parameters)
            except _SentError:
                call = read_call(*sent[-1])
                if call != (service, operation, parameters):
                    wrong[operation] = (parameters, call)
            except BotoCoreError as error:
                wrong[operation] = error
    assert wrong == {}


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40
)
SQS, IAM, S3, AGENTCORE, LAMBDA = map(
    _client, ("sqs", "iam", "s3", "bedrock-agentcore-control", "lambda")
)


@given(body=TEXT, name=TEXT)
def test_any_text_survives_the_json_protocol(body: str, name: str) -> None:
    parameters = {
        "QueueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/changes",
        "MessageBody": body,
        "MessageAttributes": {name: {"StringValue": body, "DataType": "String"}},
    }
    assert read_call(*_send(SQS, "SendMessage", parameters)).parameters == parameters


@given(document=TEXT, tags=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3))
def test_any_text_survives_the_query_protocol(document: str, tags: list[tuple[str, str]]) -> None:
    parameters = {
        "RoleName": "role",
        "AssumeRolePolicyDocument": document,
        "Tags": [{"Key": key, "Value": value} for key, value in tags],
    }
    assert read_call(*_send(IAM, "CreateRole", parameters)).parameters == parameters


@given(key=TEXT.filter(lambda key: key not in (".", "..")), body=st.binary(max_size=200))
def test_any_object_key_and_body_survive_rest_xml(key: str, body: bytes) -> None:
    parameters = {"Bucket": "bucket", "Key": f"a/{key}", "Body": body, "IfNoneMatch": "*"}
    call = read_call(*_send(S3, "PutObject", parameters))
    assert call[:2] == ("s3", "PutObject")
    assert call.parameters.get("Body", b"") == body
    assert {name: call.parameters[name] for name in ("Bucket", "Key", "IfNoneMatch")} == {
        "Bucket": "bucket",
        "Key": f"a/{key}",
        "IfNoneMatch": "*",
    }


@given(identifier=TEXT.filter(lambda text: text.strip("./") == text))
def test_any_identifier_survives_rest_json(identifier: str) -> None:
    call = read_call(*_send(AGENTCORE, "GetGateway", {"gatewayIdentifier": identifier}))
    assert call == ("bedrock-agentcore-control", "GetGateway", {"gatewayIdentifier": identifier})


def test_an_arn_in_the_path_and_the_query_string_is_read_whole() -> None:
    arn = "arn:aws:lambda:eu-central-1:111122223333:function:evaluate"
    parameters = {"FunctionName": arn, "Payload": b"{}", "Qualifier": "live"}
    assert read_call(*_send(LAMBDA, "Invoke", parameters)).parameters == parameters


def test_a_bucket_in_the_host_name_is_a_parameter() -> None:
    method, url, headers, body = _send(S3, "ListObjectsV2", {"Bucket": "records", "Prefix": "a/"})
    assert url.startswith("https://records.s3.eu-central-1.amazonaws.com/")
    call = read_call(method, url, headers, body)
    assert call.operation == "ListObjectsV2"
    assert call.parameters["Bucket"] == "records"


def test_a_bucket_in_the_path_of_a_local_endpoint_is_a_parameter() -> None:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:4566",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="x" * 40,
    )
    call = read_call(*_send(client, "GetObject", {"Bucket": "records", "Key": "a/b.json"}))
    assert (call.parameters["Bucket"], call.parameters["Key"]) == ("records", "a/b.json")


def test_the_credential_scope_tells_key_region_and_service() -> None:
    _, url, headers, _ = _send(SQS, "ListQueues", {})
    assert credential_scope(url, headers) == CredentialScope(
        "AKIAIOSFODNN7EXAMPLE", "eu-central-1", "sqs"
    )


def test_a_presigned_url_is_read_like_a_signed_request() -> None:
    client = boto3.client(
        "s3",
        region_name="eu-central-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="x" * 40,
        config=Config(signature_version="s3v4"),
    )
    url = client.generate_presigned_url("get_object", {"Bucket": "records", "Key": "a.json"})
    call = read_call("GET", url, {}, b"")
    assert (call.operation, call.parameters) == (
        "GetObject",
        {"Bucket": "records", "Key": "a.json"},
    )


@pytest.mark.parametrize("authorization", ["", "Bearer token", "AWS4-HMAC-SHA256 Credential=x/y"])
def test_a_request_without_signature_is_refused(authorization: str) -> None:
    with pytest.raises(UnreadableCallError, match="Signature Version 4"):
        read_call("POST", "http://127.0.0.1/", {"Authorization": authorization}, b"")


def test_an_unknown_operation_is_refused_by_name() -> None:
    method, url, headers, body = _send(SQS, "ListQueues", {})
    headers["X-Amz-Target"] = "AmazonSQS.InventQueue"
    with pytest.raises(UnreadableCallError, match=r"AmazonSQS\.InventQueue"):
        read_call(method, url, headers, body)


def test_an_unknown_service_is_refused_by_name() -> None:
    method, url, headers, body = _send(SQS, "ListQueues", {})
    headers["Authorization"] = headers["Authorization"].replace("/sqs/", "/nosuch/")
    with pytest.raises(UnreadableCallError, match="nosuch"):
        read_call(method, url, headers, body)
