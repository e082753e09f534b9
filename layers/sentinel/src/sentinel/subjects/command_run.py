"""A shell command that somebody ran inside an agent."""

from __future__ import annotations

from typing import ClassVar

from sentinel.agentcore import SOURCES, from_arn
from sentinel.record import Record
from sentinel.subject import Activity, Effect, Identity


class CommandRun(Activity):
    """A shell command that somebody ran inside an agent.

    CloudTrail tells who ran it and where, never the command: the request's payload is not logged
    (AgentCore Developer Guide, "Execute commands in a runtime session").
    """

    kind: ClassVar[str] = "command-run"
    sources: ClassVar[tuple[str, ...]] = SOURCES
    events: ClassVar[dict[str, Effect]] = {
        "InvokeAgentRuntimeCommand": Effect.CALLS,
        "InvokeAgentRuntimeCommandShell": Effect.CALLS,
    }

    agent_runtime_arn: str
    qualifier: str | None = None
    runtime_session_id: str | None = None

    @property
    def log_group(self) -> str | None:
        """Where the agent's log holds the command, by the call's request id; None if not known.

        AgentCore Developer Guide, "Execute commands in a runtime session".
        """
        if ":runtime/" not in self.key:
            return None
        endpoint = self.told("qualifier") or "DEFAULT"
        return f"/aws/bedrock-agentcore/runtimes/{self.identity.name}-{endpoint}"

    @classmethod
    def identify(cls, record: Record) -> Identity:
        """The runtime or harness that was called, or "unknown" when the record names none."""
        named = record.request.get("agentRuntimeArn")
        for text in (*([named] if isinstance(named, str) else ()), *record.resource_arns()):
            for segment in ("runtime", "harness"):
                found = from_arn(cls.kind, segment, text)
                if found:
                    return found
        place = f"{record.partition}/{record.account}/{record.region}"
        key = f"{place}/runtime/unknown"
        return Identity(record.partition, record.account, record.region, cls.kind, key, "unknown")
