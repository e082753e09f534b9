"""Follows each call of the developer through the buses, queues and functions to the people told."""

from __future__ import annotations

import json
import statistics
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sentinel_cli.demo.deployment import STACK, Deployment

WIRE = (
    "default bus",
    "ingest bus",
    "queue",
    "evaluate",
    "stream",
    "announce",
    "sentinel bus",
    "notify",
    "Slack",
)
"""The hops from a call to Slack: each is over when the next one has it."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One thing that happened on the way; *detail* is what it carried, as JSON."""

    name: str
    at: datetime
    sentence: str
    detail: Any


@dataclass(slots=True)
class Trace:
    """A call, and what followed from it; *change* is the id of the finding's change, if any."""

    request_id: str
    operation: str
    words: frozenset[str]
    at: datetime
    hops: list[Hop] = field(default_factory=list)
    change: str = ""

    def add(self, hop: Hop) -> None:
        """Keep the first of each name: what comes twice was on its way before."""
        if all(known.name != hop.name for known in self.hops):
            self.hops.append(hop)
            self.hops.sort(key=lambda each: each.at)

    def milliseconds(self, hop: Hop) -> float:
        """How long after the call's answer a hop was."""
        return (hop.at - self.at).total_seconds() * 1000

    def touches(self, key: str) -> bool:
        """Whether the call named the resource with this key."""
        return any(word in key for word in self.words)


@dataclass(slots=True)
class Story:
    """A finding with its changes, or a call from which nothing followed (no *fingerprint*)."""

    fingerprint: str
    title: str
    severity: str
    status: str
    resource: str
    traces: list[Trace] = field(default_factory=list)
    open_seconds: float | None = None


