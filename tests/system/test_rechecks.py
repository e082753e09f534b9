"""Rechecks: what always fails is not tried for ever, and old news takes nothing back."""

from __future__ import annotations

import importlib
from typing import Any

from embedded_account.calls import Answer, Call
from embedded_account.doorway import Intervene

from tests.system.scenarios import (
    ENFORCEMENT,
    create_gateway,
    guarded_gateway,
    update_engine,
)
from tests.system.stage import REGION, Stage
from tests.system.test_gap import gaps, heads

SWEEP = {"kinds": ["gateway"], "regions": [REGION]}


class OldNews:
    """Answers each read of a gateway as the first was answered, once it is asked to."""

    def __init__(self, stage: Stage) -> None:
        self.first: Answer | None = None
        self.old = False
        stage.account.doorway.observers.append(self)

    def before(self, call: Call) -> None:
        if call.operation == "GetGateway" and self.old and self.first:
            raise Intervene(self.first)

    def after(self, call: Call, answer: Answer) -> None:
        if call.operation == "GetGateway" and self.first is None:
            self.first = answer


def opened_by_an_event(stage: Stage) -> OldNews:
    """A policy engine that enforces no more, as an event has told; the recheck is to come."""
    news = OldNews(stage)
    guarded_gateway(stage)
    stage.clock.advance(3)
    stage.converge()
    stage.clock.advance(60)
    update_engine(stage, "LOG_ONLY")
    news.old = True
    world = stage.account.world
    while ready := [d for d in world.pending() if "Rechecks" not in d.label]:
        stage.clock.advance_to(ready[0].ready_at)
        world.step(ready[0])
    return news


def moves(stage: Stage) -> list[str]:
    """What became of the finding, in order."""
    items = sorted(stage.items("Findings"), key=lambda item: str(item["sk"]))
    return [i["move"] for i in items if "move" in i and ENFORCEMENT in i["body"]]


def test_a_sweep_that_reads_old_news_resolves_nothing(stage: Stage) -> None:
    def part(copy: Stage) -> list[list[str]]:
        news = opened_by_an_event(copy)
        seen = [moves(copy)]
        copy.invoke("sweep", SWEEP)
        seen.append(moves(copy))
        news.old = False
        copy.converge()
        return [*seen, moves(copy)]

    assert stage.play(part) == [["opened"]] * 3


def test_a_read_that_stays_old_is_one_gap_and_the_next_sweep_ends_it(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        news = opened_by_an_event(copy)
        copy.converge()
        seen: list[Any] = [moves(copy), [(cause, status) for cause, status, _ in gaps(copy)]]
        news.old = False
        copy.invoke("sweep", SWEEP)
        return [*seen, moves(copy), [(cause, status) for cause, status, _ in gaps(copy)]]

    assert stage.play(part) == [
        ["opened"],
        [("stale read", "OPEN")],
        ["opened"],
        [("stale read", "RESOLVED")],
    ]


def test_a_recheck_that_always_fails_is_left_to_the_dead_letters(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[int, int, int]:
        with copy.inside("evaluate"):
            catalog: Any = importlib.import_module("sentinel.catalog")
            broken = catalog.rules()["jwt_authorizer_unpinned"]
            object.__setattr__(broken, "judge", _raises(broken.id))
        create_gateway(copy, authorizerType="AWS_IAM")
        copy.clock.advance(3)
        letters = []
        for _ in range(8):
            copy.converge()
            letters.append(dead_letters(copy))
        return letters[3], letters[5], letters[-1]

    early, late, last = stage.play(part)
    assert 1 < early <= late == last == 4


def _raises(name: str) -> Any:
    def judge(*_: Any, **__: Any) -> Any:
        raise RuntimeError("planted")

    judge.__name__ = name
    return judge


def dead_letters(stage: Stage) -> int:
    """How many rechecks are dead."""
    sqs = stage.client("sqs", account=stage.hub)
    url = next(u for u in sqs.list_queues()["QueueUrls"] if "RechecksDeadLetters" in u)
    wanted = "ApproximateNumberOfMessages"
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[wanted])["Attributes"]
    return int(found[wanted])


def test_one_throttled_read_is_tried_again_and_told_to_nobody(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        create_gateway(copy)
        Throttled(copy, times=4)
        copy.clock.advance(3)
        copy.converge()
        return [gaps(copy), [f["status"] for f in heads(copy, "finding")]]

    assert stage.play(part) == [[], ["OPEN"]]


class Throttled:
    """Refuses the first reads of a gateway for their number."""

    def __init__(self, stage: Stage, times: int) -> None:
        self.left = times
        stage.account.doorway.observers.append(self)

    def before(self, call: Call) -> None:
        if call.operation == "GetGateway" and self.left:
            self.left -= 1
            body = b'{"message": "slow down"}'
            headers = {"x-amzn-errortype": "ThrottlingException"}
            raise Intervene(Answer(429, headers, body, "ThrottlingException", "slow down"))

    def after(self, call: Call, answer: Answer) -> None:
        return
