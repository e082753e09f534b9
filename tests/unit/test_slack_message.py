"""Every notice becomes a message that Slack takes, whatever its texts hold and however long."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sentinel import limits
from sentinel.finding import EvidenceLine
from sentinel.notice import Notice, State, digest
from sentinel.record import Actor
from sentinel.slack_message import (
    Message,
    notice_block_id,
    size,
    slack_digest,
    slack_message,
    slack_reply,
)
from slack_sdk.models.blocks import Block

from tests.unit.test_escape import hostile_text
from tests.unit.test_notice import FINGERPRINT, OPENED, a_notice, every_state, many_notices

GOLDEN = Path(__file__).parent / "golden" / "slack_critical_open.json"

OURS = re.compile(
    r"<!date\^\d+\^(\{date_short_pretty\} \{time_secs\}|\{time\})\|[-0-9: ]+UTC>"
    r"|<https://[a-z0-9-]+\.console\.aws\.amazon\.com/[^<>| ]*\|CloudTrail event>"
)
"""The only tokens that a message may hold."""


def texts_of(message: Message) -> list[str]:
    """All texts that Slack would parse."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if value.get("type") in ("mrkdwn", "plain_text"):
                found.append(value["text"])
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)

    walk(message["blocks"])
    return [*found, message["text"]]


def all_text(message: Message) -> str:
    return "\n".join(texts_of(message))


def assert_slack_takes_it(message: Message) -> None:
    """Slack's own models accept it, it is within our limits, and no token but ours is in it."""
    blocks: list[dict[str, Any]] = message["blocks"]
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
        assert parsed.to_dict() == block
    assert 0 < len(message["text"]) <= limits.SLACK_TEXT.ours
    assert len(blocks) <= limits.SLACK_BLOCKS.ours
    assert size(blocks) <= limits.SLACK_ALL_BLOCKS.ours
    for block in blocks:
        assert_within_limits(block)
    for text in texts_of(message):
        assert not re.search(r"[<>]", OURS.sub("", text))
        assert text.replace("\n", "").isprintable()


def assert_within_limits(block: dict[str, Any]) -> None:
    match block["type"]:
        case "header":
            assert 0 < len(block["text"]["text"]) <= limits.SLACK_HEADER.ours
            assert block["text"]["emoji"] is False
        case "section" if "text" in block:
            assert 0 < len(block["text"]["text"]) <= limits.SLACK_SECTION.ours
            assert block["text"]["verbatim"] is True
        case "section":
            assert len(block["fields"]) <= limits.SLACK_FIELDS.ours
            assert all(len(field["text"]) <= limits.SLACK_FIELD.ours for field in block["fields"])
            assert all(field["verbatim"] is True for field in block["fields"])
        case "context":
            assert len(block["elements"]) <= limits.SLACK_CONTEXT_ELEMENTS.ours
            assert len(block["block_id"]) <= limits.SLACK_BLOCK_ID.ours
            assert all(element["verbatim"] is True for element in block["elements"])
        case unexpected:
            raise AssertionError(unexpected)


def assert_answers_are_there(message: Message) -> None:
    assert message["blocks"][0]["type"] == "header"
    fields = [field["text"] for field in message["blocks"][2]["fields"]]
    questions = ("*What*\n", "*Who*\n", "*So what*\n", "*Where, when*\n")
    assert [text[: len(q)] for text, q in zip(fields, questions, strict=True)] == list(questions)


def test_a_critical_finding_looks_like_the_golden_message() -> None:
    assert slack_message(a_notice()) == json.loads(GOLDEN.read_text(encoding="utf-8"))


@every_state
def test_every_state_becomes_a_message_that_slack_takes(state: State) -> None:
    message = slack_message(a_notice(state))
    assert_slack_takes_it(message)
    assert_answers_are_there(message)
    assert "Shortened" not in all_text(message)


def test_nothing_is_unfurled() -> None:
    message = slack_message(a_notice())
    assert (message["unfurl_links"], message["unfurl_media"]) == (False, False)


