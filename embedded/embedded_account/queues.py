"""Polls SQS queues for Lambda functions, and closes what moto's SQS lacks.

The poller is Lambda's: it receives a batch, drops what the filter refuses, invokes the function and
deletes what succeeded; the rest becomes visible again when its visibility timeout ends, and moves
to the dead-letter queue at maxReceiveCount ("Using Lambda with Amazon SQS", "Handling errors for an
SQS event source in Lambda"). No FIFO queues.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import unix_time_millis
from moto.moto_api._internal import mock_random
from moto.sqs.exceptions import InvalidParameterValue, SQSException
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends
from moto.sqs.responses import SQSResponse

from embedded_account.clock import VirtualClock
from embedded_account.event_pattern import Pattern, compile_pattern
from embedded_account.moto_repairs import ABSENT, Repair
from embedded_account.world import Delivery, Work, World

DEFAULT_CONCURRENCY = 10
INVOCATION_BYTES = 6 * 1024 * 1024  # "Lambda quotas": the payload of a synchronous invocation

# SendMessage: "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
_REFUSED_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class EventSource:
    """One event source mapping: which queue or stream feeds which function, and how.

    *maximum_retries* and *maximum_age_seconds* are -1 for "without end", as in Lambda's API.
    """

    uuid: str
    account: str
    region: str
    source_arn: str
    function_arn: str
    batch_size: int
    window_seconds: float
    concurrency: int
    filters: tuple[Pattern, ...]
    reports_item_failures: bool
    bisects: bool
    maximum_retries: int
    maximum_age_seconds: int
    failure_destination: str | None

    @property
    def label(self) -> str:
        """From where to where."""
        return f"{self.source_arn.rpartition(':')[2]} -> {self.function_arn.rpartition(':')[2]}"

    def wants(self, record: Mapping[str, Any]) -> bool:
        """Whether a record passes the filter; without FilterCriteria every one does."""
        return not self.filters or any(pattern.matches(record) for pattern in self.filters)


def event_source_of(mapping: Any) -> EventSource:
    """Read moto's EventSourceMapping, with Lambda's defaults for what is not set."""
    filters = (mapping.filter_criteria or {}).get("Filters") or []
    retries, age = mapping.max_retry_attempts, mapping.max_record_age
    return EventSource(
        uuid=mapping.uuid,
        account=mapping.account_id,
        region=mapping.region,
        source_arn=mapping.event_source_arn,
        function_arn=mapping.function_arn,
        batch_size=mapping.batch_size,
        window_seconds=float(mapping.max_batch_window or 0),
        concurrency=(mapping.scaling_config or {}).get("MaximumConcurrency", DEFAULT_CONCURRENCY),
        filters=tuple(_compiled(each["Pattern"]) for each in filters),
        reports_item_failures="ReportBatchItemFailures" in (mapping.function_response_types or []),
        bisects=bool(mapping.bisect_on_error),
        maximum_retries=-1 if retries is None else retries,
        maximum_age_seconds=-1 if age is None else age,
        failure_destination=((mapping.destination_config or {}).get("OnFailure") or {}).get(
            "Destination"
        ),
    )


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Pattern:
    return compile_pattern(pattern)


class QueuePoller:
    """Fetches batches from every queue that has an enabled mapping."""

    def __init__(
        self,
        world: World,
        mappings: Callable[[], Iterable[EventSource]],
        invoke: Callable[[str, Any], Any],
        may_poll: Callable[[EventSource], str | None],
    ) -> None:
        self._world = world
        self._mappings = mappings
        self._invoke = invoke
        self._may_poll = may_poll
        self._running: dict[str, int] = {}
        self._lock = threading.Lock()

    def deliveries(self) -> Iterator[Delivery]:
        """Return one delivery for each mapping that has, or will have, a batch to fetch."""
        for mapping in self._mappings():
            if self._running.get(mapping.uuid, 0) >= mapping.concurrency:
                continue
            queue = queue_of(mapping.source_arn)
            ready_at = _batch_ready_at(queue, mapping) if queue else None
            if ready_at is not None and self._may_poll(mapping) is None:
                claim = functools.partial(self._claim, mapping)
                yield Delivery("queue", mapping.label, ready_at, claim)

    def _claim(self, mapping: EventSource) -> Work | None:
        queue = queue_of(mapping.source_arn)
        messages = receive(queue, mapping.batch_size, int(queue.visibility_timeout))
        messages = _drop_refused(queue, messages, mapping)
        if not messages:
            return None
        with self._lock:
            self._running[mapping.uuid] = self._running.get(mapping.uuid, 0) + 1
        return functools.partial(self._work, mapping, queue, messages)

    def _work(self, mapping: EventSource, queue: Any, messages: Sequence[Any]) -> None:
        try:
            records = [lambda_record(message, queue) for message in messages]
            outcome = self._invoke(mapping.function_arn, {"Records": records})
            failed = failed_items(outcome, [message.id for message in messages], mapping)
            delete(queue, [message for message in messages if message.id not in failed])
        finally:
            with self._lock:
                self._running[mapping.uuid] -= 1


def failed_items(outcome: Any, identifiers: Sequence[str], mapping: EventSource) -> frozenset[str]:
    """Return which items of a batch a function's outcome leaves undone.

    "Implementing partial batch responses": an error, an empty or unknown identifier, or a malformed
    answer fails the whole batch; an absent, null or empty list means success.
    """
    everything = frozenset(identifiers)
    if outcome.error_type is not None:
        return everything
    if not mapping.reports_item_failures or outcome.payload is None:
        return frozenset()
    answer = outcome.payload
    if not isinstance(answer, Mapping):
        return frozenset() if answer == "" else everything
    failures = answer.get("batchItemFailures") or []
    if not isinstance(failures, list):
        return everything
    named: list[Any] = [
        each.get("itemIdentifier") if isinstance(each, Mapping) else None for each in failures
    ]
    if any(name not in everything for name in named):
        return everything
    return frozenset(named)


def queue_of(arn: str) -> Any:
    """Return moto's queue, or None when there is none."""
    _, _, _, region, account, name = arn.split(":", 5)
    return sqs_backends[account][region].queues.get(name)


