"""A sweep walks on whatever fails, says so in its summary, and forgets no unfinished one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sentinel.aws import clock
from sentinel.aws.edge import Edge, Settings
from sentinel.aws.sweeping import Busy, Sweeper
from sentinel.aws.tending import Tender
from sentinel.policy import Policy
from sentinel.subject import Identity

HUB, REGION = "111122223333", "eu-central-1"
GATEWAYS = {"kinds": ["gateway"], "regions": ["us-east-1"]}


class Notes:
    """A memory that keeps notes, and whose lease is free."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}

    def put_note(self, key: str, name: str, body: str, *_: Any) -> None:
        self.kept.setdefault(key, {})[name] = body

    def notes(self, key: str) -> dict[str, str]:
        return self.kept.get(key, {})

    def take(self, *_: Any) -> bool:
        return True

    def is_taken(self, *_: Any) -> bool:
        return False

    def give_back(self, *_: Any) -> None:
        pass


class Lambda:
    """Remembers what it was to invoke."""

    def __init__(self) -> None:
        self.resumed: list[str] = []

    def invoke(self, *, Payload: str, **_: str) -> None:
        self.resumed.append(json.loads(Payload)["resume"])


class Evaluation:
    """Lists two gateways in each slice, and raises at what is told to be bad."""

    def __init__(self, *bad: str) -> None:
        self.bad, self.world = bad, self
        self.judged: list[str] = []
        self.finished = 0

    def listed(self, _: Any, place: Identity) -> Iterator[Any]:
        for name in ("first", "second"):
            key = f"{place.region}/{name}"
            one = Identity("aws", place.account, place.region, place.kind, key, name)
            yield SimpleNamespace(key=key, identity=one)
        self._perhaps(f"{place.region}/list")

    def fresh(self, _: Any, identity: Identity, *__: Any) -> list[Any]:
        self._perhaps(identity.key)
        self.judged.append(identity.key)
        return []

    def tells_of(self, _: Any, started: datetime) -> datetime:
        return started

    def finish(self) -> None:
        self.finished += 1
        self._perhaps("finish")

    def _perhaps(self, name: str) -> None:
        if name in self.bad:
            raise ValueError(name)


@pytest.fixture
def edge() -> Edge:
    settings = {"SWEEP_REGIONS": f"{REGION},us-east-1", "HUB_ACCOUNT_ID": HUB}
    made = Edge(Settings(settings | {"SWEEP_FUNCTION_NAME": "sweep", "AWS_REGION": REGION}))
    made.__dict__["memory"] = Notes()
    made.__dict__["policy_copy"] = SimpleNamespace(current=Policy)
    made.__dict__["store"] = SimpleNamespace(findings=lambda _: [], gaps=lambda _: [])
    made._clients[("lambda", "", "")] = Lambda()
    return made


def sweeper(edge: Edge, *bad: str) -> tuple[Sweeper, Evaluation]:
    made, evaluation = Sweeper(edge, "holder"), Evaluation(*bad)
    made._evaluation = evaluation  # type: ignore[assignment]
    return made, evaluation


def steps(number: int) -> Callable[[], bool]:
    """Time for a number of slices."""
    left = iter([True] * number)
    return lambda: next(left, False)


@pytest.mark.parametrize(
    ("bad", "judged"),
    [(f"{REGION}/first", 3), (f"{REGION}/list", 4), ("finish", 4)],
)
def test_what_fails_delays_nothing_and_is_named_in_the_summary(
    edge: Edge, bad: str, judged: int
) -> None:
    made, evaluation = sweeper(edge, bad)
    summary = made.sweep({"kinds": ["gateway"]}, lambda: True)
    assert (len(evaluation.judged), evaluation.finished) == (judged, 2)
    assert summary["errors"]
    assert all(f"ValueError: {bad}" in error for error in summary["errors"])
    assert {str(error) for error in made.failures.first()} == {bad}
    (state,) = edge.memory.notes("sweep").values()
    assert json.loads(state)["unfinished"] == []


def test_a_sweep_that_failed_in_part_does_not_fail_there_again(edge: Edge) -> None:
    made, _ = sweeper(edge, f"{REGION}/first")
    assert made.sweep({"kinds": ["gateway"]}, steps(1))["errors"]
    (state,) = edge.memory.notes("sweep").values()
    again, evaluation = sweeper(edge, f"{REGION}/first")
    summary = again.sweep({"resume": json.loads(state)["sweep"]}, lambda: True)
    assert evaluation.judged == ["us-east-1/first", "us-east-1/second"]
    assert (summary["unfinished"], summary["errors"]) == ([], [])


def test_a_sweep_that_finds_another_one_running_is_begun_after_it(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.memory, "take", lambda *_: False)
    for _ in range(2):
        with pytest.raises(Busy, match="begins by itself"):
            sweeper(edge)[0].sweep(GATEWAYS, lambda: True)
    monkeypatch.undo()
    Tender(edge)._sweep()
    (name,) = edge.client("lambda").resumed
    made, evaluation = sweeper(edge)
    assert made.sweep({"resume": name}, lambda: True)["unfinished"] == []
    assert evaluation.judged == ["us-east-1/first", "us-east-1/second"]
    Tender(edge)._sweep()
    assert edge.client("lambda").resumed == [name]


def test_a_small_sweep_does_not_forget_one_that_is_unfinished(edge: Edge) -> None:
    large, _ = sweeper(edge)
    unfinished = large.sweep({}, steps(1))
    assert unfinished["unfinished"]
    small, _ = sweeper(edge)
    assert small.sweep(GATEWAYS, lambda: True)["unfinished"] == []
    Tender(edge)._sweep()
    assert edge.client("lambda").resumed == [unfinished["sweep"]]


def test_a_sweep_takes_the_place_of_an_earlier_one_of_the_same_request(edge: Edge) -> None:
    for time in (steps(1), lambda: True):
        made, _ = sweeper(edge)
        made.sweep({}, time)
    tender = Tender(edge)
    tender._sweep()
    assert (edge.client("lambda").resumed, tender.done.total()) == ([], 0)


def test_of_two_unfinished_sweeps_each_has_its_turn(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = set()
    for asked in ({}, GATEWAYS):
        made, _ = sweeper(edge)
        names.add(made.sweep(asked, steps(0))["sweep"])
    for minute in (0, 5):
        at = datetime(2026, 9, 22, 10, minute, tzinfo=UTC)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        Tender(edge)._sweep()
    assert set(edge.client("lambda").resumed) == names
    assert len(names) == 2


def test_the_summary_of_a_sweep_accounts_for_all_that_was_listed(edge: Edge) -> None:
    made, _ = sweeper(edge)
    made.sweep({"kinds": ["gateway"]}, lambda: True)
    counts = asdict(made.summary)
    assert (counts["slices"], counts["resources"], counts["judged"]) == (2, 4, 4)
