"""A role's trust policy: who may assume it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from sentinel.arn import iam_region
from sentinel.record import Record
from sentinel.subject import Effect, Identity, Resource

IAM_SOURCE = "iam.amazonaws.com"
SETTLES_AFTER = timedelta(seconds=20)
"""IAM is eventually consistent and says of no limit (IAM User Guide, "Troubleshoot IAM"): mostly
it takes a few seconds.
"""


class IamTrust(Resource):
    """A role's trust policy: who may assume it.

    A role is keyed by its name, which is unique in an account; the path in its ARN is told by
    CreateRole and not by UpdateAssumeRolePolicy.
    """

    kind: ClassVar[str] = "iam-trust"
    sources: ClassVar[tuple[str, ...]] = (IAM_SOURCE,)
    events: ClassVar[dict[str, Effect]] = {
        "CreateRole": Effect.CREATES,
        "UpdateAssumeRolePolicy": Effect.CREATES,
        "DeleteRole": Effect.DELETES,
    }
    settles_after: ClassVar[timedelta] = SETTLES_AFTER
    actions: ClassVar[frozenset[str]] = frozenset(
        {
            "iam:GetAccountAuthorizationDetails",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
        }
    )

    assume_role_policy_document: str | dict[str, Any]
    path: str = "/"

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """The role's name."""
        name = record.request.get("roleName")
        if not isinstance(name, str):
            return None
        return cls.of_role(record.partition, record.account, name)

    @classmethod
    def of_role(cls, partition: str, account: str, name: str) -> Identity:
        """The identity of a role's trust policy."""
        region = iam_region(partition)
        key = f"{partition}/{account}/{region}/role/{quote(name, safe='')}"
        return Identity(partition, account, region, cls.kind, key, name)

    @classmethod
    def members(cls, record: Record) -> Mapping[str, Any]:
        """The document, which UpdateAssumeRolePolicy calls by another name."""
        request = record.request
        document = request.get("assumeRolePolicyDocument", request.get("policyDocument"))
        told = {"assumeRolePolicyDocument": document, "path": request.get("path")}
        return {member: value for member, value in told.items() if value is not None}
