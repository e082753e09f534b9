"""Alarms of the sentinel itself reach the team in Slack and by mail, once, and so does the end."""

from __future__ import annotations

import importlib
import json
from typing import Any

from tests.system.scenarios import AUTHORIZER, create_gateway
from tests.system.stage import Stage
from tests.system.test_gap import heads

DEAD_LETTERS = "sentinel/changes-dead-letters"
REASON = "Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0)."
TITLE = "An alarm of the sentinel itself rings"


def ring(stage: Stage, state: str, name: str = DEAD_LETTERS) -> None:
    """Let CloudWatch find an alarm in a state."""
    stage.client("cloudwatch", account=stage.hub).set_alarm_state(
        AlarmName=name, StateValue=state, StateReason=REASON
    )


def gaps(stage: Stage) -> list[tuple[str, str, int]]:
    """Each alarm that was told: its name, what became of it, and how many changes it had."""
    found = [gap for gap in heads(stage, "gap") if gap["kind"] == "alarm"]
    return [(gap["cause"], gap["status"], gap["change"]) for gap in found]


def slack(stage: Stage) -> list[str]:
    """The messages about alarms, as they stand now."""
    return [str(m.blocks) for m in stage.account.slack.messages if TITLE in m.text]


def mails(stage: Stage) -> list[str]:
    return [mail.subject for mail in stage.account.mailbox.messages]


def test_an_alarm_is_told_once_in_slack_and_by_mail_and_so_is_its_end(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        ring(copy, "ALARM")
        copy.drain()
        rung = [gaps(copy), slack(copy), mails(copy)]
        copy.converge()
        again = [gaps(copy), len(slack(copy)), mails(copy)]
        copy.clock.advance(60)
        ring(copy, "OK")
        copy.drain()
        return [rung, again, [gaps(copy), slack(copy), mails(copy)]]

    rung, again, over = stage.play(part)
    assert rung[0] == [(DEAD_LETTERS, "OPEN", 1)]
    (message,) = rung[1]
    assert "Changes could not be judged. Run sentinel redrive" in message
    assert "Threshold Crossed" in message
    assert rung[2] == [f'ALARM: "{DEAD_LETTERS}" in eu-central-1']
    assert again == [rung[0], 1, rung[2]]
    assert over[0] == [(DEAD_LETTERS, "RESOLVED", 2)]
    (closed,) = over[1]
    assert "ASSESSED AGAIN" in closed
    assert len(over[2]) == 2 and "ASSESSED AGAIN" in over[2][1]


def test_a_bell_that_was_lost_or_that_comes_late_does_no_harm(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        world = copy.account.world
        ring(copy, "ALARM")
        bell = next(each for each in world.pending() if each.label.endswith("is ALARM"))
        late = bell.claim()
        assert late is not None
        copy.converge(1)
        heard = gaps(copy)
        ring(copy, "OK")
        copy.drain()
        late()
        copy.drain()
        return [heard, gaps(copy)]

    assert stage.play(part) == [
        [(DEAD_LETTERS, "OPEN", 1)],
        [(DEAD_LETTERS, "RESOLVED", 2)],
    ]


def test_an_alarm_whose_state_is_not_known_stays_as_it_was_told(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        ring(copy, "ALARM")
        copy.drain()
        ring(copy, "INSUFFICIENT_DATA")
        copy.converge(1)
        unknown = gaps(copy)
        copy.client("cloudwatch", account=copy.hub).delete_alarms(AlarmNames=[DEAD_LETTERS])
        copy.converge(1)
        return [unknown, gaps(copy)]

    assert stage.play(part) == [
        [(DEAD_LETTERS, "OPEN", 1)],
        [(DEAD_LETTERS, "RESOLVED", 2)],
    ]


def test_an_alarm_of_another_stack_is_not_ours(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        alarm = {"Namespace": "n", "MetricName": "m", "Period": 60, "EvaluationPeriods": 1}
        for name in ("sentinel-dev/undelivered", "sentinel"):
            copy.client("cloudwatch", account=copy.hub).put_metric_alarm(
                AlarmName=name,
                Threshold=0,
                Statistic="Sum",
                ComparisonOperator="GreaterThanThreshold",
                **alarm,
            )
            ring(copy, "ALARM", name)
        ran = len(copy.account.world.history)
        copy.drain()
        history = [type(entry).__name__ for entry in copy.account.world.history[ran:]]
        copy.converge(1)
        return [gaps(copy), "FunctionRan" in history]

    assert stage.play(part) == [[], False]


def test_nobody_but_cloudwatch_can_ring_the_bell(stage: Stage) -> None:
    def part(copy: Stage) -> Any:
        entry = {
            "Source": "aws.cloudwatch",
            "DetailType": "CloudWatch Alarm State Change",
            "Detail": json.dumps({"alarmName": DEAD_LETTERS, "state": {"value": "ALARM"}}),
        }
        answer = copy.client("events", account=copy.hub).put_events(Entries=[entry])
        copy.converge(1)
        return [answer["Entries"][0]["ErrorCode"], gaps(copy)]

    assert stage.play(part) == ["NotAuthorizedForSourceException", []]


def test_a_sweep_that_fails_in_part_answers_and_counts_what_its_alarm_watches(
    stage: Stage,
) -> None:
    def part(copy: Stage) -> Any:
        create_gateway(copy, authorizerType="AWS_IAM")
        copy.drain()
        with copy.inside("sweep"):
            rule: Any = importlib.import_module(f"sentinel.rules.{AUTHORIZER}")
            rule.KNOWN = None
        outcome = copy.invoke("sweep", {"kinds": ["gateway"]})
        alarms = copy.client("cloudwatch", account=copy.hub).describe_alarms(
            AlarmNames=["sentinel/sweep-parts"]
        )
        lines = [json.loads(line) for line in outcome.log if line.startswith("{")]
        return [outcome.error_type, outcome.payload, lines, alarms["MetricAlarms"]]

    error, summary, lines, (alarm,) = stage.play(part)
    assert error is None
    assert summary["slices"] > 1 and summary["unfinished"] == []
    (failure,) = summary["errors"]
    assert AUTHORIZER in failure and "gateway/orders" in failure
    assert [line["message"] for line in lines if line.get("level") == "ERROR"] == [
        "a part of the sweep failed"
    ]
    (metric,) = [line for line in lines if "_aws" in line]
    (told,) = metric["_aws"]["CloudWatchMetrics"]
    assert (told["Namespace"], told["Metrics"][0]["Name"]) == (
        alarm["Namespace"],
        alarm["MetricName"],
    )
    assert metric["SweepFailures"] in (1, [1.0])
    dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    assert dimensions == {name: metric[name] for name in told["Dimensions"][0]}
