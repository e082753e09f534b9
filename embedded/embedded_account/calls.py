"""One AWS API call as it reached the account, and who made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a call: a root, a user, a role's session, or an AWS service."""

    account: str
    arn: str
    type: str  # CloudTrail's userIdentity.type: Root, IAMUser, AssumedRole, AWSService
    access_key_id: str = ""
    role_arn: str | None = None
    session_policy: str | None = None
    source_identity: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked, of which account and Region, by whom and when.

    *service* is botocore's service name (``dynamodb``, ``bedrock-agentcore-control``), *operation*
    and the names in *parameters* are those of botocore's service model.
    """

    account: str
    region: str
    service: str
    operation: str
    parameters: Mapping[str, Any]
    caller: Caller
    request_id: str
    at: datetime
    source_ip: str = "198.51.100.7"
    user_agent: str = "Boto3"
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the account answered: HTTP status, headers, body, and the code of a refusal."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error_code: str | None = None
    error_message: str | None = None
