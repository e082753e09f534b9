"""What must hold of every delivery, whatever goes wrong: the promises R0 to R4, R6 and R10."""

from __future__ import annotations

import importlib
import json
import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from embedded_account.invocation import Killed
from embedded_account.queues import enqueue, queue_of
from sentinel import catalog
from sentinel.moment import parse
from sentinel.record import Skip

from tests.system import poison
from tests.system.evidence import (
    LIVE,
    SEED,
    deliver,
    event_of,
    heads,
    outcomes,
    queue_arn,
    violations,
)
from tests.system.faults import Fault
from tests.system.harness import Case, Schedule, cases, play_all, recorded, schedules
from tests.system.invariants import counted
from tests.system.scenarios import (
    AUTHORIZER,
    COMMANDS_RUN,
    ENGINE_FLAPS,
    SCENARIOS,
    create_gateway,
    delete_gateway,
)
from tests.system.stage import Stage

CLOSED_LIST = {skip.value for skip in Skip}


def test_a_sample_of_all_cases_violates_nothing(stage: Stage) -> None:
    choice = random.Random(SEED)
    plain = [
        Case(scenario, choice.choice(schedules(len(scenario.steps)))) for scenario in SCENARIOS
    ]
    every = [
        case
        for one, result in zip(plain, play_all(stage, plain), strict=True)
        for case in cases(one.scenario, one.schedule, result.points)
    ]
    assert violations(stage, every, 6) == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_r0_nothing_goes_wrong_by_itself(stage: Stage, scenario: Any) -> None:
    assert recorded(stage, scenario, LIVE).violations == ()


def unaccounted(stage: Stage) -> list[str]:
    """Where delivered is not judged + rechecked + skipped + failed, or a reason is not listed."""
    wrong = []
    for ran in outcomes(stage, "-evaluate"):
        numbers = counted(ran.outcome.log)
        ended = sum(numbers.get(n, 0) for n in ("Judged", "Rechecked", "Skipped", "Failed"))
        if not len(ran.event["Records"]) == numbers.get("Delivered") == ended:
            wrong.append(f"{len(ran.event['Records'])} records came to {numbers}")
        wrong += [
            f"skipped as {r!r}" for r in ran.outcome.payload["skipped"] if r not in CLOSED_LIST
        ]
    return wrong


def poll(stage: Stage, queue: str) -> None:
    """Let a queue be polled until it is empty; nothing else happens."""
    world = stage.account.world
    while waiting := [d for d in world.pending() if d.kind == "queue" and queue in d.label]:
        stage.clock.advance_to(waiting[0].ready_at)
        world.step(waiting[0])


def dead(stage: Stage, queue: str) -> list[str]:
    """The bodies of a queue's dead letters."""
    letters = queue_of(queue_arn(stage, queue.replace("Queue", "DeadLetters")))
    return [message.body for message in letters._messages]


@pytest.mark.parametrize("queue", ["ChangesQueue", "ActivitiesQueue"])
def test_r1_what_is_no_event_ends_as_a_dead_letter_and_harms_no_other(
    stage: Stage, queue: str
) -> None:
    def part(copy: Stage) -> tuple[list[str], list[str], list[Any]]:
        event = event_of(copy, create_gateway)
        bodies = [body for _, body in poison.no_events()]
        deliver(copy, *bodies[:20], event, *bodies[20:], queue=queue)
        copy.drain()
        return unaccounted(copy), dead(copy, queue), [(h["rule"], h["status"]) for h in heads(copy)]

    wrong, letters, found = stage.play(part)
    assert wrong == []
    assert sorted(letters) == sorted(body for _, body in poison.no_events())
    assert found == [(AUTHORIZER, "OPEN")]


def ended(stage: Stage, bodies: dict[str, str]) -> tuple[list[str], list[str], int]:
    """Deliver bodies: what is not accounted for, which are dead, how many were judged."""
    deliver(stage, *bodies.values())
    poll(stage, "ChangesQueue")
    letters = set(dead(stage, "ChangesQueue"))
    judged = sum(counted(ran.outcome.log)["Judged"] for ran in outcomes(stage, "-evaluate"))
    return unaccounted(stage), [name for name, body in bodies.items() if body in letters], judged


def test_r1_an_event_with_a_strange_member_is_judged_or_skipped(stage: Stage) -> None:
    bodies = dict(poison.strange_events(stage.member))
    wrong, letters, judged = stage.play(lambda copy: ended(copy, bodies))
    assert (wrong, letters) == ([], [])
    assert judged > len(bodies) / 2


@pytest.mark.long
def test_r1_an_event_of_another_shape_is_judged_or_skipped(stage: Stage) -> None:
    corpus = [dict(poison.of_other_types(rule, stage.member, SEED)) for rule in catalog.rules()]
    parts = [partial(ended, bodies=bodies) for bodies in corpus]
    for wrong, letters, judged in stage.play_all(parts, 2):
        assert (wrong, letters) == ([], []), f"seed {SEED}"
        assert judged


def test_r1_the_corpus_is_as_large_as_promised() -> None:
    account = "111122223333"
    by_hand = [*poison.no_events(), *poison.strange_events(account)]
    by_rule = [b for rule in catalog.rules() for b in poison.of_other_types(rule, account, SEED)]
    assert len({name for name, _ in by_hand}) == len(by_hand) >= 60
    assert len({body for _, body in by_rule}) == len(by_rule) > 400


