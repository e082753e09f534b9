"""What people are told is neither lost nor too much: retries, lost channels, crowds and time."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from embedded_account.slack_sink import SlackMessage, SlackSink

from tests.system.evidence import deliver, event_of, heads, settle
from tests.system.scenarios import (
    AUTHORIZER,
    create_gateway,
    delete_gateway,
    engine,
    policy_engine,
    update_gateway,
)
from tests.system.stage import CHANNEL, Stage

NEW = "C0ELSEWHERE"


def whole_minute(stage: Stage) -> None:
    """Begin a minute, so that what follows is told within one."""
    stage.clock.advance_to(stage.clock.now().replace(second=0) + timedelta(minutes=1))


def rows(stage: Stage, mark: str) -> Counter[str]:
    """How the changes are marked, without what follows the first word; ``-`` where they are not."""
    changes = [item for item in stage.items("Findings") if item["sk"].startswith("change#")]
    return Counter(item.get(mark, "-").split()[0].rstrip(":")[:6] for item in changes)


def guarded(stage: Stage) -> None:
    """A gateway without an authorizer whose policy engine enforces, which is less than CRITICAL."""
    policy_engine(stage)
    create_gateway(stage, **engine(stage, "ENFORCE"))


def about(stage: Stage, name: str) -> list[tuple[str, str, bool]]:
    """Where and how the messages about a resource begin, and whether they are replies."""
    told = [m for m in stage.account.slack.messages if name in m.text]
    return [(m.channel, m.text.split(":")[0], m.thread_ts is not None) for m in told]


def after_an_edit(slack: SlackSink, text: str) -> None:
    """Have the call after the edit to a text fail, once."""
    hears = slack.on_message

    def hear(message: SlackMessage) -> None:
        if hears is not None:
            hears(message)
        if message.edited_ts and text in message.text:
            slack.on_message = hears
            slack.fail_next("internal_error")

    slack.on_message = hear


def test_a_reply_that_failed_is_sent_though_the_edit_before_it_was_made(stage: Stage) -> None:
    def part(copy: Stage) -> list[tuple[str, str, bool]]:
        guarded(copy)
        settle(copy)
        after_an_edit(copy.account.slack, "CRITICAL now")
        update_gateway(copy, authorizerType="NONE")
        settle(copy, 2)
        return about(copy, "authenticated")

    assert stage.play(part) == [(CHANNEL, "CRITICAL now", False), (CHANNEL, "CRITICAL now", True)]


def _deleted(slack: SlackSink) -> None:
    slack.channels = {NEW: "new"}


def _left(slack: SlackSink) -> None:
    slack.members = frozenset({NEW})


def _archived(slack: SlackSink) -> None:
    slack.archived = frozenset({CHANNEL})


@pytest.mark.parametrize("go", [_deleted, _left, _archived])
def test_a_finding_whose_channel_is_gone_is_told_in_the_new_one(
    stage: Stage, go: Callable[[SlackSink], None]
) -> None:
    def part(copy: Stage) -> list[list[tuple[str, str, bool]]]:
        slack = copy.account.slack
        slack.channels = {CHANNEL: "security", NEW: "new"}
        policy_engine(copy)
        create_gateway(copy)
        settle(copy)
        go(slack)
        for function in ("notify", "tend"):
            with copy.inside(function):
                environment: Any = importlib.import_module("app").edge.settings.environment
                environment["SLACK_CHANNEL"] = NEW
        update_gateway(copy, authorizerType="NONE", **engine(copy, "ENFORCE"))
        settle(copy)
        lowered = about(copy, "authenticated")
        update_gateway(copy, authorizerType="NONE")
        settle(copy)
        return [lowered, about(copy, "authenticated")]

    old = (CHANNEL, "CRITICAL", False)
    lowered, raised = stage.play(part)
    assert lowered == [old, (NEW, "MEDIUM", False)]
    assert raised == [old, (NEW, "CRITICAL now", False), (NEW, "CRITICAL now", True)]


@pytest.mark.parametrize(("error", "status"), [("ratelimited", 429), ("fatal_error", 503)])
def test_slack_that_is_busy_gets_no_second_message_of_a_finding(
    stage: Stage, error: str, status: int
) -> None:
    def part(copy: Stage) -> list[str]:
        create_gateway(copy)
        settle(copy)
        copy.account.slack.fail_next(error, status=status)
        delete_gateway(copy)
        settle(copy, 2)
        return [m.text.split(":")[0] for m in copy.account.slack.messages]

    assert stage.play(part) == ["RESOLVED CRITICAL"]


def test_many_findings_at_once_are_a_few_mails_and_a_digest(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[Any, ...]:
        whole_minute(copy)
        for number in range(20):
            create_gateway(copy, f"noise-{number}", authorizerType="AUTHENTICATE_ONLY")
        create_gateway(copy, "the-one")
        copy.drain()
        at_once = [mail.subject for mail in copy.account.mailbox.messages]
        copy.converge()
        return (
            at_once,
            [mail.subject for mail in copy.account.mailbox.messages[len(at_once) :]],
            rows(copy, "told_mail"),
        )

    at_once, later, marks = stage.play(part)
    assert len([subject for subject in at_once if "CRITICAL" in subject]) == 1
    assert len(at_once) == 6
    assert later == ["DIGEST 15 more MEDIUM findings"]
    assert (marks["digest"], marks["-"]) == (15, 0)


def test_what_becomes_critical_does_not_wait_behind_what_found_no_room(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[Any, ...]:
        policy_engine(copy)
        settle(copy)
        whole_minute(copy)
        for number in range(8):
            create_gateway(copy, f"noise-{number}", authorizerType="AUTHENTICATE_ONLY")
        copy.drain()
        create_gateway(copy, **engine(copy, "ENFORCE"))
        copy.clock.advance(3)
        copy.drain()
        before = about(copy, "not authenticated (orders")
        update_gateway(copy, authorizerType="NONE")
        copy.clock.advance(3)
        copy.drain()
        mailed = [mail.subject for mail in copy.account.mailbox.messages]
        return before, about(copy, "not authenticated (orders"), mailed

    before, told, mailed = stage.play(part)
    assert before == []
    assert told == [(CHANNEL, "CRITICAL now", False), (CHANNEL, "CRITICAL now", True)]
    assert [subject[:15] for subject in mailed if "RAISED" in subject] == ["RAISED CRITICAL"]


def gap_of_events(stage: Stage) -> tuple[str, int]:
    """What became of the gap about events that were not judged, and its changes."""
    (found,) = [head for head in heads(stage) if head.get("kind") == "event"]
    return found["status"], found["change"]


def test_a_gap_about_events_stays_while_they_come_and_is_over_a_day_later(stage: Stage) -> None:
    def part(copy: Stage) -> list[tuple[str, int]]:
        event = event_of(copy, create_gateway)
        event["account"] = event["detail"]["recipientAccountId"] = "999999999999"
        event["detail"]["userIdentity"]["accountId"] = "999999999999"
        seen = []
        for _ in range(10):
            for _ in range(3):
                deliver(copy, event)
                copy.drain()
            copy.clock.advance(3600 * 4)
            copy.invoke("tend")
        seen.append(gap_of_events(copy))
        copy.clock.advance(3600 * 24)
        copy.invoke("tend")
        return [*seen, gap_of_events(copy)]

    assert stage.play(part) == [("OPEN", 1), ("RESOLVED", 2)]


def test_a_backlog_is_told_in_digests_that_leave_nothing_and_edit_what_was_posted(
    stage: Stage,
) -> None:
    def part(copy: Stage) -> tuple[Any, ...]:
        create_gateway(copy, "posted", authorizerType="AUTHENTICATE_ONLY")
        settle(copy)
        arn, posted = copy.names["gateway arn"], copy.names["gateway"]
        with copy.inside("notify"):
            silenced: Any = importlib.import_module("sentinel.aws.notifier")
            silenced.Notifier.tell = lambda *_: 0
        for number in range(12):
            create_gateway(copy, f"noise-{number}", authorizerType="AUTHENTICATE_ONLY")
        copy.names["gateway"] = posted
        delete_gateway(copy)
        settle(copy, 3)
        (told,) = [m.text for m in copy.account.slack.messages if "posted" in m.text]
        statuses = {h["status"] for h in heads(copy) if h.get("subject", {}).get("key") == arn}
        return told, statuses, rows(copy, "told_slack"), len(copy.account.slack.messages)

    told, statuses, marks, messages = stage.play(part)
    assert (told.split(":")[0], statuses) == ("RESOLVED MEDIUM", {"RESOLVED"})
    assert (marks["digest"], marks["-"], messages) == (12, 0, 2)


def test_a_role_that_nobody_may_assume_is_one_gap_of_the_account(stage: Stage) -> None:
    def part(copy: Stage) -> list[list[tuple[str, str, str]]]:
        iam = copy.client("iam")
        role = "agentcore-sentinel-read"
        trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        nobody = {**trust, "Statement": [{**s, "Effect": "Deny"} for s in trust["Statement"]]}
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(nobody))
        copy.clock.advance(3700)
        create_gateway(copy)
        settle(copy)
        asked = {"accounts": [copy.member], "kinds": ["gateway", "agent-runtime", "iam-policy"]}
        copy.invoke("sweep", asked)
        refused = _gaps(copy)
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
        copy.clock.advance(60)
        update_gateway(copy, authorizerType="NONE")
        settle(copy)
        return [refused, _gaps(copy)]

    def _gaps(copy: Stage) -> list[tuple[str, str, str]]:
        found = [head for head in heads(copy) if "kind" in head]
        return [(gap["kind"], gap["cause"], gap["status"]) for gap in found]

    refused, assumed = stage.play(part)
    assert refused == [("account", "AssumeRole", "OPEN")]
    assert assumed == [("account", "AssumeRole", "RESOLVED")]


def test_other_work_is_done_though_there_is_no_time_to_tell(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[Any, ...]:
        with copy.inside("notify"):
            silenced: Any = importlib.import_module("sentinel.aws.notifier")
            silenced.Notifier.tell = lambda *_: 0
        create_gateway(copy)
        copy.clock.advance(3)
        copy.drain()
        with copy.inside("tend"):
            tending: Any = importlib.import_module("sentinel.aws.tending")
            usual = tending.URGENT_LEAVES, tending.OTHERS_LEAVE
            tending.URGENT_LEAVES = tending.OTHERS_LEAVE = 10**6
        settle(copy)
        without = rows(copy, "told_slack")
        with copy.inside("tend"):
            tending.URGENT_LEAVES, tending.OTHERS_LEAVE = usual
        settle(copy)
        rules = [head["rule"] for head in heads(copy) if "rule" in head]
        return without, rows(copy, "told_slack"), rules

    without, with_time, rules = stage.play(part)
    assert rules == [AUTHORIZER]
    assert (without["-"], with_time["-"]) == (1, 0)
