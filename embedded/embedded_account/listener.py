"""Brings requests to the doorway: over HTTP on 127.0.0.1, or without a socket in this process."""

from __future__ import annotations

import http.client
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, cast
from unittest.mock import patch

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import ReadTimeoutError
from botocore.handlers import BUILTIN_HANDLERS

from embedded_account.doorway import Doorway, NoAnswerError, Request, turned_away

IN_PROCESS_URL = "http://127.0.0.1:1"
"""Where sinks and function URLs are when there is no port: http.client is led to the doorway."""


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
    send = sender(doorway)

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        if not serving.is_set():
            raise RuntimeError(
                "the embedded account was stopped; make a new client in a new account"
            )
        return send(request)

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


def sender(doorway: Doorway) -> Callable[..., AWSResponse]:
    """Return a handler of botocore's ``before-send`` that asks *doorway* instead of sending."""

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        try:
            answer = doorway.respond(_from_botocore(request))
        except NoAnswerError as silence:
            raise ReadTimeoutError(endpoint_url=request.url) from silence
        return AWSResponse(request.url, answer.status, answer.headers, _RawBody(answer.body))

    return send


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
            answer = turned_away("InternalFailure", message, 500)
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
