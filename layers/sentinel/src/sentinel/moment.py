"""Times, read and written in one place: always aware, always UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FRACTION = re.compile(r"\.(\d+)")


def parse(text: str) -> datetime:
    """Read a time as CloudTrail, EventBridge, the APIs and exported logs write it.

    A blank between date and time, any number of fraction digits and a missing zone (meaning UTC)
    are accepted. Raises ValueError for anything else, and for a time that UTC cannot tell.
    """
    match = _FRACTION.search(text)
    if match:
        text = text[: match.start()] + "." + match[1][:6].ljust(6, "0") + text[match.end() :]
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"no time that UTC can tell: {text}") from None


def text(moment: datetime) -> str:
    """Write a time so that texts sort as times do: UTC, six fraction digits."""
    plain = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{plain.isoformat(timespec='microseconds')}Z"
