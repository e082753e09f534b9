"""The program inside a sandbox: asks the Lambda Runtime API for events and calls the handler.

Run as ``python bootstrap.py`` with Lambda's environment variables and the function on PYTHONPATH;
it speaks the API of the page "Using the Lambda runtime API for custom runtimes" and words its
errors as AWS's own client for Python (awslambdaric) does. That client has wheels for Linux only;
this file runs on every Python from 3.11 and imports nothing but the standard library, so that a
cold start costs what the function costs.

Unlike awslambdaric it puts no handler on the root logger: logging's last resort writes warnings to
stderr.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

Handler = Callable[[Any, Any], Any]
RUNTIME = "/2018-06-01/runtime"
_HERE = __file__.removesuffix("bootstrap.py")


class RuntimeFault(Exception):
    """An error that the runtime, not the function, found; *error_type* is Lambda's name for it."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


class LambdaContext:
    """What a handler gets beside the event ("Using the Lambda context object ... in Python")."""

    client_context = None
    identity = None

    def __init__(
        self,
        environment: Mapping[str, str],
        request_id: str,
        function_arn: str,
        remaining_milliseconds: Callable[[], int],
    ) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.get_remaining_time_in_millis = remaining_milliseconds


def load_handler(
    handler: str, import_module: Callable[[str], ModuleType] = importlib.import_module
) -> Handler:
    """The function that *handler* (``app.handler``, ``folder/app.handler``) names.

    Raises RuntimeFault with Lambda's error type when the name, the module or the function is not
    there; any other error of the module's own code comes out as it is.
    """
    module_name, _, function_name = handler.rpartition(".")
    if not module_name:
        raise RuntimeFault("Runtime.MalformedHandlerName", f"Bad handler '{handler}'")
    try:
        module = import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise RuntimeFault("Runtime.UserCodeSyntaxError", message) from error
    found: Handler | None = getattr(module, function_name, None)
    if found is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise RuntimeFault("Runtime.HandlerNotFound", message)
    return found


def response_body(result: object) -> bytes:
    """The handler's result as JSON; a Decimal becomes a number, as in awslambdaric.

    Raises RuntimeFault ``Runtime.MarshalError`` for what JSON cannot say.
    """
    try:
        return json.dumps(result, default=_number).encode()
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        raise RuntimeFault("Runtime.MarshalError", message) from error


def _number(value: object) -> float:
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def error_document(error: BaseException, request_id: str = "") -> dict[str, Any]:
    """What Lambda answers for an error: its message, type, request and stack trace."""
    import traceback

    frames = [
        line
        for frame, line in zip(
            traceback.extract_tb(error.__traceback__),
            traceback.format_tb(error.__traceback__),
            strict=True,
        )
        if not frame.filename.startswith(_HERE)
    ]
    return {
        "errorMessage": str(error),
        "errorType": error.error_type if isinstance(error, RuntimeFault) else type(error).__name__,
        "requestId": request_id,
        "stackTrace": frames,
    }


class RuntimeClient:
    """One kept-open connection to the Runtime API of this sandbox.

    On a bare socket: http.client brings in email and ssl, a third of the cold start otherwise.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._address = address
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def next(self) -> tuple[Mapping[str, str], bytes]:
        """Waits for the next event; returns the headers, lower-cased, and the event's bytes."""
        return self._exchange("GET", "invocation/next", b"")

    def post(self, path: str, body: bytes) -> None:
        """Posts an answer, after what the function printed: the log must not come behind it."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._exchange("POST", path, body)

    def _exchange(self, method: str, path: str, body: bytes) -> tuple[Mapping[str, str], bytes]:
        head = (
            f"{method} {RUNTIME}/{path} HTTP/1.1\r\n"
            f"Host: {self._address}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        status = self._answers.readline().split()
        if len(status) < 2 or status[1] not in {b"200", b"202"}:
            raise ConnectionError(f"the Runtime API answered {status} to {method} {path}")
        headers = {}
        while line := self._answers.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return headers, self._answers.read(int(headers["content-length"]))

    def post_error(self, path: str, error: BaseException, request_id: str = "") -> None:
        """Prints the error to the log, as Lambda does, and posts its document."""
        document = error_document(error, request_id)
        print(f"[ERROR] {document['errorType']}: {document['errorMessage']}")
        print("".join(document["stackTrace"]), end="")
        self.post(path, json.dumps(document).encode())


def serve(client: RuntimeClient, handler: Handler) -> None:
    """Answers one event after the other, for as long as the Runtime API has any."""
    while True:
        headers, event = client.next()
        request_id = headers["lambda-runtime-aws-request-id"]
        deadline = int(headers["lambda-runtime-deadline-ms"])
        os.environ["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]

        def remaining(deadline: int = deadline) -> int:
            return max(0, deadline - int(time.time() * 1000))

        function_arn = headers["lambda-runtime-invoked-function-arn"]
        context = LambdaContext(os.environ, request_id, function_arn, remaining)
        try:
            body = response_body(handler(json.loads(event), context))
        except Exception as error:  # noqa: BLE001 - every error of the function is its answer
            client.post_error(f"invocation/{request_id}/error", error, request_id)
        else:
            client.post(f"invocation/{request_id}/response", body)


def main() -> None:
    """Loads the handler, or tells why it cannot, and serves until the sandbox is closed."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A killed sandbox must not take along the lines that it has printed.
        sys.stdout.reconfigure(line_buffering=True)
    client = RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001 - told, then the sandbox ends
        client.post_error("init/error", error)
        sys.exit(1)
    serve(client, handler)


if __name__ == "__main__":
    try:
        main()
    except ConnectionError:
        # Nobody is left to answer to: the account that owned this sandbox has closed or died.
        sys.exit(0)
