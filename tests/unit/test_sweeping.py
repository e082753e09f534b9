"""A sweep walks on whatever fails, says so in its summary, and forgets no unfinished one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sentinel.aws import clock
from sentinel.aws.edge import Edge, Settings
from sentinel.aws.progress import KEPT
from sentinel.aws.sweeping import ATTEMPTS, Busy, Sweeper
from sentinel.aws.tending import Tender
from sentinel.life import Status
from sentinel.policy import Policy, parse
from sentinel.subject import Identity
from sentinel.sweep import BadRequest

HUB, REGION = "111122223333", "eu-central-1"
GATEWAYS = {"kinds": ["gateway"], "regions": ["us-east-1"]}
KILLS = f"{REGION}/second"


class Killed(BaseException):
    """The function's time is over."""


class Notes:
    """A memory that keeps notes, and whose lease is free."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}

    def put_note(self, key: str, name: str, body: str, *_: Any) -> None:
        if len(body) > 400_000:
            raise ValueError("Item size has exceeded the maximum allowed size")
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
            raise Killed if name == KILLS else ValueError(name)


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
    assert json.loads(state)["unfinished"] is False


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


def test_a_sweep_that_outlasts_its_schedule_reaches_its_end(edge: Edge) -> None:
    judged, names = [], set()
    for _ in range(2):
        made, evaluation = sweeper(edge)
        summary = made.sweep({"kinds": ["gateway"]}, steps(1))
        judged += evaluation.judged
        names.add(summary["sweep"])
    assert judged == [f"{r}/{n}" for r in (REGION, "us-east-1") for n in ("first", "second")]
    assert len(names) == 1
    assert (summary["unfinished"], summary["done_before"]) == ([], 1)


def test_a_sweep_after_one_that_ended_begins_anew(edge: Edge) -> None:
    names = set()
    for _ in range(2):
        made, evaluation = sweeper(edge)
        names.add(made.sweep(GATEWAYS, lambda: True)["sweep"])
        assert len(evaluation.judged) == 2
    assert len(names) == 2


def test_a_sweep_of_which_the_table_has_forgotten_a_part_is_begun_anew(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = sweeper(edge)[0].sweep({"kinds": ["gateway"]}, steps(1))
    later = clock.now() + KEPT
    monkeypatch.setattr(clock, "now", lambda: later)
    made, evaluation = sweeper(edge)
    assert made.sweep({"kinds": ["gateway"]}, lambda: True)["sweep"] != unfinished["sweep"]
    assert len(evaluation.judged) == 4


def test_a_sweep_that_nobody_began_cannot_be_gone_on_with(edge: Edge) -> None:
    with pytest.raises(BadRequest, match="there is no sweep 'yesterday'"):
        sweeper(edge)[0].sweep({"resume": "yesterday"}, lambda: True)


def organization(edge: Edge, **more: Any) -> None:
    """Make the policy name 200 accounts."""
    policy = parse({"members": [{"account": f"{n:012}"} | more for n in range(200)]})
    edge.__dict__["policy_copy"] = SimpleNamespace(current=lambda: policy)


def test_the_unfinished_slices_of_an_organization_fit_into_table_and_answer(edge: Edge) -> None:
    organization(edge, regions=[f"eu-west-{n}" for n in range(14)])
    summary = sweeper(edge)[0].sweep({}, steps(0))
    assert summary["totals"]["unfinished"] > 10_000
    assert len(summary["unfinished"]) == 100
    assert len(json.dumps(summary)) < 100_000
    (state,) = edge.memory.notes("sweep").values()
    assert json.loads(state) == {"sweep": summary["sweep"], "unfinished": True}


def test_a_slice_that_outlasts_the_function_blocks_no_other_and_is_done_at_last(edge: Edge) -> None:
    with pytest.raises(Killed):
        sweeper(edge, KILLS)[0].sweep({"kinds": ["gateway"]}, lambda: True)
    made, evaluation = sweeper(edge)
    assert made.sweep({"kinds": ["gateway"]}, lambda: True)["unfinished"] == []
    assert evaluation.judged == [
        f"{region}/{name}" for region in ("us-east-1", REGION) for name in ("first", "second")
    ]


def test_a_slice_that_outlasted_the_function_is_begun_again_only_with_all_of_its_time(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        sweeper(edge, KILLS)[0].sweep({"kinds": ["gateway"]}, lambda: True)
    minutes = iter(range(1000))
    began = clock.now()
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(minutes=next(minutes)))
    late = sweeper(edge)[0].sweep({"kinds": ["gateway"]}, lambda: True)
    assert late["unfinished"] == [f"{HUB}/{REGION}/gateway"]
    monkeypatch.undo()
    made, evaluation = sweeper(edge)
    assert made.sweep({"resume": late["sweep"]}, lambda: True)["unfinished"] == []
    assert evaluation.judged == [f"{REGION}/first", f"{REGION}/second"]


def test_a_slice_that_always_outlasts_the_function_is_given_up_loudly(edge: Edge) -> None:
    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            sweeper(edge, KILLS)[0].sweep({"kinds": ["gateway"]}, lambda: True)
    made, evaluation = sweeper(edge, KILLS)
    summary = made.sweep({"kinds": ["gateway"]}, lambda: True)
    (error,) = summary["errors"]
    assert "begun 3 times" in error and f"{HUB}/{REGION}/gateway" in error
    assert (summary["unfinished"], evaluation.judged) == ([], [])


def test_the_hub_s_own_region_is_swept_and_a_region_that_is_not_is_named(edge: Edge) -> None:
    edge.settings.environment["SWEEP_REGIONS"] = "us-east-1"  # type: ignore[index]
    places = [("us-east-1", "gateway"), ("ap-south-1", "command-run"), ("ap-south-1", "iam-trust")]
    told = [
        SimpleNamespace(subject=Identity("aws", HUB, region, kind, "key", "name"))
        for region, kind in places
    ]
    gap = SimpleNamespace(account=HUB, region="sa-east-1", kind="gateway")
    stranger = SimpleNamespace(account="999988887777", region="eu-west-1", kind="event")
    edge.__dict__["store"] = SimpleNamespace(
        findings=lambda status: told if status is Status.OPEN else [],
        gaps=lambda _: [gap, stranger],
    )
    summary = sweeper(edge)[0].sweep({}, steps(0))
    assert summary["regions"] == [REGION, "us-east-1"]
    assert summary["not_swept"] == [f"{HUB}/ap-south-1", f"{HUB}/sa-east-1"]
