"""What must hold of judging, whatever cannot be read and whichever rule breaks: R5, R7, R8, R11."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sentinel import catalog

from tests.system import scenarios as calls
from tests.system.evidence import (
    LIVE,
    SEED,
    forget_events,
    heads,
    make_raise,
    outcomes,
    settle,
    violations,
)
from tests.system.faults import READS, Fault, Point, Watch, faults_at
from tests.system.harness import Case, recorded
from tests.system.scenarios import ENGINE_DROPPED, GATEWAY_COMES_AND_GOES
from tests.system.stage import Stage
from tests.system.test_table import (
    ROWS,
    Row,
    archived,
    by_replay,
    by_sweep,
    image,
    jwt,
    told,
    trust,
    update_runtime,
)

RESOURCE_ROWS = [row for row in ROWS if "sweep" not in row.blank]
FOREIGN = image("999988887777.dkr.ecr.eu-central-1.amazonaws.com/agent:1")
ERRORS = ("throttled", "denied", "broken", "lost")
EACH = 4
"""Reads of a rule that are disturbed in one run of the tests; the seed says which ones."""


def stale_reads(stage: Stage, scenario: Any) -> list[Case]:
    """Each read of the world that a recorded run made, answered with old news."""
    points = recorded(stage, scenario, LIVE).points
    return [
        Case(scenario, LIVE, fault, point)
        for point in points
        for fault in faults_at(point)
        if fault.kind == "stale" and "Role" not in point.operation
    ]


@pytest.mark.parametrize("scenario", [GATEWAY_COMES_AND_GOES, ENGINE_DROPPED], ids=lambda s: s.name)
def test_r5_a_stale_read_never_says_that_all_is_well(stage: Stage, scenario: Any) -> None:
    assert violations(stage, stale_reads(stage, scenario)) == []


def reads(stage: Stage, watch: Watch, go_on: Callable[[Stage], Any]) -> list[Point]:
    """The calls to watched accounts that are made when this copy of the world goes on."""

    def part(copy: Stage) -> list[Point]:
        begun = len(watch.points)
        go_on(copy)
        return [point for point in watch.points[begun:] if point.service in READS]

    return stage.play(part)


def disturbed(stage: Stage, watch: Watch, fault: Fault, go_on: Callable[[Stage], Any]) -> bool:
    """Go on with a fault, then without any; whether the fault happened."""
    watch.fault = fault
    go_on(stage)
    watch.end()
    stage.converge()
    return bool(watch.fired)


def chosen(points: list[Point], kinds: tuple[str, ...]) -> list[Fault]:
    """Some of all disturbances of reads; the seed says which ones."""
    every = [f for p in points for f in faults_at(p) if f.kind in kinds]
    return random.Random(SEED).sample(every, min(len(every), EACH))


def moves(stage: Stage, row: Row) -> list[str]:
    """Everything that happened to the findings of a row."""
    keys = {f"head#{fingerprint}" for fingerprint in told(stage, row)}
    items = [i for i in stage.items("Findings") if i["pk"] in keys]
    return [str(i["move"]) for i in items if str(i["sk"]).startswith("change#")]


def swept(stage: Stage, rule: str) -> None:
    """Sweep what a rule is about in the watched account."""
    kinds = [subject.kind for subject in catalog.rules()[rule].subjects]
    stage.invoke("sweep", {"kinds": kinds, "accounts": [stage.member]})


def violated(stage: Stage, row: Row) -> Watch:
    """Violate a rule; the event is on its way, and what was read before is remembered."""
    watch = Watch(stage)
    watch.begin()
    row.before(stage)
    settle(stage)
    swept(stage, row.rule)
    row.violate(stage)
    stage.clock.advance(3)
    return watch


@pytest.mark.long
@pytest.mark.parametrize("row", RESOURCE_ROWS, ids=lambda row: row.name)
def test_r5_and_r8_no_read_of_any_rule_that_fails_or_is_stale_takes_a_finding_back(
    stage: Stage, row: Row
) -> None:
    def part(copy: Stage) -> list[Any]:
        watch = violated(copy, row)

        def judged(fork: Stage, fault: Fault) -> tuple[Fault, bool, list[str], bool]:
            fired = disturbed(fork, watch, fault, Stage.drain)
            return fault, fired, list(told(fork, row).values()), "resolved" in moves(fork, row)

        faults = chosen(reads(copy, watch, Stage.drain), (*ERRORS, "stale"))
        assert faults
        return list(copy.play_all([partial(judged, fault=fault) for fault in faults]))

    assert [wrong for wrong in stage.play(part) if wrong[1:] != (True, ["OPEN"], False)] == []


@pytest.mark.long
@pytest.mark.parametrize("row", RESOURCE_ROWS, ids=lambda row: row.name)
def test_r8_what_a_sweep_cannot_read_is_a_gap_and_never_fine(stage: Stage, row: Row) -> None:
    go_on = partial(swept, rule=row.rule)

    def part(copy: Stage) -> list[Any]:
        watch = violated(copy, row)
        forget_events(copy)

        def told_of(fork: Stage, fault: Fault) -> tuple[Fault, bool]:
            disturbed(fork, watch, fault, go_on)
            gaps = [h for h in heads(fork) if "problem" not in h and h["status"] == "OPEN"]
            return fault, bool(gaps) or "OPEN" in told(fork, row).values()

        faults = chosen(reads(copy, watch, go_on), ERRORS)
        return list(copy.play_all([partial(told_of, fault=fault) for fault in faults]))

    found = stage.play(part)
    assert len(found) >= 2
    assert [fault for fault, is_told in found if not is_told] == []


@pytest.mark.parametrize("kind", ERRORS)
def test_r8_a_read_that_fails_never_says_that_all_is_well(stage: Stage, kind: str) -> None:
    points = recorded(stage, ENGINE_DROPPED, LIVE).points
    cases = [
        Case(ENGINE_DROPPED, LIVE, Fault(kind, point.number), point)
        for point in points
        if point.service == "bedrock-agentcore-control"
    ]
    assert len(cases) >= 3
    assert violations(stage, cases, 1) == []


def settled(stage: Stage) -> None:
    """Everything that the violations of all rules need, at rest."""
    calls.guarded_gateway(stage)
    audience = jwt(allowedAudience=["api://orders"])
    calls.create_runtime(stage, **audience)
    calls.analyst(stage)
    calls.second_trail(stage)
    settle(stage)


def violate_every_rule(stage: Stage) -> None:
    """Violate every rule, several on one subject where that can be."""
    calls.update_engine(stage, "LOG_ONLY")
    calls.create_gateway(stage, "open")
    calls.create_gateway(stage, "half", authorizerType="AUTHENTICATE_ONLY")
    calls.run_command(stage)
    update_runtime(stage, **FOREIGN)
    loose = jwt(allowedScopes=["openid"])
    calls.create_runtime(stage, agentRuntimeName="loose", **FOREIGN, **loose)
    calls.put_policy(stage, calls.EVERY_MODEL)
    trust(stage, scoped=False, create=True)
    calls.stop_logging(stage)


def judged_once(stage: Stage) -> None:
    """Take the events to the queues, and poll each queue once."""
    world = stage.account.world
    for kind in ("cloudtrail", "event", "event"):
        for delivery in [d for d in world.pending() if d.kind == kind]:
            world.step(delivery)
    for queue in ("ChangesQueue", "ActivitiesQueue"):
        for delivery in [d for d in world.pending() if d.kind == "queue" and queue in d.label]:
            stage.clock.advance_to(delivery.ready_at)
            world.step(delivery)


def found_first(stage: Stage, broken: str = "") -> tuple[set[str], set[str]]:
    """What the first judging of all violations finds with one rule broken, and what it logs."""
    if broken:
        make_raise(stage, broken)
    violate_every_rule(stage)
    judged_once(stage)
    logged = {
        rule
        for ran in outcomes(stage, "-evaluate")
        for line in ran.outcome.log
        for rule in catalog.rules()
        if f"rule {rule} on " in line
    }
    return {str(h["rule"]) for h in heads(stage) if h["status"] == "OPEN" and "rule" in h}, logged


@pytest.mark.long
def test_r7_whichever_rule_raises_it_silences_no_other_and_is_named(stage: Stage) -> None:
    every = set(catalog.rules())

    def part(copy: Stage) -> list[Any]:
        settled(copy)
        parts = [partial(found_first, broken=rule) for rule in ("", *sorted(every))]
        return list(copy.play_all(parts, 2))

    whole, *broken = stage.play(part)
    assert whole == (every, set())
    for rule, (found, logged) in zip(sorted(every), broken, strict=True):
        assert found == every - {rule}
        assert logged == {rule}


def by_event_alone(stage: Stage, row: Row) -> dict[str, str]:
    """What the event tells before any live recheck."""
    judged_once(stage)
    return told(stage, row)


def by_live_read_alone(stage: Stage, row: Row) -> dict[str, str]:
    """What the live recheck tells when no verdict on the event itself was stored."""
    with stage.inside("evaluate"):
        store: Any = importlib.import_module("sentinel.aws.store").Store
        record, store.record = store.record, lambda *_: ()
        judged_once(stage)
        store.record = record
    stage.drain()
    return told(stage, row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_r11_event_live_read_sweep_and_archive_give_one_fingerprint(
    stage: Stage, row: Row, tmp_path: Path
) -> None:
    def part(copy: Stage) -> dict[str, dict[str, str]]:
        records = archived(copy, row.before)
        settle(copy)
        row.violate(copy)
        copy.clock.advance(3)
        ways = {
            way.__name__: copy.play(partial(way, row=row))
            for way in (by_event_alone, by_live_read_alone, by_sweep)
        }
        copy.drain()
        return ways | {"by_replay": by_replay(records, row.rule, tmp_path / "trail.json")}

    ways = stage.play(part)
    stateless = {"by_live_read_alone", "by_sweep"} if "sweep" in row.blank else set()
    blank = stateless | ({"by_replay"} if "replay" in row.blank else set())
    assert {way for way, found in ways.items() if not found} == blank
    filled = [found for way, found in ways.items() if way not in blank]
    assert all(len(found) == 1 for found in filled)
    assert len({tuple(found.items()) for found in filled}) == 1, ways
