"""Feeds DynamoDB streams to functions, keeps their order, and hands on what fails.

The poller is Lambda's: it halves a failing batch when told to, and goes on behind what it gave up
("Using AWS Lambda with Amazon DynamoDB", "Retain records of discarded batches"). One shard for each
table, one batch at a time.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.awslambda.models import LambdaBackend
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamShard
from moto.sqs.models import sqs_backends

from embedded_account.asynchronous import (
    Invoke,
    SendToDestination,
    milliseconds,
    response_context,
)
from embedded_account.moto_repairs import Repair
from embedded_account.queues import EventSource, failed_items
from embedded_account.transactions import TABLES
from embedded_account.world import Delivery, Work, World

LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Records ``start`` to ``end`` of a shard (positions), tried *attempts* times."""

    start: int
    end: int
    attempts: int = 0
    ready_at: datetime | None = None


@dataclass(slots=True)
class Progress:
    """How far a mapping has read its shard, and the batches that it still has to finish before."""

    position: int = 0
    open: tuple[Batch, ...] = ()
    running: bool = False


class StreamPoller:
    """Reads the stream of every table that has an enabled mapping."""

    def __init__(
        self,
        world: World,
        mappings: Callable[[], Iterable[EventSource]],
        invoke: Invoke,
        may_poll: Callable[[EventSource], str | None],
        send_to_destination: SendToDestination,
    ) -> None:
        self._world = world
        self._mappings = mappings
        self._invoke = invoke
        self._may_poll = may_poll
        self._send_to_destination = send_to_destination
        self._progress: dict[str, Progress] = {}
        self._lock = threading.Lock()

    def begin(self, uuid: str, source_arn: str, starting_position: str) -> None:
        """Remember where a new mapping starts to read: TRIM_HORIZON or LATEST."""
        shard = _shard_of(source_arn)
        at_end = starting_position == "LATEST" and shard is not None
        self._progress[uuid] = Progress(len(shard.items) if at_end else 0)

    def deliveries(self) -> Iterator[Delivery]:
        """Return one delivery for each mapping that has, or will have, a batch to process."""
        for mapping in self._mappings():
            progress = self._progress.setdefault(mapping.uuid, Progress())
            shard = _shard_of(mapping.source_arn)
            if progress.running or shard is None:
                continue
            batch = _next_batch(progress, shard, mapping)
            if batch is not None and self._may_poll(mapping) is None:
                ready_at = batch.ready_at or self._world.clock.now()
                claim = functools.partial(self._claim, mapping)
                yield Delivery("stream", mapping.label, ready_at, claim)

    def _claim(self, mapping: EventSource) -> Work | None:
        progress, shard = self._progress[mapping.uuid], _shard_of(mapping.source_arn)
        with self._lock:
            batch = None if progress.running else _next_batch(progress, shard, mapping)
            if batch is None:
                return None
            if not progress.open:
                progress.position = batch.end
            progress.open = (batch, *progress.open[1:])
            progress.running = True
        return functools.partial(self._work, mapping, shard, progress)

    def _work(self, mapping: EventSource, shard: Any, progress: Progress) -> None:
        batch = progress.open[0]
        rest: tuple[Batch, ...] = (batch,)
        try:
            rest = self._process(mapping, shard, batch)
        finally:
            progress.open = (*rest, *progress.open[1:])
            progress.running = False

    def _process(self, mapping: EventSource, shard: Any, batch: Batch) -> tuple[Batch, ...]:
        """Try a batch once; return what is left to do of it, in order."""
        oldest = self._too_old_until(mapping, shard, batch)
        if oldest > batch.start:
            self._give_up(mapping, shard, replace(batch, end=oldest), "RecordAgeExceeded", None)
            return (replace(batch, start=oldest),) if oldest < batch.end else ()
        records = lambda_records(shard, batch, mapping)
        if not records:
            return ()
        outcome = self._invoke(mapping.function_arn, {"Records": records})
        failed = failed_items(outcome, [_number(record) for record in records], mapping)
        if not failed:
            return ()
        # the lowest sequence number is the checkpoint: everything from there on comes again
        first = min(int(number) for number in failed) - shard.starting_sequence_number
        left = replace(batch, start=batch.start if len(failed) == len(records) else first)
        if mapping.bisects and left.start > batch.start:  # the checkpoint is where it is split
            return (replace(left, ready_at=self._world.clock.now()),)
        return self._after_failure(mapping, shard, left, outcome)

    def _after_failure(
        self, mapping: EventSource, shard: Any, batch: Batch, outcome: Any
    ) -> tuple[Batch, ...]:
        pause = timedelta(seconds=min(2.0**batch.attempts, LONGEST_PAUSE_SECONDS))
        again = self._world.clock.now() + pause
        size = batch.end - batch.start
        if (
            mapping.bisects and size > 1
        ):  # "splitting a batch does not count towards the retry quota"
            middle = batch.start + size // 2
            halves = (replace(batch, end=middle), replace(batch, start=middle))
            return tuple(replace(half, ready_at=again) for half in halves)
        if 0 <= mapping.maximum_retries <= batch.attempts:
            self._give_up(mapping, shard, batch, "RetryAttemptsExhausted", outcome)
            return ()
        return (replace(batch, attempts=batch.attempts + 1, ready_at=again),)

    def _too_old_until(self, mapping: EventSource, shard: Any, batch: Batch) -> int:
        if mapping.maximum_age_seconds < 0:
            return batch.start
        horizon = self._world.clock.now() - timedelta(seconds=mapping.maximum_age_seconds)
        position = batch.start
        while position < batch.end and _created(shard.items[position]) < horizon:
            position += 1
        return position

    def _give_up(
        self, mapping: EventSource, shard: Any, batch: Batch, condition: str, outcome: Any
    ) -> None:
        if mapping.failure_destination is None:
            return
        now = self._world.clock.now()
        request_id = self._world.new_id()
        first, last = shard.items[batch.start], shard.items[batch.end - 1]
        invocation: dict[str, Any] = {
            "requestContext": {
                "requestId": request_id,
                "functionArn": mapping.function_arn,
                "condition": condition,
                "approximateInvokeCount": batch.attempts + (outcome is not None),
            },
            "version": "1.0",
            "timestamp": milliseconds(now),
            "DDBStreamBatchInfo": {
                "shardId": shard.id,
                "startSequenceNumber": _number(first.to_json()),
                "endSequenceNumber": _number(last.to_json()),
                "approximateArrivalOfFirstRecord": milliseconds(_created(first)),
                "approximateArrivalOfLastRecord": milliseconds(_created(last)),
                "batchSize": batch.end - batch.start,
                "streamArn": mapping.source_arn,
            },
        }
        if outcome is not None:
            invocation["responseContext"] = response_context(outcome)
        if ":s3:::" in mapping.failure_destination:  # only S3 gets the records themselves
            records = lambda_records(shard, batch, mapping)
            invocation["payload"] = json.dumps({"Records": records})
        day = now.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S")
        key = f"aws/lambda/{mapping.uuid}/{shard.id}/{day}-{request_id}"
        destination, text = mapping.failure_destination, json.dumps(invocation)
        self._send_to_destination(mapping.function_arn, destination, text, key)


