"""Teams with an incoming webhook, or without Slack: what they hear, and that nothing waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.system.scenarios import (
    GUARD_IS_LOST,
    create_gateway,
    delete_gateway,
    policy_engine,
)
from tests.system.stage import Stage

WEBHOOK = "/services/T0EMBEDDED/B0WEBHOOK/embedded"


def with_secret(stage: Stage, secret: str) -> None:
    """Give the team another secret; it is read for every message."""
    stage.client("ssm", account=stage.hub).put_parameter(
        Name="/sentinel/slack", Type="SecureString", Value=secret, Overwrite=True
    )
    stage.clock.advance(600)


def untold(stage: Stage) -> list[str]:
    """The changes that still lack a mark."""
    return [
        f"{item['move']} {item['sk']}"
        for item in stage.items("Findings")
        if "move" in item and not {"announced", "told_slack", "told_mail"} <= item.keys()
    ]


def texts(messages: Sequence[Any]) -> list[str]:
    """How each message begins."""
    return [message.text.partition(":")[0] for message in messages]


def test_a_webhook_hears_what_opens_what_gets_worse_and_what_is_over(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        with_secret(copy, f"{copy.account.url}{WEBHOOK}")
        policy_engine(copy)
        for step in GUARD_IS_LOST.steps:
            step.do(copy)
            copy.clock.advance(3)
            copy.drain()
            copy.clock.advance(3600)
        copy.converge()
        posts = copy.account.slack.messages
        return [texts(posts), {post.from_webhook for post in posts}, untold(copy)]

    told, by_webhook, waiting = stage.play(part)
    assert told[:2] == ["MEDIUM", "CRITICAL now"]
    assert told[2:] == ["CRITICAL", "RESOLVED CRITICAL", "RESOLVED MEDIUM"]
    assert (by_webhook, waiting) == ({True}, [])


def test_many_findings_at_a_webhook_are_a_few_posts_and_a_digest(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        with_secret(copy, f"{copy.account.url}{WEBHOOK}")
        for number in range(12):
            create_gateway(copy, f"door-{number}", authorizerType="AUTHENTICATE_ONLY")
        copy.clock.advance(3)
        copy.converge(3)
        return [len(copy.account.slack.messages), untold(copy)]

    posts, waiting = stage.play(part)
    assert (posts <= 7, waiting) == (True, [])


def test_a_secret_that_is_no_token_loses_no_mail_and_is_told_once_it_is_right(
    stage: Stage,
) -> None:
    def part(copy: Stage) -> list[Any]:
        with_secret(copy, "xoxb-of-another-team")
        create_gateway(copy)
        copy.clock.advance(3)
        copy.converge()
        seen = [len(copy.account.slack.messages), len(copy.account.mailbox.messages)]
        with_secret(copy, copy.account.slack.token)
        copy.converge()
        return [*seen, len(copy.account.slack.messages), len(copy.account.mailbox.messages)]

    assert stage.play(part) == [0, 1, 1, 1]


def test_without_slack_the_mail_is_all_and_nothing_waits(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        functions = copy.client("lambda", account=copy.hub)
        for name in ("sentinel-notify", "sentinel-tend"):
            found = functions.get_function_configuration(FunctionName=name)["Environment"]
            variables = found["Variables"] | {"SLACK_SECRET_PARAMETER": ""}
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": variables}
            )
        create_gateway(copy)
        copy.clock.advance(3)
        copy.drain()
        delete_gateway(copy)
        copy.clock.advance(3)
        copy.converge()
        mails = [mail.subject for mail in copy.account.mailbox.messages]
        return [len(copy.account.slack.messages), len(mails), untold(copy)]

    assert stage.play(part) == [0, 2, []]
