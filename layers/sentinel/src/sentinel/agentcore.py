"""How AgentCore names its resources, in ARNs and in the events of its calls."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sentinel.arn import Arn, is_arn
from sentinel.record import Record
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

    *members* are where the request or the response may hold its ARN or id. A call that *created*
    something and does not say what is still judged: its key then names the event. Else None.
    """
    told = [
        value
        for side in (record.request, record.response)
        for value in (side.get(member) for member in members)
        if isinstance(value, str)
    ]
    for name in (*told, *record.resource_arns()):
        found = from_arn(kind, segment, name)
        if found:
            return found
    for name in told:
        if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name):
            return from_id(record.partition, record.account, record.region, kind, segment, name)
    if not created:
        return None
    place = f"{record.partition}/{record.account}/{record.region}"
    key = f"{place}/{kind}/event/{record.event_id}"
    return Identity(record.partition, record.account, record.region, kind, key, "not named")


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