def _next_batch(progress: Progress, shard: Any, mapping: EventSource) -> Batch | None:
    if progress.open:
        return progress.open[0]
    waiting = len(shard.items) - progress.position
    if waiting <= 0:
        return None
    end = progress.position + min(waiting, mapping.batch_size)
    ready_at = _created(shard.items[progress.position])
    if waiting < mapping.batch_size:
        ready_at += timedelta(seconds=mapping.window_seconds)
    return Batch(progress.position, end, ready_at=ready_at)


def _shard_of(stream_arn: str) -> Any:
    _, _, _, region, account, resource = stream_arn.split(":", 5)
    with TABLES:
        table = dynamodb_backends[account][region].tables.get(resource.split("/")[1])
    return table.stream_shard if table is not None else None


def lambda_records(shard: Any, batch: Batch, mapping: EventSource) -> list[dict[str, Any]]:
    """Return the records of a batch that pass the filter, as Lambda hands them over."""
    shown = (_lambda_record(item, mapping) for item in shard.items[batch.start : batch.end])
    return [record for record in shown if mapping.wants(record)]


def _lambda_record(item: Any, mapping: EventSource) -> dict[str, Any]:
    record = item.to_json()
    change = record["dynamodb"] | {"ApproximateCreationDateTime": int(_created(item).timestamp())}
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": record["eventSource"],
        "awsRegion": mapping.region,
        "dynamodb": json.loads(json.dumps(change)),
        "eventSourceARN": mapping.source_arn,
    }


def _number(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _created(item: Any) -> datetime:
    moment: datetime = item.to_json()["dynamodb"]["ApproximateCreationDateTime"]
    return moment.replace(tzinfo=UTC)


_moto_create_mapping = LambdaBackend.create_event_source_mapping


def mapping_repairs(poller: StreamPoller) -> tuple[Repair, ...]:
    """Return what leaves event source mappings, and a shard's records, to the pollers."""

    def create_event_source_mapping(backend: Any, spec: dict[str, Any]) -> Any:
        mapping = _moto_create_mapping(backend, spec)
        for queue in sqs_backends[backend.account_id][backend.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()
        for table in dynamodb_backends[backend.account_id][backend.region_name].tables.values():
            table.lambda_event_source_mappings.clear()
        if ":dynamodb:" in mapping.event_source_arn:
            poller.begin(mapping.uuid, mapping.event_source_arn, mapping.starting_position)
        return mapping

    return (
        Repair(
            "moto invokes functions inside SendMessage and PutItem, and empties the stream after",
            LambdaBackend,
            "create_event_source_mapping",
            create_event_source_mapping,
            "19f8125cabf7",
        ),
        Repair(
            "moto writes a stream record for an update that changed nothing",
            StreamShard,
            "add",
            _add_change,
            "357dc6da267e",
        ),
    )


_moto_add_record = StreamShard.add


def _add_change(shard: Any, old: Any, new: Any) -> None:
    if old is not None and new is not None and old.to_json() == new.to_json():
        return
    _moto_add_record(shard, old, new)