def test_the_notification_alone_says_what_where_and_who() -> None:
    assert slack_message(a_notice())["text"] == (
        "CRITICAL: Gateway no longer enforces its policies (orders-mcp-a1b2c3d4e5)"
        " (prod, eu-central-1). By ci-deployer."
    )


@pytest.mark.parametrize("state", [State.OPEN, State.CHANGED, State.REOPENED])
def test_an_open_finding_says_what_can_be_done_now(state: State) -> None:
    text = all_text(slack_message(a_notice(state)))
    assert "*What now*\nSet the policy engine" in text
    assert "`sentinel explain f-3f9a1c7e`" in text
    assert "`sentinel accept f-3f9a1c7e`" in text


@pytest.mark.parametrize("state", [State.RESOLVED, State.SUPPRESSED, State.GAP_CLOSED])
def test_what_is_over_asks_for_nothing(state: State) -> None:
    text = all_text(slack_message(a_notice(state)))
    assert "What now" not in text
    assert "sentinel accept" not in text


def test_a_gap_says_what_is_missing_and_how_to_look_again() -> None:
    message = slack_message(a_notice(State.GAP_OPENED))
    assert message["blocks"][0]["text"]["text"].startswith("COULD NOT ASSESS: ")
    assert "GetGateway was denied; deploy member.yaml" in all_text(message)
    assert "`sentinel sweep`" in all_text(message)


def test_a_data_event_is_named_and_not_linked() -> None:
    text = all_text(slack_message(a_notice(event_category="Data")))
    assert "|CloudTrail event>" not in text
    assert "Data event `3f1c0d9e-5b7a-4c55-9a53-0d2f6a1b8c77`" in text


def test_an_unread_guard_is_named() -> None:
    text = all_text(slack_message(a_notice(unread=("policy engine orders-pe",))))
    assert "Not read, so it lowered nothing: `policy engine orders-pe`." in text


def test_the_last_block_carries_the_id_of_the_notice() -> None:
    for message in (slack_message(a_notice()), slack_reply(a_notice())):
        assert message["blocks"][-1]["block_id"] == notice_block_id(f"{FINGERPRINT}.1.1")


@every_state
def test_every_state_becomes_a_reply_that_slack_takes(state: State) -> None:
    assert_slack_takes_it(slack_reply(a_notice(state)))


def test_a_reply_says_that_it_was_opened_again() -> None:
    text = all_text(slack_reply(a_notice(State.REOPENED)))
    assert "*Opened again* at <!date^1790071872^" in text
    assert "CRITICAL again: Gateway no longer enforces its policies" in text


def test_evidence_shows_the_value_before_and_now() -> None:
    text = all_text(slack_message(a_notice()))
    assert '```policyEngineConfiguration.mode\n-   "ENFORCE"\n+   "LOG_ONLY"```' in text


def test_five_hundred_lines_of_evidence_are_counted_not_dropped_in_silence() -> None:
    lines = tuple(EvidenceLine(f"Statement[{n}].Action[0]", "bedrock:*") for n in range(500))
    message = slack_message(a_notice(evidence=lines))
    assert_slack_takes_it(message)
    text = all_text(message)
    assert text.count('= "bedrock:*"') == 20
    assert "… 480 more values: `sentinel explain f-3f9a1c7e`" in text
    assert "Shortened to fit." in text


def test_names_of_48_characters_are_shown_whole() -> None:
    name = "n" * 48
    actor = Actor(principal=name, session=name.upper(), source_ip="198.51.100.7")
    message = slack_message(a_notice(resource_name=name, actor=actor, account_alias=name))
    assert_slack_takes_it(message)
    assert name in message["blocks"][0]["text"]["text"]
    assert f"`{name}`, session `{name.upper()}`" in all_text(message)
    assert "Shortened" not in all_text(message)


def test_a_longer_name_is_cut_in_its_middle_with_a_mark() -> None:
    message = slack_message(a_notice(resource_name="a" * 200 + "z" * 200))
    header = message["blocks"][0]["text"]["text"]
    assert re.fullmatch(r"CRITICAL: .*a…z+\)", header)
    assert "Shortened to fit." in all_text(message)


