"""A batch of queued events: an error leaves the record, and delays no other.

A message that kills its sandbox takes its batch along. Messages received three times or more are
therefore handled last and one by one, after the finished ones were taken out of the queue. What is
finished is taken out at once, and what stood behind the killer comes before it the next time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sentinel import catalog
from sentinel.aws.edge import Edge
from sentinel.aws.evaluation import Evaluation, Seen, Tally
from sentinel.escape import whole_characters

HANDED_BACK_MILLISECONDS = 15_000
SUSPECT_AFTER = 3
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
Message = Mapping[str, Any]


class Poison(ValueError):
    """A message that is no event: not JSON, nested too deep, or no object."""


@dataclass
class BatchResult:
    """What became of a batch: failed messages by id, the errors, and the tally."""

    tally: Tally
    failed: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def hand_back(self, message: Message) -> None:
        """Have a message delivered again."""
        self.failed.append(message["messageId"])
        self.tally.failed += 1

    def answer(self) -> dict[str, Any]:
        """What Lambda is told: the messages to deliver again."""
        return {
            "batchItemFailures": [{"itemIdentifier": i} for i in self.failed],
            "judged": self.tally.judged,
            "skipped": dict(self.tally.skipped),
        }

    def counts(self) -> dict[str, int]:
        """The batch in numbers, for metrics."""
        tally = self.tally
        return {
            "Delivered": tally.delivered,
            "Judged": tally.judged,
            "Rechecked": tally.rechecked,
            "Skipped": sum(tally.skipped.values()),
            "Failed": tally.failed,
            "Changes": len(tally.changes),
        }


def judge_batch(edge: Edge, event: Mapping[str, Any], time_left: Callable[[], int]) -> BatchResult:
    """Judge a batch of SQS messages, or one bare event.

    A bare event has no queue to go back to: its error is raised.
    """
    evaluation = Evaluation(edge)
    result = BatchResult(evaluation.tally)
    if "Records" not in event or not _is_queued(event):
        result.tally.delivered = 1
        evaluation.event(whole_characters(event))
        evaluation.finish()
        return result
    result.tally.delivered = len(event["Records"])
    messages = sorted(event["Records"], key=_times_received)
    fresh = [m for m in messages if _times_received(m) < SUSPECT_AFTER]
    suspect = [m for m in messages if _times_received(m) >= SUSPECT_AFTER]
    activities = [m for m in fresh if _is_activity(m)]
    _activities(evaluation, activities, result)
    for message in (m for m in fresh if m not in activities):
        _one(evaluation, message, result, time_left)
    evaluation.finish()
    if suspect:
        _take_out(edge, fresh, result.failed)
        for message in _in_turn(suspect):
            _one(evaluation, message, result, time_left)
            evaluation.finish()
            _take_out(edge, [message], result.failed)
    return result


def _in_turn(suspect: Sequence[Message]) -> list[Message]:
    """Another order each time: forwards and backwards, from the start, from a third, from two."""
    turn = _times_received(suspect[-1]) - SUSPECT_AFTER
    start = len(suspect) * (turn // 2 % 3) // 3
    turned = [*suspect[start:], *suspect[:start]]
    return turned[::-1] if turn % 2 else turned


def _one(
    evaluation: Evaluation, message: Message, result: BatchResult, time_left: Callable[[], int]
) -> None:
    if time_left() < HANDED_BACK_MILLISECONDS:
        result.hand_back(message)
        return
    try:
        evaluation.event(_body(message))
    except Exception as error:  # noqa: BLE001 - the error leaves the record: it is delivered again
        _failed(result, message, error)


def _activities(evaluation: Evaluation, messages: Sequence[Message], result: BatchResult) -> None:
    """Many activities together; those of a group that fails are delivered again."""
    told: list[Message] = []
    many: list[Seen] = []
    for message in messages:
        try:
            seen = evaluation.seen(_body(message))
        except Exception as error:  # noqa: BLE001 - the error leaves the record: it comes again
            _failed(result, message, error)
            continue
        if seen is not None:
            told.append(message)
            many.append(seen)
    try:
        failed = evaluation.activities(many) if many else {}
    except Exception as error:  # noqa: BLE001 - the error leaves the records: they come again
        failed = dict.fromkeys(range(len(many)), error)
    for number, why in failed.items():
        _failed(result, told[number], why)


def _failed(result: BatchResult, message: Message, error: Exception) -> None:
    result.hand_back(message)
    error.add_note(f"message {message['messageId']}")
    if error not in result.errors:
        result.errors.append(error)


def _body(message: Message) -> dict[str, Any]:
    try:
        body = json.loads(message["body"])
        if _SURROGATE.search(message["body"]):
            body = whole_characters(body)
    except (ValueError, RecursionError) as error:
        raise Poison(f"the message is not JSON: {type(error).__name__}") from None
    if not isinstance(body, dict):
        raise Poison(f"the message is a {type(body).__name__}, not an event")
    return body


def _is_activity(message: Message) -> bool:
    try:
        detail = _body(message).get("detail")
    except Poison:
        return False
    name = detail.get("eventName") if isinstance(detail, dict) else None
    return any(name in kind.events for kind in catalog.activities())


def _is_queued(event: Mapping[str, Any]) -> bool:
    records = event["Records"]
    return isinstance(records, list) and all(
        isinstance(r, dict) and r.get("eventSource") == "aws:sqs" for r in records
    )


def _times_received(message: Message) -> int:
    return int(message.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _take_out(edge: Edge, messages: Sequence[Message], failed: Sequence[str]) -> None:
    for message in messages:
        if message["messageId"] in failed:
            continue
        account, name = message["eventSourceARN"].split(":")[4:6]
        queue = edge.client("sqs").get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        edge.client("sqs").delete_message(
            QueueUrl=queue["QueueUrl"], ReceiptHandle=message["receiptHandle"]
        )
