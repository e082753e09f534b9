"""The findings table: every write conditional, every change a row of the outbox.

A verdict is read, applied and written in one transaction: the standing if nobody moved it
meanwhile, each finding if nobody changed it, each change if it is not there. Whoever loses the race
reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sentinel import gap, life, moment
from sentinel.aws import clock, rows
from sentinel.aws.rows import Item
from sentinel.finding import Verdict, fingerprint
from sentinel.gap import Gap, GapChange
from sentinel.life import Change, Exempt, Finding, Move, Standing, Transition

TRIES = 5
MARKS = ("announced", "told_slack", "told_mail")


class Contended(RuntimeError):
    """A row was changed by somebody else each time that it was to be written."""


class Store:
    """Standings, findings, gaps and the outbox."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def record(self, verdict: Verdict, exempt: Exempt) -> tuple[Change, ...]:
        """Apply a verdict to what is stored, and give the changes. Raises Contended."""
        for _ in range(TRIES):
            standing = None if verdict.activity else self.standing(verdict)
            findings = self._findings_of(verdict, standing)
            transition = life.apply(standing, findings, verdict, exempt, clock.now())
            if transition is None:
                return ()
            if self._write(_writes(self._table, transition, verdict, standing, findings)):
                return transition.changes
        raise Contended(f"{verdict.rule} on {verdict.subject.key}")

    def standing(self, verdict: Verdict) -> Standing | None:
        """How far the rule has judged the subject."""
        key = rows.standing_key(verdict.subject, verdict.rule)
        item = self._get(key)
        return rows.standing_from(item) if item else None

    def finding(self, fingerprint: str) -> Finding | None:
        """A finding by its fingerprint."""
        item = self._get(rows.head_key(fingerprint))
        found = rows.head_from(item) if item else None
        return found if isinstance(found, Finding) else None

    def gap(self, identifier: str) -> Gap | None:
        """A gap by its id."""
        item = self._get(rows.head_key(identifier))
        found = rows.head_from(item) if item else None
        return found if isinstance(found, Gap) else None

    def meet(self, met: Gap) -> GapChange | None:
        """Open a gap, unless it is open. Raises Contended.

        That an open one was met again is kept now and then; who loses that race need not try again.
        """

        def meeting(stored: Gap | None) -> GapChange | None:
            again = gap.met_again(stored, met.changed_at)
            if stored and again:
                self._write([_put(self._table, rows.head_item(again), stored.version)])
            return gap.met(stored, met)

        return self._change_gap(met.id, meeting)

    def cure(self, identifier: str, read: Collection[str] | None = None) -> GapChange | None:
        """Close a gap, unless it is closed, or is about a resource that was not *read*.

        None is: whatever it is about. Raises Contended.
        """

        def closing(stored: Gap | None) -> GapChange | None:
            if stored is None or stored.status is not life.Status.OPEN:
                return None
            cured = read is None or stored.example in read
            return gap.cured(stored, clock.now()) if cured else None

        return self._change_gap(identifier, closing)

    def move(self, fingerprint: str, moving: Callable[[Finding], Change | None]) -> Change | None:
        """Move a finding without a verdict: a person closed it, or an exemption ended."""
        for _ in range(TRIES):
            stored = self.finding(fingerprint)
            change = moving(stored) if stored else None
            if stored is None or change is None:
                return None
            writes = [
                _put(self._table, rows.head_item(change.finding), stored.version),
                _put(self._table, rows.change_item(change, silent=False), None),
            ]
            if self._write(writes):
                return change
        raise Contended(fingerprint)

    def findings(self, status: life.Status) -> Iterator[Finding]:
        """The findings with a status, the latest change last; as the index shows them."""
        for head in self._listed(Finding, status):
            if isinstance(head, Finding):
                yield head

    def gaps(self, status: life.Status) -> Iterator[Gap]:
        """The gaps with a status, the latest change last; as the index shows them."""
        for head in self._listed(Gap, status):
            if isinstance(head, Gap):
                yield head

    def due(self, before: datetime) -> Iterator[Item]:
        """The rows of the outbox that were to be told before a time and still lack a mark."""
        yield from self._query(
            IndexName="outbox",
            KeyConditionExpression="#outbox = :due AND #at < :before",
            ExpressionAttributeNames={"#outbox": "outbox", "#at": "at"},
            ExpressionAttributeValues={
                ":due": {"S": "due"},
                ":before": {"S": moment.text(before)},
            },
        )

    def changes(self, identifier: str) -> list[Item]:
        """All changes of a finding or gap, oldest first, read consistently."""
        return list(
            self._query(
                KeyConditionExpression="pk = :pk AND begins_with(sk, :change)",
                ExpressionAttributeValues={
                    ":pk": rows.head_key(identifier)["pk"],
                    ":change": {"S": "change#"},
                },
                ConsistentRead=True,
            )
        )

    def lease(self, key: Item, mark: str, seconds: float) -> bool:
        """Take a row to set a mark on it, for a while; False when it is marked or taken."""
        now = clock.now().timestamp()
        return self._update(
            key,
            "SET #lease = :until",
            "attribute_exists(pk) AND attribute_not_exists(#mark)"
            " AND (attribute_not_exists(#lease) OR #lease < :now)",
            {"#lease": f"lease_{mark}", "#mark": mark},
            {":until": {"N": f"{now + seconds:.3f}"}, ":now": {"N": f"{now:.3f}"}},
        )

    def release(self, key: Item, mark: str) -> None:
        """Give a taken row back at once; that somebody tried can still be seen."""
        self._update(
            key,
            "SET #lease = :ended",
            "attribute_exists(pk)",
            {"#lease": f"lease_{mark}"},
            {":ended": {"N": "0"}},
        )

    def mark(self, key: Item, mark: str, value: str) -> None:
        """Say, after the effect, that it was had; the last mark takes the row out of the outbox."""
        self._update(
            key,
            "SET #mark = :value REMOVE #lease",
            "attribute_exists(pk)",
            {"#mark": mark, "#lease": f"lease_{mark}"},
            {":value": {"S": value}},
        )
        self.settle(key)

    def settle(self, key: Item) -> None:
        """Take a row out of the outbox once it has all of its marks."""
        self._update(
            key,
            "REMOVE outbox",
            " AND ".join(f"attribute_exists({name})" for name in MARKS),
            {},
            {},
        )

    def remember(self, identifier: str, name: str, value: str) -> None:
        """Keep something about a finding beside it, such as the message that tells of it."""
        key = rows.attributes(pk=f"head#{identifier}", sk=f"note#{name}")
        self._dynamodb.put_item(TableName=self._table, Item=key | rows.attributes(value=value))

    def remembered(self, identifier: str, name: str) -> str:
        """What was kept beside a finding, or nothing."""
        item = self._get(rows.attributes(pk=f"head#{identifier}", sk=f"note#{name}"))
        return rows.plain(item)["value"] if item else ""

    def again(self, row: Item) -> Item | None:
        """A row as it is now."""
        return self._get({"pk": row["pk"], "sk": row["sk"]})

    def _listed(
        self, kind: type[Finding] | type[Gap], status: life.Status
    ) -> Iterator[Finding | Gap]:
        for item in self._query(
            IndexName="by_status",
            KeyConditionExpression="listed = :listed",
            ExpressionAttributeValues={":listed": {"S": rows.listed(kind, status)}},
        ):
            yield rows.head_from(item)

    def _findings_of(self, verdict: Verdict, standing: Standing | None) -> dict[str, Finding]:
        keys = {problem.key for problem in verdict.problems} | set(
            standing.open if standing else ()
        )
        found: dict[str, Finding] = {}
        for key in sorted(keys):
            finding = self.finding(fingerprint(verdict.rule, verdict.subject, key))
            if finding:
                found[key] = finding
        return found

    def _change_gap(
        self, identifier: str, changing: Callable[[Gap | None], GapChange | None]
    ) -> GapChange | None:
        for _ in range(TRIES):
            stored = self.gap(identifier)
            change = changing(stored)
            if change is None:
                return None
            writes = [
                _put(self._table, rows.head_item(change.gap), stored.version if stored else None),
                _put(self._table, rows.change_item(change, silent=False), None),
            ]
            if self._write(writes):
                return change
        raise Contended(identifier)

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

    def _write(self, writes: Iterable[dict[str, Any]]) -> bool:
        try:
            self._dynamodb.transact_write_items(TransactItems=list(writes))
        except self._dynamodb.exceptions.TransactionCanceledException as cancelled:
            reasons = {r.get("Code") for r in cancelled.response.get("CancellationReasons", ())}
            if reasons <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                return False
            raise
        return True

    def _update(
        self,
        key: Item,
        update: str,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any],
    ) -> bool:
        request: dict[str, Any] = {"UpdateExpression": update, "ConditionExpression": condition}
        if names:
            request["ExpressionAttributeNames"] = dict(names)
        if values:
            request["ExpressionAttributeValues"] = dict(values)
        try:
            self._dynamodb.update_item(TableName=self._table, Key=key, **request)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _writes(
    table: str,
    transition: Transition,
    verdict: Verdict,
    standing: Standing | None,
    findings: Mapping[str, Finding],
) -> Iterator[dict[str, Any]]:
    if not verdict.activity:
        before = standing.version if standing else None
        yield _put(table, rows.standing_item(transition.standing), before)
    for finding in transition.findings:
        stored = findings.get(finding.problem.key)
        yield _put(table, rows.head_item(finding), stored.version if stored else None)
    for change in transition.changes:
        stored = findings.get(change.finding.problem.key)
        yield _put(table, rows.change_item(change, silent=_hidden(change, stored)), None)


def _hidden(change: Change, stored: Finding | None) -> bool:
    """Whether people never heard of the finding, and so need not hear of its change."""
    if stored is None or stored.status is life.Status.RESOLVED:
        return change.move is Move.SUPPRESSED
    return change.move is Move.RESOLVED and stored.status is life.Status.SUPPRESSED


def _put(table: str, item: Item, version: int | None) -> dict[str, Any]:
    """Put an item if the stored one still has *version*; None is: if there is none."""
    put: dict[str, Any] = {"TableName": table, "Item": item}
    if version is None:
        put["ConditionExpression"] = "attribute_not_exists(pk)"
    else:
        put["ConditionExpression"] = "#version = :version"
        put["ExpressionAttributeNames"] = {"#version": "version"}
        put["ExpressionAttributeValues"] = {":version": {"N": str(version)}}
    return {"Put": put}
