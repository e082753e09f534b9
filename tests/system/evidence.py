"""What the tests of the promises look at in a copy of the stage, and how they bring events in."""

from __future__ import annotations

import importlib
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from embedded_account.queues import enqueue
from embedded_account.world import FunctionRan

from tests.system.harness import Case, Schedule, play_all
from tests.system.stage import REGION, Stage

LIVE = Schedule("live", live=True)
SECONDS = 10.0
AT_MOST = 3
"""Cases of one test: which ones rotates with the seed; `python -m benchmarks faults` plays all."""

SEED = int(os.environ.get("SENTINEL_SEED", "7"))
"""Another seed plays other cases: ``SENTINEL_SEED=12345 make test``."""


def outcomes(stage: Stage, name: str) -> list[FunctionRan]:
    """The runs of a function in this copy of the world."""
    history = stage.account.world.history
    return [e for e in history if isinstance(e, FunctionRan) and e.function_arn.endswith(name)]


def heads(stage: Stage) -> list[dict[str, Any]]:
    """The findings and gaps, as they are stored."""
    return [json.loads(i["body"]) for i in stage.items("Findings") if i["sk"] == "head"]


def queue_arn(stage: Stage, name: str) -> str:
    """The ARN of a queue of the hub by the beginning of its logical name."""
    found = queue_url(stage, name).rpartition("/")[2]
    return f"arn:aws:sqs:{REGION}:{stage.hub}:{found}"


def queue_url(stage: Stage, name: str) -> str:
    """The address of a queue of the hub by the beginning of its logical name."""
    urls = stage.client("sqs", account=stage.hub).list_queues()["QueueUrls"]
    return next(str(url) for url in urls if f"-{name}" in url)


def length(stage: Stage, name: str) -> int:
    """How many messages a queue of the hub holds that anybody may take."""
    wanted = "ApproximateNumberOfMessages"
    told = stage.client("sqs", account=stage.hub).get_queue_attributes(
        QueueUrl=queue_url(stage, name), AttributeNames=[wanted]
    )
    return int(told["Attributes"][wanted])


def deliver(stage: Stage, *events: Any, queue: str = "ChangesQueue") -> None:
    """Put events into a queue of the hub; a text is put in as it is."""
    arn = queue_arn(stage, queue)
    for event in events:
        enqueue(arn, event if isinstance(event, str) else json.dumps(event), {})


def event_of(stage: Stage, do: Callable[[Stage], Any]) -> dict[str, Any]:
    """The event that a call leaves, as it lies in a queue; it is not judged."""
    seen: list[dict[str, Any]] = []
    publish = stage.account.buses.publish

    def listen(account: str, region: str, bus: str, event: Any, **more: Any) -> Any:
        seen.append(event)

    stage.account.buses.publish = listen  # type: ignore[method-assign]
    try:
        do(stage)
        stage.drain()
    finally:
        stage.account.buses.publish = publish  # type: ignore[method-assign]
    return seen[-1]


def forget_events(stage: Stage) -> None:
    """What CloudTrail has to tell is lost."""
    for delivery in stage.account.world.pending():
        if delivery.kind == "cloudtrail":
            delivery.claim()


def settle(stage: Stage, rounds: int = 1) -> None:
    """Let what was done be told, judged and read again."""
    stage.clock.advance(3)
    stage.converge(rounds)


def deny(stage: Stage, *actions: str) -> None:
    """Take rights from the read role of the watched account."""
    statement = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
    stage.client("iam").put_role_policy(
        RoleName="agentcore-sentinel-read",
        PolicyName="denied",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def make_raise(stage: Stage, rule: str) -> None:
    """Break a rule in the function that judges events."""
    with stage.inside("evaluate"):
        broken = importlib.import_module("sentinel.catalog").rules()[rule]

        def judge(*_: Any, **__: Any) -> Any:
            raise RuntimeError("planted")

        judge.__name__ = rule
        object.__setattr__(broken, "judge", judge)


def violations(stage: Stage, every: Sequence[Case], at_most: int = AT_MOST) -> list[str]:
    """What some of the cases violate; the seed says which ones."""
    assert every
    chosen = random.Random(SEED).sample(list(every), min(len(every), at_most))
    until = time.monotonic() + SECONDS
    wrong = []
    for case, result in zip(chosen, play_all(stage, chosen), strict=True):
        wrong += [f"seed {SEED}, {case}: {violation}" for violation in result.violations]
        if time.monotonic() > until:
            break
    return wrong
