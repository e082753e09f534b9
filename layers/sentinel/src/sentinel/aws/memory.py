"""The memory table: baselines, activities, and the rechecks that are to come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sentinel import moment
from sentinel.aws import clock
from sentinel.aws.rows import Item, attributes, plain
from sentinel.record import Actor
from sentinel.subject import Activity, Identity, Resource

KEPT = timedelta(days=90)
AT_MOST = 1000
"""Activities that are counted of one hour; beyond it a count says "at least"."""
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between the tries to store what DynamoDB took nothing of."""
TODO = "recheck"
"""What the index of due work lists rechecks under."""


@dataclass(frozen=True, slots=True)
class Recheck:
    """A live read that is due: of which resource, and not older than which event.

    *attempts* counts reads that were doubted, *sent_again* messages that seem to have been lost.
    *changed* is the last event that was about the resource itself, and not about what hangs on it.
    *ended*: the event said that the resource was deleted.
    """

    kind: str
    identity: Identity
    after: datetime
    due: datetime
    changed: datetime | None = None
    attempts: int = 0
    sent_again: int = 0
    sent: bool = False
    ended: bool = False


class NotKept(RuntimeError):
    """DynamoDB took none of what was to be remembered, however often it was asked."""


class Memory:
    """What the sentinel remembers of subjects beside their findings."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def baseline(self, kind: type[Resource], identity: Identity) -> Resource | None:
        """The last state of a resource that was accepted as good."""
        item = self._get(_subject_key(identity, "baseline"))
        return kind.restored(identity, json.loads(plain(item)["body"])) if item else None

    def accept(self, resource: Resource, as_of: datetime, by: str = "") -> bool:
        """Make a state the baseline, unless a newer one is; False then."""
        item = _subject_key(resource.identity, "baseline") | attributes(
            v=1, as_of=moment.text(as_of), body=json.dumps(resource.state(), default=str), by=by
        )
        return self._put(
            item, "attribute_not_exists(pk) OR as_of < :as_of", {":as_of": item["as_of"]}
        )

    def keep(self, activities: Iterable[Activity]) -> None:
        """Store activities before they are judged; the same event again changes nothing.

        What DynamoDB has no capacity for is stored after a pause. Raises NotKept when it takes
        nothing for seconds.
        """
        items = {tuple(plain(i).values())[:2]: i for i in map(_activity_item, activities)}
        pending = [{"PutRequest": {"Item": item}} for item in items.values()]
        refused = 0
        while pending:
            batch, pending = pending[:25], pending[25:]
            answer = self._dynamodb.batch_write_item(RequestItems={self._table: batch})
            left = answer.get("UnprocessedItems", {}).get(self._table, [])
            pending += left
            refused = refused + 1 if len(left) == len(batch) else 0
            if refused > len(PAUSES):
                raise NotKept(f"{self._table} took none of {len(pending)} activities")
            if left:
                clock.sleep(PAUSES[max(refused - 1, 0)])

    def earlier(self, kind: type[Activity], like: Activity, span: timedelta) -> list[Activity]:
        """The activities on the same subject up to *like*, newest first, at most `AT_MOST`."""
        answer = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :since AND :until",
            ExpressionAttributeValues={
                ":pk": {"S": _activities_of(kind, like.identity)},
                ":since": {"S": moment.text(like.at - span)},
                ":until": {"S": moment.text(like.at + span) + "~"},
            },
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=AT_MOST,
        )
        past = (_activity_from(kind, like.identity, item) for item in answer["Items"])
        return [activity for activity in past if activity.event_id != like.event_id]

    def recheck(self, identity: Identity) -> Recheck | None:
        """The recheck that is due for a resource."""
        item = self._get(_subject_key(identity, "recheck"))
        return _recheck_from(item) if item else None

    def schedule(self, recheck: Recheck) -> bool:
        """Ask for a recheck; True when a message must be sent for it.

        One that waits is moved to the later event; of one second, to the event that ended the
        resource. A message is not sent again while one is on its way; one whose sender died before
        `sent` is.
        """
        if self._put(_recheck_item(recheck), "attribute_not_exists(pk)", {}):
            return True
        waiting = self.recheck(recheck.identity)
        if waiting is None:
            return self.schedule(recheck)
        if recheck.changed:
            self._update(
                _subject_key(recheck.identity, "recheck"),
                "SET changed = :changed",
                "attribute_exists(pk) AND (attribute_not_exists(changed) OR changed < :changed)",
                {},
                {":changed": {"S": moment.text(recheck.changed)}},
            )
        later = (recheck.after, recheck.ended) > (waiting.after, waiting.ended)
        if later:
            self._update(
                _subject_key(recheck.identity, "recheck"),
                "SET #after = :after, ended = :ended, todo = :todo, sent_again = :none",
                "attribute_exists(pk) AND #after <= :after",
                {"#after": "after"},
                {
                    ":after": {"S": moment.text(recheck.after)},
                    ":ended": {"S": _yes(recheck.ended)},
                    ":todo": {"S": TODO},
                    ":none": {"N": "0"},
                },
            )
        overdue = waiting.due < recheck.due - timedelta(minutes=5)
        return not waiting.sent or (later and overdue)

    def sent(self, recheck: Recheck) -> None:
        """Say that the message of a recheck is on its way."""
        self._update(
            _subject_key(recheck.identity, "recheck"),
            "SET sent = :yes, due = :due, attempts = :attempts, sent_again = :again",
            "attribute_exists(pk)",
            {},
            {
                ":yes": {"S": "yes"},
                ":due": {"S": moment.text(recheck.due)},
                ":attempts": {"N": str(recheck.attempts)},
                ":again": {"N": str(recheck.sent_again)},
            },
        )

    def leave(self, recheck: Recheck) -> None:
        """Take a recheck off the list of what is due; its message, redriven, still finds it."""
        self._update(
            _subject_key(recheck.identity, "recheck"),
            "REMOVE todo",
            "attribute_exists(pk) AND #after <= :after",
            {"#after": "after"},
            {":after": {"S": moment.text(recheck.after)}},
        )

    def done(self, recheck: Recheck) -> bool:
        """Forget a recheck, unless a later event asked for it meanwhile; False then."""
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=_subject_key(recheck.identity, "recheck"),
                ConditionExpression="attribute_not_exists(pk) OR #after <= :after",
                ExpressionAttributeNames={"#after": "after"},
                ExpressionAttributeValues={":after": {"S": moment.text(recheck.after)}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def overdue(self, before: datetime) -> Iterator[Recheck]:
        """Rechecks that should have been done before a time."""
        for item in self._query(
            IndexName="due",
            KeyConditionExpression="todo = :recheck AND due < :before",
            ExpressionAttributeValues={
                ":recheck": {"S": TODO},
                ":before": {"S": moment.text(before)},
            },
        ):
            yield _recheck_from(item)

    def put_note(self, key: str, name: str, body: str, expires: datetime | None = None) -> None:
        """Keep a text under a key, such as what a sweep has done."""
        item = attributes(pk=key, sk=name, body=body)
        if expires:
            item |= attributes(expires=int(expires.timestamp()))
        self._dynamodb.put_item(TableName=self._table, Item=item)

    def notes(self, key: str) -> dict[str, str]:
        """The texts kept under a key, by name."""
        items = self._query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": key}},
            ConsistentRead=True,
        )
        return {plain(item)["sk"]: plain(item).get("body", "") for item in items}

    def take(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        """Take a lease on something that only one may do at a time."""
        item = attributes(pk=f"lease#{name}", sk="lease", holder=holder, until=moment.text(until))
        return self._put(
            item,
            "attribute_not_exists(pk) OR #until < :now OR holder = :holder",
            {":now": {"S": moment.text(now)}, ":holder": {"S": holder}},
            {"#until": "until"},
        )

    def is_taken(self, name: str, now: datetime) -> bool:
        """Whether somebody holds a lease."""
        item = self._get(attributes(pk=f"lease#{name}", sk="lease"))
        return item is not None and plain(item)["until"] >= moment.text(now)

    def give_back(self, name: str, holder: str) -> None:
        """Give a lease back, if it is still held."""
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=attributes(pk=f"lease#{name}", sk="lease"),
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":holder": {"S": holder}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def count(self, key: str, name: str, expires: datetime, at_most: int) -> int:
        """Put an item under a key and count those that are there, up to a number.

        The same name counts once.
        """
        self.put_note(key, name, "", expires)
        answer = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": key}},
            Select="COUNT",
            ConsistentRead=True,
            Limit=at_most,
        )
        return int(answer["Count"])

    def _get(self, key: Item) -> Item | None:
        answer = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def _query(self, **request: Any) -> Iterator[Item]:
        start: dict[str, Any] = {}
        while True:
            answer = self._dynamodb.query(TableName=self._table, **request, **start)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _put(
        self, item: Item, condition: str, values: Item, names: dict[str, str] | None = None
    ) -> bool:
        request: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
        if names:
            request["ExpressionAttributeNames"] = names
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=item, ConditionExpression=condition, **request
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _update(
        self, key: Item, update: str, condition: str, names: dict[str, str], values: Item
    ) -> None:
        request = {"ExpressionAttributeNames": names} if names else {}
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                **request,
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return


def _subject_key(identity: Identity, what: str) -> Item:
    """A policy of AWS's own has the same ARN in every account, so the account is in the key."""
    return attributes(pk=f"{identity.kind}#{identity.account}#{identity.key}", sk=what)


