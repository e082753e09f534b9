"""The burst: commands by the thousand must not delay the one change that matters.

Deliveries take their time here, as on AWS: an invocation ends a fifth of a second after it began,
and the pollers of the deployed mappings decide how many run at once.
"""

from __future__ import annotations

import heapq
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from embedded_account.queues import enqueue, queue_of
from embedded_account.world import CallMade, Work

from tests.system.evidence import event_of, heads, length, outcomes, queue_arn, settle
from tests.system.invariants import counted
from tests.system.scenarios import AUTHORIZER, COMMAND, create_gateway, create_runtime, run_command
from tests.system.stage import REGION, Stage

COMMANDS = int(os.environ.get("SENTINEL_BURST", "10000"))
"""``SENTINEL_BURST`` plays fewer."""

POISON = 100
BACKLOG = COMMANDS // 2
"""Commands that still wait when the change is told, or it was not told in time."""

IN_TIME = timedelta(seconds=5)
TAKES = {"queue": 0.2, "stream": 0.2, "invoke": 0.2, "event": 0.05, "cloudtrail": 0.0}
"""Seconds from the beginning of a delivery to its end."""

AT_ONCE = {"ChangesQueue": 20, "ActivitiesQueue": 5, "RechecksQueue": 10}
"""MaximumConcurrency of the mappings in template.yaml."""


@dataclass
class Burst:
    """What came of a burst: when the change was told, and what the commands cost."""

    told_after: timedelta | None = None
    waiting: int = 0
    at_once: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    dead: int = 0
    head_writes: int = 0
    posts: int = 0
    standing: dict[str, int] = field(default_factory=dict)

    @property
    def on_time(self) -> bool:
        """Whether the change was told soon, ahead of thousands of commands."""
        return self.told_after is not None and self.told_after < IN_TIME and self.waiting > BACKLOG


class Timetable:
    """Lets deliveries happen side by side, each for as long as it takes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._under_way: list[tuple[datetime, int, str, Work]] = []
        self._begun = 0
        self._running: Counter[str] = Counter()
        self.at_once: Counter[str] = Counter()

    def run(self, until: Callable[[], bool]) -> None:
        """Go on until something is so, or nothing is under way any more."""
        while not until() and self._step():
            continue

    def _step(self) -> bool:
        world, clock = self._stage.account.world, self._stage.clock
        while ready := [d for d in world.pending() if d.ready_at <= clock.now()]:
            for delivery in ready:
                work = delivery.claim()
                if work is not None:
                    self._begin(delivery.kind, delivery.label, work)
        moments = [delivery.ready_at for delivery in world.pending()]
        moments += [ends for ends, _, _, _ in self._under_way[:1]]
        if not moments:
            return False
        clock.advance_to(min(moments))
        while self._under_way and self._under_way[0][0] <= clock.now():
            _, _, label, work = heapq.heappop(self._under_way)
            work()
            self._running[label] -= 1
        return True

    def _begin(self, kind: str, label: str, work: Work) -> None:
        self._begun += 1
        ends = self._stage.clock.now() + timedelta(seconds=TAKES[kind])
        heapq.heappush(self._under_way, (ends, self._begun, label, work))
        self._running[label] += 1
        self.at_once[label] = max(self.at_once[label], self._running[label])


def queue_for(stage: Stage, event: Any) -> str:
    """The queue to which the deployed rules bring an event; it lies there then."""
    world = stage.account.world
    stage.account.buses.publish(stage.hub, REGION, "sentinel-ingest", event)
    for hop in [delivery for delivery in world.pending() if delivery.kind == "event"]:
        world.step(hop)
    (found,) = [queue for queue in ("ChangesQueue", "ActivitiesQueue") if length(stage, queue)]
    return found


def burst(stage: Stage, commands: int, until: Callable[[Burst], bool]) -> Burst:
    """Commands and one gateway without authorizer after them; what came of it."""
    create_runtime(stage)
    settle(stage)
    event = event_of(stage, run_command)
    arn = queue_arn(stage, queue_for(stage, event))
    for number in range(commands - 1):
        detail = {**event["detail"], "eventID": f"burst-{number}"}
        is_poison = number % (commands // POISON) == 0
        enqueue(arn, "poison" if is_poison else json.dumps({**event, "detail": detail}), {})
    found, made, calls = Burst(), stage.clock.now(), len(stage.account.world.history)
    create_gateway(stage, "the-one")
    activities = queue_of(queue_arn(stage, "ActivitiesQueue"))

    def look() -> bool:
        told = any("the-one" in post.text for post in stage.account.slack.messages)
        if found.told_after is None:
            found.waiting = len(activities._messages)
            found.told_after = stage.clock.now() - made if told else None
        return until(found)

    timetable = Timetable(stage)
    timetable.run(look)
    found.at_once = timetable.at_once
    found.judged = sum(
        counted(r.outcome.log).get("Judged", 0) for r in outcomes(stage, "-evaluate")
    )
    found.dead = length(stage, "ActivitiesDeadLetters")
    found.head_writes = sum(map(_writes_command, stage.account.world.history[calls:]))
    found.posts = len(stage.account.slack.messages)
    found.standing = {h["rule"]: h["problem"]["count"] for h in heads(stage) if "problem" in h}
    return found


def _writes_command(entry: object) -> bool:
    """Whether an entry of the history is a write of the commands' finding."""
    if not isinstance(entry, CallMade) or entry.call.operation != "TransactWriteItems":
        return False
    puts = [write["Put"]["Item"] for write in entry.call.parameters["TransactItems"]]
    return entry.answer.error_code is None and any(
        put["sk"] == {"S": "head"} and COMMAND in put["body"]["S"] for put in puts
    )


@pytest.mark.long
def test_a_burst_of_commands_does_not_delay_the_change_that_matters(stage: Stage) -> None:
    found = stage.play(lambda copy: burst(copy, COMMANDS, lambda _: False))
    assert found.on_time, (found.told_after, found.waiting)
    assert found.dead == POISON
    assert found.judged >= COMMANDS - POISON
    assert found.head_writes / COMMANDS <= 0.4
    assert found.posts <= 5
    assert found.standing.keys() == {AUTHORIZER, COMMAND}
    assert found.standing[COMMAND] >= 1_000
    for label, most in found.at_once.items():
        queue = next((name for name in AT_ONCE if name in label), "")
        assert not queue or most <= AT_ONCE[queue], label
    assert max(most for label, most in found.at_once.items() if "ActivitiesQueue" in label) == 5


def one_queue_for_all(stage: Stage) -> None:
    """Have the rule of the activities take every event, and the other rule none."""
    events, bus = stage.client("events", account=stage.hub), "sentinel-ingest"
    names = [rule["Name"] for rule in events.list_rules(EventBusName=bus)["Rules"]]
    (changes,) = [name for name in names if "ChangesRule" in name]
    (activities,) = [name for name in names if "ActivitiesRule" in name]
    events.disable_rule(Name=changes, EventBusName=bus)
    pattern = json.dumps({"source": [{"prefix": "aws."}]})
    events.put_rule(Name=activities, EventBusName=bus, EventPattern=pattern)


def test_with_one_queue_for_all_the_change_would_be_late(stage: Stage) -> None:
    def part(copy: Stage) -> Burst:
        one_queue_for_all(copy)
        return burst(copy, BACKLOG + 1_000, lambda found: found.waiting <= BACKLOG)

    found = stage.play(part)
    assert not found.on_time
    assert found.told_after is None
