"""Links into the AWS console, for the right partition and (by a portal) the right account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

Page = Literal["event", "events of a service", "execution", "role", "runtime", "gateways", "arn"]
"""What a console page shows; the identifier is in turn an event id, an event source, the
execution's ARN, the role's name without its path, the runtime's id, nothing, and any ARN."""

_CONSOLE = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}

# Seen in several public repositories; a gateway's own page in only one, so its list is linked.
_PAGES: dict[Page, str] = {
    "event": "https://{region}.{console}/cloudtrailv2/home?region={region}#/events/{id}",
    "events of a service": (
        "https://{region}.{console}/cloudtrailv2/home?region={region}#/events?EventSource={id}"
    ),
    "execution": (
        "https://{region}.{console}/states/home?region={region}#/v2/executions/details/{id}"
    ),
    "role": (
        "https://{region}.{console}/iam/home?region={region}#/roles/details/{id}"
        "?section=permissions"
    ),
    "runtime": "https://{region}.{console}/bedrock-agentcore/agents/{id}",
    "gateways": "https://{region}.{console}/bedrock-agentcore/toolsAndGateways?region={region}",
    "arn": "https://{console}/go/view?arn={id}",
}

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}")
_ACCOUNT = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Portal:
    """The team's access portal and the permission set that readers sign in with.

    Without it a console link opens in whatever account the reader is signed in to.
    """

    url: str
    role_name: str


def console_link(
    page: Page,
    identifier: str = "",
    *,
    partition: str,
    region: str,
    account: str = "",
    portal: Portal | None = None,
) -> str | None:
    """The address of a console page; None where none is known.

    That is so in a partition whose console we do not know, and for a *region* that is not written
    as AWS writes them: it becomes part of the host's name and comes from an event. Event history
    holds management events only: link no data event (CloudTrail User Guide, "Working with Event
    history").
    """
    console = _CONSOLE.get(partition)
    if console is None or not _REGION.fullmatch(region):
        return None
    link = _PAGES[page].format(region=region, console=console, id=_encoded(page, identifier))
    if portal is None or not _ACCOUNT.fullmatch(account):
        return link
    return (
        f"{portal.url.rstrip('/')}/#/console?account_id={account}"
        f"&role_name={quote(portal.role_name, safe='')}&destination={quote(link, safe='')}"
    )


def _encoded(page: Page, identifier: str) -> str:
    """Percent-encode an identifier; the page of an execution is known with its colons only."""
    return quote(identifier, safe=":" if page == "execution" else "", errors="replace")
