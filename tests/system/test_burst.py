"""A burst of commands: few writes, few notices, and the one change that matters is on time."""

from __future__ import annotations

import copy as copies
import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from embedded_account.queues import enqueue, queue_of
from embedded_account.world import CallMade, FunctionRan

from tests.system.scenarios import create_gateway, create_runtime, run_command
from tests.system.stage import ROOT, Stage, opened
from tests.system.test_faults import event_of, heads, queue_arn

EVENTS = 10_000
AGENTS = 40


def burst(stage: Stage, queue: str) -> list[str]:
    """Commands by a few callers in one minute, in a queue; their ids."""
    create_runtime(stage)
    stage.converge(1)
    sample = event_of(stage, run_command)
    arn = queue_arn(stage, queue)
    ids = []
    for number in range(EVENTS):
        event = copies.deepcopy(sample)
        detail = event["detail"]
        detail["eventID"] = f"{number:08d}-0000-4000-8000-000000000000"
        role = f"arn:aws:sts::{stage.member}:assumed-role/agent-{number % AGENTS}/session"
        detail["userIdentity"] = {"type": "AssumedRole", "arn": role, "accountId": stage.member}
        enqueue(arn, json.dumps(event), {})
        ids.append(detail["eventID"])
    return ids


def told_after(stage: Stage, queue: str, steps: int) -> tuple[float | None, int]:
    """When the change was told, in the world's seconds after it was made, and what then waited.

    Each step polls every queue once; a batch takes a second of the world's time.
    """
    create_gateway(stage, "the-one")
    made = stage.clock.now()
    waiting = queue_of(queue_arn(stage, queue))
    for _ in range(steps):
        for delivery in stage.account.world.pending():
            if delivery.kind != "queue" or "Rechecks" not in delivery.label:
                stage.account.world.step(delivery)
        stage.clock.advance(1)
        if any("the-one" in m.text for m in stage.account.slack.messages):
            return (stage.clock.now() - made) / timedelta(seconds=1), len(waiting.messages)
    return None, len(waiting.messages)


def test_a_burst_of_commands_costs_little_and_delays_no_change(stage: Stage) -> None:
    def part(copy: Stage) -> dict[str, Any]:
        burst(copy, "ActivitiesQueue")
        started, begun = time.monotonic(), len(copy.account.world.history)
        seconds, waiting = told_after(copy, "ActivitiesQueue", 12)
        copy.drain()
        history = copy.account.world.history[begun:]
        runs = [e for e in history if isinstance(e, FunctionRan)]
        writes = sum(
            e.call.operation == "TransactWriteItems" for e in history if isinstance(e, CallMade)
        )
        commands = [h for h in heads(copy) if h.get("rule") == "runtime_shell_command"]
        return {
            "seconds": seconds,
            "waiting": waiting,
            "writes per event": writes / EVENTS,
            "posts": len(copy.account.slack.messages),
            "counted": sum(h["problem"]["count"] for h in commands),
            "failed": Counter(e.outcome.error_type for e in runs if e.outcome.error_type),
            "took": time.monotonic() - started,
        }

    found = stage.play(part)
    print(found)
    assert found["seconds"] is not None
    assert found["seconds"] < 10
    assert found["waiting"] > 5_000
    assert found["writes per event"] <= 0.4
    assert not found["failed"]
    assert found["counted"] >= EVENTS


def test_with_one_queue_for_all_the_change_is_late(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    text = (ROOT / "template.yaml").read_text()
    rule, _, rest = text.partition("  ActivitiesRule:")
    rule = rule.replace(
        "Arn: !GetAtt ChangesQueue.Arn\n          Retry",
        "Arn: !GetAtt ActivitiesQueue.Arn\n          Retry",
    )
    rest = rest.replace(
        "aws:SourceArn: !GetAtt ActivitiesRule.Arn", "aws:SourceArn: !GetAtt ChangesRule.Arn"
    )
    template.write_text(f"{rule}  ActivitiesRule:{rest}")

    def part(copy: Stage) -> float | None:
        burst(copy, "ActivitiesQueue")
        return told_after(copy, "ActivitiesQueue", 12)[0]

    with opened(template) as one_queue:
        assert one_queue.play(part) is None
