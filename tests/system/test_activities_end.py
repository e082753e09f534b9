"""Activities have no state that could be read: being quiet ends them, and counts are told."""

from __future__ import annotations

from typing import Any

from tests.system.evidence import heads
from tests.system.scenarios import COMMAND, create_runtime, run_command
from tests.system.stage import Stage

DAY = 24 * 3600


def commands(stage: Stage) -> list[dict[str, Any]]:
    """The findings of commands."""
    return [head for head in heads(stage) if head.get("rule") == COMMAND]


def moves(stage: Stage) -> list[str]:
    """What became of them, in order."""
    items = sorted(stage.items("Findings"), key=lambda item: str(item["sk"]))
    return [item["move"] for item in items if "move" in item and COMMAND in item["body"]]


def test_a_command_that_is_not_run_again_is_closed_after_a_day_and_told(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        create_runtime(copy)
        run_command(copy)
        copy.converge()
        seen: list[Any] = [moves(copy)]
        copy.clock.advance(DAY - 3600)
        copy.converge()
        seen.append(moves(copy))
        copy.clock.advance(3600)
        copy.converge()
        told = [m.text.partition(":")[0] for m in copy.account.slack.messages if "shell" in m.text]
        return [*seen, moves(copy), told]

    opened, waiting, closed, told = stage.play(part)
    assert (opened, waiting, closed) == (["opened"], ["opened"], ["opened", "resolved"])
    assert told == ["RESOLVED CRITICAL"]


def test_the_count_of_a_command_that_goes_on_is_told_by_tend(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        create_runtime(copy)
        for _ in range(3):
            run_command(copy)
            copy.clock.advance(30)
            copy.drain()
        before = moves(copy)
        copy.converge()
        (found,) = commands(copy)
        return [before, moves(copy), found["told"], len(copy.account.mailbox.messages)]

    assert stage.play(part) == [["opened"], ["opened", "changed"], 3, 1]
