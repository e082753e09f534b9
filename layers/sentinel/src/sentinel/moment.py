"""Times, read and written in one place: always aware, always UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FRACTION = re.compile(r"\.(\d+)")


def parse(text: str) -> datetime:
    """Read a time as CloudTrail, EventBridge, the APIs and exported logs write it.

    A blank between date and time, any number of fraction digits and a missing zone (meaning UTC)
    are accepted. Raises ValueError for anything else.
    """
    match = _FRACTION.search(text)
    if match:
        text = text[: match.start()] + "." + match[1][:6].ljust(6, "0") + text[match.end() :]
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def text(moment: datetime) -> str:
    """Write a time so that texts sort as times do: UTC, six fraction digits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def whole_second(moment: datetime) -> datetime:
    """The second in which *moment* lies; CloudTrail tells no more than that of an event."""
    return moment.replace(microsecond=0)
