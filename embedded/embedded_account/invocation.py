"""What an invocation of a Lambda function needs, and what it comes to."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Credentials = Callable[["FunctionSpec"], Mapping[str, str]]
OnLog = Callable[["FunctionSpec", str], None]


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One deployed function: where its code lies and how it is configured.

    *code* is the unpacked deployment package, *layers* the unpacked layers in the order in which
    the function names them. *environment* holds the function's own variables. *log_group* is
    empty for a function that logs to the group of its own name.
    """

    account: str
    region: str
    name: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    environment: Mapping[str, str]
    timeout_seconds: float
    memory_mb: int
    role_arn: str
    log_group: str = ""

    @property
    def logs_to(self) -> str:
        """The name of the log group that the function writes to."""
        return self.log_group or f"/aws/lambda/{self.name}"

    @property
    def arn(self) -> str:
        """The function's ARN, in the partition of its role."""
        partition = self.role_arn.split(":")[1]
        return f"arn:{partition}:lambda:{self.region}:{self.account}:function:{self.name}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation came to.

    *payload* is what Invoke answers: the handler's result or, when *error_type* is set, the error's
    document. *log* holds the lines that the function printed, *duration_ms* leaves a cold start
    out.
    """

    payload: Any
    error_type: str | None
    error_message: str | None
    log: tuple[str, ...]
    duration_ms: float
    cold: bool


class Runner(Protocol):
    """Whatever can invoke a function."""

    def invoke(self, spec: FunctionSpec, event: Any) -> Outcome: ...

    def close(self) -> None: ...


class Killed(BaseException):
    """Raised by a fault inside an invocation whose sandbox dies; ``except Exception`` lets it pass.

    A process that dies runs no ``finally``; here Python does. Whoever raises Killed must go on
    raising it for each further call of the same invocation.
    """


def failure(
    error_type: str, message: str, log: tuple[str, ...], duration_ms: float, *, cold: bool
) -> Outcome:
    """The Outcome of an invocation that Lambda itself ended."""
    payload = {"errorType": error_type, "errorMessage": message}
    return Outcome(payload, error_type, message, log, duration_ms, cold)


def timed_out(
    spec: FunctionSpec, request_id: str, log: tuple[str, ...], duration_ms: float, *, cold: bool
) -> Outcome:
    """The Outcome of an invocation that Lambda ended because its time was up."""
    message = (
        f"RequestId: {request_id} Error: Task timed out after {spec.timeout_seconds:.2f} seconds"
    )
    return failure("Sandbox.Timedout", message, log, duration_ms, cold=cold)


def import_paths(spec: FunctionSpec) -> tuple[Path, ...]:
    """The folders that a function imports from, the code first.

    A layer's folder ``python`` is what Lambda puts on the path; a layer without one is a source
    tree and stands for itself. Of two layers the later wins, since Lambda unpacks it over the
    earlier.
    """
    layers = (layer / "python" if (layer / "python").is_dir() else layer for layer in spec.layers)
    return (spec.code, *reversed(tuple(layers)))


def lambda_environment(
    spec: FunctionSpec, credentials: Mapping[str, str], endpoint_url: str | None
) -> dict[str, str]:
    """The environment variables of a sandbox ("Defined runtime environment variables").

    *credentials* are variables too: ``AWS_ACCESS_KEY_ID`` and so on. *endpoint_url* is the one
    variable that AWS does not set. A value of the function below ``/opt/`` names a layer's file,
    which lies elsewhere here.
    """
    environment = {name: _in_layer(spec, value) for name, value in spec.environment.items()}
    environment |= {
        "_HANDLER": spec.handler,
        "_X_AMZN_TRACE_ID": "",
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.logs_to,
        "AWS_LAMBDA_LOG_STREAM_NAME": "embedded",
        "LAMBDA_TASK_ROOT": str(spec.code),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
    }
    environment |= credentials
    if endpoint_url is not None:
        environment["AWS_ENDPOINT_URL"] = endpoint_url
    return environment


def _in_layer(spec: FunctionSpec, value: str) -> str:
    if not value.startswith("/opt/"):
        return value
    places = (layer / value.removeprefix("/opt/") for layer in reversed(spec.layers))
    return next((str(place) for place in places if place.exists()), value)


def new_trace_id() -> str:
    """An X-Amzn-Trace-Id of its own for each invocation."""
    root, parent = uuid.uuid4().hex[:24], uuid.uuid4().hex[:16]
    return f"Root=1-{int(time.time()):08x}-{root};Parent={parent};Sampled=0"


def trace_root(trace_id: str) -> str:
    """The part of a trace id that stays the same on its way through services."""
    parts = dict(part.partition("=")[::2] for part in trace_id.split(";"))
    return parts.get("Root", trace_id)
