"""Announcing: each change of a finding or gap goes to the sentinel bus, then its row is marked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sentinel import catalog, moment
from sentinel.aws import clock, rows
from sentinel.aws.edge import Edge
from sentinel.aws.rows import Item
from sentinel.gap import Gap
from sentinel.life import Finding

SOURCE = "agentcore.sentinel"
LEASE_SECONDS = 60


class NotAccepted(RuntimeError):
    """The sentinel bus did not take an event."""


def announce(edge: Edge, row: Item) -> bool:
    """Put a change on the sentinel bus and mark it; False when it was, or somebody is at it.

    Raises NotAccepted, or what AWS raised, and leaves the row to be tried again at once.
    """
    key = {"pk": row["pk"], "sk": row["sk"]}
    if "announced" in row or not edge.store.lease(key, "announced", LEASE_SECONDS):
        return False
    try:
        _put_event(edge, row)
    except Exception:
        edge.store.release(key, "announced")
        raise
    edge.store.mark(key, "announced", moment.text(clock.now()))
    return True


def _put_event(edge: Edge, row: Item) -> None:
    fields = rows.plain(row)
    answer = edge.client("events").put_events(
        Entries=[
            {
                "EventBusName": edge.settings.text("SENTINEL_BUS_NAME"),
                "Source": SOURCE,
                "DetailType": f"{fields['what']}.{fields['move']}",
                "Detail": json.dumps(detail(row)),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        entry = answer["Entries"][0]
        raise NotAccepted(f"{entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")


def announce_all(edge: Edge, records: Iterable[Mapping[str, Any]]) -> str:
    """Announce what a batch of the table's stream brings, in order.

    The stream is only the bell: each row is read again. Gives the sequence number of the first
    record that failed, from which Lambda tries again, or nothing.
    """
    for record in records:
        image = record["dynamodb"]["NewImage"]
        fields = rows.plain(image)
        if not fields["sk"].startswith("change#"):
            continue
        row = edge.store.again(image)
        try:
            if row:
                announce(edge, row)
        except NotAccepted:
            return str(record["dynamodb"]["SequenceNumber"])
    return ""


def detail(row: Item) -> dict[str, Any]:
    """What everybody who listens to the bus gets: names and numbers, and no value of evidence."""
    fields = rows.plain(row)
    head = rows.head_from(row)
    common = {"v": 1, "id": fields["id"], "move": fields["move"], "at": fields["at"]}
    return common | (_of_gap(head) if isinstance(head, Gap) else _of_finding(head))


def _of_finding(finding: Finding) -> dict[str, Any]:
    rule = catalog.rules().get(finding.rule)
    return {
        "fingerprint": finding.fingerprint,
        "episode": finding.episode,
        "change": finding.change,
        "rule": finding.rule,
        "title": rule.title if rule else finding.rule,
        "severity": finding.severity.name,
        "status": finding.status.value,
        "account": finding.subject.account,
        "region": finding.subject.region,
        "kind": finding.subject.kind,
        "resource": finding.subject.key,
        "actor": finding.cause.actor.arn,
        "eventID": finding.cause.event_id,
        "eventName": finding.cause.event_name,
        "opened": moment.text(finding.opened_at),
        "evidence": [line.path for line in finding.problem.evidence],
    }


def _of_gap(gap: Gap) -> dict[str, Any]:
    return {
        "fingerprint": gap.id,
        "episode": gap.episode,
        "change": gap.change,
        "status": gap.status.value,
        "account": gap.account,
        "region": gap.region,
        "kind": gap.kind,
        "cause": gap.cause,
        "opened": moment.text(gap.opened_at),
    }
