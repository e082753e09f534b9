"""Recognises what people hand in beside events: a policy, an account's export, a resource as read.

A bare policy has no account and no name: its key is the sha256 of its content, so that the same
policy is the same finding wherever it lies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sentinel.agentcore import from_arn
from sentinel.arn import Arn, is_arn
from sentinel.subject import Identity, Resource
from sentinel.subjects import AgentRuntime, Gateway, Harness, IamPolicy, IamTrust

Members = Mapping[str, Any]
_OWNERS = (
    ("role", "RoleDetailList", "RoleName", "RolePolicyList"),
    ("user", "UserDetailList", "UserName", "UserPolicyList"),
    ("group", "GroupDetailList", "GroupName", "GroupPolicyList"),
)
_EXPORT = frozenset({"RoleDetailList", "UserDetailList", "GroupDetailList", "Policies"})
_READ = (("gatewayArn", Gateway), ("agentRuntimeArn", AgentRuntime), ("arn", Harness))
_WRAPPED = (("PolicyVersion", "Document"), ("Role", "AssumeRolePolicyDocument"))


@dataclass(frozen=True, slots=True)
class HandedIn:
    """Subjects to judge; *held* are the policies of each trust's role, where they are known.

    *passed_over* counts policies of AWS that nobody in the account holds.
    """

    subjects: tuple[Resource, ...]
    held: Mapping[Identity, tuple[IamPolicy, ...]] = field(default_factory=dict)
    passed_over: int = 0


def read(content: Any, text: str, source: str) -> HandedIn | None:
    """What a JSON value is, None if it is none of these; *text* is the value as it was written."""
    if isinstance(content, str):
        return HandedIn((_bare(content, content, source),)) if _is_policy_text(content) else None
    if not isinstance(content, Mapping):
        return None
    if _EXPORT & content.keys() and not content.keys() & {"eventSource", "detail-type"}:
        return _export(content)
    if "Statement" in content:
        return HandedIn((_bare(content, text or content, source),))
    for member in ("PolicyDocument", "AssumeRolePolicyDocument"):
        if member in content:
            return HandedIn((_bare(_parsed(content[member]), content[member], source),))
    for wrapper, member in _WRAPPED:
        inner = content.get(wrapper)
        if isinstance(inner, Mapping) and member in inner:
            return HandedIn((_bare(_parsed(inner[member]), inner[member], source),))
    resource = _resource(content)
    return HandedIn((resource,)) if resource else None


def is_encoded_policy(text: str) -> bool:
    """Whether a text is a policy as IAM's own API writes it, URL-encoded."""
    return text.lstrip()[:3].lower() == "%7b"


def _is_policy_text(text: str) -> bool:
    return is_encoded_policy(text) or (text.lstrip()[:1] == "{" and "Statement" in text)


def _bare(content: Any, document: Any, source: str) -> Resource:
    """A policy by itself: a trust if it names principals and no resource, else one that grants."""
    content = _parsed(content)
    try:
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        canonical = str(document)
    digest = hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()
    kind: type[IamPolicy] | type[IamTrust] = IamTrust if _is_trust(content) else IamPolicy
    key = f"document/{digest}"
    identity = Identity("aws", "", "", kind.kind, key, f"{source} {digest[:8]}")
    member = "assumeRolePolicyDocument" if kind is IamTrust else "policyDocument"
    return kind.seen(identity, {member: document})


def _parsed(document: Any) -> Any:
    """A document that may be a text, URL-encoded or not; a text that is no JSON stays one."""
    if not isinstance(document, str):
        return document
    from urllib.parse import unquote

    text = unquote(document) if is_encoded_policy(document) else document
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return document


def _is_trust(content: Any) -> bool:
    statements = content.get("Statement") if isinstance(content, Mapping) else None
    found = statements if isinstance(statements, list) else [statements]
    members = [set(statement) for statement in found if isinstance(statement, Mapping)]
    named = any(names & {"Principal", "NotPrincipal"} for names in members)
    return named and not any(names & {"Resource", "NotResource"} for names in members)


def _resource(content: Members) -> Resource | None:
    """A gateway, runtime or harness as its get call answers, by its ARN."""
    inner = content.get("harness")
    state = inner if isinstance(inner, Mapping) else content
    for member, kind in _READ:
        arn = state.get(member)
        identity = from_arn(kind.kind, kind.segment, arn) if isinstance(arn, str) else None
        if identity and "detail-type" not in content:
            return kind.seen(identity, {k: v for k, v in state.items() if k != "ResponseMetadata"})
    return None


def _export(details: Members) -> HandedIn:
    """Every policy and trust of an account's authorization details, as a sweep would list them."""
    partition, account = _place(details)
    managed, passed_over = _managed(details, partition, account)
    subjects: list[Resource] = list(managed.values())
    held: dict[Identity, tuple[IamPolicy, ...]] = {}
    for owner, holders, name, inline in _OWNERS:
        for holder in _objects(details.get(holders)):
            own = [
                _policy(
                    IamPolicy.inline(
                        partition,
                        account,
                        owner,
                        str(holder.get(name)),
                        str(policy.get("PolicyName")),
                    ),
                    policy.get("PolicyDocument"),
                )
                for policy in _objects(holder.get(inline))
            ]
            subjects += own
            if owner != "role":
                continue
            trust = _trust(holder, partition, account)
            attached = _objects(holder.get("AttachedManagedPolicies"))
            arns = [str(policy.get("PolicyArn")) for policy in attached]
            subjects.append(trust)
            if all(arn in managed for arn in arns):
                held[trust.identity] = (*own, *(managed[arn] for arn in arns))
    return HandedIn(tuple(subjects), held, passed_over)


def _managed(details: Members, partition: str, account: str) -> tuple[dict[str, IamPolicy], int]:
    found: dict[str, IamPolicy] = {}
    passed_over = 0
    for policy in _objects(details.get("Policies")):
        arn = str(policy.get("Arn"))
        if ":iam::aws:" in arn and policy.get("AttachmentCount") == 0:
            passed_over += 1
            continue
        versions = _objects(policy.get("PolicyVersionList"))
        used = [version for version in versions if version.get("IsDefaultVersion")]
        document = used[0].get("Document") if used else None
        found[arn] = _policy(IamPolicy.managed(partition, account, arn), document)
    return found, passed_over


def _policy(identity: Identity, document: Any) -> IamPolicy:
    return IamPolicy.seen(identity, {"policyDocument": document})


def _trust(role: Members, partition: str, account: str) -> IamTrust:
    identity = IamTrust.of_role(partition, account, str(role.get("RoleName")))
    document, path = role.get("AssumeRolePolicyDocument"), role.get("Path", "/")
    return IamTrust.seen(identity, {"assumeRolePolicyDocument": document, "path": path})


def _place(details: Members) -> tuple[str, str]:
    """Partition and account, from the first ARN that names an account."""
    for member in sorted(_EXPORT):
        for element in _objects(details.get(member)):
            arn = element.get("Arn")
            if isinstance(arn, str) and is_arn(arn) and Arn.parse(arn).account.isdecimal():
                return Arn.parse(arn).partition, Arn.parse(arn).account
    return "aws", ""


def _objects(value: Any) -> Iterator[Members]:
    for element in value if isinstance(value, list) else ():
        if isinstance(element, Mapping):
            yield element
