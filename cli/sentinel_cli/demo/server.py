"""Answers the demo's browser on 127.0.0.1, and refuses what does not come from the demo's page.

Standard library only; what changes is sent as HTML fragments by Server-Sent Events.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs

TOGETHER_SECONDS = 0.1
"""Changes within this time are drawn together."""
HEARTBEAT_SECONDS = 10.0
PATIENCE_SECONDS = 30.0
"""How long a browser may take to send what it announced."""
LONGEST_BODY = 4096
LINGER_SECONDS = 1.0
LINGER_READS = 64


class Shown(Protocol):
    """What the server shows and does: the page."""

    token: str
    closed: bool

    def html(self, nonce: str) -> str:
        """The whole page as it is now."""
        ...

    def fidelity(self, nonce: str) -> str:
        """What is not simulated."""
        ...

    def fragments(self) -> Mapping[str, str]:
        """The parts of the page that change."""
        ...

    def headlines(self) -> list[str]:
        """What is to be read aloud."""
        ...

    def wait(self, seen: int, seconds: float) -> int:
        """Wait until something is newer than *seen*; what is the newest."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a button."""
        ...

    def act(self, name: str) -> str:
        """Do what a button says; an error in words, or nothing."""
        ...

    def stop(self) -> None:
        """End the demo."""
        ...


class Server(ThreadingHTTPServer):
    """Serves a page on a port of 127.0.0.1, 0 for any. Raises OSError when it is taken."""

    daemon_threads = True

    def __init__(self, page: Shown, port: int) -> None:
        super().__init__(("127.0.0.1", port), type("Handler", (_Handler,), {"page": page}))
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost"))
        """What a request may name as its host: another name that leads here is a trick."""


class _RefusedError(Exception):
    """A request that changes nothing, with the status and the words that it gets."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    page: Shown
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_SECONDS

    def do_GET(self) -> None:
        """Show something; nothing that is got changes anything."""
        nonce = secrets.token_urlsafe(16)
        path = self.path.partition("?")[0]
        if not self._is_ours():
            refused = "this page is served as 127.0.0.1 only"
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, refused)
        elif path == "/":
            self._answer(HTTPStatus.OK, self.page.html(nonce), nonce=nonce)
        elif path == "/fidelity":
            self._answer(HTTPStatus.OK, self.page.fidelity(nonce), nonce=nonce)
        elif path == "/events":
            self._events()
        elif path == "/stop" or path.startswith("/act/"):
            refused = "a button is pressed by POST, from the page"
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, refused, allow="POST")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    def do_POST(self) -> None:
        """Press a button."""
        try:
            self._check_origin()
            self._check_token(self._form())
            self._check_place()
        except _RefusedError as refused:
            self._refuse(refused.status, str(refused))
            return
        if self.path == "/stop":
            self._answer(HTTPStatus.OK, "The demo has ended.", kind="text/plain")
            self.page.stop()
            return
        problem = self.page.act(self.path.removeprefix("/act/"))
        if problem:
            self._refuse(HTTPStatus.CONFLICT, problem)
        else:
            self._answer(HTTPStatus.SEE_OTHER, "", location="/")

    def do_other(self) -> None:
        """Refuse: a page is got, a button is pressed by POST."""
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and POST", allow="GET, POST")

    do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_PUT = do_other

    def _check_origin(self) -> None:
        if not self._is_ours() or self.headers.get("Origin") != f"http://{self.headers['Host']}":
            raise _RefusedError(HTTPStatus.FORBIDDEN, "this does not come from the demo's page")

    def _form(self) -> Mapping[str, list[str]]:
        """What was sent, read only once it is known to be short."""
        announced = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not announced:
            why = "say how long the body is, in Content-Length"
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, why)
        if not (announced.isascii() and announced.isdigit()):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "Content-Length is not a number")
        if len(announced) > 9 or int(announced) > LONGEST_BODY:
            why = f"the body may have {LONGEST_BODY} bytes"
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
        return parse_qs(self.rfile.read(int(announced)).decode(errors="replace"))

    def _check_token(self, form: Mapping[str, list[str]]) -> None:
        token = form.get("token", [""])[0]
        if not secrets.compare_digest(token.encode(), self.page.token.encode()):
            why = "the page is older than the demo: load it again"
            raise _RefusedError(HTTPStatus.FORBIDDEN, why)

    def _check_place(self) -> None:
        name = self.path.removeprefix("/act/")
        if self.path != "/stop" and (name == self.path or not self.page.has(name)):
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such button")

    def _is_ours(self) -> bool:
        hosts = self.headers.get_all("Host", [])
        return len(hosts) == 1 and hosts[0] in self.server.hosts

    def _refuse(self, status: HTTPStatus, why: str, *, allow: str = "") -> None:
        """Answer with the reason, and close: what lies unread would be taken for a request."""
        self.close_connection = True
        more = {"Connection": "close"} | ({"Allow": allow} if allow else {})
        self._answer(status, why, kind="text/plain", more=more)
        with suppress(OSError):  # closed over unread bytes, a connection may lose the answer
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            for _ in range(LINGER_READS):
                if not self.connection.recv(LONGEST_BODY):
                    break

    def _answer(
        self,
        status: HTTPStatus,
        text: str,
        *,
        kind: str = "text/html",
        nonce: str = "",
        location: str = "",
        more: Mapping[str, str] | None = None,
    ) -> None:
        body = text.encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self._protect(nonce)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _protect(self, nonce: str) -> None:
        allowed = f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; " if nonce else ""
        policy = (
            f"default-src 'none'; {allowed}connect-src 'self'; img-src data:; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "same-origin")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")

    def _events(self) -> None:
        """Send each fragment when it is another than before, and each new headline once."""
        self.send_response(HTTPStatus.OK)
        self._protect("")
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        sent: dict[str, str] = {}
        said, version = self.page.headlines(), -1
        try:
            while not self.page.closed:
                version = self.page.wait(version, HEARTBEAT_SECONDS)
                threading.Event().wait(TOGETHER_SECONDS)
                self.wfile.write(b": still here\n\n")
                for name, html in self.page.fragments().items():
                    if sent.get(name) != html:
                        sent[name] = html
                        self._send("fragment", {"id": name, "html": html})
                headlines = self.page.headlines()
                for headline in headlines:
                    if headline not in said:
                        self._send("say", headline)
                said = headlines
                self.wfile.flush()
        except ConnectionError:
            return  # the browser has gone

    def _send(self, event: str, data: Any) -> None:
        self.wfile.write(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the story is on stdout."""