def enqueue(arn: str, body: str, attributes: Mapping[str, str]) -> None:
    """Put a message into a queue as a service does; raises LookupError when it is gone."""
    queue = queue_of(arn)
    if queue is None:
        raise LookupError(f"queue {arn} does not exist")
    message = Message(str(mock_random.uuid4()), body)
    message.message_attributes = {
        name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
    }
    message.mark_sent(delay_seconds=queue.delay_seconds)
    queue.add_message(message)


def receive(queue: Any, count: int, visibility_timeout: int) -> list[Any]:
    """Take up to *count* visible messages; those received too often go to the dead-letter queue.

    moto's own ReceiveMessage walks the whole queue several times for every message.
    """
    now = unix_time_millis()
    limit = (queue.redrive_policy or {}).get("maxReceiveCount")
    taken: list[Any] = []
    buried: list[Any] = []
    size = 0
    with queue._messages_lock:
        for message in list(queue._messages):
            size += len(message.body) if _visible_at(message) < now else 0
            if len(taken) >= count or (taken and size > INVOCATION_BYTES):
                break
            if _visible_at(message) >= now or _is_too_old(message, queue, now):
                continue
            if limit is not None and message.approximate_receive_count >= limit:
                buried.append(message)
                continue
            queue.pending_messages.add(message)
            message.mark_received(visibility_timeout=visibility_timeout)
            taken.append(message)
        for message in buried:
            queue._messages.remove(message)
            queue.pending_messages.discard(message)
    for message in buried:
        message.system_attributes["DeadLetterQueueSourceArn"] = {"StringValue": queue.queue_arn}
        queue.dead_letter_queue.add_message(message)
    return taken


def delete(queue: Any, messages: Sequence[Any]) -> None:
    """Delete messages that were received, all at once."""
    gone = set(messages)
    with queue._messages_lock:
        queue._messages = [message for message in queue._messages if message not in gone]
        for message in gone:
            queue.pending_messages.discard(message)
            queue.deleted_messages.update(message.all_receipt_handles)


def _visible_at(message: Any) -> float:
    return float(max(message.visible_at, message.delayed_until))


def _is_too_old(message: Any, queue: Any, now: float) -> bool:
    return bool(message.sent_timestamp + queue.message_retention_period * 1000 <= now)


