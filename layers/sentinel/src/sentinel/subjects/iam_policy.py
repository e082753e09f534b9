"""An IAM policy that grants: inline in a role, user or group, or managed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from sentinel.arn import iam_region, is_arn
from sentinel.record import Record
from sentinel.subject import Effect, Identity, Resource
from sentinel.subjects.iam_trust import IAM_SOURCE, SETTLES_AFTER, IamTrust

_OWNERS = {"RolePolicy": "role", "UserPolicy": "user", "GroupPolicy": "group"}


class IamPolicy(Resource):
    """An IAM policy that grants: inline in a role, user or group, or managed.

    *policy_document* is the document's text, or the document; *default* is False for a version that
    was stored without being put to use. Its parent is the role that holds it: what the role's trust
    is worth depends on it. A managed policy may have many, which an event on it does not name.
    """

    kind: ClassVar[str] = "iam-policy"
    sources: ClassVar[tuple[str, ...]] = (IAM_SOURCE,)
    parent: ClassVar[type[Resource] | None] = IamTrust
    settles_after: ClassVar[timedelta] = SETTLES_AFTER
    events: ClassVar[dict[str, Effect]] = {
        "CreatePolicy": Effect.CREATES,
        "CreatePolicyVersion": Effect.CREATES,
        "SetDefaultPolicyVersion": Effect.TOUCHES,
        "PutRolePolicy": Effect.CREATES,
        "PutUserPolicy": Effect.CREATES,
        "PutGroupPolicy": Effect.CREATES,
        "AttachRolePolicy": Effect.TOUCHES,
        "AttachUserPolicy": Effect.TOUCHES,
        "AttachGroupPolicy": Effect.TOUCHES,
        "DetachRolePolicy": Effect.TOUCHES,
        "DetachUserPolicy": Effect.TOUCHES,
        "DetachGroupPolicy": Effect.TOUCHES,
        "DeletePolicyVersion": Effect.TOUCHES,
        "DeletePolicy": Effect.DELETES,
        "DeleteRolePolicy": Effect.DELETES,
        "DeleteUserPolicy": Effect.DELETES,
        "DeleteGroupPolicy": Effect.DELETES,
    }
    actions: ClassVar[frozenset[str]] = frozenset(
        {
            "iam:GetAccountAuthorizationDetails",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:GetRolePolicy",
            "iam:GetUserPolicy",
            "iam:GetGroupPolicy",
        }
    )

    policy_document: str | dict[str, Any]
    default: bool = True

    @property
    def own_account(self) -> str | None:
        """The account that the policy lies in, None for a document that was handed in alone."""
        account = self.identity.account
        return account if len(account) == 12 and account.isdecimal() else None

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """An inline policy by its owner's name and its own, a managed one by its ARN."""
        request = record.request
        policy = request.get("policyName")
        owner = _OWNERS.get(record.name.removeprefix("Put").removeprefix("Delete"))
        if owner:
            name = request.get(f"{owner}Name")
            if not (isinstance(name, str) and isinstance(policy, str)):
                return None
            return cls.inline(record.partition, record.account, owner, name, policy)
        arns = (_arn_of(record.response.get("policy")), request.get("policyArn"))
        named = next((a for a in arns if isinstance(a, str) and is_arn(a)), None)
        if named:
            return cls.managed(record.partition, record.account, named)
        if record.name != "CreatePolicy" or not isinstance(policy, str):
            return None
        path = request.get("path")
        stem = f"policy{path if isinstance(path, str) else '/'}{policy}"
        arn = f"arn:{record.partition}:iam::{record.account}:{stem}"
        return cls.managed(record.partition, record.account, arn)

    @classmethod
    def managed(cls, partition: str, account: str, arn: str) -> Identity:
        """The identity of a managed policy as it is used in an account; AWS's own included."""
        name = arn.rsplit("/", 1)[-1]
        return Identity(partition, account, iam_region(partition), cls.kind, arn, name)

    @classmethod
    def names_parent(cls, identity: Identity) -> bool:
        """Only an inline policy has one owner, and names it."""
        return "/inline-policy/" in identity.key

    @classmethod
    def inline(cls, partition: str, account: str, owner: str, name: str, policy: str) -> Identity:
        """The identity of an inline policy; *owner* is role, user or group."""
        region = iam_region(partition)
        tail = f"{owner}/{quote(name, safe='')}/{quote(policy, safe='')}"
        key = f"{partition}/{account}/{region}/inline-policy/{tail}"
        return Identity(partition, account, region, cls.kind, key, f"{policy} of {owner} {name}")

    @classmethod
    def members(cls, record: Record) -> Mapping[str, Any]:
        """The document, and whether it is in use at once."""
        in_use = record.name != "CreatePolicyVersion"
        default = in_use or record.request.get("setAsDefault") in (True, "true")
        return {"policyDocument": record.request.get("policyDocument"), "default": default}


def _arn_of(created: object) -> object:
    return created.get("arn") if isinstance(created, Mapping) else None