def test_r2_a_second_delivery_changes_no_finding(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[list[Any], list[Any]]:
        event = event_of(copy, create_gateway)
        arn = queue_arn(copy, "ChangesQueue")
        enqueue(arn, json.dumps(event), {})
        copy.converge()
        before = [i for i in copy.items("Findings") if i["pk"].startswith("head#")]
        enqueue(arn, json.dumps(event), {})
        copy.converge()
        return before, [i for i in copy.items("Findings") if i["pk"].startswith("head#")]

    before, after = stage.play(part)
    told = [item for item in before if item["sk"] != "head"]
    assert told == [item for item in after if item["sk"] != "head"]
    assert len(told) == 2


def test_r3_every_order_of_four_events_comes_to_the_same_end(stage: Stage) -> None:
    every = [s for s in schedules(4) if "together" in s.name or "one by one" in s.name]
    chosen = [Case(ENGINE_FLAPS, schedule) for schedule in every]
    assert len(chosen) == 48
    assert violations(stage, chosen, 4) == []


def test_r3_what_came_and_went_in_one_second_is_over_at_the_first_recheck(stage: Stage) -> None:
    def part(copy: Stage) -> list[tuple[str, bool]]:
        create_gateway(copy)
        delete_gateway(copy)
        gone = copy.clock.now()
        copy.drain()
        changes = [i for i in copy.items("Findings") if i["sk"].startswith("change#")]
        return [(i["move"], parse(i["at"]) - gone < timedelta(seconds=20)) for i in changes]

    assert sorted(stage.play(part)) == [("opened", True), ("resolved", True)]


def test_r4_compliant_events_move_the_watermark(stage: Stage) -> None:
    def part(copy: Stage) -> list[str]:
        opened = event_of(copy, create_gateway)
        copy.clock.advance(5)
        closed = event_of(copy, delete_gateway)
        arn = queue_arn(copy, "ChangesQueue")
        for event in (closed, opened):
            enqueue(arn, json.dumps(event), {})
            for queue in copy.account.world.pending():
                if "ChangesQueue" in queue.label:
                    copy.clock.advance_to(queue.ready_at)
                    copy.account.world.step(queue)
        return [head["status"] for head in heads(copy)]

    assert stage.play(part) == []


def test_r6_one_poison_record_delays_no_other_wherever_it_lies(stage: Stage) -> None:
    def part(copy: Stage) -> list[tuple[list[str], int]]:
        event = event_of(copy, create_gateway)
        seen = []
        for position in range(10):
            batch = [event] * 9
            deliver(copy, *batch[:position], "poison", *batch[position:])
            queue = next(e for e in copy.account.world.pending() if "ChangesQueue" in e.label)
            copy.clock.advance_to(queue.ready_at)
            copy.account.world.step(queue)
            (ran,) = outcomes(copy, "-evaluate")[-1:]
            bodies = {r["messageId"]: r["body"] for r in ran.event["Records"]}
            failures = ran.outcome.payload["batchItemFailures"]
            failed = [bodies[f["itemIdentifier"]] for f in failures]
            seen.append((failed, ran.outcome.payload["judged"]))
        return seen

    assert stage.play(part) == [(["poison"], 9)] * 10


def kill_on_sight(stage: Stage) -> None:
    """Have the process that judges events die of those that say so."""
    with stage.inside("evaluate"):
        evaluation: Any = importlib.import_module("sentinel.aws.evaluation").Evaluation
        judge = evaluation.event

        def die(self: Any, event: Any) -> None:
            if "kills" in event:
                raise Killed("out of memory")
            judge(self, event)

        evaluation.event = die


@pytest.mark.parametrize("killers", [(0,), (4,), (9,), (0, 9), (2, 6)], ids=str)
def test_r6_what_kills_the_process_takes_no_other_into_death(
    stage: Stage, killers: tuple[int, ...]
) -> None:
    def part(copy: Stage) -> tuple[list[str], list[str]]:
        event = event_of(copy, create_gateway)
        kill_on_sight(copy)
        batch = [json.dumps({**event, "id": str(n)}) for n in range(10)]
        for position in killers:
            batch[position] = json.dumps({"kills": position})
        deliver(copy, *batch)
        poll(copy, "ChangesQueue")
        return dead(copy, "ChangesQueue"), [head["status"] for head in heads(copy)]

    letters, found = stage.play(part)
    assert sorted(letters) == [json.dumps({"kills": position}) for position in killers]
    assert found == ["OPEN"]


def test_r10_a_timeout_loses_nothing_and_repeats_no_effect(stage: Stage) -> None:
    schedule = Schedule("123 together", ((0, 1, 2),))
    points = recorded(stage, COMMANDS_RUN, schedule).points
    chosen = [Case(COMMANDS_RUN, schedule, Fault("slow", p.number), p) for p in points]
    assert violations(stage, chosen) == []


def test_r10_what_there_is_no_time_for_is_handed_back(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[int, int]:
        event = event_of(copy, create_gateway)
        records = [_record(copy, i, event) for i in range(3)]
        with copy.inside("evaluate"):
            import sentinel.aws.batch as batch
            from sentinel.aws.edge import Edge

            result = batch.judge_batch(Edge(), {"Records": records}, lambda: 4_000)
        return len(result.failed), result.counts()["Failed"]

    assert stage.play(part) == (3, 3)


def _record(stage: Stage, number: int, event: Any) -> dict[str, Any]:
    return {
        "messageId": str(number),
        "receiptHandle": "r",
        "body": json.dumps(event),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn(stage, "ChangesQueue"),
    }