def _batch_ready_at(queue: Any, mapping: EventSource) -> datetime | None:
    """Return when a batch is full or its window ends; None when there is no message."""
    now = unix_time_millis()
    visible, first = 0, None
    for message in list(queue._messages):
        if _is_too_old(message, queue, now):
            continue
        is_visible = _visible_at(message) < now
        # moto calls a message visible after the moment, not at it: hence one millisecond more
        moment = float(message.sent_timestamp) if is_visible else _visible_at(message) + 1
        first = moment if first is None else min(first, moment)
        visible += is_visible
        if visible >= mapping.batch_size:
            return _moment(first)
    if first is None:
        return None
    return _moment(first + mapping.window_seconds * 1000)


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _drop_refused(queue: Any, messages: list[Any], mapping: EventSource) -> list[Any]:
    if not mapping.filters:
        return messages
    wanted = [each for each in messages if mapping.wants(_filterable(lambda_record(each, queue)))]
    delete(queue, [message for message in messages if message not in wanted])
    return wanted


def _filterable(record: dict[str, Any]) -> dict[str, Any]:
    """Lambda filters on the members of a body that is JSON."""
    try:
        return record | {"body": json.loads(record["body"])}
    except ValueError:
        return record


def lambda_record(message: Any, queue: Any) -> dict[str, Any]:
    """Return a message in the form in which Lambda hands it to a function."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    attributes |= {name: value["StringValue"] for name, value in message.system_attributes.items()}
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {
            name: _lambda_attribute(value) for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }


def _lambda_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    if value.get("BinaryValue") is not None:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    else:
        shown["stringValue"] = value.get("StringValue")
    return shown | {"dataType": value["DataType"]}


def _validate_message(
    backend: Any, queue: Any, message_body: str, delay_seconds: int, *others: Any, **named: Any
) -> None:
    if _REFUSED_CHARACTER.search(message_body):
        message = "Invalid characters were found in the message body."
        raise SQSException("InvalidMessageContents", message)
    if len(message_body.encode()) > queue.maximum_message_size:
        size = queue.maximum_message_size
        reason = f"Message must be shorter than {size} bytes."
        raise InvalidParameterValue(f"One or more parameters are invalid. Reason: {reason}")
    _moto_validate_message(backend, queue, message_body, delay_seconds, *others, **named)


def _start_message_move_task(response: Any) -> ActionResult:
    source_arn = response._get_param("SourceArn")
    dead_letter_queue = _existing(source_arn)
    backend = response.sqs_backend
    if not backend.list_dead_letter_source_queues(dead_letter_queue.name):
        message = "Source queue must be configured as a Dead Letter Queue."
        raise SQSException("InvalidParameterValue", message)
    destination_arn = response._get_param("DestinationArn")
    moved = 0
    now = unix_time_millis()
    for message in [each for each in dead_letter_queue._messages if _visible_at(each) < now]:
        origin = message.system_attributes.pop("DeadLetterQueueSourceArn", {}).get("StringValue")
        arn = destination_arn or origin
        if arn is None:  # sent to the dead-letter queue by hand: AWS does not know where to
            continue
        delete(dead_letter_queue, [message])
        message.approximate_receive_count = 0
        _existing(arn).add_message(message)
        moved += 1
    handle = base64.b64encode(json.dumps({"source": source_arn, "moved": moved}).encode()).decode()
    return ActionResult({"TaskHandle": handle})


def _existing(arn: str) -> Any:
    queue = queue_of(arn)
    if queue is None:
        message = "The resource that you specified for the SourceArn parameter doesn't exist."
        raise SQSException("ResourceNotFoundException", message)
    return queue


_moto_validate_message = SQSBackend._validate_message
_moto_wait_for_messages = Queue.wait_for_messages


def queue_repairs(world: World) -> tuple[Repair, ...]:
    """Return what moto's SQS lacks."""

    def wait_for_messages(queue: Any, timeout: int) -> None:
        if isinstance(world.clock, VirtualClock):
            world.clock.advance(timeout)
        else:
            _moto_wait_for_messages(queue, timeout)

    return (
        Repair(
            "moto accepts control characters and counts characters where SQS counts bytes",
            SQSBackend,
            "_validate_message",
            _validate_message,
            "39cb57c19e59",
        ),
        Repair(
            "moto has no StartMessageMoveTask; this one moves everything at once",
            SQSResponse,
            "start_message_move_task",
            _start_message_move_task,
            ABSENT,
        ),
        Repair(
            "moto's long polling waits in the machine's time, a stepped world has its own",
            Queue,
            "wait_for_messages",
            wait_for_messages,
            "58432562ccf2",
        ),
    )
