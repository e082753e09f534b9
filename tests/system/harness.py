"""Plays scenarios in every order and with every fault, and checks what came of it.

A case is a scenario, a schedule and a fault. First things go wrong; then nothing does, everything
happens that waits, and the invariants must hold. A case can be played again.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from embedded_account.world import Delivery

from tests.system import invariants
from tests.system.faults import Fault, Point, Watch, faults_at
from tests.system.invariants import Story
from tests.system.scenarios import Scenario
from tests.system.stage import Stage

PAUSE = 3.0
"""Seconds between two calls of a scenario, so that their events have different times."""

Plant = Callable[[Stage], None]
"""Breaks the product inside a run, to see whether the harness notices."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the events of a scenario arrive: in groups, each group in one batch.

    *live*: each arrives, and all that follows from it happens, before the next call is made.
    *twice*: every event is delivered again. *pause* 0 puts all events into one second. *tended*:
    the stream is silent, so that `tend` announces and tells, and what goes wrong goes wrong there.
    """

    name: str
    groups: tuple[tuple[int, ...], ...] = ()
    live: bool = False
    twice: bool = False
    pause: float = PAUSE
    tended: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One run."""

    scenario: Scenario
    schedule: Schedule
    fault: Fault | None = None
    point: Point | None = None

    def __str__(self) -> str:
        fault = (
            f"{self.fault.kind} at call {self.point or self.fault.number}" if self.fault else "-"
        )
        return f"{self.scenario.name} | {self.schedule.name} | {fault}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run: the functions' calls, whether the fault fired, violations."""

    points: tuple[Point, ...]
    fired: bool
    violations: tuple[str, ...]


def schedules(events: int) -> list[Schedule]:
    """Every order and split of so many events, each twice, all in one second, live and tended."""
    order = tuple(range(events))
    found = [
        Schedule("live", live=True),
        Schedule("live, twice", live=True, twice=True),
        Schedule("live, tended", live=True, tended=True),
        Schedule("in order, twice", (order,), twice=True),
        Schedule("reversed, twice", (order[::-1],), twice=True),
        Schedule("in one second", (order,), pause=0),
        Schedule("reversed, in one second", tuple((i,) for i in order[::-1]), pause=0),
    ]
    for permutation in itertools.permutations(order):
        name = "".join(str(i + 1) for i in permutation)
        found.append(Schedule(f"{name} together", (permutation,)))
        found.append(Schedule(f"{name} one by one", tuple((i,) for i in permutation)))
        if events > 2:
            pairs = tuple(permutation[i : i + 2] for i in range(0, events, 2))
            found.append(Schedule(f"{name} in pairs", pairs))
    return found


def play(stage: Stage, case: Case, plant: Plant | None = None) -> Result:
    """Play a case in a forked copy of the stage, and check it."""
    return stage.play(lambda copy: _play(copy, case, plant))


def play_all(stage: Stage, cases: Iterable[Case], jobs: int = 2) -> Iterator[Result]:
    """Play cases, *jobs* at a time; their results, in their order."""
    parts = (functools.partial(_play, case=case, plant=None) for case in cases)
    return stage.play_all(parts, jobs)


def recorded(stage: Stage, scenario: Scenario, schedule: Schedule) -> Result:
    """Play without a fault: the calls that were made are where things can go wrong."""
    return play(stage, Case(scenario, schedule))


def cases(scenario: Scenario, schedule: Schedule, points: Sequence[Point]) -> Iterator[Case]:
    """Every fault at every call of a recorded run."""
    for point in points:
        for fault in faults_at(point):
            yield Case(scenario, schedule, fault, point)


def _play(stage: Stage, case: Case, plant: Plant | None) -> Result:
    if plant:
        plant(stage)
    case.scenario.before(stage)
    stage.clock.advance(PAUSE)
    stage.drain()
    stage.clock.advance(PAUSE)
    story = Story.begun(stage, case.scenario)
    if case.schedule.tended:
        _silence(stage)
    watch = Watch(stage, case.fault)
    watch.begin()
    if case.schedule.live:
        _live(stage, case, story)
    else:
        _delivered(stage, case, story)
    stage.drain()
    if case.schedule.tended:
        stage.converge(1)
    watch.end()
    stage.converge()
    story.end(stage, watch)
    if story.open_gaps():
        stage.invoke("sweep")
        stage.converge()
        story.end(stage, watch)
    return Result(tuple(watch.points), bool(watch.fired), tuple(invariants.violations(story)))


def _silence(stage: Stage) -> None:
    """Have nobody read the stream of the findings table."""
    functions = stage.client("lambda", account=stage.hub)
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if ":dynamodb:" in mapping["EventSourceArn"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def _live(stage: Stage, case: Case, story: Story) -> None:
    for step in case.scenario.steps:
        step.do(stage)
        story.became(stage, step.truth)
        for delivery in _told(stage):
            _publish(delivery, twice=case.schedule.twice)
        stage.clock.advance(case.schedule.pause)
        stage.drain()


def _delivered(stage: Stage, case: Case, story: Story) -> None:
    for step in case.scenario.steps:
        step.do(stage)
        story.became(stage, step.truth)
        stage.clock.advance(case.schedule.pause)
    events = _told(stage)
    for group in case.schedule.groups:
        for index in group:
            _publish(events[index], twice=case.schedule.twice)
        _forward(stage)
        _poll(stage)


def _told(stage: Stage) -> list[Delivery]:
    """What CloudTrail has to tell and has not told yet, oldest first."""
    return [each for each in stage.account.world.pending() if each.kind == "cloudtrail"]


def _publish(delivery: Delivery, *, twice: bool) -> None:
    work = delivery.claim()
    if work is None:
        raise AssertionError(f"{delivery.label} was delivered already")
    for _ in range(1 + twice):
        work()


def _forward(stage: Stage) -> None:
    """Take events from bus to bus until they lie in the queues."""
    world = stage.account.world
    while hops := [each for each in world.pending() if each.kind == "event"]:
        for hop in hops:
            world.step(hop)


def _poll(stage: Stage) -> None:
    """Let the events' queues be polled once, as soon as a batch is complete; rechecks wait."""
    world = stage.account.world
    queues = [each for each in world.pending() if each.kind == "queue"]
    for queue in [each for each in queues if "Rechecks" not in each.label]:
        stage.clock.advance_to(queue.ready_at)
        world.step(queue)