@pytest.mark.parametrize("filler", ["x", "&", "<`*", "\U0001f600", "\u202e", "\\", '"', "word "])
def test_over_every_limit_the_message_still_goes_out_with_its_four_answers(filler: str) -> None:
    notice = everywhere(filler * 5_000)
    for state in State:
        message = slack_message(replace(notice, state=state))
        assert_slack_takes_it(message)
        assert_answers_are_there(message)
        assert "Shortened to fit." in all_text(message)
        assert_slack_takes_it(slack_reply(replace(notice, state=state)))


@example("<!channel>" * 4 + "\x9b31m\x9d0;title\x07<!channel>", State.OPEN, 8)  # just 12,000 bytes
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text=hostile_text, state=st.sampled_from(list(State)), times=st.integers(1, 20))
def test_no_text_can_prevent_or_bend_a_message(text: str, state: State, times: int) -> None:
    notice = replace(everywhere(text * times), state=state)
    assert_slack_takes_it(slack_message(notice))
    assert_answers_are_there(slack_message(notice))
    assert_slack_takes_it(slack_reply(notice))


def everywhere(text: str) -> Notice:
    """A notice with *text* in every member that an event or a resource may fill."""
    return a_notice(
        what=f"Engine of {text} set to `{text}`.",
        so_what=text,
        fix=text,
        title=f"Gateway {text}",
        account=text,
        account_alias=text,
        region=text,
        resource=text,
        resource_name=text,
        actor=Actor(arn=text, principal=text, session=text + "s", source_ip=text, user_agent=text),
        event_name=text,
        event_id=text,
        event_category="Data",
        evidence=tuple(EvidenceLine(text, text, text) for _ in range(30)),
        unread=(text,) * 20,
        gap=text,
        exemption=text,
        closed_at=datetime(2026, 9, 23, tzinfo=UTC),
    )


def test_a_hostile_event_id_stays_inside_its_link() -> None:
    message = slack_message(a_notice(event_id="x|Approve> <!channel> &a=b"))
    assert_slack_takes_it(message)
    assert "/events/x%7CApprove%3E%20%3C%21channel%3E%20%26a%3Db|CloudTrail event>" in all_text(
        message
    )


def test_a_digest_counts_exactly_and_says_how_old_the_oldest_is() -> None:
    message = slack_digest(digest("digest.7", many_notices()))
    assert_slack_takes_it(message)
    text = all_text(message)
    oldest = f"<!date^{int(OPENED.timestamp())}^{{time}}|10:11 UTC>"
    assert f"*12 more HIGH findings*, oldest {oldest}" in text
    assert "• `jwt_authorizer_unpinned` 8, 3 of them closed again" in text
    assert "`sentinel findings` lists them all" in text
    assert message["blocks"][-1]["block_id"] == "notice:digest.7"


def test_a_digest_of_too_many_rules_counts_the_rest() -> None:
    notices = [
        a_notice(fingerprint=f"{n:032x}", rule=f"rule_{n % 90}_{'x' * 40}", severity="HIGH")
        for n in range(900)
    ]
    message = slack_digest(digest("digest.8", notices))
    assert_slack_takes_it(message)
    text = all_text(message)
    assert "900 more HIGH findings" in text
    shown = sum(map(int, re.findall(r"• `[^`]*` (\d+)", text)))
    left = re.search(r"… (\d+) more rules, (\d+) findings", text)
    assert left is not None
    assert shown + int(left[2]) == 900
    assert "Shortened to fit." in text


@settings(max_examples=30, deadline=None)
@given(text=hostile_text)
def test_no_rule_name_can_bend_a_digest(text: str) -> None:
    notices = [
        a_notice(fingerprint=f"{n:032x}", rule=f"{text}{n}", severity=severity)
        for n, severity in enumerate(["HIGH", text, "LOW"] * 20)
    ]
    assert_slack_takes_it(slack_digest(digest("digest.9", notices)))


def test_an_empty_digest_is_still_a_message() -> None:
    assert_slack_takes_it(slack_digest(digest("digest.0", [])))
