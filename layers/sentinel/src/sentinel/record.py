"""One CloudTrail record, read once and tolerantly, and the reasons for which one is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sentinel import arn, moment
from sentinel.escape import cut_middle
from sentinel.seen import redacted

EVENT_TYPE_OF = {
    "AWS API Call via CloudTrail": "AwsApiCall",
    "AWS Console Action via CloudTrail": "AwsConsoleAction",
}
"""The detail types of EventBridge that carry a record, and the ``eventType`` that it then has."""
LONGEST = 2_048
"""Characters of a text about the call that are kept: as many as the longest ARN may have (IAM)."""


class Skip(StrEnum):
    """Why a delivered event or an archived record was not judged; the list is closed."""

    NOT_A_RECORD = "not-a-record"
    """It is no CloudTrail record."""
    MALFORMED = "malformed"
    """It lacks what every CloudTrail record has."""
    FAILED_CALL = "failed-call"
    """The call failed, so nothing changed."""
    UNWATCHED = "unwatched"
    """No rule has to do with the call."""
    NO_SUBJECT = "no-subject"
    """The record does not say which resource it is about."""
    INCONSISTENT = "inconsistent"
    """Envelope and record contradict each other."""
    NOT_A_MEMBER = "not-a-member"
    """Account or Region is not among the members of the policy."""


class Unreadable(ValueError):
    """A record that cannot be judged, and the reason of the closed list."""

    def __init__(self, skip: Skip, detail: str) -> None:
        super().__init__(f"{skip}: {detail}")
        self.skip = skip
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Actor:
    """Who called. *principal* is the role or user behind a session: what allow lists name."""

    type: str = ""
    arn: str = ""
    account: str = ""
    principal: str = ""
    session: str = ""
    source_ip: str = ""
    user_agent: str = ""
    invoked_by: str = ""

    @property
    def name(self) -> str:
        """The role's or user's own name, for people."""
        told = self.principal or self.arn or self.type or "unknown"
        return told.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


@dataclass(frozen=True, slots=True)
class Record:
    """One CloudTrail record; members of *request* and *response* are AWS's own.

    *truncated* says that CloudTrail left the request out because it was over 100 KB (CloudTrail
    record contents: ``requestParameters``), so that nothing can be concluded from an absent member.
    """

    event_id: str
    name: str
    source: str
    time: datetime
    partition: str
    account: str
    region: str
    actor: Actor
    request: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)
    resources: tuple[Mapping[str, Any], ...] = ()
    error_code: str = ""
    read_only: bool = False
    category: str = "Management"
    type: str = "AwsApiCall"
    request_id: str = ""
    truncated: bool = False

    def told(self) -> dict[str, Any]:
        """What the call tells of the resource: each member of the request, else of the response.

        A null is no telling; a member that AWS redacted in the one may be legible in the other.
        """
        told = {member: value for member, value in self.response.items() if value is not None}
        for member, value in self.request.items():
            if value is not None and not (member in told and redacted(value)):
                told[member] = value
        return told

    def resource_arns(self) -> Iterator[str]:
        """The ARNs that CloudTrail lists as touched by the call."""
        for resource in self.resources:
            found = resource.get("ARN", resource.get("arn"))
            if isinstance(found, str) and arn.is_arn(found):
                yield found


def read(detail: object) -> Record:
    """Read one CloudTrail record, as EventBridge carries it in ``detail`` or an archive in
    ``Records``.

    Raises `Unreadable` when it is no CloudTrail record, or lacks what every record has
    (CloudTrail User Guide, "CloudTrail record contents").
    """
    if not isinstance(detail, Mapping) or not isinstance(detail.get("eventSource"), str):
        raise Unreadable(Skip.NOT_A_RECORD, "no eventSource")
    try:
        time = moment.parse(_text(detail, "eventTime"))
        name, region = _text(detail, "eventName"), _text(detail, "awsRegion")
    except ValueError as error:
        raise Unreadable(Skip.MALFORMED, str(error)) from None
    identity = _object(detail.get("userIdentity"))
    request = _told(detail.get("requestParameters"))
    return Record(
        event_id=_text_of(detail.get("eventID")),
        name=name,
        source=detail["eventSource"],
        time=time,
        partition=arn.partition_of(region),
        account=_account(detail, identity),
        region=region,
        actor=_actor(identity, detail),
        request=request or {},
        response=_told(detail.get("responseElements")) or {},
        resources=tuple(r for r in _list(detail.get("resources")) if isinstance(r, Mapping)),
        error_code=_text_of(detail.get("errorCode")),
        read_only=detail.get("readOnly") in (True, "true"),
        category=_text_of(detail.get("eventCategory"), "Management"),
        type=_text_of(detail.get("eventType"), "AwsApiCall"),
        request_id=_text_of(detail.get("requestID")),
        truncated=request is None,
    )


def _text(detail: Mapping[str, Any], member: str) -> str:
    value = detail.get(member)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{member} is missing, or not a text")
    return value


def _text_of(value: object, otherwise: str = "") -> str:
    """What is kept and told of a member: no more of it than anything that AWS says is long."""
    return cut_middle(str(value or otherwise), LONGEST)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _told(value: object) -> Mapping[str, Any] | None:
    """A part of a record; None for one that is missing, or too large and left out.

    A part over 100 KB is replaced by the reason, its size and ``omitted`` (CloudTrail User Guide,
    "CloudTrail record contents").
    """
    if not isinstance(value, Mapping) or value.get("omitted") is True:
        return None
    return value


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _account(detail: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    for account in (detail.get("recipientAccountId"), identity.get("accountId")):
        if isinstance(account, str) and account:
            return account
    return ""


def _actor(identity: Mapping[str, Any], detail: Mapping[str, Any]) -> Actor:
    issuer = _object(_object(identity.get("sessionContext")).get("sessionIssuer"))
    caller = _text_of(identity.get("arn"))
    principal = _text_of(issuer.get("arn")) or _role_of_session(caller) or caller
    return Actor(
        type=_text_of(identity.get("type")),
        arn=caller,
        account=_text_of(identity.get("accountId")),
        principal=principal or _text_of(identity.get("invokedBy") or identity.get("principalId")),
        session=caller.rsplit("/", 1)[-1] if ":assumed-role/" in caller else "",
        source_ip=_text_of(detail.get("sourceIPAddress")),
        user_agent=_text_of(detail.get("userAgent")),
        invoked_by=_text_of(identity.get("invokedBy")),
    )


def _role_of_session(caller: str) -> str:
    if ":assumed-role/" not in caller:
        return ""
    head, role = caller.split(":assumed-role/", 1)
    return f"{head.replace(':sts:', ':iam:', 1)}:role/{role.split('/', 1)[0]}"
