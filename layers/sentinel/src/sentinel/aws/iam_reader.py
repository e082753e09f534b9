"""Reading IAM: one policy or role after an event, the whole account in a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from sentinel.aws.reading import Absent, Reader
from sentinel.subject import Identity
from sentinel.subjects import IamPolicy, IamTrust

INLINE_CALLS = {
    "role": ("GetRolePolicy", "RoleName"),
    "user": ("GetUserPolicy", "UserName"),
    "group": ("GetGroupPolicy", "GroupName"),
}


def read_policy(reader: Reader, of: Identity) -> IamPolicy | None:
    """A policy as it is in use, None when it is gone.

    A policy of AWS's own is gone from an account when nothing there holds it.
    """
    try:
        document = _inline(reader, of) if "/inline-policy/" in of.key else _managed(reader, of)
    except Absent:
        return None
    return None if document is None else IamPolicy.seen(of, {"policyDocument": document})


def read_trust(reader: Reader, of: Identity) -> IamTrust | None:
    """A role's trust policy, None when the role is gone."""
    try:
        role = reader.call("iam", "GetRole", RoleName=of.name)["Role"]
    except Absent:
        return None
    return _trust(of, role)


def policies_of_role(reader: Reader, role: Identity) -> Iterator[IamPolicy]:
    """The policies that a role holds, inline and attached."""
    place = reader.place
    try:
        for page in reader.pages(
            "iam", "ListRolePolicies", continued_by="Marker", RoleName=role.name
        ):
            for name in page["PolicyNames"]:
                of = IamPolicy.inline(place.partition, place.account, "role", role.name, name)
                found = read_policy(reader, of)
                if found:
                    yield found
        for page in reader.pages(
            "iam", "ListAttachedRolePolicies", continued_by="Marker", RoleName=role.name
        ):
            for attached in page["AttachedPolicies"]:
                arn = attached["PolicyArn"]
                found = read_policy(reader, IamPolicy.managed(place.partition, place.account, arn))
                if found:
                    yield found
    except Absent:
        return


def policies(reader: Reader) -> Iterator[IamPolicy]:
    """Every policy of the account: inline, its own managed ones, and AWS's that are attached."""
    place = reader.place
    for page in _details(reader):
        for policy in page.get("Policies", ()):
            if policy["Arn"].split(":")[4] == "aws" and not policy.get("AttachmentCount"):
                continue
            of = IamPolicy.managed(place.partition, place.account, policy["Arn"])
            document = next(
                v["Document"] for v in policy["PolicyVersionList"] if v["IsDefaultVersion"]
            )
            yield IamPolicy.seen(of, {"policyDocument": document})
        for owner, holders, name, inline in (
            ("role", "RoleDetailList", "RoleName", "RolePolicyList"),
            ("user", "UserDetailList", "UserName", "UserPolicyList"),
            ("group", "GroupDetailList", "GroupName", "GroupPolicyList"),
        ):
            for holder in page.get(holders, ()):
                for policy in holder.get(inline, ()):
                    of = IamPolicy.inline(
                        place.partition, place.account, owner, holder[name], policy["PolicyName"]
                    )
                    yield IamPolicy.seen(of, {"policyDocument": policy["PolicyDocument"]})


def trusts(reader: Reader) -> Iterator[IamTrust]:
    """The trust policy of every role of the account."""
    place = reader.place
    for page in _details(reader):
        for role in page.get("RoleDetailList", ()):
            of = IamTrust.of_role(place.partition, place.account, role["RoleName"])
            yield _trust(of, role)


def _details(reader: Reader) -> Iterator[dict[str, Any]]:
    return reader.pages(
        "iam", "GetAccountAuthorizationDetails", continued_by="Marker", MaxItems=1000
    )


def _trust(of: Identity, role: dict[str, Any]) -> IamTrust:
    members = {
        "assumeRolePolicyDocument": role.get("AssumeRolePolicyDocument"),
        "path": role.get("Path", "/"),
    }
    return IamTrust.seen(of, members)


def _inline(reader: Reader, of: Identity) -> Any:
    owner, name, policy = of.key.rsplit("/", 3)[1:]
    operation, parameter = INLINE_CALLS[owner]
    request = {parameter: unquote(name), "PolicyName": unquote(policy)}
    return reader.call("iam", operation, **request)["PolicyDocument"]


def _managed(reader: Reader, of: Identity) -> Any:
    policy = reader.call("iam", "GetPolicy", PolicyArn=of.key)["Policy"]
    if of.key.split(":")[4] == "aws" and not policy.get("AttachmentCount"):
        return None
    version = reader.call(
        "iam", "GetPolicyVersion", PolicyArn=of.key, VersionId=policy["DefaultVersionId"]
    )
    return version["PolicyVersion"]["Document"]
