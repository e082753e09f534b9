"""How findings, gaps and their changes lie in the table: keys, versions, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from sentinel import moment
from sentinel.gap import Gap, GapChange
from sentinel.life import Change, Finding, Standing, Status
from sentinel.subject import Identity

Item = dict[str, dict[str, str]]
VERSION = 1
_NAMES: Mapping[type, str] = {Finding: "finding", Gap: "gap"}


class UnknownVersion(ValueError):
    """A stored row is of a version that this code cannot read."""


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def attributes(**values: str | int) -> Item:
    """DynamoDB's spelling of texts and numbers."""
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in values.items()
    }


def plain(item: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """An item as plain texts, whatever the attributes' types."""
    return {name: next(iter(value.values())) for name, value in item.items()}


def standing_key(subject: Identity, rule: str) -> Item:
    """Where the watermark of a rule on a subject lies.

    The account is in it, since a policy of AWS's own has the same ARN in every account.
    """
    return attributes(pk=f"subject#{subject.account}#{subject.key}", sk=f"rule#{rule}")


def head_key(identifier: str) -> Item:
    """Where a finding or a gap lies, by fingerprint or gap id."""
    return attributes(pk=f"head#{identifier}", sk="head")


def change_key(identifier: str, number: int) -> Item:
    """Where a change of a finding or a gap lies: one row of the outbox."""
    return attributes(pk=f"head#{identifier}", sk=f"change#{number:06d}")


def standing_item(standing: Standing) -> Item:
    """A standing as it is stored."""
    key = standing_key(standing.subject, standing.rule)
    return key | attributes(v=VERSION, version=standing.version, body=_text(Standing, standing))


def head_item(head: Finding | Gap) -> Item:
    """A finding or gap as it is stored; *listed* and *changed* are the index by status."""
    return head_key(identifier(head)) | attributes(
        v=VERSION,
        version=head.version,
        what=_what(head),
        status=head.status.value,
        listed=listed(type(head), head.status),
        changed=moment.text(head.changed_at),
        account=_place(head)[0],
        region=_place(head)[1],
        body=_text(type(head), head),
    )


def change_item(change: Change | GapChange, *, silent: bool) -> Item:
    """A change as it is stored, untold. *silent*: nobody is told, only the bus.

    *outbox* and *at* are the index of what is still to be told; the last mark takes *outbox* away.
    """
    head = head_of(change)
    at = moment.text(head.changed_at)
    item = change_key(identifier(head), head.change) | attributes(
        v=VERSION,
        id=change.id,
        what=_what(head),
        move=change.move.value,
        outbox="due",
        at=at,
        body=_text(type(head), head),
    )
    if silent:
        item |= attributes(told_slack="nobody", told_mail="nobody")
    return item


def head_of(change: Change | GapChange) -> Finding | Gap:
    """What a change is about, as it then was."""
    return change.finding if isinstance(change, Change) else change.gap


def identifier(head: Finding | Gap) -> str:
    """The fingerprint of a finding, the id of a gap."""
    return head.fingerprint if isinstance(head, Finding) else head.id


def listed(kind: type[Finding] | type[Gap], status: Status) -> str:
    """Under what the index lists findings, or gaps, of a status."""
    return f"{_NAMES[kind]} {status.value}"


def standing_from(item: Item) -> Standing:
    """The standing that an item holds."""
    found: Standing = _read(Standing, item)
    return found


def head_from(item: Item) -> Finding | Gap:
    """The finding or gap that an item holds: a head, or a head as it was at a change."""
    kind = Gap if plain(item)["what"] == "gap" else Finding
    found: Finding | Gap = _read(kind, item)
    return found


def _what(head: Finding | Gap) -> str:
    return _NAMES[type(head)]


def _place(head: Finding | Gap) -> tuple[str, str]:
    where = head.subject if isinstance(head, Finding) else head
    return where.account, where.region


def _text(kind: Any, value: object) -> str:
    return _adapter(kind).dump_json(value).decode()


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From each older version to the next; a sample of each is kept in the tests."""


def _read(kind: Any, item: Item) -> Any:
    fields = plain(item)
    version, body = int(fields["v"]), fields["body"]
    if version > VERSION:
        raise UnknownVersion(f"row {fields['pk']} {fields['sk']} is of version {version}")
    if version < VERSION:
        document = json.loads(body)
        for step in range(version, VERSION):
            document = UPGRADES[step](document)
        body = json.dumps(document)
    return _adapter(kind).validate_json(body)
