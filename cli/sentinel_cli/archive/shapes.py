"""Finds the CloudTrail records in a JSON value, whichever way it was exported.

A log file, an array, a bare record, an EventBridge envelope, the output of `lookup-events`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sentinel_cli.archive.engine import Engine
from sentinel_cli.archive.parse import parse
from sentinel_cli.archive.sources import UnreadableError

Record = Mapping[str, Any]
Watch = Mapping[str, frozenset[str] | None]
"""What the rules watch: `eventSource` -> its `eventName`s, None for every name of the source."""

NOT_A_RECORD = "not-a-record"
"""The reason for which an element that is no CloudTrail record is skipped."""

EXPECTED = (
    "CloudTrail records: a log file, an array, events or `lookup-events` output;"
    " `sentinel judge` takes policies, an account's export and resources as they were read"
)
_JSON_TYPES: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
}

DELIVERED_BY = "aws:"
"""`eventSource` of what S3, SQS, Kinesis and others deliver to Lambda, also under `Records`."""


def is_watched(record: Record, watch: Watch) -> bool:
    """Does some rule watch the event that the record tells of?"""
    source, name = record.get("eventSource"), record.get("eventName")
    if not isinstance(source, str) or source not in watch:
        return False
    names = watch[source]
    return names is None or (isinstance(name, str) and name in names)


def records_of(content: Any, engine: Engine) -> Iterator[Record | None]:
    """Yield the records in a JSON value in their order, None for an element that is none.

    Raises UnreadableError when the value as a whole is something else, and says what it is.
    """
    elements = _elements(content)
    if elements is None and _is_digest(content):
        return
    if elements is None:
        elements = [content]
    found = [_record(element, engine) for element in elements]
    if found and all(record is None or _is_delivery(record) for record in found):
        raise UnreadableError(_what_it_is(content), expected=EXPECTED)
    yield from found


def _elements(content: Any) -> list[Any] | None:
    if isinstance(content, list):
        return content
    if isinstance(content, dict) and not _looks_like_record(content):
        for member in ("Records", "Events"):
            if isinstance(content.get(member), list):
                elements: list[Any] = content[member]
                return elements
    return None


def _record(element: Any, engine: Engine) -> Record | None:
    if not isinstance(element, dict):
        return None
    if _looks_like_record(element):
        return element
    if isinstance(element.get("CloudTrailEvent"), str):
        try:
            element = parse(element["CloudTrailEvent"].encode("utf-8", "replace"), engine)
        except (json.JSONDecodeError, RecursionError):
            return None
    elif "detail-type" in element:
        element = element.get("detail")
    else:
        return None
    return element if isinstance(element, dict) and _looks_like_record(element) else None


def _looks_like_record(element: dict[str, Any]) -> bool:
    # An Insights event has no source of its own.
    return isinstance(element.get("eventSource"), str) or "eventVersion" in element


def _is_delivery(record: Record) -> bool:
    source = record.get("eventSource")
    return isinstance(source, str) and source.startswith(DELIVERED_BY)


def _is_digest(content: Any) -> bool:
    # CloudTrail's digest files lie beside the log files and hold no record.
    return isinstance(content, dict) and "digestStartTime" in content and "logFiles" in content


def _what_it_is(content: Any) -> str:
    first = content
    if isinstance(content, dict):
        first = next((content[m][0] for m in ("Records", "Events") if content.get(m)), content)
    elif isinstance(content, list) and content:
        first = content[0]
    if not isinstance(first, dict):
        return f"no record is in it, but a JSON {_JSON_TYPES[type(first)]}"
    source = first.get("eventSource", first.get("EventSource"))
    if isinstance(source, str) and source.startswith(DELIVERED_BY):
        service = source.removeprefix(DELIVERED_BY)
        return f"it is a notification of {service}, not the log file it tells of"
    if "detail-type" in first:
        kind = str(first["detail-type"])[:60]
        return f"it is an EventBridge event ({kind!r}) without a CloudTrail record"
    if "TopicArn" in first or "Sns" in first or first.get("Event") == "s3:TestEvent":
        return "it is a notification, not the log file it tells of"
    members = ", ".join(repr(str(name)[:40]) for name in list(first)[:4]) or "none"
    return f"no CloudTrail record is in it (members: {members})"
