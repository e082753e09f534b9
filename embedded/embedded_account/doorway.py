"""The one place through which every AWS request enters the account, over HTTP or in-process.

``Doorway.respond`` reads the call, asks whether the caller may make it, shows it to the observers,
lets moto answer, tells the account what happened and shows the answer to the observers. Both modes
use it: `Listener` serves it on 127.0.0.1, `in_process` hooks it into botocore's ``before-send``
event.
"""

from __future__ import annotations

import hashlib
import http.client
import inspect
import json
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, NamedTuple, Protocol, cast
from unittest.mock import patch
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import botocore.session
import moto
import moto.backend_index
import moto.backends
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import ReadTimeoutError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from moto.core.exceptions import HTTPException
from moto.core.request import normalize_request

from embedded_account.authorization import UnknownAccessKeyError
from embedded_account.call_reader import UnreadableCallError, credential_scope, read_call
from embedded_account.calls import Answer, Call, Caller

MOTO_VERSION = "5.2.5"
ABSENT = "absent"
IN_PROCESS_URL = "http://127.0.0.1:1"
"""Where sinks and function URLs are when there is no port: http.client is led to the doorway."""

# These make calls themselves, or wait for others: they must not keep the others out.
_CALLS_THAT_WAIT = frozenset({("lambda", "Invoke"), ("sqs", "ReceiveMessage")})
_SERVICES_THAT_WAIT = frozenset({"cloudformation", "stepfunctions"})


class MotoChangedError(Exception):
    """moto is not the one that a repair was written for: read its source, adapt the repair."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that moto does otherwise than AWS, and what takes its place.

    *source* is the first twelve hex digits of the SHA-256 of the replaced source text, or `ABSENT`
    where moto has nothing, so that a repair of something else than it was written for is refused.
    """

    gap: str
    owner: Any
    attribute: str
    replacement: Any
    source: str


@contextmanager
def repaired(repairs: Sequence[Repair]) -> Iterator[None]:
    """Keep *repairs* in force while the context lasts.

    Raises `MotoChangedError` when moto's version or the source of a repaired attribute is another
    one.
    """
    if moto.__version__ != MOTO_VERSION:
        raise MotoChangedError(
            f"the repairs were written for moto {MOTO_VERSION}, this is {moto.__version__}"
        )
    with ExitStack() as undo:
        for repair in repairs:
            undo.callback(_apply(repair))
        yield


def _apply(repair: Repair) -> Callable[[], None]:
    found = ABSENT
    if repair.attribute in vars(repair.owner):
        original = vars(repair.owner)[repair.attribute]
        found = source_digest(getattr(repair.owner, repair.attribute))
    if found != repair.source:
        raise MotoChangedError(
            f"{repair.owner.__name__}.{repair.attribute} has source {found}, expected "
            f"{repair.source}; the repair closes this gap: {repair.gap}"
        )
    setattr(repair.owner, repair.attribute, repair.replacement)
    if found == ABSENT:
        return lambda: delattr(repair.owner, repair.attribute)
    return lambda: setattr(repair.owner, repair.attribute, original)


def source_digest(thing: Any) -> str:
    """Return what identifies the source text of a function, method or property of moto."""
    function: Any = thing.fget if isinstance(thing, property) else thing
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


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
    """Answers requests; `observers` and `mounts` may be changed at any time."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._routes: dict[str, list[tuple[re.Pattern[str], Any]]] = {}
        self._one_at_a_time = threading.RLock()
        self.observers: list[Observer] = []
        self.mounts: list[Mount] = []

    def respond(self, request: Request) -> Answer:
        """Answer one request, whichever way it came."""
        try:
            for mount in self.mounts:
                if (mounted := mount(request)) is not None:
                    return mounted
            call = self._read(request)
        except UnreadableCallError as unreadable:
            return _turned_away("MissingAuthenticationToken", str(unreadable))
        except UnknownAccessKeyError as unknown:
            return _turned_away("InvalidClientTokenId", str(unknown))
        tell = self._hall.begin(call)
        refusal = self._hall.refusal_of(call)
        if refusal is not None:
            answer = error_answer(call, refusal.code, refusal.message, _refusal_status(call))
            tell(answer)
            return answer
        try:
            for observer in tuple(self.observers):
                observer.before(call)
            answer = self._answer(call, request)
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
        headers = {**request.headers, "x-moto-account-id": call.account, "Host": host}
        prepared = AWSPreparedRequest(request.method, url, headers, request.body, False)
        clean_url = url.partition("?")[0]
        for pattern, handler in self._routes_of(host):
            if pattern.match(clean_url):
                normalized = normalize_request(prepared)
                try:
                    answer: tuple[int, Mapping[str, Any], Any] = handler(
                        normalized, normalized.raw_url, normalized.headers
                    )
                except HTTPException as error:
                    return int(error.code or 500), dict(error.get_headers()), error.get_body()
                return answer
        raise NotImplementedError(f"moto has no route for {clean_url}")

    def _routes_of(self, host: str) -> list[tuple[re.Pattern[str], Any]]:
        if host not in self._routes:
            self._routes[host] = [
                (re.compile(url), handler)
                for service, pattern in moto.backend_index.backend_url_patterns
                if pattern.match(f"https://{host}/")
                for url, handler in _any_backend(service).urls.items()
            ]
        return self._routes[host]


def _waits(call: Call) -> bool:
    return call.service in _SERVICES_THAT_WAIT or (call.service, call.operation) in _CALLS_THAT_WAIT


def _any_backend(service: str) -> Any:
    regions = moto.backends.get_backend(service)[moto.core.DEFAULT_ACCOUNT_ID]
    return regions["us-east-1" if "us-east-1" in regions else "aws"]


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


_MODELS: dict[str, ServiceModel] = {}
_SESSION = botocore.session.Session()


def service_model(service: str) -> Any:
    """Return botocore's model of a service."""
    if service not in _MODELS:
        _MODELS[service] = _SESSION.get_service_model(service)
    return _MODELS[service]


