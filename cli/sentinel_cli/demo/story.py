"""Plays the story: each act is done, and people must be told who did what, when and where."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from embedded_account.world import FunctionRan
from sentinel import catalog
from sentinel.agentcore import from_id
from sentinel.arn import partition_of
from sentinel.aws.memory import Memory
from sentinel.subjects import Gateway

from sentinel_cli.demo.act import Act, Call, Expected, Stage
from sentinel_cli.demo.acts import DELETE, STORY
from sentinel_cli.demo.people import DEVELOPER
from sentinel_cli.demo.sample_archive import replay

PATIENCE_SECONDS = 30.0


class FunctionFailedError(Exception):
    """A function that an act invoked failed; the message is the function's own."""


@dataclass(frozen=True, slots=True)
class Performed:
    """An act that was done; *returned* is when boto3 gave its answer back (time.monotonic)."""

    act: Act
    request_id: str
    returned: float


def perform(act: Act, stage: Stage) -> Performed:
    """Do it.

    Raises NotYetError, FunctionFailedError, ReplayFailedError, or what botocore raises when the
    account refuses.
    """
    if act.command:
        stage.replayed = replay()
        return Performed(act, "", time.monotonic())
    first, *others = act.calls
    answer = _made(first, stage)
    returned = time.monotonic()
    for _ in answer.get("stream") or ():  # a command ends when its output has been read
        pass
    act.after(stage, answer)
    for call in others:
        _made(call, stage)
    return Performed(act, answer["ResponseMetadata"]["RequestId"], returned)


def _made(call: Call, stage: Stage) -> Mapping[str, Any]:
    client = stage.deployment.client(call.service, call.by, in_hub=call.in_hub)
    answer: Mapping[str, Any] = getattr(client, call.method)(**call.parameters(stage))
    if "FunctionError" in answer:
        told = json.loads(answer["Payload"].read())
        raise FunctionFailedError(f"{told.get('errorType')}: {told.get('errorMessage')}")
    return answer


@dataclass(frozen=True, slots=True)
class Told:
    """How an act came out: seconds from boto3's return to each message, and what is missing."""

    performed: Performed
    slack: float | None
    mail: float | None
    headline: str
    missing: tuple[str, ...]


def play(stage: Stage) -> Iterator[Told]:
    """The story, one act after the other; each waits until people were told of it."""
    for act in STORY:
        yield told_of(act, stage)


def told_of(act: Act, stage: Stage) -> Told:
    """Do one act and wait for what people are told of it, or until the patience ends."""
    resource = act.expected.resource(stage) if act is DELETE and act.expected else ""
    performed = perform(act, stage)
    if act.expected is None:
        missing = wait_for_baseline(stage, stage.guarded_gateway)
        return Told(performed, None, None, "nothing to tell: this is the baseline", missing)
    resource = resource or act.expected.resource(stage)
    slack = mail = None
    while time.monotonic() < performed.returned + PATIENCE_SECONDS:
        now = time.monotonic() - performed.returned
        slack = slack or (now if _slack_message(stage, act.expected, resource) else None)
        mail = mail or (now if _mail(stage, act.expected, resource) else None)
        if slack and mail:
            break
        time.sleep(0.005)
    missing = tuple(_missing(stage, act.expected, resource))
    message = _slack_message(stage, act.expected, resource)
    return Told(performed, slack, mail, message.text if message else "", missing)


def wait_for_baseline(stage: Stage, gateway: str) -> tuple[str, ...]:
    """Wait until a gateway as it is was accepted: later changes are judged against that.

    A live read that was put off has accepted nothing yet. And an event of the second in which the
    read was made is no news to it: hence it also waits for the next one. What is missing when the
    patience ends first.
    """
    deployment = stage.deployment
    table = deployment.outputs["MemoryTableName"]
    memory = Memory(deployment.client("dynamodb", "root", in_hub=True), table)
    place = (partition_of(deployment.region), deployment.workload, deployment.region)
    identity = from_id(*place, Gateway.kind, Gateway.segment, gateway)
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if memory.baseline(Gateway, identity) is not None:
            time.sleep(1 - time.time() % 1)
            return ()
        time.sleep(0.05)
    return (f"{gateway} has no baseline after {PATIENCE_SECONDS:.0f} s",)


def wait_for_live_read(stage: Stage, resource: str) -> tuple[str, ...]:
    """Wait until a resource was read live after its event; what is missing when it is not."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if _was_rechecked(stage, resource):
            return ()
        time.sleep(0.02)
    return (f"{resource} was not read live within {PATIENCE_SECONDS:.0f} s",)


def _was_rechecked(stage: Stage, resource: str) -> bool:
    return any(
        isinstance(entry, FunctionRan)
        and entry.outcome.error_type is None
        and any(
            resource in record.get("body", "") and "recheck" in json.loads(record["body"])
            for record in entry.event.get("Records", ())
        )
        for entry in tuple(stage.deployment.account.world.history)
    )


def _slack_message(stage: Stage, expected: Expected, resource: str) -> Any | None:
    prefix = f"{expected.severity}: "
    if expected.status != "OPEN":
        prefix = f"{expected.status} {prefix}"
    title = catalog.rules()[expected.rule].title.rstrip(".")
    for message in reversed(stage.deployment.account.slack.messages):
        words = plain(message)
        if message.text.startswith(prefix) and title in words and resource in words:
            return message
    return None


def _mail(stage: Stage, expected: Expected, resource: str) -> Any | None:
    start = f"{expected.status} {expected.severity} "
    for mail in reversed(stage.deployment.account.mailbox.messages):
        if mail.subject.startswith(start) and expected.rule in mail.body and resource in mail.body:
            return mail
    return None


def plain(message: Any) -> str:
    """All words of a Slack message."""
    found = [message.text]

    def collect(value: Any) -> None:
        if isinstance(value, Mapping):
            if isinstance(value.get("text"), str):
                found.append(value["text"])
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                collect(inner)

    collect(message.blocks)
    return "\n".join(found)


def _missing(stage: Stage, expected: Expected, resource: str) -> Iterator[str]:
    """What people were not told: the finding, or who, when, what and where of it."""
    rule = catalog.rules()[expected.rule]
    words = {
        "who": DEVELOPER,
        "what": expected.event_name,
        "when": " UTC",
        "the account": stage.deployment.workload,
        "the Region": expected.region,
        "the resource": resource,
    }
    message = _slack_message(stage, expected, resource)
    mail = _mail(stage, expected, resource)
    surfaces = {
        "Slack": plain(message) if message else "",
        "mail": f"{mail.subject}\n{mail.body}" if mail else "",
    }
    for surface, text in surfaces.items():
        if not text:
            yield f"{surface}: no message {expected.status} {expected.severity} of {rule.id}"
            continue
        for answer, word in words.items():
            if word not in text:
                yield f"{surface}: the message of {rule.id} does not tell {answer} ({word!r})"
    if message and expected.status == "RESOLVED" and not message.history:
        yield f"Slack: {rule.id} was resolved in a new message, not in the one that told of it"
