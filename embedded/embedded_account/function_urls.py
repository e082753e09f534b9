"""Function URLs: an HTTP request becomes an event, and what the function answers a response.

Source: the Lambda guide's pages "Invoking Lambda function URLs" (payload format 2.0) and "Control
access to Lambda function URLs". On AWS an IAM caller needs lambda:InvokeFunctionUrl; whether he has
it is asked of the Authorizer before ``route``.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from embedded_account.calls import Caller
from embedded_account.invocation import FunctionSpec, Outcome

_TEXT_TYPES = ("application/json", "application/javascript", "application/xml", "text/")
_HEADERS_OF_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """The URL of one function; *auth_type* is ``AWS_IAM`` or ``NONE``."""

    url_id: str
    function: FunctionSpec
    auth_type: str

    @property
    def host(self) -> str:
        """The name that AWS gives to the URL."""
        return f"{self.url_id}.lambda-url.{self.function.region}.on.aws"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; *target* is the path with its query, *headers* may repeat a name."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    source_ip: str = "198.51.100.7"
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; each of *cookies* is a ``set-cookie`` header of its own."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


def route(url: FunctionUrl, request: Request, caller: Caller | None) -> dict[str, Any] | Response:
    """The event to invoke the function with, or the 403 that AWS answers in its place.

    *caller* is who signed the request, None for a request without a valid signature. With auth type
    NONE a signature is not looked at and the event names no caller.
    """
    if url.auth_type == "NONE":
        return _event(url, request, None)
    if url.auth_type != "AWS_IAM":
        raise ValueError(f"auth type {url.auth_type!r} of {url.host}: expected AWS_IAM or NONE")
    if caller is None:
        return forbidden()
    return _event(url, request, caller)


def forbidden() -> Response:
    """What AWS answers to a request that is not signed, or whose signer may not call the URL."""
    headers = {**_HEADERS_OF_JSON, "x-amzn-errortype": "AccessDeniedException"}
    return Response(403, headers, b'{"Message":"Forbidden"}')


def response_of(outcome: Outcome) -> Response:
    """The HTTP response that AWS makes of a function's result.

    A mapping with ``statusCode`` says it all; any other result is the JSON body of a 200; an error
    of the function is a 502 that tells nothing of it.
    """
    result = outcome.payload
    if outcome.error_type is not None:
        return Response(502, _HEADERS_OF_JSON, b"Internal Server Error")
    if not isinstance(result, Mapping) or "statusCode" not in result:
        return Response(200, _HEADERS_OF_JSON, json.dumps(result).encode())
    body = result.get("body") or ""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    return Response(
        status=int(result["statusCode"]),
        headers=_HEADERS_OF_JSON | headers,
        body=base64.b64decode(text) if result.get("isBase64Encoded") else text.encode(),
        cookies=tuple(result.get("cookies") or ()),
    )


def _event(url: FunctionUrl, request: Request, caller: Caller | None) -> dict[str, Any]:
    parts = urlsplit(request.target)
    headers = _combined((name.lower(), value) for name, value in request.headers)
    cookies = headers.pop("cookie", None)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path or "/",
        "rawQueryString": parts.query,
        "headers": headers,
        "requestContext": _context(url, request, headers, caller),
        "isBase64Encoded": False,
    }
    if cookies is not None:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if parts.query:
        query = parse_qsl(parts.query, keep_blank_values=True)
        event["queryStringParameters"] = _combined(query)
    if request.body:
        event["isBase64Encoded"] = not _is_text(headers)
        body = request.body if _is_text(headers) else base64.b64encode(request.body)
        event["body"] = body.decode("utf-8", "replace")
    return event


def _context(
    url: FunctionUrl, request: Request, headers: Mapping[str, str], caller: Caller | None
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "accountId": url.function.account if caller else "anonymous",
        "apiId": url.url_id,
        "domainName": url.host,
        "domainPrefix": url.url_id,
        "http": {
            "method": request.method,
            "path": urlsplit(request.target).path or "/",
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": "$default",
        "stage": "$default",
        "time": request.at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(request.at.timestamp() * 1000),
    }
    if caller is not None:
        context["authorizer"] = {"iam": _iam(caller)}
    return context


def _iam(caller: Caller) -> dict[str, Any]:
    """Who signed; the end of the ARN stands for AWS's unique ids (``AROA...:session``)."""
    unique_id = caller.arn.split(":", 5)[-1]
    return {
        "accessKey": caller.access_key_id,
        "accountId": caller.account,
        "callerId": unique_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": unique_id,
    }


def _combined(pairs: Any) -> dict[str, str]:
    """One value a name; a repeated name's values are joined with commas, as AWS joins them."""
    combined: dict[str, str] = {}
    for name, value in pairs:
        combined[name] = f"{combined[name]},{value}" if name in combined else value
    return combined


def _is_text(headers: Mapping[str, str]) -> bool:
    """Whether the body reaches the function as text: a form does not, nor anything encoded."""
    content_type = headers.get("content-type", "").strip().lower()
    return content_type.startswith(_TEXT_TYPES) and "content-encoding" not in headers
