"""The one place through which every AWS request enters the account, over HTTP or in-process.

``Doorway.respond`` reads the call, asks whether the caller may make it, shows it to the observers,
lets moto answer, tells the account what happened and shows the answer to the observers. Both modes
reach it through `listener`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import moto.backend_index
import moto.backends
from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.parsers import create_parser
from moto.core.exceptions import HTTPException
from moto.core.request import normalize_request

from embedded_account.authorization import UnknownAccessKeyError
from embedded_account.call_reader import UnreadableCallError, credential_scope, read_call
from embedded_account.calls import Answer, Call, Caller
from embedded_account.service_models import service_model

# These make calls themselves, or wait for others: they must not keep the others out.
_CALLS_THAT_WAIT = frozenset({("lambda", "Invoke"), ("sqs", "ReceiveMessage")})
_SERVICES_THAT_WAIT = frozenset({"cloudformation", "stepfunctions"})


class Request(NamedTuple):
    """One HTTP request as the client sent it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Intervene(Exception):
    """Raised by an observer to give this answer instead of the account's."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.error_code}")
        self.answer = answer


class NoAnswerError(Exception):
    """Raised by an observer or a mount: the effect stands, and the client waits in vain."""


class Observer(Protocol):
    """Sees every permitted call before and after it took effect; may delay, raise or replace."""

    def before(self, call: Call) -> None:
        """See *call* before its effect; `Intervene` answers it without one."""
        ...

    def after(self, call: Call, answer: Answer) -> None:
        """See *call* after its effect; `Intervene` replaces the answer that the caller gets."""
        ...


class Refusal(Protocol):
    """Why a call is not permitted, in AWS's words."""

    @property
    def code(self) -> str:
        """The error code: AccessDenied or AccessDeniedException."""
        ...

    @property
    def message(self) -> str:
        """Who may not do what on which resource."""
        ...


Tell = Callable[[Answer], None]
Handler = Callable[[Any, str, Any], tuple[int, Mapping[str, Any], Any]]
Mount = Callable[[Request], Answer | None]
"""Answers a request that is no AWS API call (a function URL, a sink), None for any other."""


@dataclass(slots=True)
class Hall:
    """What lies behind the doorway; the account fills it in."""

    identify: Callable[[str], Caller]
    refusal_of: Callable[[Call], Refusal | None]
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    begin: Callable[[Call], Tell]  # what is told the answer, once the call took effect


