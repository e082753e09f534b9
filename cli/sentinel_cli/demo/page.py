"""Serves the demo's page on 127.0.0.1: what to try, what happened, what people get, what exists.

Standard library only; what changes is sent as HTML fragments by Server-Sent Events.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import BotoCoreError, ClientError
from embedded_account.beliefs import BELIEFS
from embedded_account.not_simulated import NOT_SIMULATED
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sentinel import catalog

from sentinel_cli.demo import slack_view
from sentinel_cli.demo.acts import BUTTONS, Act, NotYetError, Stage
from sentinel_cli.demo.deployment import Deployment
from sentinel_cli.demo.state import State
from sentinel_cli.demo.story import perform
from sentinel_cli.demo.timeline import Timeline, Trace

FOLDER = Path(__file__).parent
FRAGMENTS = ("acts", "stories", "slack", "mail", "state")
TOGETHER_SECONDS = 0.1
"""Changes within this time are drawn together."""
HEARTBEAT_SECONDS = 10.0
LONGEST_BODY = 4096


class Page:
    """What the page shows, and the server that shows it. *stop* ends the demo."""

    def __init__(self, deployment: Deployment, stage: Stage, stop: Callable[[], None]) -> None:
        self.token = secrets.token_urlsafe(24)
        self.stop = stop
        self.timeline = Timeline(deployment, self.changed)
        self._deployment = deployment
        self._stage = stage
        self._state = State(deployment)
        self._started = datetime.now(UTC)
        self._acting = threading.Lock()
        self._version = 0
        self._moved = threading.Condition()
        self._closed = False
        self._environment = _environment()
        self._server: ThreadingHTTPServer | None = None

    def serve(self, port: int) -> str:
        """Begin to serve; the address. Raises OSError when the port is taken."""
        handler = type("Handler", (_Handler,), {"page": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._look_at_state, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        """Serve no longer."""
        self._closed = True
        self.changed()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def hosts(self) -> frozenset[str]:
        """What a request may name as its host: another name that leads here is somebody's trick."""
        port = self._server.server_port if self._server else 0
        return frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})

    def changed(self) -> None:
        """Something is to be drawn anew."""
        with self._moved:
            self._version += 1
            self._moved.notify_all()

    def wait(self, seen: int, seconds: float) -> int:
        """Wait until something is newer than *seen*, at most so long; what is the newest."""
        with self._moved:
            self._moved.wait_for(lambda: self._version != seen, seconds)
            return self._version

    def _look_at_state(self) -> None:
        """Read the resources again after each call that people make."""
        version, calls = -1, -1
        while not self._closed:
            version = self.wait(version, HEARTBEAT_SECONDS)
            made = self.timeline.calls()
            if made != calls and not self._closed:
                calls = made
                self._state.read()
                self.changed()

    def act(self, name: str) -> str:
        """Do what a button says; an error in words, or nothing."""
        act = next((each for each in BUTTONS if each.id == name), None)
        if act is None:
            return "There is no such button."
        with self._acting:
            try:
                perform(act, self._stage)
            except (NotYetError, ClientError, BotoCoreError) as refused:
                return str(refused)
            finally:
                self.changed()
        return ""

    def fragments(self) -> Mapping[str, str]:
        """The parts of the page that change, drawn from what is known now."""
        stories = self.timeline.stories()
        account = self._deployment.account
        module: Any = self._environment.get_template("fragments.html.jinja").module
        drawn: Mapping[str, Any] = {
            "acts": module.acts([self._button(act) for act in BUTTONS], self.token),
            "stories": module.stories(stories[::-1], _title),
            "slack": module.slack(account.slack.messages[::-1], account.slack.channels),
            "mail": module.mails(account.mailbox.messages[::-1]),
            "state": module.state(self._state.rows()),
        }
        return {name: str(html) for name, html in drawn.items()}

    def headlines(self) -> list[str]:
        """What is to be read aloud: the text of each message as it stands now."""
        return [message.text for message in self._deployment.account.slack.messages]

    def html(self, nonce: str) -> str:
        """The whole page as it is now; it can be read without script."""
        return self._environment.get_template("page.html.jinja").render(
            nonce=nonce,
            token=self.token,
            css=(FOLDER / "page.css").read_text(),
            js=(FOLDER / "page.js").read_text(),
            fragments=self.fragments(),
            hub=self._deployment.hub,
            workload=self._deployment.workload,
            region=self._deployment.region,
            started=self._started,
            export=self._deployment.export_line(),
        )

    def fidelity(self, nonce: str) -> str:
        """What is not simulated, and what nobody has tried on AWS."""
        return self._environment.get_template("fidelity.html.jinja").render(
            nonce=nonce,
            css=(FOLDER / "page.css").read_text(),
            not_simulated=NOT_SIMULATED,
            beliefs=BELIEFS,
        )

    def _button(self, act: Act) -> Mapping[str, Any]:
        button = {"id": act.id, "title": act.title, "undo": act.undoes}
        try:
            return {**button, "code": act.code(self._stage), "why_not": ""}
        except NotYetError as first:
            return {**button, "code": "", "why_not": str(first)}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["mrkdwn"] = slack_view.mrkdwn
    environment.filters["pretty"] = lambda value: (
        value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    )
    environment.filters["moment"] = lambda at: f"{at:%H:%M:%S} UTC"
    environment.filters["sent"] = lambda ts: (
        f"{datetime.fromtimestamp(float(ts), UTC):%H:%M:%S} UTC"
    )
    environment.filters["bars"] = _bars
    environment.globals["measures"] = slack_view.measures
    return environment


