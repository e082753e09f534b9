"""The functions that moto knows: what they are made of, what feeds them, and their invocation."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends

from embedded_account.asynchronous import AsynchronousInvocations, SendToDestination
from embedded_account.cloudformation import SOURCE_TREE_BUCKET, source_tree_path
from embedded_account.function_logs import FunctionLogs, log_group_of
from embedded_account.invocation import FunctionSpec, Outcome, Runner
from embedded_account.queues import EventSource, event_source_of
from embedded_account.world import FunctionRan, World


def event_sources(service: str) -> list[EventSource]:
    """Return every enabled event source mapping of a service (``sqs``, ``dynamodb``)."""
    return [
        event_source_of(mapping)
        for account in tuple(lambda_backends.values())
        for backend in tuple(account.values())
        for mapping in tuple(backend._event_source_mappings.values())
        if mapping.enabled and f":{service}:" in mapping.event_source_arn
    ]


class Lambdas:
    """The functions that moto knows: what they are made of, and their invocation."""

    def __init__(
        self,
        world: World,
        runner: Callable[[], Runner],
        send_to_destination: SendToDestination,
        logs: FunctionLogs,
    ) -> None:
        self._world = world
        self._runner = runner
        self._logs = logs
        self._unpacked: dict[str, Path] = {}
        self._asynchronous = AsynchronousInvocations(
            world, self.invoke, _invoke_settings, send_to_destination
        )

    def invoke(self, function_arn: str, event: Any) -> Outcome:
        """Invoke a function and wait for its outcome. Raises LookupError when it does not exist."""
        spec = self.spec_of(function_arn)
        outcome = self._runner().invoke(spec, event)
        self._logs.keep(spec, outcome)
        self._world.record(FunctionRan(self._world.clock.now(), function_arn, event, outcome))
        return outcome

    def invoke_later(self, function_arn: str, event: Any) -> None:
        """Accept an asynchronous invocation; raises LookupError for an unknown function."""
        _function(function_arn)
        self._asynchronous.accept(function_arn, event)

    def answer(
        self,
        function: Any,
        body: bytes | str,
        headers: Mapping[str, str],
        response_headers: dict[str, str],
    ) -> bytes:
        """Answer Lambda's Invoke: RequestResponse, Event or DryRun."""
        event = json.loads(body or "{}")
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return b""
        if kind == "Event":
            self.invoke_later(function.function_arn, event)
            return b""
        outcome = self.invoke(function.function_arn, event)
        if outcome.error_type is not None:
            response_headers["x-amz-function-error"] = "Unhandled"
        log = "\n".join(outcome.log).encode()[-4096:]
        response_headers["x-amz-log-result"] = base64.b64encode(log).decode()
        response_headers["X-Amz-Executed-Version"] = "$LATEST"
        return json.dumps(outcome.payload).encode()

    def role_of(self, function_arn: str) -> str:
        """Return the ARN of a function's execution role."""
        return str(_function(function_arn).role)

    def spec_of(self, function_arn: str) -> FunctionSpec:
        """Return what a runner needs to know of a function."""
        function = _function(function_arn)
        layers = lambda_backends[function.account_id][function.region]
        return FunctionSpec(
            account=function.account_id,
            region=function.region,
            name=function.function_name,
            handler=function.handler,
            code=self._folder(function.code, function.code_bytes),
            layers=tuple(
                self._folder(version.content, version.code_bytes)
                for version in map(
                    layers.layers_versions_by_arn, (layer["Arn"] for layer in function.layers)
                )
                if version is not None
            ),
            environment=dict(function.environment_vars),
            timeout_seconds=float(function.timeout),
            memory_mb=int(function.memory_size),
            role_arn=function.role,
            log_group=log_group_of(function),
        )

    def _folder(self, location: Mapping[str, str], archive: bytes) -> Path:
        """Return the folder that a key of the source tree names, or where the zip was unpacked."""
        if location.get("S3Bucket") == SOURCE_TREE_BUCKET:
            return source_tree_path(location["S3Key"])
        digest = hashlib.sha256(archive).hexdigest()
        if digest not in self._unpacked:
            folder = Path(tempfile.mkdtemp(prefix="embedded-function-"))
            with zipfile.ZipFile(io.BytesIO(archive)) as package:
                package.extractall(folder)
            self._unpacked[digest] = folder
        return self._unpacked[digest]

    def close(self) -> None:
        """Remove what was unpacked."""
        for folder in self._unpacked.values():
            shutil.rmtree(folder)
        self._unpacked.clear()


def url_configurations() -> list[Any]:
    """Return moto's configuration of every function URL."""
    return [
        function.url_config
        for account in tuple(lambda_backends.values())
        for backend in tuple(account.values())
        for function in backend.list_functions()
        if function.url_config is not None
    ]


def url_id(configuration: Any) -> str:
    """Return the part of a function URL that tells it from others."""
    return str(urlsplit(configuration.url).netloc.partition(".")[0])


def _function(function_arn: str) -> Any:
    _, _, _, region, account, _, name, *_ = function_arn.split(":")
    try:
        return lambda_backends[account][region].get_function(name)
    except UnknownFunctionException as unknown:
        raise LookupError(f"function {function_arn} does not exist") from unknown


def _invoke_settings(function_arn: str) -> Mapping[str, Any]:
    configurations = _function(function_arn).event_invoke_config
    # moto appends on every PutFunctionEventInvokeConfig and goes on answering the first
    return configurations[-1].config if configurations else {}
