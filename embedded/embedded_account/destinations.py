"""Hands events and failures over to topics, state machines, queues and buckets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from moto.sns.models import sns_backends

from embedded_account.world import EventFailed, World


class Destinations:
    """Acts as the role that EventBridge or Lambda was handed, through the account's own doorway.

    *client* makes a client of a service, account, Region and role; *role_of* gives a function's.
    """

    def __init__(
        self, world: World, client: Callable[..., Any], role_of: Callable[[str], str]
    ) -> None:
        self._world = world
        self._client = client
        self._role_of = role_of

    def publish(self, topic_arn: str, message: str) -> None:
        """Publish to a topic; raises LookupError when it is gone."""
        _, _, _, region, account, _ = topic_arn.split(":", 5)
        backend = sns_backends[account][region]
        if topic_arn not in backend.topics:
            raise LookupError(f"topic {topic_arn} does not exist")
        backend.publish(message=message, arn=topic_arn)

    def start_execution(self, state_machine_arn: str, role_arn: str, text: str) -> None:
        """Start a state machine as *role_arn*; raises LookupError when it is gone."""
        _, _, _, region, account, _ = state_machine_arn.split(":", 5)
        client = self._client("stepfunctions", account, region, as_=role_arn.rpartition("/")[2])
        try:
            client.start_execution(
                stateMachineArn=state_machine_arn, name=self._world.new_id(), input=text
            )
        except client.exceptions.StateMachineDoesNotExist as gone:
            raise LookupError(str(gone)) from gone

    def send(self, function_arn: str, destination: str, text: str, key: str) -> None:
        """Send as the function's role, which needs the right; a refusal loses the text."""
        _, _, _, region, account, _ = function_arn.split(":", 5)
        service = destination.split(":")[2]
        role = self._role_of(function_arn).rpartition("/")[2]
        client = self._client(service, account, region, as_=role)
        try:
            if service == "sqs":
                client.send_message(QueueUrl=_queue_url(destination), MessageBody=text)
            elif service == "sns":
                client.publish(TopicArn=destination, Message=text)
            elif service == "s3":
                bucket = destination.rpartition(":")[2]
                client.list_objects_v2(Bucket=bucket, MaxKeys=1)  # Lambda wants this right as well
                client.put_object(Bucket=bucket, Key=key, Body=text.encode())
            else:
                raise NotImplementedError(f"no destination of kind {service}: {destination}")
        except ClientError as refused:
            error = refused.response["Error"]
            lost = EventFailed(
                self._world.clock.now(),
                function_arn,
                destination,
                error["Code"],
                error["Message"],
                final=True,
            )
            self._world.record(lost)


def _queue_url(arn: str) -> str:
    _, _, _, region, account, name = arn.split(":", 5)
    return f"https://sqs.{region}.amazonaws.com/{account}/{name}"
