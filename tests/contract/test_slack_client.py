"""The Slack client against an embedded workspace that refuses what Slack refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from embedded_account.slack_server import serve
from embedded_account.slack_sink import SlackSink
from sentinel.aws.slack import (
    Posted,
    SlackBot,
    SlackError,
    SlackRateLimited,
    SlackRefused,
    SlackUnreachable,
    SlackWebhook,
)
from sentinel.notice import State, digest
from sentinel.slack_message import notice_block_id, slack_digest, slack_message, slack_reply

from tests.unit.test_notice import a_notice, every_state, many_notices

CHANNEL = "C0EMBEDDED"
WEBHOOK = "/services/T0EMBEDDED/B0WEBHOOK/embedded"
NOTICE = a_notice()


@pytest.fixture
def sink() -> SlackSink:
    return SlackSink()


@pytest.fixture
def address(sink: SlackSink) -> Iterator[str]:
    url, close = serve(sink)
    yield url
    close()


@pytest.fixture
def bot(sink: SlackSink, address: str) -> SlackBot:
    return SlackBot(f"{address}/api", CHANNEL, sink.token)


@pytest.fixture
def webhook(address: str) -> SlackWebhook:
    return SlackWebhook(f"{address}{WEBHOOK}")


@every_state
def test_every_state_is_posted_and_edited(bot: SlackBot, sink: SlackSink, state: State) -> None:
    posted = bot.post(slack_message(NOTICE))
    message = slack_message(a_notice(state))
    bot.update(posted, message)
    (seen,) = sink.messages
    assert (seen.channel, seen.ts) == (posted.channel, posted.ts) == (CHANNEL, posted.ts)
    assert list(seen.blocks) == message["blocks"]


def test_a_channel_given_by_name_is_answered_with_its_id(bot: SlackBot) -> None:
    assert replace(bot, channel="#security").post(slack_message(NOTICE)).channel == CHANNEL


def test_a_reply_stands_in_the_thread_and_in_the_channel_only_if_asked(
    bot: SlackBot, sink: SlackSink
) -> None:
    posted = bot.post(slack_message(NOTICE))
    message = slack_reply(a_notice(State.REOPENED))
    bot.reply(posted, message)
    bot.reply(posted, message, broadcast=True)
    assert [(m.thread_ts, m.broadcast) for m in sink.messages[1:]] == [
        (posted.ts, False),
        (posted.ts, True),
    ]


def test_an_update_without_blocks_is_refused_before_it_is_sent(bot: SlackBot) -> None:
    with pytest.raises(ValueError, match="old blocks"):
        bot.update(Posted(CHANNEL, "1.0"), {"text": "x", "blocks": []})


def test_a_digest_is_posted(bot: SlackBot, sink: SlackSink) -> None:
    bot.post(slack_digest(digest("digest.7", many_notices())))
    assert "12 more HIGH findings" in sink.messages[0].text


def test_a_webhook_posts(webhook: SlackWebhook, sink: SlackSink) -> None:
    webhook.post(slack_message(NOTICE))
    assert sink.messages[0].from_webhook
    assert list(sink.messages[0].blocks) == slack_message(NOTICE)["blocks"]


def test_a_message_whose_answer_was_lost_is_found_again(bot: SlackBot, sink: SlackSink) -> None:
    sink.fail_next(timeout_after_effect=True)
    with pytest.raises(SlackUnreachable):
        bot.post(slack_message(NOTICE))
    assert len(sink.messages) == 1
    assert bot.find(NOTICE.id) == Posted(CHANNEL, sink.messages[0].ts)


def test_a_reply_is_looked_for_in_its_thread() -> None:
    reply = slack_reply(NOTICE) | {"ts": "2.0", "user": "U0", "thread_ts": "1.0"}
    found = {"ok": True, "messages": [{"ts": "1.0", "user": "U0", "blocks": None}, reply]}
    answers = [{"ok": True, "user_id": "U0"}, found]
    with answering(*((200, {}, json.dumps(answer).encode()) for answer in answers)) as (url, seen):
        thread = Posted(CHANNEL, "1.0")
        assert SlackBot(url, CHANNEL, "xoxb-x").find(NOTICE.id, thread) == Posted(CHANNEL, "2.0")
    assert [request["path"] for request in seen] == [
        "/auth.test",
        f"/conversations.replies?channel={CHANNEL}&limit=100&ts=1.0",
    ]


def test_the_message_that_a_thread_hangs_on_is_no_reply_to_itself(bot: SlackBot) -> None:
    thread = bot.post(slack_message(NOTICE))
    bot.update(thread, slack_message(NOTICE))
    assert bot.find(NOTICE.id, thread) is None
    reply = bot.reply(thread, slack_reply(NOTICE))
    assert bot.find(NOTICE.id, thread) == reply


def test_a_reply_is_found_behind_hundreds_of_others(bot: SlackBot) -> None:
    thread = bot.post(slack_message(NOTICE))
    other = slack_reply(a_notice(id="another.1.1"))
    for _ in range(250):
        bot.reply(thread, other)
    reply = bot.reply(thread, slack_reply(NOTICE))
    assert bot.find(NOTICE.id, thread) == reply


def test_a_reply_that_the_channel_shows_is_no_message_of_its_own(bot: SlackBot) -> None:
    thread = bot.post(slack_message(a_notice(id="another.1.1")))
    bot.reply(thread, slack_reply(NOTICE), broadcast=True)
    assert bot.find(NOTICE.id) is None
    assert bot.find("another.1.1") == thread


def test_a_notice_that_was_never_posted_is_not_found(bot: SlackBot) -> None:
    bot.post(slack_message(a_notice(id="another.1.1")))
    assert bot.find(NOTICE.id) is None


def test_a_message_of_somebody_else_does_not_make_a_notice_look_told(
    bot: SlackBot, webhook: SlackWebhook
) -> None:
    webhook.post(slack_message(NOTICE))
    assert bot.find(NOTICE.id) is None


@pytest.mark.parametrize("members", [None, frozenset[str]()])
def test_a_bot_that_may_not_look_finds_nothing(
    bot: SlackBot, sink: SlackSink, members: frozenset[str] | None
) -> None:
    bot.post(slack_message(NOTICE))
    sink.members = members
    if members is None:
        sink.scopes = frozenset({"chat:write"})
    assert bot.find(NOTICE.id) is None


def test_a_bot_that_knows_its_channel_by_name_only_finds_nothing(bot: SlackBot) -> None:
    bot.post(slack_message(NOTICE))
    assert replace(bot, channel="#security").find(NOTICE.id) is None


def test_looking_reports_every_other_refusal(bot: SlackBot) -> None:
    with pytest.raises(SlackRefused, match="invalid_auth"):
        replace(bot, token="xoxb-wrong").find(NOTICE.id)


def test_what_slack_refuses_is_told_with_its_own_word(bot: SlackBot, sink: SlackSink) -> None:
    message = slack_message(NOTICE)
    message["blocks"][0]["text"]["text"] = "x" * 151
    with pytest.raises(SlackRefused) as refused:
        bot.post(message)
    assert refused.value.error == "invalid_blocks"
    assert sink.messages == []


def test_an_edit_that_slack_refuses_says_so(bot: SlackBot) -> None:
    with pytest.raises(SlackRefused, match=r"refused chat\.update: message_not_found"):
        bot.update(Posted(CHANNEL, "1.000000"), slack_message(NOTICE))


def test_what_a_webhook_refuses_is_told_with_slacks_word(address: str, sink: SlackSink) -> None:
    with pytest.raises(SlackRefused, match="no_service"):
        SlackWebhook(f"{address}/services/T0/B0/gone").post(slack_message(NOTICE))


def test_a_rate_limit_says_how_long_to_wait(
    bot: SlackBot, webhook: SlackWebhook, sink: SlackSink
) -> None:
    for post in (bot.post, webhook.post):
        sink.fail_next("ratelimited", retry_after=7)
        with pytest.raises(SlackRateLimited) as limited:
            post(slack_message(NOTICE))
        assert limited.value.retry_after == 7
    assert sink.messages == []


@pytest.mark.parametrize(("error", "status"), [("internal_error", 200), ("fatal_error", 503)])
def test_a_failure_inside_slack_leaves_the_outcome_open(
    bot: SlackBot, sink: SlackSink, error: str, status: int
) -> None:
    sink.fail_next(error, status=status)
    with pytest.raises(SlackUnreachable):
        bot.post(slack_message(NOTICE))


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(*answers: Answer | Callable[[], None]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives these answers in turn, and the requests that it got."""
    waiting = list(answers)
    seen: list[dict[str, Any]] = []

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append({"path": self.path, "headers": dict(self.headers), "body": body})
            answer = waiting.pop(0)
            if callable(answer):
                answer()
                self.close_connection = True
                return
            status, headers, text = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Keep http.server from printing."""

    server = HTTPServer(("127.0.0.1", 0), Request)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with answering((200, {}, b'{"ok": true}')) as (elsewhere, stolen):
        redirect = (status, {"Location": f"{elsewhere}/steal"}, b"")
        with answering(redirect, redirect) as (url, seen):
            with pytest.raises(SlackUnreachable, match="redirect"):
                SlackBot(url, CHANNEL, "xoxb-secret").post(slack_message(NOTICE))
            with pytest.raises(SlackUnreachable, match="redirect"):
                SlackWebhook(f"{url}/services/x").post(slack_message(NOTICE))
            assert len(seen) == 2
    assert stolen == []


@pytest.mark.parametrize(
    "text",
    [
        b"<html>",
        b"[]",
        b'{"ok": true}',
        b'{"ok": true, "channel": 1, "ts": 2}',
        b"\xff",
        b"[" * 10**5,
    ],
)
def test_an_answer_that_is_not_slacks_is_no_answer(text: bytes) -> None:
    with answering((200, {}, text)) as (url, _), pytest.raises(SlackUnreachable):
        SlackBot(url, CHANNEL, "xoxb-secret").post(slack_message(NOTICE))


@pytest.mark.parametrize(
    ("header", "expected"),
    [("12", 12), ("", 30), ("soon", 30), ("-5", 30), ("0", 1), ("9" * 9, 3_600), ("9" * 5_000, 30)],
)
def test_a_strange_retry_after_is_read_with_care(header: str, expected: int) -> None:
    with (
        answering((429, {"Retry-After": header}, b"")) as (url, _),
        pytest.raises(SlackRateLimited) as limited,
    ):
        SlackBot(url, CHANNEL, "xoxb-secret").post(slack_message(NOTICE))
    assert limited.value.retry_after == expected


def wait_for(release: threading.Event) -> None:
    release.wait(5)


def test_a_slow_slack_is_given_up_on() -> None:
    release = threading.Event()
    with answering(partial(wait_for, release)) as (url, _):
        try:
            with pytest.raises(SlackUnreachable, match=r"did not answer chat\.postMessage"):
                SlackBot(url, CHANNEL, "xoxb-secret", timeout_seconds=0.2).post(
                    slack_message(NOTICE)
                )
        finally:
            release.set()


def test_a_closed_port_is_no_answer() -> None:
    with answering() as (url, _):
        pass
    with pytest.raises(SlackUnreachable, match=r"127\.0\.0\.1 did not answer"):
        SlackBot(url, CHANNEL, "xoxb-secret").post(slack_message(NOTICE))


def test_the_token_travels_in_the_header_only() -> None:
    answer: Answer = (200, {}, json.dumps({"ok": True, "channel": CHANNEL, "ts": "1.0"}).encode())
    with answering(answer) as (url, seen):
        SlackBot(url, CHANNEL, "xoxb-secret").post(slack_message(NOTICE))
    (request,) = seen
    assert request["headers"]["Authorization"] == "Bearer xoxb-secret"
    assert "secret" not in request["path"]
    assert b"secret" not in request["body"]
    body = json.loads(request["body"])
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)
    assert body["blocks"][-1]["block_id"] == notice_block_id(NOTICE.id)


def test_no_error_and_no_representation_carries_a_secret() -> None:
    failures = [
        (302, {"Location": "/"}, b""),
        (429, {}, b""),
        (500, {}, b""),
        (404, {}, b"no_team"),
    ]
    with answering(*failures, *failures) as (url, _):
        bot = SlackBot(url, CHANNEL, "xoxb-secret")
        webhook = SlackWebhook(f"{url}/services/T0/B0/secret")
        errors: list[SlackError] = []
        for post in (bot.post, webhook.post):
            for _failure in failures:
                with pytest.raises(SlackError) as caught:
                    post(slack_message(NOTICE))
                errors.append(caught.value)
    for error in errors:
        chain = f"{error!r} {error} {error.__cause__} {error.__suppress_context__}"
        assert "secret" not in chain
        assert error.__suppress_context__ or error.__context__ is None
    assert "secret" not in f"{bot!r}{webhook!r}"


@pytest.mark.parametrize(
    "address",
    [
        "http://slack.com/api",
        "http://198.51.100.7/api",
        "ftp://slack.com/api",
        "file:///etc/passwd",
        "https://user:secret@slack.com/api",
        "https:///api",
        "slack.com/api",
        "https://slack.com/api secret",
        "https://slack.com/\nsecret",
        "",
    ],
)
def test_an_address_that_would_not_keep_a_secret_is_refused(address: str) -> None:
    for build in (lambda: SlackBot(address, CHANNEL, "xoxb-x"), lambda: SlackWebhook(address)):
        with pytest.raises(ValueError, match="https") as refused:
            build()
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("base_url", ["https://slack.com/api", "https://slack-gov.com/api/"])
def test_both_of_slacks_own_addresses_are_accepted(base_url: str) -> None:
    SlackBot(base_url, CHANNEL, "xoxb-x")


@pytest.mark.parametrize("token", ["", "xoxb-secret\n", "xoxb secret", "xoxb-sécret"])
def test_a_token_that_fits_in_no_header_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(ValueError, match="the Slack token") as refused:
        SlackBot("https://slack.com/api", CHANNEL, token)
    assert "cret" not in str(refused.value)
