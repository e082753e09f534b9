"""An alarm that SetAlarmState rings is told as CloudWatch tells it: an event, and the actions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_account.account import HUB, EmbeddedAccount

REGION = "eu-central-1"
NAME = "ours/dead-letters"
ARN = f"arn:aws:cloudwatch:{REGION}:{HUB}:alarm:{NAME}"
ALARM = {
    "AlarmName": NAME,
    "AlarmDescription": "Letters lie about.",
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": "q"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture
def account() -> Iterator[EmbeddedAccount]:
    with EmbeddedAccount() as account:
        topic = account.client("sns").create_topic(Name="alarms")["TopicArn"]
        account.client("sns").subscribe(
            TopicArn=topic, Protocol="email", Endpoint="team@example.com"
        )
        account.client("cloudwatch").put_metric_alarm(**ALARM, AlarmActions=[topic])
        yield account


def ring(account: EmbeddedAccount, state: str) -> None:
    account.client("cloudwatch").set_alarm_state(
        AlarmName=NAME, StateValue=state, StateReason=f"it is {state}"
    )


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def told(account: EmbeddedAccount) -> list[Any]:
    """The events that reach a queue while everything happens that waits."""
    sqs, events = account.client("sqs"), account.client("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{HUB}:heard"
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(allow)})
    events.put_rule(Name="heard", EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
    events.put_targets(Rule="heard", Targets=[{"Id": "1", "Arn": arn}])
    account.world.drain()
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


def test_the_event_has_the_form_that_cloudwatch_documents(account: EmbeddedAccount) -> None:
    ring(account, "ALARM")
    (event,) = told(account)
    detail = event.pop("detail")
    assert event.pop("id") and event.pop("time")
    assert event == {
        "version": "0",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": HUB,
        "region": REGION,
        "resources": [ARN],
    }
    assert sorted(detail) == ["alarmName", "configuration", "previousState", "state"]
    assert (detail["alarmName"], detail["previousState"]["value"]) == (NAME, "OK")
    assert (detail["state"]["value"], detail["state"]["reason"]) == ("ALARM", "it is ALARM")
    assert detail["configuration"]["description"] == "Letters lie about."
    assert detail["configuration"]["metrics"][0]["metricStat"] == {
        "metric": {
            "namespace": "AWS/SQS",
            "name": "ApproximateNumberOfMessagesVisible",
            "dimensions": {"QueueName": "q"},
        },
        "period": 60,
        "stat": "Maximum",
    }


def test_an_alarm_mails_when_it_begins_to_ring_and_not_again(account: EmbeddedAccount) -> None:
    for state in ("ALARM", "ALARM", "OK"):
        ring(account, state)
        account.world.drain()
    (mail,) = account.mailbox.messages
    assert mail.subject == f'ALARM: "{NAME}" in {REGION}'
    assert "Letters lie about." in mail.body and "it is ALARM" in mail.body


def test_a_state_that_stays_is_not_told(account: EmbeddedAccount) -> None:
    ring(account, "OK")
    assert told(account) == []


def test_describe_alarms_needs_a_right_on_all_alarms(account: EmbeddedAccount) -> None:
    iam = account.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": HUB}, "Action": "sts:AssumeRole"}
    for name, resource in (("narrow", ARN), ("wide", ARN.replace(NAME, "*"))):
        allow = {"Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": resource}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow))
    asked = {"AlarmNamePrefix": "ours/"}
    wide = account.client("cloudwatch", as_="wide").describe_alarms(**asked)
    assert [alarm["AlarmName"] for alarm in wide["MetricAlarms"]] == [NAME]
    with pytest.raises(ClientError, match="AccessDenied"):
        account.client("cloudwatch", as_="narrow").describe_alarms(**asked)
