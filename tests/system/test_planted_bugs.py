"""Bugs that are planted in the product: the harness must find each of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.faults import Fault
from tests.system.harness import Case, Plant, Result, Schedule, play, recorded
from tests.system.scenarios import GATEWAY_COMES_AND_GOES, TRAIL_STOPS, Scenario
from tests.system.stage import Stage

LIVE = Schedule("live", live=True)
REVERSED = Schedule("21 one by one", ((1,), (0,)))


def planted(function: str, module: str, plant: Callable[[Any], None]) -> Plant:
    """Break a module of one function."""

    def plant_it(stage: Stage) -> None:
        with stage.inside(function):
            plant(importlib.import_module(module))

    return plant_it


def kinds(result: Result) -> set[str]:
    """Which invariants a run violated."""
    return {violation.partition("_")[0] for violation in result.violations}


def first_violation(
    stage: Stage, scenario: Scenario, schedule: Schedule, kind: str, call: str, plant: Plant
) -> set[str]:
    """What the harness says when a fault of a kind happens at the first call of a name."""
    points = play(stage, Case(scenario, schedule), plant).points
    number = next(p.number for p in points if f"{p.service} {p.operation}" == call)
    return kinds(play(stage, Case(scenario, schedule, Fault(kind, number)), plant))


def marker_before_work(notifier: Any) -> None:
    """The row is marked as told, and then it is told."""
    told = notifier.Notifier._slack_one

    def mark_first(self: Any, row: Any, urgent: bool) -> Any:
        key = {"pk": row["pk"], "sk": row["sk"]}
        self._edge.store.mark(key, "told_slack", "soon")
        return told(self, row, urgent)

    notifier.Notifier._slack_one = mark_first


def no_watermark(life: Any) -> None:
    """Every verdict is news, however old."""
    life.is_news = lambda standing, verdict: True


def no_lease(store: Any) -> None:
    """Whoever wants to tell a change may."""
    store.Store.lease = lambda self, key, mark, seconds: True


def test_the_product_passes_where_the_planted_bugs_do_not(stage: Stage) -> None:
    for schedule in (LIVE, REVERSED):
        assert not recorded(stage, GATEWAY_COMES_AND_GOES, schedule).violations


def test_a_marker_before_the_work_loses_a_notice_in_a_crash(stage: Stage) -> None:
    plant = planted("notify", "sentinel.aws.notifier", marker_before_work)
    found = first_violation(
        stage, GATEWAY_COMES_AND_GOES, LIVE, "die before", "slack chat.postMessage", plant
    )
    assert found & {"r14", "r16"}


def test_without_watermarks_an_older_event_takes_the_verdict_back(stage: Stage) -> None:
    plant = planted("evaluate", "sentinel.life", no_watermark)
    assert "r4" in kinds(play(stage, Case(GATEWAY_COMES_AND_GOES, REVERSED), plant))


def test_without_a_lease_two_tell_the_same_change(stage: Stage) -> None:
    def plant(copy: Stage) -> None:
        for function in ("notify", "tend"):
            planted(function, "sentinel.aws.store", no_lease)(copy)
            planted(function, "sentinel.aws.tending", at_once)(copy)

    found = first_violation(stage, TRAIL_STOPS, LIVE, "meanwhile", "slack chat.postMessage", plant)
    assert "r15" in found


def at_once(tending: Any) -> None:
    """Tend looks at what is due now, so that it meets the notifier at its work."""
    tending.GRACE = -tending.GRACE


@pytest.mark.parametrize("point", ["die before", "die after"])
def test_a_crash_at_the_post_is_told_once_by_a_bot(stage: Stage, point: str) -> None:
    points = recorded(stage, GATEWAY_COMES_AND_GOES, LIVE).points
    number = next(p.number for p in points if p.operation == "chat.postMessage")
    result = play(stage, Case(GATEWAY_COMES_AND_GOES, LIVE, Fault(point, number)))
    assert (result.fired, result.violations) == (True, ())
