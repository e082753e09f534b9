"""The three data-plane operations that act on a running agent, and the shell that has no SDK.

Nothing is executed on this machine: what a command prints comes from ``AgentCore.run_command``.
"""

from __future__ import annotations

import json
import struct
from binascii import crc32
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from moto.moto_api._internal import mock_random

from embedded_account.calls import Call, Caller
from embedded_account.service_models import service_model

from .control_plane import refuse_invalid
from .errors import invalid, not_found, not_simulated
from .kinds import AGENT_RUNTIME, AGENT_RUNTIME_ENDPOINT, HARNESS
from .shapes import DATA
from .store import BACKENDS, RUNNING, AgentCoreBackend, Resource

HttpAnswer = tuple[int, dict[str, str], str | bytes]

SIMULATED = frozenset({"InvokeAgentRuntime", "InvokeAgentRuntimeCommand", "StopRuntimeSession"})

_SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"


def perform(backend: AgentCoreBackend, operation: str, parameters: Mapping[str, Any]) -> HttpAnswer:
    """Answer one data-plane operation; 501 for those that are not simulated."""
    if operation not in SIMULATED:
        raise not_simulated(operation)
    refuse_invalid(service_model(DATA).operation_model(operation).input_shape, parameters)
    runtime = invocable_runtime(backend, parameters)
    session = parameters.get("runtimeSessionId") or str(mock_random.uuid4())
    headers = {_SESSION_HEADER: session, "content-type": "application/json"}
    if operation != "InvokeAgentRuntimeCommand":
        body = json.dumps({"output": "simulated"}) if operation == "InvokeAgentRuntime" else "{}"
        return 200, headers, body
    headers["content-type"] = "application/vnd.amazon.eventstream"
    return 200, headers, b"".join(_command_stream(runtime, parameters["body"]["command"]))


def invocable_runtime(backend: AgentCoreBackend, parameters: Mapping[str, Any]) -> Resource:
    """The runtime that an invocation reaches, through its endpoint (*qualifier*, or DEFAULT)."""
    identifier = parameters["agentRuntimeArn"]
    if ":harness/" in identifier:
        harness = backend.find(HARNESS, identifier)
        environment = harness.document["environment"]["agentCoreRuntimeEnvironment"]
        identifier = environment["agentRuntimeArn"]
    runtime = backend.find(AGENT_RUNTIME, identifier)
    endpoint = backend.find(AGENT_RUNTIME_ENDPOINT, parameters.get("qualifier", "DEFAULT"), runtime)
    serving = (backend.current(endpoint) or {}).get("liveVersion", "")
    if serving not in runtime.versions:
        raise not_found("Agent runtime version", serving)
    metadata = runtime.versions[serving].get("metadataConfiguration", {})
    if not metadata.get("requireMMDSV2"):
        raise invalid(f"Agent runtime {runtime.key} must require MMDSv2 to be invoked")
    return runtime


def _command_stream(runtime: Resource, command: str) -> Iterator[bytes]:
    stdout, stderr, exit_code = RUNNING.run_command(runtime.arn, command)
    yield _message({"contentStart": {}})
    delta = {name: text for name, text in (("stdout", stdout), ("stderr", stderr)) if text}
    if delta:
        yield _message({"contentDelta": delta})
    yield _message({"contentStop": {"exitCode": exit_code, "status": "COMPLETED"}})


def _message(chunk: Mapping[str, Any]) -> bytes:
    """One message of application/vnd.amazon.eventstream (prelude, headers, payload, two CRCs)."""
    payload = json.dumps(chunk).encode()
    headers = b"".join(
        struct.pack(f">B{len(name)}sBH{len(value)}s", len(name), name, 7, len(value), value)
        for name, value in (
            (b":message-type", b"event"),
            (b":event-type", b"chunk"),
            (b":content-type", b"application/json"),
        )
    )
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))


def command_shell(
    agent_runtime_arn: str,
    caller: Caller,
    *,
    request_id: str,
    at: datetime,
    qualifier: str | None = None,
) -> Call:
    """The call that opens an interactive shell in an agent.

    ``InvokeAgentRuntimeCommandShell`` is a WebSocket without SDK operation (IAM has the action),
    so it comes as a call rather than as an HTTP request. Raises Refused as the service would.
    """
    _, _, _, region, account, _ = agent_runtime_arn.split(":", 5)
    parameters = {"agentRuntimeArn": agent_runtime_arn}
    if qualifier:
        parameters["qualifier"] = qualifier
    invocable_runtime(BACKENDS[account][region], parameters)
    return Call(
        account=account,
        region=region,
        service=DATA,
        operation="InvokeAgentRuntimeCommandShell",
        parameters=parameters,
        caller=caller,
        request_id=request_id,
        at=at,
    )
