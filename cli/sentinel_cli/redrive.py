"""`sentinel redrive`: dead letters of every kind are sent to where they were going."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_cli import terminal
from sentinel_cli.failure import Failure
from sentinel_cli.options import STACK, RegionOption, StackOption

if TYPE_CHECKING:
    from sentinel_cli.hub import Hub

BATCH = 10
"""Messages of one ReceiveMessage (SQS API Reference)."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that could not be delivered: where it was going, and what it said."""

    target: str
    body: str


def redrive(
    members: Annotated[
        list[str] | None,
        typer.Option("--member", help="Fetch what this account could not forward, too."),
    ] = None,
    member_regions: Annotated[
        list[str] | None,
        typer.Option("--member-region", help="From this Region of it; else from the hub's."),
    ] = None,
    member_queue: Annotated[
        str, typer.Option("--member-queue", help="member.yaml's NotForwardedQueueName.")
    ] = "agentcore-sentinel-not-forwarded",
    stack: StackOption = STACK,
    region: RegionOption = "",
) -> None:
    """Send dead letters, and what was never delivered, to where they were going.

    Sign in to the hub's account, also for --member: the queue there lets
    the hub fetch its events, and they are put into the hub's queues, since
    PutEvents takes no event of AWS's own. You need sqs:GetQueueUrl,
    ReceiveMessage and DeleteMessage on it. What says that it is from
    another account or Region stays where it is.
    """
    from sentinel_cli import forwarding, hub

    where = hub.find(stack, region)
    for url in where.output("DeadLetterQueueUrls").split(","):
        terminal.write([f"{_moved(where, url)}\n"])
    sent, left = _sent(where, where.output("UndeliveredQueueUrl"))
    terminal.write([f"undelivered events and invocations: {sent} sent again\n"])
    for member in members or ():
        for place in member_regions or (where.edge.region,):
            found = forwarding.fetched(where, member, place, member_queue)
            terminal.write([f"{found.told()}\n"])
            left += found.left
    if left:
        raise Failure(
            f"{len(left)} undelivered messages stay where they are: " + "; ".join(sorted(set(left)))
        )


def _moved(hub: Hub, url: str) -> str:
    """Have SQS move a queue's dead letters back to the queues that they came from."""
    sqs, name = hub.edge.client("sqs"), url.rsplit("/", 1)[-1]
    told = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn", "ApproximateNumberOfMessages"]
    )["Attributes"]
    count = int(told["ApproximateNumberOfMessages"])
    if count == 0:
        return f"{name}: empty"
    sqs.start_message_move_task(SourceArn=told["QueueArn"])
    return f"{name}: about {count} on their way back"


def _sent(hub: Hub, url: str) -> tuple[int, list[str]]:
    """Send what was not delivered, and take it out of the queue; how many, and why others stay."""
    return emptied(hub.edge.client("sqs"), url, lambda letter: _send(hub, undelivered(letter)))


def emptied(sqs: Any, url: str, send: Callable[[dict[str, Any]], None]) -> tuple[int, list[str]]:
    """Send each message of a queue and take it out; one that *send* refuses with ValueError stays.

    How many were sent, and why others stay.
    """
    sent = 0
    left: list[str] = []
    seen: set[str] = set()
    while True:
        messages = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=BATCH,
            MessageAttributeNames=["All"],
            WaitTimeSeconds=1,
            VisibilityTimeout=60,
        ).get("Messages", [])
        fresh = [message for message in messages if message["MessageId"] not in seen]
        if not fresh:
            return sent, left
        for message in fresh:
            seen.add(message["MessageId"])
            try:
                send(message)
            except ValueError as error:
                left.append(str(error))
                continue
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            sent += 1


def undelivered(message: dict[str, Any]) -> Undelivered:
    """Read a message of the undelivered queue. Raises ValueError for one of neither kind.

    EventBridge names the target in the attribute TARGET_ARN (EventBridge User Guide, "Using
    dead-letter queues"); Lambda wraps the payload of a failed invocation (Lambda Developer Guide,
    "Asynchronous invocation").
    """
    target = message.get("MessageAttributes", {}).get("TARGET_ARN", {}).get("StringValue")
    if target:
        return Undelivered(target, message["Body"])
    try:
        body = json.loads(message["Body"])
        function = body["requestContext"]["functionArn"]
        payload = body["requestPayload"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            "neither an event of EventBridge nor a failed invocation of Lambda"
        ) from None
    return Undelivered(str(function).removesuffix(":$LATEST"), json.dumps(payload))


def _send(hub: Hub, message: Undelivered) -> None:
    """Send a message on. Raises ValueError for a target that is not the hub's own."""
    parts = message.target.split(":")
    service, account = parts[2:3], "".join(parts[4:5])
    if account != hub.caller.account:
        raise ValueError(f"the target {message.target} is not in the hub's account")
    if service == ["sqs"]:
        name = parts[-1]
        sqs = hub.edge.client("sqs")
        queue = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody=message.body)
    elif service == ["lambda"]:
        hub.edge.client("lambda").invoke(
            FunctionName=message.target, InvocationType="Event", Payload=message.body.encode()
        )
    else:
        raise ValueError(f"the target {message.target} is neither a queue nor a function")
