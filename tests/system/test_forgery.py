"""Forged and replayed events: they change nothing, and are told (T1 to T4 of the threat model)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_account.queues import enqueue
from embedded_account.world import FunctionRan

from tests.system.evidence import event_of, heads, queue_arn
from tests.system.scenarios import create_gateway, delete_gateway
from tests.system.stage import REGION, ROOT, Stage

EVENTS = sorted((ROOT / "events").glob("*/violation.json"))
Forge = Callable[[dict[str, Any]], None]


def of(path: Any) -> list[dict[str, Any]]:
    """The events of a fixture."""
    found = json.loads(path.read_text())
    return found if isinstance(found, list) else [found]


def _set(*path: str, to: Any) -> Forge:
    def forge(event: dict[str, Any]) -> None:
        for part in path[:-1]:
            event = event[part]
        event[path[-1]] = to

    return forge


FORGERIES: dict[str, Forge] = {
    "another account": _set("account", to="999999999999"),
    "another Region": _set("region", to="eu-west-1"),
    "another source": _set("source", to="aws.s3"),
    "another event source": _set("detail", "eventSource", to="s3.amazonaws.com"),
    "another recipient": _set("detail", "recipientAccountId", to="999999999999"),
    "no API call": _set("detail", "eventType", to="AwsServiceEvent"),
}


def test_t1_nobody_can_put_an_event_in_the_name_of_aws(stage: Stage) -> None:
    event = of(EVENTS[0])[0]
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventBusName": "sentinel-ingest",
    }
    try:
        answer = stage.client("events", account=stage.hub).put_events(Entries=[entry])
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
    else:
        code = answer["Entries"][0]["ErrorCode"]
    assert code == "NotAuthorizedForSourceException"


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.parent.name)
def test_t1_a_forged_source_reaches_nothing(stage: Stage, path: Any) -> None:
    def part(copy: Stage) -> int:
        for event in of(path):
            entry = {
                "Source": "custom.forger",
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
                "EventBusName": copy.outputs["IngestBusArn"],
            }
            copy.client("events", account=copy.hub).put_events(Entries=[entry])
        copy.drain()
        return sum(isinstance(e, FunctionRan) for e in copy.account.world.history)

    assert stage.play(part) == 0


def test_t2_nobody_but_the_rule_may_send_to_the_queues(stage: Stage) -> None:
    def part(copy: Stage) -> str:
        url = next(
            u
            for u in copy.client("sqs", account=copy.hub).list_queues()["QueueUrls"]
            if "ChangesQueue" in u
        )
        try:
            copy.account.client("sqs", copy.hub, REGION, as_=_role(copy, "Announce")).send_message(
                QueueUrl=url, MessageBody="{}"
            )
        except ClientError as refused:
            return str(refused.response["Error"]["Code"])
        return "sent"

    assert stage.play(part).startswith("AccessDenied")


def _role(stage: Stage, name: str) -> str:
    roles = stage.client("iam", account=stage.hub).list_roles()["Roles"]
    return next(str(r["RoleName"]) for r in roles if f"{name}Role" in r["RoleName"])


@pytest.mark.parametrize("forgery", FORGERIES)
def test_t3_an_inconsistent_event_changes_nothing_and_is_told(stage: Stage, forgery: str) -> None:
    def part(copy: Stage) -> list[dict[str, Any]]:
        event = event_of(copy, create_gateway)
        FORGERIES[forgery](event)
        enqueue(queue_arn(copy, "ChangesQueue"), json.dumps(event), {})
        copy.converge()
        return heads(copy)

    (told,) = stage.play(part)
    assert (told.get("kind"), told.get("cause")) == ("event", "inconsistent")


def test_t3_a_stranger_is_not_judged_and_no_role_of_his_is_assumed(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[list[Any], list[str]]:
        copy.put_policy({"version": 1, "members": [{"account": copy.hub}]})
        event = event_of(copy, create_gateway)
        enqueue(queue_arn(copy, "ChangesQueue"), json.dumps(event), {})
        copy.converge()
        assumed = [
            e.call.operation
            for e in copy.account.world.history
            if hasattr(e, "call") and e.call.operation == "AssumeRole"
        ]
        return [(h.get("kind"), h.get("cause")) for h in heads(copy)], assumed

    assert stage.play(part) == ([("event", "not_a_member")], [])


def test_t3_a_lie_about_a_state_does_not_outlive_the_live_read(stage: Stage) -> None:
    def part(copy: Stage) -> list[str]:
        event = event_of(copy, lambda s: create_gateway(s, authorizerType="AWS_IAM"))
        event["detail"]["requestParameters"]["authorizerType"] = "NONE"
        enqueue(queue_arn(copy, "ChangesQueue"), json.dumps(event), {})
        copy.converge()
        return [h["status"] for h in heads(copy)]

    assert stage.play(part) == ["RESOLVED"]


def test_t4_a_replay_of_old_events_opens_nothing(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[list[Any], list[Any]]:
        arn = queue_arn(copy, "ChangesQueue")
        events = [event_of(copy, create_gateway)]
        copy.clock.advance(5)
        events.append(event_of(copy, delete_gateway))
        seen = []
        for _ in range(2):
            for event in events:
                enqueue(arn, json.dumps(event), {})
            copy.converge()
            copy.clock.advance(3_600)
            seen.append([(h["status"], h["episode"], h["change"]) for h in heads(copy)])
        return seen[0], seen[1]

    first, second = stage.play(part)
    assert first == second
