"""How AgentCore names its resources, in ARNs and in the events of its calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sentinel.arn import Arn, is_arn
from sentinel.record import Record, Skip, Unreadable
from sentinel.subject import Identity

SOURCES = ("bedrock-agentcore.amazonaws.com", "bedrock-agentcore-control.amazonaws.com")
"""Events of both planes carry the first; the second is listed by others and costs nothing."""


def resource_arn(partition: str, region: str, account: str, tail: str) -> str:
    """The ARN of an AgentCore resource; *tail* is ``gateway/<id>`` and the like."""
    return f"arn:{partition}:bedrock-agentcore:{region}:{account}:{tail}"


def identity_of(
    record: Record, kind: str, segment: str, members: Iterable[str], *, created: bool = False
) -> Identity | None:
    """Which resource of type *segment* (``gateway``, ``runtime``) a record is about.

    *members* are where the response or the request may hold its ARN or id. What AWS answered is
    believed before what the caller sent, since CloudTrail records whatever members a caller adds.
    A call that *created* something and does not say what is still judged: its key then names the
    event. Else None. Raises `Unreadable` when the ARN found lies in another account or Region.
    """
    answered, asked = (_texts(side, members) for side in (record.response, record.request))
    for name in (*answered, *record.resource_arns(), *asked):
        found = from_arn(kind, segment, name)
        if found:
            return _of_this_record(found, record)
    for name in (*answered, *asked):
        if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name):
            return from_id(record.partition, record.account, record.region, kind, segment, name)
    if not created:
        return None
    place = f"{record.partition}/{record.account}/{record.region}"
    key = f"{place}/{kind}/event/{record.event_id}"
    return Identity(record.partition, record.account, record.region, kind, key, "not named")


def _texts(side: Mapping[str, Any], members: Iterable[str]) -> list[str]:
    values = (side.get(member) for member in members)
    return [value for value in values if isinstance(value, str)]


def _of_this_record(found: Identity, record: Record) -> Identity:
    named = (found.partition, found.account, found.region)
    if named != (record.partition, record.account, record.region):
        raise Unreadable(
            Skip.INCONSISTENT, f"{found.key} does not lie in {record.account} {record.region}"
        )
    return found


def from_id(
    partition: str, account: str, region: str, kind: str, segment: str, identifier: str
) -> Identity:
    """The identity of a resource of which the id is known."""
    key = resource_arn(partition, region, account, f"{segment}/{identifier}")
    return Identity(partition, account, region, kind, key, identifier)


def from_arn(kind: str, segment: str, text: str) -> Identity | None:
    """The identity in an AgentCore ARN, None if it names something else.

    What follows the id (an endpoint, a version) is left out: two spellings of endpoint ARNs exist.
    """
    if not is_arn(text):
        return None
    named = Arn.parse(text)
    match = re.match(rf"{segment}/([^/:]+)", named.resource)
    if named.service != "bedrock-agentcore" or match is None:
        return None
    return from_id(named.partition, named.account, named.region, kind, segment, match[1])