class Doorway:
    """Answers requests; `observers` and `mounts` may be changed at any time.

    *own_services* answer in moto's form without being moto's: their backends are never imported.
    """

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._routes: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}
        self._one_at_a_time = threading.RLock()
        self.observers: list[Observer] = []
        self.mounts: list[Mount] = []
        self.own_services: dict[str, Handler] = {}

    def respond(self, request: Request) -> Answer:
        """Answer one request, whichever way it came."""
        try:
            for mount in self.mounts:
                if (mounted := mount(request)) is not None:
                    return mounted
            call = self._read(request)
        except UnreadableCallError as unreadable:
            return turned_away("MissingAuthenticationToken", str(unreadable))
        except UnknownAccessKeyError as unknown:
            return turned_away("InvalidClientTokenId", str(unknown))
        return self.admit(call, lambda: self._answer(call, request))

    def admit(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        """Let *effect* answer a call if its caller may make it and no observer intervenes."""
        tell = self._hall.begin(call)
        refusal = self._hall.refusal_of(call)
        if refusal is not None:
            answer = error_answer(call, refusal.code, refusal.message, _refusal_status(call))
            tell(answer)
            return answer
        try:
            for observer in tuple(self.observers):
                observer.before(call)
            answer = effect()
        except Intervene as intervention:
            tell(intervention.answer)
            return intervention.answer
        tell(answer)
        try:
            for observer in tuple(self.observers):
                observer.after(call, answer)
        except Intervene as intervention:
            return intervention.answer
        return answer

    def _read(self, request: Request) -> Call:
        scope = credential_scope(request.url, request.headers)
        service, operation, parameters = read_call(*request)
        caller = self._hall.identify(scope.access_key_id)
        return Call(
            account=caller.account,
            region=scope.region,
            service=service,
            operation=operation,
            parameters=parameters,
            caller=caller,
            request_id=self._hall.new_id(),
            at=self._hall.now(),
            user_agent=request.headers.get("User-Agent", ""),
            trace_id=request.headers.get("X-Amzn-Trace-Id"),
        )

    def _answer(self, call: Call, request: Request) -> Answer:
        try:
            if _waits(call):
                status, headers, body = self._ask_moto(call, request)
            else:
                with self._one_at_a_time:  # moto keeps its state in plain dictionaries
                    status, headers, body = self._ask_moto(call, request)
        except NotImplementedError as missing:
            return error_answer(call, "NotImplemented", _not_implemented(call, missing), 501)
        return _as_answer(call, status, headers, body)

    def _ask_moto(self, call: Call, request: Request) -> tuple[int, Mapping[str, Any], Any]:
        url = _aws_url(call, request.url)
        host = urlsplit(url).netloc
        headers = {name: text for name, text in request.headers.items() if name.lower() != "host"}
        headers |= {"x-moto-account-id": call.account, "Host": host}
        prepared = AWSPreparedRequest(request.method, url, headers, request.body, False)
        normalized = normalize_request(prepared)
        try:
            return self._handler(call, url)(normalized, normalized.raw_url, normalized.headers)
        except HTTPException as error:
            return int(error.code or 500), dict(error.get_headers()), error.get_body()

    def _handler(self, call: Call, url: str) -> Handler:
        if call.service in self.own_services:
            return self.own_services[call.service]
        clean_url = url.partition("?")[0]
        for pattern, handler in self._routes_of(urlsplit(url).netloc):
            if pattern.match(clean_url):
                return handler
        raise NotImplementedError(f"moto has no route for {clean_url}")

    def _routes_of(self, host: str) -> list[tuple[re.Pattern[str], Handler]]:
        if host not in self._routes:
            self._routes[host] = [
                (re.compile(url), handler)
                for service, pattern in moto.backend_index.backend_url_patterns
                if pattern.match(f"https://{host}/")
                for url, handler in _urls_of(service).items()
            ]
        return self._routes[host]


def _waits(call: Call) -> bool:
    return call.service in _SERVICES_THAT_WAIT or (call.service, call.operation) in _CALLS_THAT_WAIT


def _urls_of(service: str) -> Mapping[str, Handler]:
    """Ask a backend that was never initialised: they follow from its class."""
    backend: Any = moto.backends.get_backend(service).backend
    urls: Mapping[str, Handler] = object.__new__(backend).urls
    return urls


def _aws_url(call: Call, url: str) -> str:
    split = urlsplit(url)
    host = split.netloc
    if call.service != "s3" or not host.endswith(".amazonaws.com"):  # S3's host may name the bucket
        prefix = "s3" if call.service == "s3" else service_model(call.service).endpoint_prefix
        host = f"{prefix}.{call.region}.amazonaws.com"
    return f"https://{host}{split.path or '/'}{'?' + split.query if split.query else ''}"


def _as_answer(call: Call, status: int, headers: Mapping[str, Any], body: Any) -> Answer:
    content = body.encode() if isinstance(body, str) else bytes(body or b"")
    shown = {name: str(value) for name, value in headers.items()}
    dropped = (
        {"x-amzn-requestid"}
        if call.operation.startswith("Head")
        else {"x-amzn-requestid", "content-length"}
    )
    shown = {name: value for name, value in shown.items() if name.lower() not in dropped}
    shown["x-amzn-RequestId"] = call.request_id
    if content.startswith(b"<"):
        request_id = f"<RequestId>{call.request_id}</RequestId>".encode()
        content = re.sub(rb"<RequestId>[^<]*</RequestId>", request_id, content)
    if call.service == "s3":
        shown["x-amz-request-id"] = call.request_id
    error = parse_error(call, status, shown, content) if status >= 400 else {}
    return Answer(status, shown, content, error.get("Code"), error.get("Message"))


def parse_error(
    call: Call, status: int, headers: Mapping[str, str], body: bytes
) -> Mapping[str, str]:
    """Return the error's Code and Message as botocore will read them from this response."""
    model = service_model(call.service)
    response = {"status_code": status, "headers": HeadersDict(headers), "body": body}
    shape = model.operation_model(call.operation).output_shape
    parsed = create_parser(model.resolved_protocol).parse(response, shape)
    error: Mapping[str, str] = parsed.get("Error", {})
    return error


def error_answer(call: Call, code: str, message: str, status: int = 400) -> Answer:
    """Return the refusal *code* in the form of the call's protocol, as AWS would send it."""
    headers = {"x-amzn-RequestId": call.request_id}
    protocol = service_model(call.service).resolved_protocol
    if protocol in ("json", "rest-json"):
        headers |= {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": code}
        body = json.dumps({"__type": code, "message": message})
    else:
        headers["Content-Type"] = "text/xml"
        error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        request_id = f"<RequestId>{call.request_id}</RequestId>"
        if protocol == "rest-xml" and call.service == "s3":
            body = f"<Error>{error}{request_id}</Error>"
        else:
            body = f"<ErrorResponse><Error>{error}</Error>{request_id}</ErrorResponse>"
    return Answer(status, headers, body.encode(), code, message)


def _refusal_status(call: Call) -> int:
    return 400 if service_model(call.service).resolved_protocol == "json" else 403


def _not_implemented(call: Call, missing: NotImplementedError) -> str:
    return f"the embedded account does not have {call.service} {call.operation}: {missing}"


def turned_away(code: str, message: str, status: int = 403) -> Answer:
    body = json.dumps({"__type": code, "message": message})
    return Answer(status, {"Content-Type": "application/json"}, body.encode(), code, message)
