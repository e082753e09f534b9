"""Sends a mail by publishing it to an SNS topic."""

from __future__ import annotations

from typing import Any, Protocol


class SnsClient(Protocol):
    """The one call that is made of boto3's SNS client."""

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> Any: ...


def publish(topic_arn: str, subject: str, body: str, client: SnsClient) -> str:
    """Publish a mail to everybody who subscribed to the topic; returns SNS's message id.

    What SNS refuses (botocore's ``ClientError``) leaves this function: an untold notice must be
    told again.
    """
    answer = client.publish(TopicArn=topic_arn, Subject=subject, Message=body)
    return str(answer["MessageId"])
