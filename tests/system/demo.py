"""Starts the demo as a process of its own, in an environment that would lead boto3 elsewhere.

What visits it does so as people do: over HTTP, or from a shell that has joined in.
"""

from __future__ import annotations

import html
import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3

from tests.conftest import ROOT

MISLEADING = {
    "AWS_PROFILE": "nobody",
    "AWS_ENDPOINT_URL": "http://198.51.100.1",
    "AWS_REGION": "ap-south-1",
    "HTTP_PROXY": "http://198.51.100.2:3128",
}
PATIENCE_SECONDS = 120.0
PARTS = ("acts", "stories", "slack", "mail", "archive", "state", "log")
"""What of the page changes, in its order."""
SENTINEL = str(Path(sys.executable).with_name("sentinel"))


class Demo:
    """A demo that runs, and what it has said so far."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [SENTINEL, "demo", *options],
            cwd=ROOT,
            env=os.environ | MISLEADING,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said = ""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def end(self) -> None:
        """Make sure that nothing of it is left."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in what the demo said; AssertionError when it does not come."""
        expected = re.compile(pattern, re.M)
        with self._more:
            self._more.wait_for(lambda: expected.search(self.said), PATIENCE_SECONDS)
        found = expected.search(self.said)
        assert found is not None, f"the demo never said {pattern!r}:\n{self.said}"
        return found

    def wait_for_story(self) -> None:
        """Wait until the story was told; AssertionError when something of it is missing."""
        self.wait_for(r"^Press Ctrl-C to stop\.$")
        assert not re.search(r"^(missing|failed): ", self.said, re.M), self.said

    @property
    def address(self) -> str:
        """Where the page is."""
        return self.wait_for(r"^  (http://127\.0\.0\.1:\d+/)$")[1]

    def joined(self, role: str) -> dict[str, str]:
        """The environment of a shell that ran the line printed for a role."""
        line = self.wait_for(rf"as the {role} .*\nexport (AWS_ENDPOINT_URL=.*)$")[1]
        variables = dict(word.split("=", 1) for word in shlex.split(line))
        return {"PATH": os.environ["PATH"]} | variables

    def client(self, service: str, role: str = "developer") -> Any:
        """A boto3 client of a shell that has joined in."""
        keys = self.joined(role)
        return boto3.session.Session(
            keys["AWS_ACCESS_KEY_ID"],
            keys["AWS_SECRET_ACCESS_KEY"],
            keys["AWS_SESSION_TOKEN"],
            keys["AWS_REGION"],
        ).client(service, endpoint_url=keys["AWS_ENDPOINT_URL"])

    def findings(self) -> list[dict[str, Any]]:
        """All findings and gaps, as the command gives them to the security engineer."""
        done = subprocess.run(
            [SENTINEL, "findings", "--status", "ALL", "-o", "json"],
            env=self.joined("security-engineer"),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                with self._more:
                    self.said += line
                    self._more.notify_all()


@contextmanager
def started(*options: str) -> Iterator[Demo]:
    """A demo that ends, at the latest, when left."""
    demo = Demo(*options)
    try:
        yield demo
    finally:
        demo.end()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page's server answered."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who talks HTTP to the demo's page, without a browser."""

    address: str

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> Answer:
        """Send one request on a connection of its own."""
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read().decode())
        finally:
            connection.close()

    @property
    def page(self) -> str:
        """The page as it is now."""
        return self.ask("GET", "/").body

    def part(self, name: str) -> str:
        """The words of a changing part of the page."""
        return _words(self._part(name))

    def latest(self, name: str) -> str:
        """The words of the first story, message or mail in a part: the latest is above."""
        return _words(self._part(name).split("<article", 2)[1])

    def _part(self, name: str) -> str:
        page, after = self.page, PARTS[PARTS.index(name) + 1]
        return page[page.index(f'id="{name}"') : page.index(f'id="{after}"')]

    @property
    def token(self) -> str:
        """What the page puts into its forms."""
        found = re.search(r'name="token" value="([^"]+)"', self.page)
        assert found is not None
        return found[1]

    @property
    def own(self) -> dict[str, str]:
        """The headers that a browser sends from the page itself."""
        kind = "application/x-www-form-urlencoded"
        return {"Origin": self.address.rstrip("/"), "Content-Type": kind}

    def press(self, button: str) -> Answer:
        """Press a button as the page does."""
        return self.ask("POST", button, self.own, urlencode({"token": self.token}))


def _words(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", markup))


def until(what: str, holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds; AssertionError that names it when it does not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"after {seconds:.0f} s not yet: {what}"
        time.sleep(0.2)
