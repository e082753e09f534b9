"""What must hold of findings and notices, whatever goes wrong: the promises R13 to R20."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from embedded_account.world import FunctionRan

from tests.system.evidence import LIVE, deliver, event_of, heads, violations
from tests.system.faults import Fault
from tests.system.harness import Case, recorded
from tests.system.scenarios import (
    AUTHORIZER,
    COMMANDS_RUN,
    ENGINE_FLAPS,
    GATEWAY_COMES_AND_GOES,
    create_gateway,
    create_runtime,
)
from tests.system.stage import Stage

FOREIGN_IMAGE = "999988887777.dkr.ecr.eu-central-1.amazonaws.com/agent:1"


@pytest.mark.parametrize("scenario", [GATEWAY_COMES_AND_GOES, COMMANDS_RUN], ids=lambda s: s.name)
def test_r13_no_write_race_breaks_a_life(stage: Stage, scenario: Any) -> None:
    points = recorded(stage, scenario, LIVE).points
    chosen = [
        Case(scenario, LIVE, Fault("conflict", p.number), p)
        for p in points
        if p.operation == "TransactWriteItems"
    ]
    assert violations(stage, chosen) == []


def test_r14_tend_tells_when_the_stream_is_dead(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[int, int]:
        for mapping in _stream_mappings(copy):
            copy.client("lambda", account=copy.hub).update_event_source_mapping(
                UUID=mapping, Enabled=False
            )
        create_gateway(copy)
        copy.clock.advance(3)
        copy.drain()
        untold = len(copy.account.slack.messages)
        copy.converge()
        return untold, len(copy.account.slack.messages)

    assert stage.play(part) == (0, 1)


def _stream_mappings(stage: Stage) -> list[str]:
    found = stage.client("lambda", account=stage.hub).list_event_source_mappings()
    return [m["UUID"] for m in found["EventSourceMappings"] if ":dynamodb:" in m["EventSourceArn"]]


@pytest.mark.parametrize("kind", ["die before", "die after", "lost"])
def test_r15_a_crash_where_people_are_told_doubles_no_post(stage: Stage, kind: str) -> None:
    points = recorded(stage, GATEWAY_COMES_AND_GOES, LIVE).points
    chosen = [
        Case(GATEWAY_COMES_AND_GOES, LIVE, Fault(kind, p.number), p)
        for p in points
        if p.function.endswith("-notify")
    ]
    assert violations(stage, chosen, 2) == []


def test_r16_a_critical_finding_is_told_at_once_among_many(stage: Stage) -> None:
    def part(copy: Stage) -> float:
        for number in range(8):
            create_gateway(copy, f"noise-{number}", authorizerType="AUTHENTICATE_ONLY")
        create_gateway(copy, "the-one")
        made = copy.clock.now()
        copy.clock.advance(1)
        copy.drain()
        posts = [m for m in copy.account.slack.messages if "the-one" in m.text]
        return float(posts[0].ts) - made.timestamp()

    assert stage.play(part) < 5


@pytest.mark.parametrize("kind", ["stale", "denied"])
def test_r17_nothing_is_resolved_by_what_was_not_seen(stage: Stage, kind: str) -> None:
    points = recorded(stage, ENGINE_FLAPS, LIVE).points
    chosen = [
        Case(ENGINE_FLAPS, LIVE, Fault(kind, p.number), p)
        for p in points
        if p.operation == "GetGateway"
    ]
    assert violations(stage, chosen, 2) == []


def test_r18_an_exemption_hides_until_it_ends_and_no_longer(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        ends = copy.clock.now() + timedelta(hours=1)
        exemption = {
            "rule": AUTHORIZER,
            "resource": "*",
            "owner": "platform",
            "reason": "a demonstration",
            "expires": ends.isoformat(),
        }
        copy.put_policy({"version": 1, "exemptions": [exemption]})
        create_gateway(copy)
        copy.clock.advance(3)
        copy.converge(1)
        seen: list[Any] = [(heads(copy)[0]["status"], len(copy.account.slack.messages))]
        copy.clock.advance_to(ends - timedelta(minutes=1))
        copy.invoke("tend")
        seen.append((heads(copy)[0]["status"], len(copy.account.slack.messages)))
        copy.clock.advance_to(ends)
        copy.converge(1)
        seen.append((heads(copy)[0]["status"], len(copy.account.slack.messages)))
        return seen

    assert stage.play(part) == [("SUPPRESSED", 0), ("SUPPRESSED", 0), ("OPEN", 1)]


HOSTILE = (
    "<!channel> <https://evil.example|Approve>",
    "x\r\nSubject: Closed",
    "\u202egnp.exe\x1b[2J",
    "=cmd|' /C calc'!A0",
    "a" * 5_000,
    "\ud7ff\u0000\ufffd*_~`>",
    "\ud800 half a character \udfff",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_r19_no_content_prevents_or_alters_a_notice(stage: Stage, text: str) -> None:
    def part(copy: Stage) -> tuple[list[Any], list[Any]]:
        event = event_of(copy, create_gateway)
        identity = event["detail"]["userIdentity"]
        identity["arn"] = f"arn:aws:sts::{copy.member}:assumed-role/r/{text}"
        event["detail"]["userAgent"] = text
        deliver(copy, event)
        copy.converge()
        return copy.account.slack.messages, copy.account.mailbox.messages

    posts, mails = stage.play(part)
    assert (len(posts), len(mails)) == (1, 1)
    posted, mailed = json.dumps(posts[0].blocks) + posts[0].text, mails[0].subject + mails[0].body
    assert not any(harm in posted for harm in ("<!channel>", "<https://evil"))
    for harm in ("\x1b", "\u202e", "\r"):
        assert harm not in posted + mailed
    assert "\n" not in mails[0].subject


def test_r20_no_secret_reaches_a_table_a_person_or_a_log(stage: Stage) -> None:
    canary = "canary-7f3a"

    def part(copy: Stage) -> str:
        event = event_of(
            copy,
            lambda s: create_runtime(
                s,
                environmentVariables={"TOKEN": canary},
                agentRuntimeArtifact={"containerConfiguration": {"containerUri": FOREIGN_IMAGE}},
            ),
        )
        event["detail"]["requestParameters"]["environmentVariables"] = {"TOKEN": canary}
        deliver(copy, event)
        copy.converge()
        assert heads(copy)
        stored = json.dumps([copy.items("Findings"), copy.items("Memory")])
        logs = [e.outcome.log for e in copy.account.world.history if isinstance(e, FunctionRan)]
        told = [copy.account.slack.messages, copy.account.mailbox.messages]
        return f"{stored}{logs}{told}"

    assert canary not in stage.play(part)