def _activities_of(kind: type[Activity], identity: Identity) -> str:
    return f"activity#{kind.kind}#{identity.key}"


def _activity_item(activity: Activity) -> Item:
    return attributes(
        pk=_activities_of(type(activity), activity.identity),
        sk=f"{moment.text(activity.at)}#{activity.event_id}",
        v=1,
        event_id=activity.event_id,
        event_name=activity.event_name,
        at=moment.text(activity.at),
        actor=json.dumps(asdict(activity.actor)),
        expires=int((activity.at + KEPT).timestamp()),
    )


def _activity_from(kind: type[Activity], identity: Identity, item: Item) -> Activity:
    fields = plain(item)
    return kind.remembered(
        identity,
        event_id=fields["event_id"],
        event_name=fields["event_name"],
        at=moment.parse(fields["at"]),
        actor=Actor(**json.loads(fields["actor"])),
    )


def _recheck_item(recheck: Recheck) -> Item:
    item = _subject_key(recheck.identity, "recheck") | attributes(
        v=1,
        kind=recheck.kind,
        identity=json.dumps(asdict(recheck.identity)),
        after=moment.text(recheck.after),
        todo=TODO,
        due=moment.text(recheck.due),
        attempts=recheck.attempts,
        sent_again=recheck.sent_again,
        ended=_yes(recheck.ended),
    )
    if recheck.changed:
        item |= attributes(changed=moment.text(recheck.changed))
    return item | attributes(sent="yes") if recheck.sent else item


def _recheck_from(item: Item) -> Recheck:
    fields = plain(item)
    return Recheck(
        kind=fields["kind"],
        identity=Identity(**json.loads(fields["identity"])),
        after=moment.parse(fields["after"]),
        due=moment.parse(fields["due"]),
        changed=moment.parse(fields["changed"]) if "changed" in fields else None,
        attempts=int(fields["attempts"]),
        sent_again=int(fields["sent_again"]),
        sent="sent" in fields,
        ended=fields.get("ended") == "yes",
    )


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