class Timeline:
    """Hears the world and keeps the stories, newest last. *on_change* hears of each new hop."""

    def __init__(self, deployment: Deployment, on_change: Callable[[], None]) -> None:
        self._world = deployment.account.world
        self._workload = deployment.workload
        self._changed = on_change
        self._lock = threading.Lock()
        self._traces: dict[str, Trace] = {}
        self._by_change: dict[str, Trace] = {}
        self._stories: list[Story] = []
        self._opened: dict[str, datetime] = {}
        self._hearers: Mapping[str, Callable[[Any, datetime], bool]] = {
            "CallMade": self._call,
            "EventDelivered": self._event,
            "FunctionRan": self._function,
            "SinkMessage": self._message,
        }
        self._world.subscribe(self._hear)

    def stories(self) -> Sequence[Story]:
        """What happened so far, oldest first."""
        with self._lock:
            return list(self._stories)

    def calls(self) -> int:
        """How many calls people made."""
        with self._lock:
            return len(self._traces)

    def trace(self, request_id: str) -> Trace:
        """What followed from one call. Raises KeyError for another's call."""
        with self._lock:
            return self._traces[request_id]

    def _hear(self, entry: Any) -> None:
        hearer = self._hearers.get(type(entry).__name__)
        if hearer is None:
            return
        with self._lock:
            told = hearer(entry, self._world.clock.now())
        if told:
            self._changed()

    def _call(self, entry: Any, now: datetime) -> bool:
        call, answer = entry.call, entry.answer
        role = call.caller.arn.split("/")[1] if "/" in call.caller.arn else ""
        if call.account == self._workload and not role.startswith("agentcore-sentinel"):
            return self._of_people(call, answer, now)
        if role == "agentcore-sentinel-read" and call.operation.startswith("Get"):
            return self._live_read(call, answer, now)
        if call.operation == "TransactWriteItems":
            return self._stored(call, now)
        if call.operation == "PutEvents":
            return self._announced(call, now)
        return False

    def _of_people(self, call: Any, answer: Any, now: datetime) -> bool:
        if call.operation.startswith(("Get", "List", "Describe")) or answer.error_code:
            return False
        trace = Trace(call.request_id, call.operation, _words(call.parameters), now)
        by = call.caller.arn.rpartition("/")[2] or call.caller.arn
        sentence = f"{by} calls {call.operation}"
        trace.add(Hop("call", now, sentence, _readable(call.parameters)))
        self._traces[call.request_id] = trace
        named = ", ".join(sorted(trace.words))
        self._stories.append(Story("", call.operation, "", "", named, [trace]))
        return True

    def _live_read(self, call: Any, answer: Any, now: datetime) -> bool:
        trace = self._touching(" ".join(_words(call.parameters)))
        if trace is None:
            return False
        outcome = answer.error_code or answer.status
        trace.add(Hop("live read", now, f"{call.operation}: {outcome}", _json(answer.body)))
        return True

    def _stored(self, call: Any, now: datetime) -> bool:
        told = False
        for item in (
            each.get("Put", {}).get("Item", {}) for each in call.parameters["TransactItems"]
        ):
            if item.get("sk", {}).get("S", "").startswith("change#") and "body" in item:
                told |= self._change(item["id"]["S"], json.loads(item["body"]["S"]), now)
        return told

    def _change(self, change: str, body: Mapping[str, Any], now: datetime) -> bool:
        """A finding or gap was opened, changed or resolved, by a call that is looked for."""
        trace = self._cause(body) if "fingerprint" in body else self._latest()
        if trace is None:
            return False
        trace.change, self._by_change[change] = change, trace
        trace.add(Hop("evaluate", now, _judged(body), body))
        self._tell_story(trace, _story(change, body), now)
        return True

    def _cause(self, body: Mapping[str, Any]) -> Trace | None:
        """The call that last touched a finding's resource."""
        trace = self._traces.get((body.get("cause") or {}).get("request_id", ""))
        if trace is None or trace.change:
            trace = self._touching(body["subject"]["key"]) or trace
        return trace

    def _latest(self) -> Trace | None:
        """The latest call that people made: of a gap nobody knows who caused it."""
        return next(reversed(self._traces.values()), None)

    def _tell_story(self, trace: Trace, told: Story, now: datetime) -> None:
        self._stories = [s for s in self._stories if s.fingerprint or trace not in s.traces]
        fingerprint = told.fingerprint
        found = next((s for s in self._stories if s.fingerprint == fingerprint), None)
        if found is None:
            found = told
        else:
            self._stories.remove(found)
        self._stories.append(found)
        found.status, found.severity = told.status, told.severity
        if trace not in found.traces:
            found.traces.append(trace)
        if found.status == "OPEN":
            self._opened[fingerprint] = trace.at
            found.open_seconds = None
        elif fingerprint in self._opened:
            found.open_seconds = (now - self._opened[fingerprint]).total_seconds()

    def _announced(self, call: Any, now: datetime) -> bool:
        told = False
        for entry in call.parameters["Entries"]:
            detail = json.loads(entry["Detail"])
            sentence = f"{entry['DetailType']} goes on the sentinel bus"
            told |= self._of_change(detail, Hop("announce", now, sentence, detail))
        return told

    def _event(self, entry: Any, now: datetime) -> bool:
        detail = entry.event.get("detail", {})
        if f":{STACK}-notify" in entry.target_arn:
            hop = Hop("sentinel bus", now, "its rule matches and invokes notify", entry.event)
            return self._of_change(detail, hop)
        trace = self._traces.get(detail.get("requestID", ""))
        if trace is None:
            return False
        if ":event-bus/" in entry.target_arn:
            sentence = "CloudTrail's event is forwarded to the hub"
            trace.add(Hop("default bus", now, sentence, entry.event))
        else:
            sentence = "the hub's rule matches and puts it into a queue"
            trace.add(Hop("ingest bus", now, sentence, entry.target_arn))
        return True

    def _function(self, entry: Any, now: datetime) -> bool:
        name = entry.function_arn.rpartition(f":{STACK}-")[2]
        began = now - timedelta(milliseconds=entry.outcome.duration_ms)
        cold = " in a new sandbox" if entry.outcome.cold else ""
        told = False
        for record in entry.event.get("Records", ()):
            if "body" in record:
                body = json.loads(record["body"])
                trace = self._traces.get(body.get("detail", {}).get("requestID", ""))
                if trace is not None:
                    hop = Hop("queue", began, f"evaluate takes it{cold}", entry.outcome.payload)
                    trace.add(hop)
                    told = True
            elif "dynamodb" in record:
                image = record["dynamodb"].get("NewImage", {})
                hop = Hop("stream", began, f"announce takes the change{cold}", image)
                told |= self._of_change({"id": image.get("id", {}).get("S", "")}, hop)
        if name == "notify":
            detail = entry.event.get("detail", {})
            told |= self._of_change(detail, Hop("notify", began, f"notify starts{cold}", detail))
        return told

    def _message(self, entry: Any, now: datetime) -> bool:
        """What reached people is always worth drawing, whether or not its call is known."""
        message = entry.message
        if entry.sink == "slack":
            ids = [b.get("block_id", "") for b in message.blocks if isinstance(b, Mapping)]
            change = next((i.partition(":")[2] for i in ids if i.startswith("notice:")), "")
            sentence = "the message is edited" if message.edited_ts else "a message is posted"
            blocks = list(message.blocks)
            hop = Hop("Slack", now, sentence, {"text": message.text, "blocks": blocks})
            self._of_change({"id": change}, hop)
            return True
        hop = Hop("mail", now, message.subject, message.body)
        latest = [
            s for s in self._stories if s.fingerprint and f"f-{s.fingerprint[:8]}" in message.body
        ]
        for story in latest[-1:]:
            story.traces[-1].add(hop)
        return True

    def _of_change(self, detail: Mapping[str, Any], hop: Hop) -> bool:
        trace = self._by_change.get(str(detail.get("id", "")))
        if trace is not None:
            trace.add(hop)
        return trace is not None

    def _touching(self, key: str) -> Trace | None:
        for trace in reversed(self._traces.values()):
            if trace.touches(key):
                return trace
        return None


