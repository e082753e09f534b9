"""Many activities in a batch: what fails of them comes again, the others are judged once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sentinel.aws import clock
from sentinel.aws.batch import BatchResult, judge_batch
from sentinel.aws.edge import Edge, Settings
from sentinel.aws.memory import PAUSES, Memory, NotKept
from sentinel.finding import Verdict
from sentinel.policy import Policy
from sentinel.subject import Activity

from tests.unit.worlds import ACCOUNT, REGION, event, run

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:activities"


class Table:
    """A table that leaves a number of the items of each write; the last number stays."""

    def __init__(self, *left: int) -> None:
        self.left = list(left)
        self.kept: set[str] = set()

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        asked = RequestItems["memory"]
        leaves = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        taken, left = asked[leaves:], asked[:leaves]
        self.kept |= {one["PutRequest"]["Item"]["event_id"]["S"] for one in taken}
        return {"UnprocessedItems": {"memory": left} if left else {}}


class Remembered:
    """A memory that keeps all, or nothing."""

    def __init__(self, *, full: bool) -> None:
        self.full = full

    def keep(self, _: Iterable[Activity]) -> None:
        if self.full:
            raise NotKept("memory took none of 1 activities")

    def earlier(self, *_: Any) -> list[Activity]:
        return []


def many(number: int) -> list[Activity]:
    return [run(event_id=f"event-{n}") for n in range(number)]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr(clock, "sleep", made.append)
    return made


def test_what_dynamodb_takes_at_once_is_stored_without_a_pause(pauses: list[float]) -> None:
    table = Table(0)
    Memory(table, "memory").keep(many(60))
    assert (len(table.kept), pauses) == (60, [])


def test_what_dynamodb_leaves_is_stored_after_pauses_that_grow(pauses: list[float]) -> None:
    table = Table(25, 25, 25, 10, 0)
    Memory(table, "memory").keep(many(60))
    assert len(table.kept) == 60
    assert pauses == [PAUSES[0], PAUSES[1], PAUSES[2], PAUSES[0]]


def test_a_table_that_takes_nothing_is_given_up_loudly_within_seconds(pauses: list[float]) -> None:
    with pytest.raises(NotKept, match="memory took none of 60"):
        Memory(Table(25), "memory").keep(many(60))
    assert pauses == list(PAUSES)
    assert timedelta(seconds=sum(pauses)) < timedelta(seconds=10)


def message(number: int, runtime: str) -> dict[str, Any]:
    arn = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/{runtime}"
    told = event(
        "InvokeAgentRuntimeCommand",
        {"agentRuntimeArn": arn},
        eventID=f"event-{number}",
        managementEvent=False,
        eventCategory="Data",
    )
    return {
        "messageId": f"{runtime} {number}",
        "body": json.dumps(told),
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE,
    }


def judged(*messages: dict[str, Any], bad: str = "", full: bool = False) -> BatchResult:
    """Judge a batch in a world whose store breaks at the *bad* runtime."""

    def record(verdict: Verdict, _: Any) -> list[Any]:
        if bad and bad in verdict.subject.key:
            raise ValueError(f"broke at {bad}")
        return []

    edge = Edge(Settings({"AWS_REGION": REGION}))
    edge.__dict__["memory"] = Remembered(full=full)
    edge.__dict__["policy_copy"] = SimpleNamespace(current=Policy)
    edge.__dict__["store"] = SimpleNamespace(
        record=record, cure=lambda *_: None, gaps=lambda _: [], meet=lambda _: None
    )
    return judge_batch(edge, {"Records": list(messages)}, lambda: 30_000)


MIXED = [message(n, runtime) for n in range(4) for runtime in ("bad-Ab1Cd2Ef3G", "good-Ab1Cd2Ef3G")]


def test_a_group_of_activities_that_fails_comes_again_and_no_other() -> None:
    result = judged(*MIXED, bad="bad-Ab1Cd2Ef3G")
    assert result.failed == [f"bad-Ab1Cd2Ef3G {n}" for n in range(4)]
    assert (result.tally.judged, result.tally.failed, result.tally.delivered) == (4, 4, 8)
    (error,) = result.errors
    assert "runtime/bad" in str(error)


def test_a_group_that_fails_first_keeps_no_later_one_from_being_judged() -> None:
    assert judged(*MIXED).tally.judged == 8
    for bad in ("bad-Ab1Cd2Ef3G", "good-Ab1Cd2Ef3G"):
        assert judged(*MIXED, bad=bad).tally.judged == 4


def test_activities_that_could_not_be_stored_all_come_again() -> None:
    result = judged(*MIXED, full=True)
    assert len(result.failed) == 8
    assert [type(error) for error in result.errors] == [NotKept]
