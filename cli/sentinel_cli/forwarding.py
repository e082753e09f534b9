"""What a watched account could not forward is fetched from there and put into the hub's queues."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sentinel_cli.failure import Failure
from sentinel_cli.redrive import emptied

if TYPE_CHECKING:
    from sentinel_cli.hub import Hub

UNREADABLE = ("AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.NonExistentQueue")
"""What SQS answers who may not use another account's queue, or names one that is not there."""


@dataclass
class Fetched:
    """What became of the events in one account and Region, and why some stay where they are."""

    account: str
    region: str
    sent: int = 0
    unwatched: int = 0
    left: list[str] = field(default_factory=list)

    def told(self) -> str:
        """The line that a person gets."""
        dropped = f", {self.unwatched} that no rule watches dropped" if self.unwatched else ""
        return f"not forwarded by {self.account} {self.region}: {self.sent} sent{dropped}"


def fetched(hub: Hub, account: str, region: str, queue: str) -> Fetched:
    """Take a watched account's events that were not forwarded to the queues of the hub.

    Raises Failure when the account has no such queue, or does not let the caller use it.
    """
    from botocore.exceptions import ClientError

    found = Fetched(account, region)
    sqs = hub.edge.client("sqs", region)
    try:
        url = sqs.get_queue_url(QueueName=queue, QueueOwnerAWSAccountId=account)["QueueUrl"]
        _, found.left = emptied(sqs, url, partial(_send, hub, found))
    except ClientError as error:
        told = error.response["Error"]
        if told.get("Code") not in UNREADABLE:
            raise
        raise Failure(
            f"the queue {queue} of {account} {region} cannot be used: {told.get('Message')}."
            " Deploy member.yaml there, sign in to the hub, and use an identity that may receive"
            " and delete its messages"
        ) from None
    return found


def _send(hub: Hub, found: Fetched, letter: dict[str, Any]) -> None:
    """Send an event on. Raises ValueError for one that EventBridge cannot have put there."""
    from sentinel import catalog, cloudtrail
    from sentinel.record import Unreadable
    from sentinel.subject import Activity

    try:
        event = json.loads(letter["Body"])
        record = cloudtrail.opened(event)
    except (ValueError, Unreadable) as error:
        raise ValueError(f"no event of CloudTrail: {error}") from None
    if (record.account, record.region) != (found.account, found.region):
        raise ValueError(
            f"an event of {record.account} {record.region} cannot come from"
            f" {found.account} {found.region}"
        )
    if not cloudtrail.is_watched(record):
        found.unwatched += 1
        return
    kinds = catalog.watched()[record.source][record.name]
    is_activity = any(issubclass(kind, Activity) for kind in kinds)
    name = "ActivitiesQueueUrl" if is_activity else "ChangesQueueUrl"
    hub.edge.client("sqs").send_message(QueueUrl=hub.output(name), MessageBody=letter["Body"])
    found.sent += 1
