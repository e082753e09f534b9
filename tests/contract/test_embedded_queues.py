"""Queues of other accounts are used as their policies allow; what a change does not name stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_account.account import HUB, MEMBER, EmbeddedAccount

ARN = f"arn:aws:sqs:eu-central-1:{MEMBER}:letters"


def policy(*actions: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{HUB}:root"},
        "Action": list(actions),
        "Resource": ARN,
    }
    return document(statement)


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def account() -> Iterator[EmbeddedAccount]:
    with EmbeddedAccount() as account:
        for owner in (HUB, MEMBER):
            sqs = account.client("sqs", owner)
            url = sqs.create_queue(QueueName="letters")["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody=f"of {owner}")
        iam = account.client("iam")
        trust = {"Effect": "Allow", "Principal": {"AWS": HUB}, "Action": "sts:AssumeRole"}
        everything = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document(trust))
        iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=document(everything))
        yield account


def url_of(account: EmbeddedAccount, owner: str) -> str:
    url: str = account.client("sqs", owner).get_queue_url(QueueName="letters")["QueueUrl"]
    return url


def allow(account: EmbeddedAccount, *actions: str) -> None:
    account.client("sqs", MEMBER).set_queue_attributes(
        QueueUrl=url_of(account, MEMBER), Attributes={"Policy": policy(*actions)}
    )


def test_a_queue_of_another_account_is_found_read_and_emptied(account: EmbeddedAccount) -> None:
    allow(account, "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage")
    sqs = account.client("sqs", HUB, as_="reader")
    url = sqs.get_queue_url(QueueName="letters", QueueOwnerAWSAccountId=MEMBER)["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == f"of {MEMBER}"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    own = sqs.receive_message(QueueUrl=url_of(account, HUB))["Messages"]
    assert [message["Body"] for message in own] == [f"of {HUB}"]


def test_what_a_queue_does_not_allow_is_refused(account: EmbeddedAccount) -> None:
    allow(account, "sqs:GetQueueUrl")
    sqs = account.client("sqs", HUB, as_="reader")
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.receive_message(QueueUrl=url_of(account, MEMBER))


def test_an_attribute_that_is_set_leaves_the_policy(account: EmbeddedAccount) -> None:
    allow(account, "sqs:GetQueueUrl")
    sqs, url = account.client("sqs", MEMBER), url_of(account, MEMBER)

    def kept() -> Any:
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        return told.get("Attributes", {}).get("Policy")

    before = kept()
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    assert json.loads(kept()) == json.loads(before)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert kept() is None
