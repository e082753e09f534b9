"""`sentinel redrive` with letters that really died: in a queue, on the way to one, in a member."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from embedded_account.account import EmbeddedAccount

from tests.system.command import REGION, Hub, deployed_hub, event, policy, until

AUTHORIZER = "gateway_authorizer_none"
NOT_FORWARDED = "agentcore-sentinel-not-forwarded"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub to which its member may not forward."""
    with deployed_hub() as made:
        members = [{"account": account} for account in made.account.accounts]
        made.client("s3").put_object(
            Bucket=made.outputs["RecordsBucketName"],
            Key="policy/current.json",
            Body=json.dumps({"version": 1, "members": members}),
        )
        made.rest()
        yield made


def open_gateway(hub: Hub, name: str, account: str = "") -> None:
    owner = account or hub.account.hub
    hub.client("bedrock-agentcore-control", owner).create_gateway(
        name=name,
        roleArn=f"arn:aws:iam::{owner}:role/gateway",
        protocolType="MCP",
        authorizerType="NONE",
    )


def url_of(hub: Hub, logical: str) -> str:
    """The queue that a resource of the template is."""
    urls: list[str] = hub.client("sqs").list_queues()["QueueUrls"]
    (found,) = [url for url in urls if f"-{logical}-" in url]
    return found


