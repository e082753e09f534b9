"""Starts the demo as a process of its own, in an environment that would lead boto3 elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

MISLEADING = {
    "AWS_PROFILE": "nobody",
    "AWS_ENDPOINT_URL": "http://198.51.100.1",
    "AWS_REGION": "ap-south-1",
    "HTTP_PROXY": "http://198.51.100.2:3128",
}
PATIENCE_SECONDS = 120.0


class Demo:
    """A demo that runs, and what it has said so far."""

    def __init__(self, *options: str) -> None:
        command = str(Path(sys.executable).with_name("sentinel"))
        self.process = subprocess.Popen(
            [command, "demo", *options],
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