def _refusal_status(call: Call) -> int:
    return 400 if service_model(call.service).resolved_protocol == "json" else 403


def _not_implemented(call: Call, missing: NotImplementedError) -> str:
    return f"the embedded account does not have {call.service} {call.operation}: {missing}"


def _turned_away(code: str, message: str, status: int = 403) -> Answer:
    body = json.dumps({"__type": code, "message": message})
    return Answer(status, {"Content-Type": "application/json"}, body.encode(), code, message)


class _RawBody(BytesIO):
    """A response body in the shape that botocore takes from urllib3."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        while contents := self.read():
            yield contents


@contextmanager
def in_process(doorway: Doorway) -> Iterator[None]:
    """Lead boto3 sessions made meanwhile, and HTTP to `IN_PROCESS_URL`, to *doorway*.

    There is no socket and no thread, so a process that forks goes on undisturbed.
    """
    serving = threading.Event()
    serving.set()

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        if not serving.is_set():
            raise RuntimeError(
                "the embedded account was stopped; make a new client in a new account"
            )
        try:
            answer = doorway.respond(_from_botocore(request))
        except NoAnswerError as silence:
            raise ReadTimeoutError(endpoint_url=request.url) from silence
        return AWSResponse(request.url, answer.status, answer.headers, _RawBody(answer.body))

    def connect(connection: http.client.HTTPConnection) -> None:
        if f"http://{connection.host}:{connection.port}" == IN_PROCESS_URL:
            connection.sock = cast(socket.socket, _Wire(doorway))
        else:
            connect_by_socket(connection)

    connect_by_socket = http.client.HTTPConnection.connect
    handler = ("before-send", before_send)
    BUILTIN_HANDLERS.append(handler)
    try:
        with patch.object(http.client.HTTPConnection, "connect", connect):
            yield
    finally:
        BUILTIN_HANDLERS.remove(handler)
        serving.clear()


def _from_botocore(request: AWSPreparedRequest) -> Request:
    headers = HeadersDict(
        {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
    )
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return Request(
        request.method, request.url, headers, body.encode() if isinstance(body, str) else body
    )


class _Wire:
    """What http.client takes for a connected socket: one request in, its answer out."""

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._sent = bytearray()

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, mode: str) -> BytesIO:
        """Answer what was sent; http.client asks for this once the request is complete."""
        head, _, body = bytes(self._sent).partition(b"\r\n\r\n")
        first, _, lines = head.partition(b"\r\n")
        method, path, _ = first.decode("latin-1").split(" ", 2)
        headers = HeadersDict(dict(http.client.parse_headers(BytesIO(lines + b"\r\n\r\n")).items()))
        try:
            answer = self._doorway.respond(Request(method, IN_PROCESS_URL + path, headers, body))
        except NoAnswerError as silence:
            raise TimeoutError("timed out") from silence
        shown = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        shown += f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n"
        return BytesIO(f"HTTP/1.1 {answer.status} \r\n{shown}\r\n".encode() + answer.body)

    def settimeout(self, seconds: float | None) -> None:
        """Accept: the answer comes at once, or never."""

    def close(self) -> None:
        """Accept: nothing is open."""


class Listener:
    """Serves a doorway on 127.0.0.1, on one port for every service."""

    def __init__(self, doorway: Doorway, port: int = 0) -> None:
        handler = type("BoundHandler", (_Handler,), {"doorway": doorway})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive over many requests."""

    doorway: Doorway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        request = Request(
            self.command,
            f"http://{self.headers.get('Host', '127.0.0.1')}{self.path}",
            HeadersDict(dict(self.headers.items())),
            self._body(),
        )
        try:
            answer = self.doorway.respond(request)
        except NoAnswerError:
            self.close_connection = True
            return
        except Exception as broken:  # noqa: BLE001 - told to the client by name, and printed
            traceback.print_exc()
            message = f"the embedded account broke: {type(broken).__name__}: {broken}"
            answer = _turned_away("InternalFailure", message, 500)
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.command != "HEAD" or "content-length" not in map(str.lower, answer.headers):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return bytes(body)

    def handle_expect_100(self) -> bool:
        """Say at once that the body may come: S3's clients wait a second for it otherwise."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (TimeoutError, ConnectionError):
            self.close_connection = True  # the client died; it was killed on purpose, perhaps

    def log_message(self, format: str, *args: Any) -> None:
        """Keep silent: the account's history tells every call."""