def letters(hub: Hub, url: str, account: str = "") -> int:
    """How many messages wait in a queue, or are with somebody."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = hub.client("sqs", account).get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(count) for count in told["Attributes"].values())


def wait_for_letters(hub: Hub, url: str, count: int = 1, account: str = "") -> None:
    until(lambda: letters(hub, url, account) >= count, f"{count} letters in {url}", 40)


@contextmanager
def denied(hub: Hub, role: str, action: str) -> Iterator[None]:
    """Take a right from a role of the hub for a while."""
    iam = hub.client("iam")
    names = [one["RoleName"] for one in iam.list_roles()["Roles"]]
    (name,) = [one for one in names if f"-{role}-" in one]
    deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="denied", PolicyDocument=policy(deny))
    yield
    iam.delete_role_policy(RoleName=name, PolicyName="denied")


@contextmanager
def changed(hub: Hub, url: str, **attributes: str) -> Iterator[None]:
    """Give a queue other attributes for a while."""
    sqs = hub.client("sqs")
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(attributes))["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes=asked)


def test_a_change_that_could_not_be_judged_is_judged_and_only_once(hub: Hub) -> None:
    source, dead = url_of(hub, "ChangesQueue"), url_of(hub, "ChangesDeadLetters")
    sqs = hub.client("sqs")
    asked = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["RedrivePolicy"])
    redrive = json.loads(asked["Attributes"]["RedrivePolicy"]) | {"maxReceiveCount": 1}
    with (
        changed(hub, source, VisibilityTimeout="1", RedrivePolicy=json.dumps(redrive)),
        denied(hub, "EvaluateRole", "dynamodb:*"),
    ):
        open_gateway(hub, "unjudged")
        wait_for_letters(hub, dead)
    assert not [f for f in hub.findings() if "unjudged" in f["subject"]["key"]]
    done = hub.run("redrive")
    assert done.returncode == 0, done.stderr
    name = dead.rsplit("/", 1)[-1]
    assert f"{name}: about 1 on their way back".encode() in done.stdout
    found = hub.finding(AUTHORIZER, "unjudged")
    assert (found["status"], found["cause"]["event_name"]) == ("OPEN", "CreateGateway")
    until(lambda: letters(hub, source) == 0, "the end of the batch")
    again = hub.run("redrive")
    assert f"{name}: empty".encode() in again.stdout
    assert hub.finding(AUTHORIZER, "unjudged")["change"] == found["change"]


def test_an_event_that_eventbridge_could_not_deliver_is_judged(hub: Hub) -> None:
    undelivered = hub.outputs["UndeliveredQueueUrl"]
    nobody = policy({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"})
    with changed(hub, url_of(hub, "ChangesQueue"), Policy=nobody):
        open_gateway(hub, "undelivered")
        wait_for_letters(hub, undelivered)
    done = hub.run("redrive")
    assert done.returncode == 0, done.stderr
    assert b"undelivered events and invocations: 1 sent again" in done.stdout
    assert hub.finding(AUTHORIZER, "undelivered")["status"] == "OPEN"
    assert letters(hub, undelivered) == 0
    assert b": 0 sent again" in hub.run("redrive").stdout


def test_an_invocation_that_failed_is_repeated(hub: Hub) -> None:
    undelivered = hub.outputs["UndeliveredQueueUrl"]
    asked = hub.client("sqs").get_queue_attributes(
        QueueUrl=undelivered, AttributeNames=["QueueArn"]
    )
    hub.client("lambda").put_function_event_invoke_config(
        FunctionName="agentcore-sentinel-notify",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": asked["Attributes"]["QueueArn"]}},
    )
    with denied(hub, "NotifyRole", "dynamodb:Query"):
        open_gateway(hub, "untold")
        wait_for_letters(hub, undelivered)
    done = hub.run("redrive")
    assert done.returncode == 0, done.stderr
    table = hub.outputs["FindingsTableName"]
    key = {
        "pk": {"S": f"head#{hub.finding(AUTHORIZER, 'untold')['fingerprint']}"},
        "sk": {"S": "change#000001"},
    }

    def told() -> bool:
        row = hub.client("dynamodb").get_item(TableName=table, Key=key)["Item"]
        return {"told_slack", "told_mail"} <= row.keys()

    until(told, "the change being told")


def test_what_is_no_letter_stays_and_is_named(hub: Hub) -> None:
    undelivered = hub.outputs["UndeliveredQueueUrl"]
    sqs = hub.client("sqs")
    target = {"DataType": "String", "StringValue": f"arn:aws:sqs:{REGION}:999999999999:elsewhere"}
    sqs.send_message(QueueUrl=undelivered, MessageBody="what is this")
    sqs.send_message(
        QueueUrl=undelivered, MessageBody="{}", MessageAttributes={"TARGET_ARN": target}
    )
    left = hub.run("redrive")
    assert left.returncode == 2
    assert b"2 undelivered messages stay where they are" in left.stderr
    assert b"neither an event" in left.stderr and b"is not in the hub's account" in left.stderr
    assert letters(hub, undelivered) == 2
    sqs.purge_queue(QueueUrl=undelivered)


def member_queue(hub: Hub) -> str:
    sqs = hub.client("sqs", hub.member)
    url: str = sqs.get_queue_url(QueueName=NOT_FORWARDED)["QueueUrl"]
    return url


def test_what_a_member_could_not_forward_is_fetched_and_judged(hub: Hub) -> None:
    open_gateway(hub, "unforwarded", hub.member)
    hub.client("bedrock-agentcore-control", hub.member).create_policy_engine(name="unwatched")
    wait_for_letters(hub, member_queue(hub), 2, hub.member)
    done = hub.run("redrive", "--member", hub.member)
    assert done.returncode == 0, done.stderr
    told = f"not forwarded by {hub.member} {REGION}: [1-9] sent, 1 that no rule watches dropped"
    assert re.search(told.encode(), done.stdout)
    found = hub.finding(AUTHORIZER, "unforwarded")
    assert (found["status"], found["subject"]["account"]) == ("OPEN", hub.member)
    assert letters(hub, member_queue(hub), hub.member) == 0


def test_a_letter_that_no_member_can_have_written_stays_where_it_is(hub: Hub) -> None:
    sqs, url = hub.client("sqs", hub.member), member_queue(hub)
    forged = event(recipientAccountId=hub.account.hub)
    forged["account"] = hub.account.hub
    for body in (json.dumps(forged), "no event"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    left = hub.run("redrive", "--member", hub.member)
    assert left.returncode == 2
    expected = f"an event of {hub.account.hub} us-east-1 cannot come from {hub.member} {REGION}"
    assert (
        b"2 undelivered messages stay" in left.stderr and b"no event of CloudTrail" in left.stderr
    )
    assert expected.replace("us-east-1", forged["region"]).encode() in left.stderr
    assert letters(hub, url, hub.member) == 2
    sqs.purge_queue(QueueUrl=url)


def test_a_member_that_has_no_such_queue_is_named(hub: Hub) -> None:
    done = hub.run("redrive", "--member", hub.member, "--member-region", "us-east-1")
    assert done.returncode == 2
    assert f"the queue {NOT_FORWARDED} of {hub.member} us-east-1 cannot be used".encode() in (
        done.stderr
    )


def test_only_the_hub_may_fetch_what_a_member_could_not_forward(hub: Hub) -> None:
    account: EmbeddedAccount = hub.account
    role = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{hub.account.hub}:root"},
        "Action": "sts:AssumeRole",
    }
    hub.client("iam").create_role(RoleName="visitor", AssumeRolePolicyDocument=policy(role))
    visitor: Any = account.client("sqs", hub.account.hub, REGION, as_="visitor")
    with pytest.raises(visitor.exceptions.ClientError, match="AccessDenied"):
        visitor.receive_message(QueueUrl=member_queue(hub))
