"""R9: `sentinel redrive` brings dead letters of each kind back, to be judged or told once."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from sentinel.aws.edge import Edge, Settings
from sentinel_cli import hub as hub_of_command
from sentinel_cli.failure import Failure
from sentinel_cli.hub import Caller, Hub
from sentinel_cli.redrive import redrive

from tests.system.evidence import (
    deliver,
    forget_events,
    heads,
    length,
    queue_arn,
    queue_url,
    settle,
)
from tests.system.scenarios import COMMAND, create_gateway, create_runtime, run_command
from tests.system.stage import REGION, Stage

DENIED = "table"


def run_redrive(stage: Stage) -> None:
    """Run the command in this copy of the world, with the rights of the hub's administrator."""
    edge = Edge(Settings({"AWS_REGION": REGION}))
    edge.session = SimpleNamespace(
        client=lambda service, **_: stage.client(service, account=stage.hub)
    )
    found = Hub("sentinel", edge, stage.outputs)
    found.__dict__["caller"] = Caller(f"arn:aws:iam::{stage.hub}:root", stage.hub, "aws")
    hub_of_command.find = lambda stack, region: found
    redrive(stack="sentinel", region=REGION)


def function_role(stage: Stage, name: str) -> str:
    """The role of a function."""
    return stage.function(name).role_arn.rpartition("/")[2]


def break_table(stage: Stage) -> None:
    """Take the right to write findings from the function that judges events."""
    statement = {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"}
    stage.client("iam", account=stage.hub).put_role_policy(
        RoleName=function_role(stage, "evaluate"),
        PolicyName=DENIED,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    forget_events(stage)


def mend_table(stage: Stage) -> None:
    """Give the right back."""
    stage.client("iam", account=stage.hub).delete_role_policy(
        RoleName=function_role(stage, "evaluate"), PolicyName=DENIED
    )
    forget_events(stage)


def judged(stage: Stage) -> list[tuple[str, str, int, int]]:
    """Each finding: rule, status, how often it changed, how often its activity was counted."""
    found = [h for h in heads(stage) if "problem" in h]
    return sorted((h["rule"], h["status"], h["change"], h["problem"]["count"]) for h in found)


@pytest.mark.parametrize(
    ("queue", "rule"), [("Changes", "gateway_authorizer_none"), ("Activities", COMMAND)]
)
def test_r9_dead_letters_of_a_queue_come_back_and_are_judged_once(
    stage: Stage, queue: str, rule: str
) -> None:
    def part(copy: Stage) -> tuple[Any, ...]:
        create_runtime(copy)
        settle(copy)
        break_table(copy)
        if queue == "Changes":
            create_gateway(copy)
        else:
            run_command(copy)
        settle(copy)
        died = length(copy, f"{queue}DeadLetters"), judged(copy)
        mend_table(copy)
        seen = []
        for _ in range(2):
            run_redrive(copy)
            copy.converge()
            seen.append((length(copy, f"{queue}DeadLetters"), judged(copy)))
        return died, *seen, len(copy.account.slack.messages)

    died, first, second, posts = stage.play(part)
    assert died == (1, [])
    assert first == second == (0, [(rule, "OPEN", 1, 1)])
    assert posts == 1


def test_r9_redriving_beside_a_second_delivery_adds_nothing(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[Any, Any]:
        create_runtime(copy)
        settle(copy)
        break_table(copy)
        run_command(copy)
        settle(copy)
        letter = _only_message(copy, "ActivitiesDeadLetters")
        mend_table(copy)
        run_redrive(copy)
        copy.converge()
        first = judged(copy)
        deliver(copy, letter, queue="ActivitiesQueue")
        copy.converge()
        return first, judged(copy)

    first, second = stage.play(part)
    assert first == second == [(COMMAND, "OPEN", 1, 1)]


def test_r9_what_a_rule_could_not_deliver_to_a_queue_comes_back_once(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[Any, ...]:
        sqs, url = copy.client("sqs", account=copy.hub), queue_url(copy, "ChangesQueue")
        policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        create_gateway(copy)
        settle(copy)
        lost = length(copy, "UndeliveredQueue"), judged(copy)
        sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)
        seen = []
        for _ in range(2):
            run_redrive(copy)
            copy.converge()
            seen.append((length(copy, "UndeliveredQueue"), judged(copy)))
        return lost, *seen, len(copy.account.slack.messages)

    lost, first, second, posts = stage.play(part)
    assert lost == (1, [])
    assert first == second == (0, [("gateway_authorizer_none", "OPEN", 1, 1)])
    assert posts == 1


def test_r9_what_a_rule_could_not_deliver_to_a_function_is_told_once(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[Any, ...]:
        functions, arn = copy.client("lambda", account=copy.hub), copy.function("notify").arn
        (statement,) = json.loads(functions.get_policy(FunctionName=arn)["Policy"])["Statement"]
        functions.remove_permission(FunctionName=arn, StatementId=statement["Sid"])
        create_gateway(copy)
        copy.clock.advance(3)
        copy.drain()
        lost = length(copy, "UndeliveredQueue"), len(copy.account.slack.messages)
        functions.add_permission(
            FunctionName=arn,
            StatementId="again",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        )
        seen = []
        for _ in range(2):
            run_redrive(copy)
            copy.converge()
            seen.append((length(copy, "UndeliveredQueue"), len(copy.account.slack.messages)))
        return lost, *seen

    lost, first, second = stage.play(part)
    assert lost == (1, 0)
    assert first == second == (0, 1)


def test_r9_what_goes_elsewhere_is_left_and_said(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[str, int]:
        copy.client("sqs", account=copy.hub).send_message(
            QueueUrl=queue_url(copy, "UndeliveredQueue"),
            MessageBody="{}",
            MessageAttributes={
                "TARGET_ARN": {
                    "DataType": "String",
                    "StringValue": queue_arn(copy, "ChangesQueue").replace(copy.hub, copy.member),
                }
            },
        )
        with pytest.raises(Failure) as failed:
            run_redrive(copy)
        copy.clock.advance(120)
        return str(failed.value), length(copy, "UndeliveredQueue")

    said, left = stage.play(part)
    assert "is not in the hub's account" in said
    assert left == 1


def _only_message(stage: Stage, queue: str) -> str:
    sqs, url = stage.client("sqs", account=stage.hub), queue_url(stage, queue)
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    return str(message["Body"])
