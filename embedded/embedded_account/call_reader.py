"""Read an HTTP request back into the AWS API call that it carries.

Routing and parsing are moto's (moto.core.routing, moto.core.parse), which follow botocore's service
models; ours is to find the service. Its signing name stands in the credential scope of the
signature (Signature Version 4); where several services sign with one name, the service is the one
that has an operation for the request's path or target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import UnknownServiceError
from botocore.utils import parse_timestamp
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound

# botocore's `signingName` in each service's metadata, where it is not the service's own name.
SERVICES_BY_SIGNING_NAME: Mapping[str, tuple[str, ...]] = {
    "bedrock-agentcore": ("bedrock-agentcore-control", "bedrock-agentcore"),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "monitoring": ("cloudwatch",),
    "s3express": ("s3",),
    "sso": ("sso-admin",),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
}


class UnreadableCallError(ValueError):
    """The request is not a signed AWS API call that botocore's models describe."""


@dataclass(frozen=True, slots=True)
class CredentialScope:
    """What a Signature Version 4 tells: who signed, and for which Region and service."""

    access_key_id: str
    region: str
    signing_name: str


class ReadCall(NamedTuple):
    """An API call in botocore's names; *service* is the name that a boto3 client is made with."""

    service: str
    operation: str
    parameters: dict[str, Any]


def credential_scope(url: str, headers: Mapping[str, str]) -> CredentialScope:
    """Read the credential scope of a signed request or a presigned URL.

    Raises UnreadableCallError when the request carries no Signature Version 4.
    """
    authorization = {name.lower(): value for name, value in headers.items()}.get(
        "authorization", ""
    )
    _, found, credential = authorization.partition("Credential=")
    if not found:
        credential = parse_qs(urlsplit(url).query).get("X-Amz-Credential", [""])[0]
    # An access key id has no slash, the scope is date/region/service/aws4_request.
    parts = credential.split(",")[0].strip().split("/")
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise UnreadableCallError(
            f"{urlsplit(url).path}: no Signature Version 4 in the Authorization header or the query"
        )
    return CredentialScope(access_key_id=parts[0], region=parts[2], signing_name=parts[3])


def read_call(method: str, url: str, headers: Mapping[str, str], body: bytes) -> ReadCall:
    """Find service, operation and parameters of a signed request.

    Absent members are left out; blobs are bytes, timestamps aware datetimes, S3's CopySource stays
    percent-encoded as it travels. Raises UnreadableCallError for unsigned requests, unknown
    services and unknown operations.
    """
    signing_name = credential_scope(url, headers).signing_name
    plain = _without_chunks(headers, body)
    request = Request.from_primitives(method, url, headers, plain)
    routes = [
        route
        for service in SERVICES_BY_SIGNING_NAME.get(signing_name, (signing_name,))
        if (route := _route(service, request)) is not None
    ]
    if not routes:
        target = request.headers.get("X-Amz-Target") or f"{method} {request.path}"
        raise UnreadableCallError(f"no operation of {signing_name!r} in botocore fits {target}")
    # moto lets the last label of a path run over slashes, so that GetAgentRuntime of the control
    # plane also fits GetAgentCard of the data plane: the path of the same length is the right one.
    route = min(
        routes, key=lambda route: abs(_depth(route.path_template) - _depth(request.raw_path))
    )
    return ReadCall(route.service, route.operation.name, _parameters(route, request))


@dataclass(frozen=True, slots=True)
class _Route:
    service: str
    operation: Any
    path_parameters: dict[str, Any]

    @property
    def path_template(self) -> str:
        return str(self.operation.http_trait.path)


def _depth(path: str) -> int:
    return path.rstrip("/").count("/")


def _route(service: str, request: Request) -> _Route | None:
    try:
        return _Route(service, *get_service_router(service).match(request))
    except NotFound:
        return None
    except UnknownServiceError as error:
        raise UnreadableCallError(f"botocore has no service {service!r}") from error
    except NotImplementedError as error:  # moto's word for a protocol that it cannot parse
        raise UnreadableCallError(f"{service}: {error}") from error


def _parameters(route: _Route, request: Request) -> dict[str, Any]:
    protocol = determine_request_protocol(route.operation.service_model, request.content_type)
    parser = PROTOCOL_PARSERS[protocol](route.operation, timestamp_parser=_timestamp)
    parsed = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": route.path_parameters,
        }
    )
    return _present(route.operation.input_shape, parsed)


def _timestamp(value: Any) -> datetime:
    # moto's own parser answers naive datetimes; botocore's writers all mean UTC.
    parsed: datetime = parse_timestamp(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _present(shape: Any, parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what moto's parsers make of members that the request did not carry."""
    present: dict[str, Any] = {}
    for name, value in parsed.items():
        location = shape.members[name].serialization.get("location")
        if value is None or (location and value in ([], {})):
            continue
        # HTTP folds the case of header names; S3 keeps user metadata in lower case.
        present[name] = (
            {key.lower(): text for key, text in value.items()} if location == "headers" else value
        )
    return present


def _without_chunks(headers: Mapping[str, str], body: bytes) -> bytes:
    """The payload of an S3 upload that botocore sent with a trailing checksum."""
    encoding = {name.lower(): value for name, value in headers.items()}.get("content-encoding", "")
    if "aws-chunked" not in encoding:
        return body
    return b"".join(_chunks(body))


def _chunks(body: bytes) -> Iterator[bytes]:
    position = 0
    while True:
        end_of_line = body.index(b"\r\n", position)
        size = int(body[position:end_of_line].split(b";")[0], 16)
        if size == 0:
            return
        start = end_of_line + 2
        yield body[start : start + size]
        position = start + size + 2
