"""Pushing a policy: what it changes, and the one conditional write that puts it to use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sentinel import catalog
from sentinel.aws import clock
from sentinel.aws.policy_copy import KEY
from sentinel.finding import short
from sentinel.life import Finding, Status
from sentinel.policy import Policy, PolicyError, parse

from sentinel_cli.failure import Failure
from sentinel_cli.findings import Chosen, listed
from sentinel_cli.hub import Hub
from sentinel_cli.text import clean, counted


@dataclass(frozen=True, slots=True)
class Present:
    """The copy in force and its ETag; without one, the defaults and none."""

    policy: Policy
    etag: str


def present(hub: Hub) -> Present:
    """The copy in force. One that cannot be used counts as the defaults, and may be replaced."""
    s3 = hub.edge.client("s3")
    try:
        answer = s3.get_object(Bucket=hub.output("RecordsBucketName"), Key=KEY)
    except s3.exceptions.NoSuchKey:
        return Present(Policy(), "")
    try:
        return Present(parse(json.loads(answer["Body"].read())), answer["ETag"])
    except (ValueError, PolicyError):
        return Present(Policy(), answer["ETag"])


def effects(hub: Hub, before: Policy, after: Policy) -> Iterator[str]:
    """Which findings that are not closed the new policy changes, and how."""
    count = 0
    for finding in listed(hub, Chosen.ALL):
        if not isinstance(finding, Finding) or finding.status is Status.RESOLVED:
            continue
        effect = _effect(finding, before, after)
        if effect:
            count += 1
            subject = finding.subject
            where = f"{subject.kind}/{subject.name}   {subject.account}  {subject.region}"
            yield f"{short(finding.fingerprint)}  {finding.rule}  {clean(where)}"
            yield f"            {clean(effect)}"
    if before == after:
        yield "The policy is the same as the one in force."
    else:
        yield f"{counted(count, 'open finding')} would change."


def _effect(finding: Finding, before: Policy, after: Policy) -> str:
    rule, now = catalog.rules().get(finding.rule), clock.now()
    exempt = after.exemption(finding.rule, finding.subject, now)
    if exempt and finding.status is Status.OPEN:
        return f"is suppressed until {exempt.ends:%Y-%m-%d}: {exempt.reason} ({exempt.owner})"
    if not exempt and finding.status is Status.SUPPRESSED:
        return "is open again: no exemption covers it any more"
    if finding.rule in after.disabled - before.disabled:
        return "is no longer judged: its rule is disabled"
    if not after.admits(finding.subject.account, finding.subject.region):
        return "is no longer judged: its account and Region are no member"
    if rule and before.settings_for(rule) != after.settings_for(rule):
        return "is judged with other settings at the next look"
    return ""


def push(hub: Hub, policy: Policy, replacing: Present) -> str:
    """Write the policy if nobody wrote another meanwhile; its version. Raises Failure else."""
    from botocore.exceptions import ClientError

    condition = {"IfMatch": replacing.etag} if replacing.etag else {"IfNoneMatch": "*"}
    try:
        answer = hub.edge.client("s3").put_object(
            Bucket=hub.output("RecordsBucketName"),
            Key=KEY,
            Body=policy.document().encode(),
            ContentType="application/json",
            Metadata={"pushed-by": hub.caller.arn},
            **condition,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in (
            "PreconditionFailed",
            "ConditionalRequestConflict",
        ):
            raise
        raise Failure(
            "somebody else pushed a policy meanwhile; look at it and push again"
        ) from None
    return str(answer["ETag"]).strip('"')
