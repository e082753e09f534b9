"""The link into the AWS console that shows a call, for the right partition and Region."""

from __future__ import annotations

import re
from urllib.parse import quote

_CONSOLE = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_EVENT = "https://{region}.{console}/cloudtrailv2/home?region={region}#/events/{id}"
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}")


def event_page(event_id: str, *, partition: str, region: str) -> str | None:
    """The address of a management event in the console's Event history; None where none is known.

    That is so in a partition whose console we do not know, and for a *region* that is not written
    as AWS writes them: it becomes part of the host's name and comes from an event. The page opens
    in the account that the reader is signed in to. Event history holds management events only:
    link no data event (CloudTrail User Guide, "Working with Event history").
    """
    console = _CONSOLE.get(partition)
    if console is None or not is_region(region):
        return None
    return _EVENT.format(
        region=region, console=console, id=quote(event_id, safe="", errors="replace")
    )


def is_region(text: str) -> bool:
    """Whether a text is written as AWS writes its Regions."""
    return _REGION.fullmatch(text) is not None