def _bars(trace: Trace) -> list[tuple[Any, float, float, float]]:
    """Each hop with its milliseconds, and where its bar begins and how wide it is, in percent."""
    reached = [max(trace.milliseconds(hop), 0.0) for hop in trace.hops]
    whole = max(reached, default=0.0) or 1.0
    before = [0.0, *reached[:-1]]
    return [
        (hop, at, 100 * start / whole, max(100 * (at - start) / whole, 0.6))
        for hop, at, start in zip(trace.hops, reached, before, strict=True)
    ]


def _title(rule: str) -> str:
    found = catalog.rules().get(rule)
    return found.title.rstrip(".") if found else rule


class _Handler(BaseHTTPRequestHandler):
    """One request; what does not come from the page itself is refused."""

    page: Page
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        nonce = secrets.token_urlsafe(16)
        path = self.path.partition("?")[0]
        if not self._is_ours():
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this page is served as 127.0.0.1 only")
        elif path == "/":
            self._answer(HTTPStatus.OK, self.page.html(nonce), nonce=nonce)
        elif path == "/fidelity":
            self._answer(HTTPStatus.OK, self.page.fidelity(nonce), nonce=nonce)
        elif path == "/events":
            self._events()
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= LONGEST_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much")
            return
        form = parse_qs(self.rfile.read(length).decode(errors="replace"))
        token = form.get("token", [""])[0]
        if not self._is_ours() or self.headers.get("Origin") != f"http://{self.headers['Host']}":
            self._refuse(HTTPStatus.FORBIDDEN, "this does not come from the demo's page")
        elif not secrets.compare_digest(token.encode(), self.page.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "the page is older than the demo: load it again")
        elif self.path == "/stop":
            self._answer(HTTPStatus.OK, "The demo has ended.", kind="text/plain")
            self.page.stop()
        elif self.path.startswith("/act/"):
            problem = self.page.act(self.path.removeprefix("/act/"))
            if problem:
                self._refuse(HTTPStatus.CONFLICT, problem)
            else:
                self._answer(HTTPStatus.SEE_OTHER, "", location="/")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _is_ours(self) -> bool:
        return self.headers.get("Host", "") in self.page.hosts

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._answer(status, why, kind="text/plain")

    def _answer(
        self,
        status: HTTPStatus,
        text: str,
        *,
        kind: str = "text/html",
        nonce: str = "",
        location: str = "",
    ) -> None:
        body = text.encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self._protect(nonce)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
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
            while True:
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
