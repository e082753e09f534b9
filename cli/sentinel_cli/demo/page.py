"""Draws the demo's page: what to try, what happened, what people get, what exists."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from embedded_account.beliefs import BELIEFS
from embedded_account.not_simulated import NOT_SIMULATED
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sentinel import catalog

from sentinel_cli.demo import slack_view
from sentinel_cli.demo.act import Act, NotYetError, Stage
from sentinel_cli.demo.acts import BUTTONS
from sentinel_cli.demo.deployment import Deployment
from sentinel_cli.demo.sample_archive import ReplayFailedError
from sentinel_cli.demo.server import HEARTBEAT_SECONDS, Server
from sentinel_cli.demo.state import State
from sentinel_cli.demo.story import FunctionFailedError, perform
from sentinel_cli.demo.timeline import Timeline, Trace

FOLDER = Path(__file__).parent
REFUSALS = (
    NotYetError,
    FunctionFailedError,
    ReplayFailedError,
    ClientError,
    BotoCoreError,
)


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
        self.closed = False
        self._environment = _environment()
        self._server: Server | None = None

    def serve(self, port: int) -> str:
        """Begin to serve; the address. Raises OSError when the port is taken."""
        self._server = Server(self, port)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._look_at_state, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        """Serve no longer."""
        self.closed = True
        self.changed()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

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
        while not self.closed:
            version = self.wait(version, HEARTBEAT_SECONDS)
            made = self.timeline.calls()
            if made != calls and not self.closed:
                calls = made
                self._state.read()
                self.changed()

    def has(self, name: str) -> bool:
        """Whether there is such a button."""
        return any(act.id == name for act in BUTTONS)

    def act(self, name: str) -> str:
        """Do what a button says; an error in words, or nothing. Raises KeyError for no button."""
        act = {each.id: each for each in BUTTONS}[name]
        with self._acting:
            try:
                perform(act, self._stage)
            except REFUSALS as refused:
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
            "archive": module.archive(self._stage.replayed),
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
            exports=self._deployment.export_lines(),
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
        calls = len(act.calls)
        summary = (
            "The command" if act.command else "The call" if calls == 1 else f"The {calls} calls"
        )
        shown = {"note": act.note(self._stage), "shows": act.shows, "summary": summary}
        button = {"id": act.id, "title": act.title, "undo": act.undoes, **shown}
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