def _story(change: str, body: Mapping[str, Any]) -> Story:
    """A finding's or gap's story, with nothing told yet; a change's id begins with theirs."""
    fingerprint, status = change.partition(".")[0], body["status"]
    if "fingerprint" not in body:
        title = f"{body['kind'].capitalize()} cannot be read: {body['cause']}"
        place = f"{body['account']}, {body['region']}"
        return Story(fingerprint, title, "COULD NOT ASSESS", status, place)
    severity = body["problem"]["severity"]
    subject = body["subject"]
    resource = subject.get("name") or subject["key"]
    named = _SEVERITIES.get(severity, str(severity))
    return Story(fingerprint, body["rule"], named, status, resource)


def _judged(body: Mapping[str, Any]) -> str:
    if "fingerprint" in body:
        silent = ", and nobody is told" if body["status"] == "SUPPRESSED" else ""
        return f"judged and stored: {body['rule']} is {body['status']}{silent}"
    refused = "was refused" if body["status"] == "OPEN" else "is allowed again"
    return f"{body['cause']} {refused}: the gap is {body['status']}"


def medians(traces: Sequence[Trace], returned: Sequence[datetime]) -> Iterator[tuple[str, float]]:
    """The median time, in ms after boto3's return of the call, at which each hop was over."""
    for name in WIRE:
        times = [
            (hop.at - at).total_seconds() * 1000
            for trace, at in zip(traces, returned, strict=True)
            for hop in trace.hops
            if hop.name == name
        ]
        if times:
            yield name, statistics.median(times)


_SEVERITIES = {4: "CRITICAL", 3: "HIGH", 2: "MEDIUM", 1: "LOW", 0: "INFORMATIONAL"}


def _words(value: Any) -> frozenset[str]:
    """The names in a call's parameters, by which a later event of the same thing is known."""
    if isinstance(value, str):
        return frozenset({value.rpartition("/")[2]}) if 6 <= len(value) < 200 else frozenset()
    if isinstance(value, Mapping):
        named = {k: v for k, v in value.items() if k not in _NOT_NAMES}
        return frozenset().union(*map(_words, named.values()))
    return frozenset()


_NOT_NAMES = frozenset(
    {
        "PolicyDocument",
        "authorizerType",
        "body",
        "clientToken",
        "policyEngineConfiguration",
        "protocolType",
        "qualifier",
        "roleArn",
    }
)


def _readable(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
