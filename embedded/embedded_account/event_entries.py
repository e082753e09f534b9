"""What PutEvents accepts of a customer, and the event that becomes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.events.exceptions import ValidationException

from embedded_account.event_input import timestamp

MAXIMUM_REQUEST_BYTES = 262_144  # PutEvents, "The total entry size must be less than 256KB"


def check_request(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValidationException for more entries, or larger ones, than one request may carry."""
    if len(entries) > 10:
        raise ValidationException("PutEvents takes at most 10 entries")
    if sum(_entry_bytes(entry) for entry in entries) > MAXIMUM_REQUEST_BYTES:
        raise ValidationException("Total size of the entries in the request is over the limit.")


def entry_error(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the ErrorCode and ErrorMessage that answer an entry, or None for a good one."""
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            message = f"Parameter {member} is not valid. Reason: {member} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
    if entry["Source"].startswith("aws."):
        return {
            "ErrorCode": "NotAuthorizedForSourceException",
            "ErrorMessage": "Not authorized for the source.",
        }
    try:
        is_object = isinstance(json.loads(entry["Detail"]), dict)
    except ValueError:
        is_object = False
    if is_object:
        return None
    return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def _entry_bytes(entry: Mapping[str, Any]) -> int:
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or []
    return sum(len(text.encode()) for text in texts) + (14 if entry.get("Time") else 0)


def event_of_entry(
    entry: Mapping[str, Any], *, event_id: str, account: str, region: str, now: datetime
) -> dict[str, Any]:
    """Return the event as it arrives on the bus of *account* and *region*."""
    given = entry.get("Time")
    moment = now if given is None else datetime.fromtimestamp(float(given), UTC)
    return {
        "version": "0",
        "id": event_id,
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": account,
        "time": timestamp(moment),
        "region": region,
        "resources": list(entry.get("Resources") or []),
        "detail": json.loads(entry["Detail"]),
    }
