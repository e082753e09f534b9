"""One sandbox: a process that runs a function, and the Lambda Runtime API that it talks to.

The API is that of the page "Using the Lambda runtime API for custom runtimes": GET
``invocation/next``, POST ``invocation/{id}/response``, ``invocation/{id}/error`` and
``init/error``. Each sandbox has a port of its own, because ``AWS_LAMBDA_RUNTIME_API`` can name a
host and a port and nothing else.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Work:
    """One event on its way to the function; *deadline* is in Unix seconds."""

    request_id: str
    trace_id: str
    function_arn: str
    deadline: float
    event: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What the sandbox said last.

    ``next``: it waits for work. ``response``, ``error``: its answer, a JSON document.
    ``init/error``: the function could not be loaded. ``exit``: the process is gone. ``timeout``:
    nothing came in time.
    """

    kind: Literal["next", "response", "error", "init/error", "exit", "timeout"]
    body: bytes = b""
    request_id: str = ""


class RuntimeApi(socketserver.ThreadingTCPServer):
    """The Runtime API of one sandbox, on a free port of 127.0.0.1."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeRequest)
        self.port = int(self.server_address[1])
        self.address = f"127.0.0.1:{self.port}"
        self.work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        """Accepts until closed; serve_forever would wake twice a second and close as slowly."""
        while True:
            connection, address = self.socket.accept()
            if self._closed:
                connection.close()
                self.server_close()
                return
            self.process_request(connection, address)

    def close(self) -> None:
        """Ends the waiting requests and the port."""
        if self._closed:
            return
        self._closed = True
        self.work.put(None)
        # An own connection wakes the accepting thread on every platform; closing the socket does
        # not.
        socket.create_connection(("127.0.0.1", self.port)).close()


class _RuntimeRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: RuntimeApi

    def log_message(self, format: str, *args: object) -> None:
        """Keeps http.server from printing each request."""

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            # The sandbox was killed in the middle of a request; its exit is reported by the
            # Sandbox.
            self.close_connection = True

    def do_GET(self) -> None:
        if not self.path.endswith("/runtime/invocation/next"):
            self.send_error(404)
            return
        self.server.reports.put(Report("next"))
        work = self.server.work.get()
        if work is None:
            self.close_connection = True
            return
        self._answer(
            200,
            work.event,
            {
                "Lambda-Runtime-Aws-Request-Id": work.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(work.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": work.function_arn,
                "Lambda-Runtime-Trace-Id": work.trace_id,
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match self.path.rsplit("/", 3)[1:]:
            case ["runtime", "init", "error"]:
                report = Report("init/error", body)
            case ["invocation", request_id, "response"]:
                report = Report("response", body, request_id)
            case ["invocation", request_id, "error"]:
                report = Report("error", body, request_id)
            case _:
                self.send_error(404)
                return
        self.server.reports.put(report)
        self._answer(202, b'{"status":"OK"}', {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Sandbox:
    """A process that runs one function, one invocation at a time.

    *on_line* gets each line that the function prints, on one of the sandbox's threads or on the
    caller's.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> None:
        self._api = RuntimeApi()
        self._log = _Log(on_line)
        self._process = subprocess.Popen(  # noqa: S603 - the command is the embedded account's own
            command,
            cwd=folder,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
            stdin=subprocess.DEVNULL,
            stdout=self._log.write_end,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._log.open()
        self.pid = self._process.pid
        threading.Thread(target=self._watch, daemon=True).start()

    def wait_until_ready(self, seconds: float) -> Report:
        """Waits until the function asks for work; the Report says so, or why it never will."""
        return self._report_of(("next", "init/error"), "", seconds)

    def invoke(self, work: Work) -> Report:
        """Hands *work* over and waits for its answer, at most until its deadline."""
        self._api.work.put(work)
        kinds = ("response", "error")
        return self._report_of(kinds, work.request_id, work.deadline - time.time())

    def log_lines(self) -> tuple[str, ...]:
        """What the function has printed since this was asked last.

        Complete when asked after a Report: what was printed before it was sent is in the pipe.
        """
        return self._log.take()

    def exit_reason(self) -> str:
        """``exit status 1`` or ``signal: killed``, as Lambda says; "" while the process lives."""
        code = self._process.poll()
        if code is None:
            return ""
        if code < 0:
            name = signal.strsignal(-code) or str(-code)
            return f"signal: {name.lower()}"
        return f"exit status {code}"

    def kill(self) -> None:
        """Ends the process with all that it started, and its Runtime API."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._api.close()

    def _report_of(self, kinds: Sequence[str], request_id: str, seconds: float) -> Report:
        until = time.monotonic() + seconds
        while True:
            try:
                report = self._api.reports.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return Report("timeout")
            if report.kind == "exit" or (report.kind in kinds and report.request_id == request_id):
                return report

    def _watch(self) -> None:
        self._process.wait()
        self._api.reports.put(Report("exit"))


class _Log:
    """The pipe that a sandbox prints into, cut into lines while the function runs."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._lock = threading.Lock()
        self._closed = False
        self._rest = b""
        self._lines: list[str] = []

    def open(self) -> None:
        """Leaves the writing end to the sandbox alone and starts to read."""
        os.close(self.write_end)
        threading.Thread(target=self._pump, daemon=True).start()

    def take(self) -> tuple[str, ...]:
        self.drain()
        with self._lock:
            if self._rest:
                self._keep(self._rest)
                self._rest = b""
            lines, self._lines = tuple(self._lines), []
        return lines

    def drain(self) -> bool:
        """Reads what is there without waiting; False once nothing can come any more."""
        with self._lock:
            while not self._closed:
                try:
                    chunk = os.read(self._read_end, 65_536)
                except BlockingIOError:
                    return True
                if not chunk:
                    os.close(self._read_end)
                    self._closed = True
                    break
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                for line in lines:
                    self._keep(line)
        return False

    def _keep(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self._lines.append(text)
        self._on_line(text)

    def _pump(self) -> None:
        """Keeps the pipe from filling up, which would stop the function in a print."""
        readable = select.poll()
        readable.register(self._read_end, select.POLLIN)
        while self.drain():
            readable.poll()
