"""One sample of all that is stored or sent, of each version: it stays readable for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sentinel.aws import rows
from sentinel.aws.announcer import detail
from sentinel.finding import Severity
from sentinel.gap import Gap
from sentinel.life import Finding, Status
from sentinel.seen import NotKnown
from sentinel.subject import Identity
from sentinel.subjects import Gateway

ARN = "arn:aws:bedrock-agentcore:eu-central-1:444455556666:gateway/orders-a1b2c3d4e5"
IDENTITY = {
    "partition": "aws",
    "account": "444455556666",
    "region": "eu-central-1",
    "kind": "gateway",
    "key": ARN,
    "name": "orders-a1b2c3d4e5",
}
FINGERPRINT = "5b7e0c9b5f2f4d3c8a1e6d7c9b8a7f60"
BODIES: dict[str, dict[str, Any]] = {
    "standing": {
        "rule": "gateway_authorizer_none",
        "subject": IDENTITY,
        "as_of": "2026-09-22T10:11:12Z",
        "from_read": False,
        "event_id": "event-1",
        "gap": "",
        "open": {"": FINGERPRINT},
        "version": 1,
    },
    "finding": {
        "fingerprint": FINGERPRINT,
        "rule": "gateway_authorizer_none",
        "subject": IDENTITY,
        "status": "OPEN",
        "problem": {
            "key": "",
            "severity": 4,
            "evidence": [{"path": "authorizerType", "value": "NONE", "before": None}],
            "count": 1,
        },
        "cause": {
            "event_id": "event-1",
            "event_name": "CreateGateway",
            "event_source": "bedrock-agentcore.amazonaws.com",
            "event_time": "2026-09-22T10:11:12Z",
            "category": "Management",
            "request_id": "request-1",
            "actor": {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::444455556666:assumed-role/ci-deployer/gh-4711",
                "account": "444455556666",
                "principal": "arn:aws:iam::444455556666:role/ci-deployer",
                "session": "gh-4711",
                "source_ip": "198.51.100.7",
                "user_agent": "aws-cli/2.31",
                "invoked_by": "",
            },
        },
        "opened_at": "2026-09-22T10:11:12Z",
        "changed_at": "2026-09-22T10:11:13.5Z",
        "as_of": "2026-09-22T10:11:12Z",
        "closed_at": None,
        "episode": 1,
        "change": 1,
        "told": 1,
        "unread": [],
        "exemption": {
            "rule": "gateway_authorizer_none",
            "resource": "orders-*",
            "account": None,
            "owner": "payments",
            "reason": "migration",
            "expires": "2026-12-31T00:00:00",
        },
        "version": 1,
    },
    "gap": {
        "partition": "aws",
        "account": "444455556666",
        "region": "eu-central-1",
        "kind": "gateway",
        "cause": "GetGateway",
        "opened_at": "2026-09-22T10:11:12Z",
        "changed_at": "2026-09-22T10:11:12Z",
        "status": "OPEN",
        "closed_at": None,
        "reason": "AccessDeniedException",
        "example": "",
        "episode": 1,
        "change": 1,
        "version": 1,
        "met_at": None,
    },
}
STATES = {
    1: {
        "v": 1,
        "seen": {"name": "***", "authorizerType": "NONE", "interceptorConfigurations": None},
        "complete": False,
    }
}
"""What the baseline of a gateway is kept as, by version."""


def row(what: str, version: int = 1, **more: Any) -> rows.Item:
    return rows.attributes(
        pk="head#x", sk="change#000001", v=version, version=1, what=what, **more
    ) | {"body": {"S": json.dumps(BODIES[what])}}


def test_a_standing_of_version_1_is_read() -> None:
    standing = rows.standing_from(row("standing"))
    assert standing.as_of == datetime(2026, 9, 22, 10, 11, 12, tzinfo=UTC)
    assert standing.open == {"": FINGERPRINT}


def test_a_finding_of_version_1_is_read() -> None:
    finding = rows.head_from(row("finding"))
    assert isinstance(finding, Finding)
    assert (finding.status, finding.severity) == (Status.OPEN, Severity.CRITICAL)
    assert finding.cause.actor.name == "ci-deployer"
    assert finding.exemption is not None and finding.exemption.owner == "payments"


def test_a_gap_of_version_1_is_read() -> None:
    found = rows.head_from(row("gap"))
    assert isinstance(found, Gap)
    assert found.reason == "AccessDeniedException"


@pytest.mark.parametrize("what", ["finding", "gap"])
def test_what_is_written_today_is_what_the_sample_says(what: str) -> None:
    head = rows.head_from(row(what))
    written = json.loads(rows.plain(rows.head_item(head))["body"])
    assert written.keys() == BODIES[what].keys()
    assert rows.head_from(rows.head_item(head)) == head


def test_a_standing_written_today_is_what_the_sample_says() -> None:
    standing = rows.standing_from(row("standing"))
    item = rows.standing_item(standing)
    assert json.loads(rows.plain(item)["body"]).keys() == BODIES["standing"].keys()
    assert rows.standing_from(item) == standing


def test_a_row_of_a_version_to_come_is_refused_by_name() -> None:
    with pytest.raises(rows.UnknownVersion, match=r"head#x change#000001 is of version 2"):
        rows.head_from(row("finding", version=rows.VERSION + 1))


def test_a_policy_of_awss_own_has_a_standing_for_each_account() -> None:
    arn = "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"
    keys = [
        rows.plain(
            rows.standing_key(Identity("aws", account, "us-east-1", "iam-policy", arn, "x"), "rule")
        )["pk"]
        for account in ("111122223333", "444455556666")
    ]
    assert len(set(keys)) == 2


@pytest.mark.parametrize("version", STATES)
def test_a_state_is_read_with_what_was_present_absent_and_unseen(version: int) -> None:
    gateway = Gateway.restored(Identity(**IDENTITY), STATES[version])
    assert gateway.authorizer_type == "NONE"
    assert gateway.interceptor_configurations == ()
    for unseen in ("name", "policy_engine_configuration"):
        with pytest.raises(NotKnown):
            getattr(gateway, unseen)


def test_a_bus_event_of_version_1_has_these_members() -> None:
    sent = detail(row("finding", id="x.1.1", move="opened", at="2026-09-22T10:11:12.000000Z"))
    assert sent == {
        "v": 1,
        "id": "x.1.1",
        "move": "opened",
        "at": "2026-09-22T10:11:12.000000Z",
        "fingerprint": FINGERPRINT,
        "episode": 1,
        "change": 1,
        "rule": "gateway_authorizer_none",
        "title": "Gateway answers callers that it has not authenticated",
        "severity": "CRITICAL",
        "status": "OPEN",
        "account": "444455556666",
        "region": "eu-central-1",
        "kind": "gateway",
        "resource": ARN,
        "actor": "arn:aws:sts::444455556666:assumed-role/ci-deployer/gh-4711",
        "eventID": "event-1",
        "eventName": "CreateGateway",
        "opened": "2026-09-22T10:11:12.000000Z",
        "evidence": ["authorizerType"],
    }


def test_a_bus_event_carries_no_value_of_evidence() -> None:
    sent = detail(row("finding", id="x.1.1", move="opened", at="x"))
    assert "NONE" not in json.dumps(sent)


def test_a_bus_event_of_a_gap_has_these_members() -> None:
    sent = detail(row("gap", id="x.1.1", move="opened", at="x"))
    assert set(sent) == {
        *("v", "id", "move", "at", "fingerprint", "episode", "change", "status"),
        *("account", "region", "kind", "cause", "opened"),
    }
