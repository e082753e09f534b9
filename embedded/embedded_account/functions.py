"""Runs Lambda functions: each in processes of its own, or all in this one.

ProcessRunner is what the demo and the second ring of tests use: warm sandboxes, several at a time,
killed at the timeout, with Lambda's environment variables and none of the caller's. InProcessRunner
is for the fault harness, which runs an invocation some ten thousand times and forks: no thread, no
process, one at a time.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import TextIOBase
from typing import Any, Literal

from embedded_account import bootstrap
from embedded_account.invocation import (
    Credentials,
    FunctionSpec,
    Killed,
    OnLog,
    Outcome,
    Runner,
    failure,
    import_paths,
    lambda_environment,
    new_trace_id,
    timed_out,
    trace_root,
)
from embedded_account.isolation import Interior
from embedded_account.runtime_api import Report, Sandbox, Work

__all__ = [
    "FunctionSpec",
    "InProcessRunner",
    "Killed",
    "Outcome",
    "ProcessRunner",
    "Runner",
    "Running",
]

SANDBOXES_PER_FUNCTION = 8
INIT_SECONDS = 10.0  # "Understanding the Lambda execution environment lifecycle": the init phase


class ProcessRunner:
    """Runs each function in warm sandboxes, which are processes; several of one function at a time.

    *client* is what speaks the Runtime API inside the sandbox: this package's bootstrap, or AWS's
    own ``awslambdaric`` for a built artifact (*python* must have it). *credentials* gives the
    environment variables of the function's role. *on_log* gets each printed line at once, on any
    thread.
    """

    def __init__(
        self,
        endpoint_url: str | None,
        credentials: Credentials,
        python: str = sys.executable,
        *,
        client: Literal["bootstrap", "awslambdaric"] = "bootstrap",
        on_log: OnLog | None = None,
    ) -> None:
        self._endpoint_url = endpoint_url
        self._credentials = credentials
        self._python = python
        self._client = client
        self._on_log = on_log
        self._lock = threading.Lock()
        self._slots: dict[str, threading.Semaphore] = defaultdict(
            lambda: threading.Semaphore(SANDBOXES_PER_FUNCTION)
        )
        self._idle: dict[str, list[tuple[FunctionSpec, Sandbox]]] = defaultdict(list)
        self._running: dict[str, Sandbox] = {}
        self._closed = False

    def invoke(self, spec: FunctionSpec, event: Any) -> Outcome:
        """Invokes the function and waits; a ninth at the same time waits for a free sandbox."""
        body = json.dumps(event).encode()
        with self._lock:
            slot = self._slots[spec.arn]
        with slot:
            trace_id = new_trace_id()
            warm = self._warm_sandbox(spec)
            sandbox = warm or self._start(spec)
            with self._lock:
                self._running[trace_root(trace_id)] = sandbox
            try:
                return _run_in(sandbox, spec, body, trace_id, cold=warm is None)
            finally:
                self._give_back(spec, sandbox, trace_id)

    def sandbox_of(self, trace_id: str) -> int:
        """The process id of the sandbox that runs the invocation with this X-Amzn-Trace-Id now.

        Raises KeyError when none does, so that nobody kills a stranger.
        """
        with self._lock:
            return self._running[trace_root(trace_id)].pid

    def close(self) -> None:
        """Kills every sandbox, busy ones too, and starts no other."""
        with self._lock:
            self._closed = True
            sandboxes = [sandbox for idle in self._idle.values() for _, sandbox in idle]
            sandboxes += self._running.values()
            self._idle.clear()
        for sandbox in sandboxes:
            sandbox.kill()

    def _warm_sandbox(self, spec: FunctionSpec) -> Sandbox | None:
        """A sandbox that still waits for work; those of an earlier configuration are killed."""
        while True:
            with self._lock:
                if self._closed:
                    raise RuntimeError(f"cannot invoke {spec.name}: this ProcessRunner is closed")
                if not self._idle[spec.arn]:
                    return None
                configured, sandbox = self._idle[spec.arn].pop()
            ready = configured == spec and sandbox.wait_until_ready(1.0).kind == "next"
            # It may have asked for work and died since.
            if ready and not sandbox.exit_reason():
                return sandbox
            sandbox.kill()

    def _give_back(self, spec: FunctionSpec, sandbox: Sandbox, trace_id: str) -> None:
        with self._lock:
            del self._running[trace_root(trace_id)]
            reusable = not sandbox.exit_reason() and not self._closed
            if reusable:
                self._idle[spec.arn].append((spec, sandbox))
        if not reusable:
            sandbox.kill()

    def _start(self, spec: FunctionSpec) -> Sandbox:
        environment = lambda_environment(spec, self._credentials(spec), self._endpoint_url)
        environment["PYTHONPATH"] = os.pathsep.join(map(str, import_paths(spec)))
        # -P keeps the bootstrap's own folder off the path: a function must not import its
        # neighbours there.
        program = (
            [bootstrap.__file__]
            if self._client == "bootstrap"
            else ["-m", "awslambdaric", spec.handler]
        )
        on_log = self._on_log

        def on_line(line: str) -> None:
            if on_log is not None:
                on_log(spec, line)

        return Sandbox([self._python, "-s", "-P", *program], spec.code, environment, on_line)


def _run_in(
    sandbox: Sandbox, spec: FunctionSpec, event: bytes, trace_id: str, *, cold: bool
) -> Outcome:
    """One invocation; a sandbox that is of no use afterwards is killed."""
    request_id = str(uuid.uuid4())
    duration_ms = 0.0
    report = (
        sandbox.wait_until_ready(INIT_SECONDS + spec.timeout_seconds) if cold else Report("next")
    )
    if report.kind == "next":
        started = time.perf_counter()
        deadline = time.time() + spec.timeout_seconds
        report = sandbox.invoke(Work(request_id, trace_id, spec.arn, deadline, event))
        duration_ms = (time.perf_counter() - started) * 1000
    log = sandbox.log_lines()
    match report.kind:
        case "response":
            return Outcome(json.loads(report.body), None, None, log, duration_ms, cold)
        case "error" | "init/error":
            if report.kind == "init/error":
                sandbox.kill()
            document = json.loads(report.body)
            error_type, message = document["errorType"], document["errorMessage"]
            return Outcome(document, error_type, message, log, duration_ms, cold)
        case "timeout":
            sandbox.kill()
            return timed_out(spec, request_id, log, duration_ms, cold=cold)
        case _:
            message = (
                f"RequestId: {request_id} Error: Runtime exited with error: {sandbox.exit_reason()}"
            )
            return failure("Runtime.ExitError", message, log, duration_ms, cold=cold)


@dataclass(frozen=True, slots=True)
class Running:
    """An invocation that runs in this process now; after *deadline* nothing that it does counts."""

    spec: FunctionSpec
    request_id: str
    trace_id: str
    deadline: datetime


@dataclass(slots=True)
class _Warm:
    spec: FunctionSpec
    interior: Interior
    handler: bootstrap.Handler | None = None


class InProcessRunner:
    """Runs functions in this process, one invocation at a time; one may cause another (nested).

    *clock* tells aware UTC, real or virtual: deadlines follow it. There is no thread that could
    interrupt a function, so a timeout is found when it returns; a fault ends it earlier by raising
    Killed once ``current`` is past its deadline. Holds no thread and no file, so it works on after
    ``os.fork()``. While a function runs the whole process has its environment variables, and what
    it calls must answer on its own thread: behind the HTTP server use ProcessRunner.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        endpoint_url: str | None = None,
        on_log: OnLog | None = None,
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._endpoint_url = endpoint_url
        self._output = _Output(on_log)
        self._lock = threading.RLock()
        self._warm: dict[str, _Warm] = {}
        self._running: list[Running] = []

    @property
    def current(self) -> Running | None:
        """The innermost invocation that runs now."""
        return self._running[-1] if self._running else None

    def invoke(self, spec: FunctionSpec, event: Any) -> Outcome:
        """Invokes the function; only JSON passes in and out, as through Lambda."""
        body = json.dumps(event)
        with self._lock:
            warm = self._warm.get(spec.arn)
            cold = warm is None or warm.spec != spec
            if warm is None or cold:
                environment = lambda_environment(spec, self._credentials(spec), self._endpoint_url)
                warm = _Warm(spec, Interior(import_paths(spec), environment))
            with self._output.of(spec), warm.interior.entered():
                outcome = self._run_in(warm, body, cold=cold)
            self._warm.pop(spec.arn, None)
            if warm.handler is not None:
                self._warm[spec.arn] = warm
            return outcome

    def close(self) -> None:
        """Forgets every loaded function."""
        with self._lock:
            self._warm.clear()

    def _run_in(self, warm: _Warm, event: str, *, cold: bool) -> Outcome:
        """One invocation; a function that is of no use afterwards loses its handler."""
        spec, request_id = warm.spec, str(uuid.uuid4())
        started = self._clock()
        deadline = started + timedelta(seconds=spec.timeout_seconds)
        running = Running(spec, request_id, new_trace_id(), deadline)
        self._running.append(running)
        os.environ["_X_AMZN_TRACE_ID"] = running.trace_id
        payload, killed = None, None
        error: Exception | None = None
        try:
            warm.handler = warm.handler or bootstrap.load_handler(spec.handler)
            context = bootstrap.LambdaContext(
                os.environ, request_id, spec.arn, self._remaining(deadline)
            )
            result = warm.handler(json.loads(event), context)
            payload = json.loads(bootstrap.response_body(result))
        except Exception as raised:  # noqa: BLE001 - every error of the function is its answer
            error = raised
        except (Killed, SystemExit) as raised:
            warm.handler, killed = None, raised
        finally:
            self._running.pop()
        duration_ms = (self._clock() - started).total_seconds() * 1000
        log = self._output.take()
        if self._clock() > deadline:
            warm.handler = None
            return timed_out(spec, request_id, log, duration_ms, cold=cold)
        if killed is not None:
            error_type = "Runtime.Killed" if isinstance(killed, Killed) else "Runtime.ExitError"
            message = f"RequestId: {request_id} Error: {str(killed) or error_type}"
            return failure(error_type, message, log, duration_ms, cold=cold)
        if error is not None:
            document = bootstrap.error_document(error, request_id)
            error_type, message = document["errorType"], document["errorMessage"]
            return Outcome(document, error_type, message, log, duration_ms, cold)
        return Outcome(payload, None, None, log, duration_ms, cold)

    def _remaining(self, deadline: datetime) -> Callable[[], int]:
        return lambda: max(0, int((deadline - self._clock()).total_seconds() * 1000))


class _Output(TextIOBase):
    """Stands for stdout and stderr while a function runs, and hands its lines on.

    One object for all invocations: a logging handler keeps the stream that it found when it was
    made. What such a handler prints while no function runs goes to the real stdout.
    """

    def __init__(self, on_log: OnLog | None) -> None:
        self._on_log = on_log
        self._logs: list[tuple[FunctionSpec, list[str]]] = []
        self._rest = ""

    @contextmanager
    def of(self, spec: FunctionSpec) -> Iterator[None]:
        """Collects the lines printed from here on as those of *spec*."""
        outer_rest, self._rest = self._rest, ""
        self._logs.append((spec, []))
        try:
            with redirect_stdout(self), redirect_stderr(self):
                yield
        finally:
            self._logs.pop()
            self._rest = outer_rest

    def take(self) -> tuple[str, ...]:
        """What the innermost invocation has printed, a last line without a newline included."""
        if self._rest:
            self.write("\n")
        return tuple(self._logs[-1][1])

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not self._logs:
            print(text, end="", file=sys.__stdout__)
            return len(text)
        spec, log = self._logs[-1]
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            log.append(line)
            if self._on_log is not None:
                self._on_log(spec, line)
        return len(text)
