"""What a read is worth that may be older than the event: it adds to the event, and denies nothing.

IAM and CloudTrail do not tell when a thing was changed, and may answer with the state from before.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sentinel import Severity, catalog
from sentinel.finding import Outcome
from sentinel.rules.agent_trust_unscoped import agent_trust_unscoped
from sentinel.rules.iam_bedrock_wildcard import iam_bedrock_wildcard
from sentinel.rules.trail_stopped import trail_stopped
from sentinel.subject import Resource
from sentinel.subjects import IamPolicy, IamTrust, Trail

from tests.unit.worlds import ACCOUNT, EVENT_TIME, REGION, World, judged, recorded, seen_in

IAM: dict[str, Any] = {"eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1"}
POLICY = IamPolicy.managed("aws", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:policy/models")
ROLE = IamTrust.of_role("aws", ACCOUNT, "orders-agent")
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/audit"
LATER = EVENT_TIME + IamPolicy.settles_after


def policy(resource: str) -> IamPolicy:
    grant = {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": resource}
    document = {"Version": "2012-10-17", "Statement": grant}
    return IamPolicy.seen(POLICY, {"policyDocument": document})


WIDE = policy("*")
NARROW = policy("arn:aws:bedrock:eu-central-1::foundation-model/example.model-v1:0")


def attached() -> IamPolicy:
    request = {"roleName": "orders-agent", "policyArn": POLICY.key}
    found: IamPolicy = seen_in(IamPolicy, recorded("AttachRolePolicy", request, **IAM))
    return found


def answering(found: Resource, at: Any) -> World:
    return World(
        live={(found.kind, found.key): found}, children={Trail: [], IamPolicy: []}, time=at
    )


@pytest.mark.parametrize("early", [timedelta(0), IamPolicy.settles_after - timedelta(seconds=1)])
def test_an_early_read_opens_and_is_not_the_last_word(early: timedelta) -> None:
    verdict = judged(iam_bedrock_wildcard, attached(), answering(WIDE, EVENT_TIME + early))
    assert verdict.severity is Severity.CRITICAL
    assert (verdict.from_read, verdict.as_of) == (False, EVENT_TIME)


def test_an_early_read_closes_nothing() -> None:
    verdict = judged(iam_bedrock_wildcard, attached(), answering(NARROW, EVENT_TIME))
    assert (verdict.outcome, verdict.from_read) == (Outcome.COMPLIANT, False)


@pytest.mark.parametrize("found, outcome", [(WIDE, "VIOLATION"), (NARROW, "COMPLIANT")])
def test_a_read_after_iam_settled_has_the_last_word(found: IamPolicy, outcome: str) -> None:
    verdict = judged(iam_bedrock_wildcard, attached(), answering(found, LATER))
    assert (verdict.outcome, verdict.from_read, verdict.as_of) == (outcome, True, LATER)


def test_an_early_read_does_not_deny_what_the_event_shows() -> None:
    """The rule asks for a Region that the event does not tell, and AWS says that the trail logs."""
    stopped = seen_in(
        Trail, recorded("StopLogging", {"name": TRAIL}, eventSource="cloudtrail.amazonaws.com")
    )
    before = {"TrailARN": TRAIL, "IsLogging": True, "IsMultiRegionTrail": False}
    beside = Trail.seen(Trail.by_arn(TRAIL + "-2"), before | {"TrailARN": TRAIL + "-2"})
    world = answering(Trail.seen(Trail.by_arn(TRAIL), before), EVENT_TIME)
    world.children[Trail] = [beside]
    verdict = judged(trail_stopped, stopped, world)
    assert (verdict.severity, verdict.from_read) == (Severity.CRITICAL, False)
    world.time = EVENT_TIME + Trail.settles_after
    assert judged(trail_stopped, stopped, world).outcome is Outcome.COMPLIANT


def test_a_trust_that_was_read_early_keeps_its_gap_for_the_recheck() -> None:
    request = {"roleName": "orders-agent", "policyName": "p", "policyDocument": "{}"}
    touched = seen_in(IamTrust, recorded("PutRolePolicy", request, **IAM))
    service = {"Service": "bedrock-agentcore.amazonaws.com"}
    allow = {"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": allow})
    open_trust = IamTrust.seen(ROLE, {"assumeRolePolicyDocument": document, "path": "/"})
    world = answering(open_trust, EVENT_TIME)
    verdict = judged(agent_trust_unscoped, touched, world)
    assert (verdict.severity, verdict.from_read) == (Severity.MEDIUM, False)


def test_what_tells_when_it_was_changed_need_not_settle_and_all_else_does() -> None:
    for kind in catalog.resources():
        assert bool(kind.updated) is not bool(kind.settles_after), kind
    assert all(kind.settles_after < timedelta(seconds=60) for kind in catalog.resources())
