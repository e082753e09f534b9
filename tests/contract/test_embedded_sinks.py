"""What leaves the embedded account: Slack's API, the mailbox of SNS, and function URLs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import boto3
import moto
import pytest
from botocore.exceptions import ClientError
from embedded_account.calls import Caller
from embedded_account.function_urls import FunctionUrl, Request, Response, response_of, route
from embedded_account.invocation import FunctionSpec, Outcome
from embedded_account.mailbox import DEFAULT_SUBJECT, Mailbox, installed
from embedded_account.slack_blocks import block_errors, weight_of
from embedded_account.slack_server import serve
from embedded_account.slack_sink import AnswerLost, SlackMessage, SlackSink, SlackUser
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient

CHANNEL = "C0EMBEDDED"
WEBHOOK = "/services/T0EMBEDDED/B0WEBHOOK/embedded"


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(**members: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": "Approve"}
    return {"type": "button", "action_id": "approve", "text": text, **members}


def actions(*elements: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def call(sink: SlackSink, method: str, **members: Any) -> Any:
    token = members.pop("token", sink.token)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps(members).encode()
    status, _, answer = sink.handle("POST", f"/api/{method}", headers, body)
    assert status == 200
    return json.loads(answer)


def post_webhook(sink: SlackSink, document: object, path: str = WEBHOOK) -> tuple[int, bytes]:
    headers = {"content-type": "application/json"}
    status, _, answer = sink.handle("POST", path, headers, json.dumps(document).encode())
    return status, answer


@pytest.fixture
def sink() -> SlackSink:
    return SlackSink(clock=lambda: datetime(2026, 9, 22, tzinfo=UTC))


@pytest.fixture
def served(sink: SlackSink) -> Iterator[str]:
    url, close = serve(sink)
    yield url
    close()


# Slack, through Slack's own client


def test_slacks_own_client_posts_edits_and_finds_a_message(sink: SlackSink, served: str) -> None:
    client = WebClient(token=sink.token, base_url=f"{served}/api/")
    assert client.auth_test()["bot_id"] == "B0SENTINEL"
    metadata = {"event_type": "finding", "event_payload": {"id": "f-1.1.1"}}
    posted = client.chat_postMessage(
        channel=CHANNEL, text="CRITICAL", blocks=[section("*open*")], metadata=metadata
    )
    client.chat_update(channel=CHANNEL, ts=posted["ts"], text="CLOSED", blocks=[section("shut")])
    reply = client.chat_postMessage(
        channel=CHANNEL, text="look again", thread_ts=posted["ts"], reply_broadcast=True
    )
    found = client.conversations_history(channel=CHANNEL, limit=5, include_all_metadata=True)
    newest, first = found["messages"]
    assert (newest["ts"], newest["subtype"]) == (reply["ts"], "thread_broadcast")
    assert (first["text"], first["metadata"]) == ("CLOSED", metadata)
    assert first["edited"]["user"] == first["user"]
    message = sink.messages[0]
    assert (message.text, message.history[0].text) == ("CLOSED", "CRITICAL")
    assert [reply.thread_ts for reply in sink.messages] == [None, message.ts]


def test_slacks_own_client_reads_a_thread_with_its_parent_first(
    sink: SlackSink, served: str
) -> None:
    client = WebClient(token=sink.token, base_url=f"{served}/api/")
    parent = client.chat_postMessage(channel=CHANNEL, text="parent")
    client.chat_postMessage(channel=CHANNEL, text="elsewhere")
    for text in ("first", "second", "third"):
        client.chat_postMessage(channel=CHANNEL, text=text, thread_ts=parent["ts"])
    pages = client.conversations_replies(channel=CHANNEL, ts=parent["ts"], limit=3)
    texts = [[message["text"] for message in page["messages"]] for page in pages]
    assert texts == [["parent", "first", "second"], ["third"]]
    with pytest.raises(SlackApiError, match="thread_not_found"):
        client.conversations_replies(channel=CHANNEL, ts="1.000001")


def test_slacks_own_client_posts_to_the_webhook(sink: SlackSink, served: str) -> None:
    answer = WebhookClient(f"{served}{WEBHOOK}").send(text="open", blocks=[section("*open*")])
    assert (answer.status_code, answer.body) == (200, "ok")
    assert sink.messages[0].from_webhook
    assert sink.messages[0].channel == CHANNEL


def test_a_lost_answer_closes_the_connection_after_the_message_was_posted(
    sink: SlackSink, served: str
) -> None:
    sink.fail_next(timeout_after_effect=True)
    request = urllib.request.Request(  # noqa: S310
        f"{served}{WEBHOOK}", b'{"text":"open"}', {"Content-Type": "application/json"}
    )
    with pytest.raises(ConnectionError):
        urllib.request.urlopen(request, timeout=5)  # noqa: S310
    assert [message.text for message in sink.messages] == ["open"]


def test_rate_limiting_reaches_slacks_own_client_with_retry_after(
    sink: SlackSink, served: str
) -> None:
    sink.fail_next("ratelimited", retry_after=7)
    client = WebClient(token=sink.token, base_url=f"{served}/api/")
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel=CHANNEL, text="open")
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "7"
    assert sink.messages == []


# Slack's refusals


def test_leaving_blocks_out_of_an_update_keeps_the_old_blocks(sink: SlackSink) -> None:
    blocks = [actions(button(value="p-7c21d0"))]
    ts = call(sink, "chat.postMessage", channel=CHANNEL, text="open", blocks=blocks)["ts"]
    call(sink, "chat.update", channel=CHANNEL, ts=ts, text="closed")
    assert (sink.messages[0].text, sink.messages[0].blocks) == ("closed", tuple(blocks))
    call(sink, "chat.update", channel=CHANNEL, ts=ts, text="closed", blocks=[])
    assert sink.messages[0].blocks == ()


@pytest.mark.parametrize(
    ("method", "members", "error"),
    [
        ("chat.postMessage", {"token": "xoxb-wrong"}, "invalid_auth"),
        ("chat.postMessage", {"token": ""}, "not_authed"),
        ("chat.postMessage", {"channel": "C0OTHER"}, "channel_not_found"),
        ("chat.postMessage", {"channel": CHANNEL, "text": ""}, "no_text"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": CHANNEL, "blocks": "[]x"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": CHANNEL, "blocks": [{"type": "x"}]}, "invalid_blocks"),
        ("chat.postMessage", {"channel": CHANNEL, "thread_ts": "1.2"}, "cannot_reply_to_message"),
        ("chat.postMessage", {"channel": CHANNEL, "metadata": {}}, "invalid_metadata_format"),
        ("chat.update", {"channel": CHANNEL, "ts": "1.2"}, "message_not_found"),
        ("chat.update", {"channel": "security", "ts": "1.2"}, "channel_not_found"),
        ("conversations.history", {"channel": CHANNEL}, "invalid_arguments"),
        ("users.info", {"user": "U1"}, "invalid_arguments"),
        ("chat.delete", {}, "unknown_method"),
    ],
)
def test_slack_refuses_by_name(
    sink: SlackSink, method: str, members: dict[str, Any], error: str
) -> None:
    answer = call(sink, method, **{"text": "open", **members})
    assert (answer["ok"], answer["error"]) == (False, error)
    assert sink.messages == []


def test_a_text_that_could_be_posted_is_too_long_for_an_update(sink: SlackSink) -> None:
    ts = call(sink, "chat.postMessage", channel=CHANNEL, text="x" * 4_001)["ts"]
    answer = call(sink, "chat.update", channel=CHANNEL, ts=ts, text="x" * 4_001)
    assert answer["error"] == "msg_too_long"


def test_the_bot_cannot_edit_what_a_webhook_posted(sink: SlackSink) -> None:
    post_webhook(sink, {"text": "open"})
    ts = sink.messages[0].ts
    answer = call(sink, "chat.update", channel=CHANNEL, ts=ts, text="closed")
    assert answer["error"] == "cant_update_message"


def test_a_missing_scope_and_a_missing_invitation_are_refused() -> None:
    no_history = SlackSink(scopes=frozenset({"chat:write"}))
    headers = {"Authorization": "Bearer xoxb-embedded"}
    path = f"/api/conversations.history?channel={CHANNEL}"
    _, _, answer = no_history.handle("GET", path, headers, b"")
    assert json.loads(answer)["error"] == "missing_scope"
    assert json.loads(answer)["needed"] == "channels:history"
    stranger = SlackSink(members=frozenset())
    answer = call(stranger, "chat.postMessage", channel=CHANNEL, text="open")
    assert answer["error"] == "not_in_channel"


def test_a_users_address_needs_its_own_scope() -> None:
    people = [SlackUser("U1", "on-call", "on-call@example.com")]
    headers = {"Authorization": "Bearer xoxb-embedded"}
    for scopes, profile in (
        ({"users:read"}, {}),
        ({"users:read", "users:read.email"}, {"email": "on-call@example.com"}),
    ):
        sink = SlackSink(users=people, scopes=frozenset(scopes))
        _, _, answer = sink.handle("GET", "/api/users.info?user=U1", headers, b"")
        assert json.loads(answer)["user"]["profile"] == profile
        _, _, answer = sink.handle("GET", "/api/users.info?user=U2", headers, b"")
        assert json.loads(answer)["error"] == "user_not_found"


def test_history_pages_and_leaves_thread_replies_out(sink: SlackSink) -> None:
    stamps = [
        call(sink, "chat.postMessage", channel=CHANNEL, text=str(number))["ts"]
        for number in range(5)
    ]
    call(sink, "chat.postMessage", channel=CHANNEL, text="reply", thread_ts=stamps[0])
    headers = {"Authorization": "Bearer xoxb-embedded"}
    texts, cursor = [], ""
    while True:
        query = urlencode({"channel": CHANNEL, "limit": 2, "cursor": cursor})
        _, _, body = sink.handle("GET", f"/api/conversations.history?{query}", headers, b"")
        answer = json.loads(body)
        texts.append([message["text"] for message in answer["messages"]])
        cursor = answer["response_metadata"]["next_cursor"]
        if not answer["has_more"]:
            break
    assert texts == [["4", "3"], ["2", "1"], ["0"]]
    query = urlencode({"channel": CHANNEL, "oldest": stamps[3]})
    _, _, body = sink.handle("GET", f"/api/conversations.history?{query}", headers, b"")
    assert [message["text"] for message in json.loads(body)["messages"]] == ["4"]


@pytest.mark.parametrize(
    ("document", "path", "status", "error"),
    [
        ({}, WEBHOOK, 400, b"missing_text_or_fallback_or_attachments"),
        ([], WEBHOOK, 400, b"invalid_payload"),
        ({"text": "x"}, "/services/T0/B0/revoked", 404, b"no_service"),
        ({"text": "x", "blocks": [{"type": "x"}]}, WEBHOOK, 400, b"invalid_blocks"),
    ],
)
def test_a_webhook_refuses_in_plain_text(
    sink: SlackSink, document: object, path: str, status: int, error: bytes
) -> None:
    assert post_webhook(sink, document, path) == (status, error)
    assert sink.messages == []


def test_planned_faults_come_in_order_and_then_stop(sink: SlackSink) -> None:
    sink.fail_next("edit_window_closed")
    sink.fail_next(status=503, times=2)
    assert call(sink, "chat.update", channel=CHANNEL)["error"] == "edit_window_closed"
    assert [post_webhook(sink, {"text": "x"})[0] for _ in range(3)] == [503, 503, 200]
    sink.fail_next("ratelimited")
    assert post_webhook(sink, {"text": "x"})[0] == 429
    sink.fail_next(timeout_after_effect=True)
    with pytest.raises(AnswerLost):
        post_webhook(sink, {"text": "lost"})
    assert [message.text for message in sink.messages] == ["x", "lost"]


def test_each_posted_and_edited_message_is_heard(sink: SlackSink) -> None:
    heard: list[SlackMessage] = []
    sink.on_message = heard.append
    ts = call(sink, "chat.postMessage", channel="#security", text="open")["ts"]
    call(sink, "chat.update", channel=CHANNEL, ts=ts, text="closed")
    assert [message.text for message in heard] == ["open", "closed"]
    assert len(sink.messages) == 1


# Blocks


LIMITS: list[tuple[str, int, Any]] = [
    ("header", 150, lambda n: {"type": "header", "text": plain("x" * n)}),
    ("section text", 3000, lambda n: section("x" * n)),
    ("fields", 10, lambda n: {"type": "section", "fields": [plain("x")] * n}),
    ("field text", 2000, lambda n: {"type": "section", "fields": [plain("x" * n)]}),
    ("context elements", 10, lambda n: {"type": "context", "elements": [plain("x")] * n}),
    ("actions", 25, lambda n: actions(*(button(action_id=f"a{i}") for i in range(n)))),
    ("button text", 75, lambda n: actions(button(text=plain("x" * n)))),
    ("button value", 2000, lambda n: actions(button(value="x" * n))),
    ("button url", 3000, lambda n: actions(button(url="x" * n))),
    ("action id", 255, lambda n: actions(button(action_id="x" * n))),
    ("block id", 255, lambda n: {**section("x"), "block_id": "x" * n}),
    ("confirm title", 100, lambda n: actions(button(confirm=confirm(title=plain("x" * n))))),
    ("confirm text", 300, lambda n: actions(button(confirm=confirm(text=plain("x" * n))))),
    ("confirm button", 30, lambda n: actions(button(confirm=confirm(deny=plain("x" * n))))),
    ("markdown", 12_000, lambda n: {"type": "markdown", "text": "x" * n}),
]


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def confirm(**members: Any) -> dict[str, Any]:
    names = ("title", "text", "confirm", "deny")
    return {name: plain("sure") for name in names} | members


@pytest.mark.parametrize(
    ("most", "make"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS]
)
def test_a_block_is_taken_at_its_limit_and_refused_one_over_it(most: int, make: Any) -> None:
    assert block_errors([make(most)]) == ()
    assert block_errors([make(most + 1)])


def test_fifty_blocks_are_taken_and_fifty_one_are_not() -> None:
    assert block_errors([{"type": "divider"}] * 50) == ()
    assert block_errors([{"type": "divider"}] * 51)


@pytest.mark.parametrize(
    "block",
    [
        section(""),
        {"type": "section"},
        {"type": "section", "text": "bare"},
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": True}},
        {**section("x"), "colour": "red"},
        {"type": "context", "elements": []},
        {"type": "image", "image_url": "https://example.com/a.png"},
        actions(button(), button()),
        actions(button(style="secondary")),
        actions(button(confirm={"title": plain("x")})),
        "divider",
    ],
)
def test_a_block_that_slack_would_refuse_is_refused(block: object) -> None:
    assert block_errors([block])


def test_two_blocks_with_one_id_are_refused() -> None:
    assert block_errors([{**section("x"), "block_id": "b"}] * 2)


def test_the_whole_message_is_lost_when_its_blocks_are_too_long_together(sink: SlackSink) -> None:
    fits = [section("x" * 2_399)] * 4
    refused = [section("x" * 2_267)] * 5 + [section("x")] * 40  # 11,375 characters in 45 blocks
    assert call(sink, "chat.postMessage", channel=CHANNEL, blocks=fits)["ok"]
    answer = call(sink, "chat.postMessage", channel=CHANNEL, blocks=refused)
    assert answer["error"] == "msg_blocks_too_long"
    assert len(sink.messages) == 1


def test_what_was_seen_to_pass_and_to_fail_on_slack_does_so_here() -> None:
    """The measurements of slackapi/bolt-js#2867: characters in all blocks, number of blocks."""
    for characters, count, passes in (
        (4_649, 28, True),
        (6_020, 33, True),
        (9_597, 50, True),
        (11_341, 45, False),
    ):
        share, rest = divmod(characters, count)
        blocks = [section("x" * (share + (rest if n == 0 else 0))) for n in range(count)]
        assert (weight_of(blocks) <= 13_200) is passes


@given(
    st.lists(
        st.one_of(
            st.builds(section, st.text(max_size=40)),
            st.builds(lambda text: {"type": "header", "text": plain(text)}, st.text(max_size=160)),
            st.builds(
                lambda n: actions(*[button(action_id=f"a{i}") for i in range(n)]),
                st.integers(0, 27),
            ),
            st.builds(
                lambda n: {"type": "section", "fields": [plain("x")] * n}, st.integers(0, 12)
            ),
            st.just({"type": "divider"}),
        ),
        max_size=5,
    )
)
def test_whatever_slack_sdks_models_refuse_is_refused_here_too(blocks: list[Any]) -> None:
    try:
        for block in Block.parse_all(blocks):
            block.validate_json()
    except Exception:  # noqa: BLE001 - slack_sdk raises several kinds; each means refused
        assert block_errors(blocks)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "text", "fields", "elements", "confirm", "block_id", "accessory"]
                ),
                inner | st.sampled_from(["section", "actions", "button", "context", "header"]),
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_no_block_however_wrong_breaks_the_sink(block: Any) -> None:
    assert isinstance(block_errors([block]), tuple)
    assert weight_of([block]) >= 0


# Mail


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    with moto.mock_aws(), installed(box):
        yield box


@pytest.fixture
def sns(mailbox: Mailbox) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("sns", region_name="eu-central-1", **keys)


@pytest.fixture
def topic(sns: Any) -> str:
    arn: str = sns.create_topic(Name="notices")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="team@example.com")
    return arn


def test_a_publish_reaches_the_mailbox_with_the_footer_of_sns(
    sns: Any, topic: str, mailbox: Mailbox
) -> None:
    message_id = sns.publish(TopicArn=topic, Subject="OPEN CRITICAL", Message="WHAT")["MessageId"]
    (mail,) = mailbox.messages
    assert (mail.to, mail.topic_arn, mail.subject) == ("team@example.com", topic, "OPEN CRITICAL")
    assert (mail.message_id, mail.account, mail.region) == (
        message_id,
        "123456789012",
        "eu-central-1",
    )
    body, _, footer = mail.body.partition("\n\n--\n")
    assert body == "WHAT"
    assert "If you wish to stop receiving notifications from this topic" in footer
    assert f"unsubscribe.html?SubscriptionArn={topic}:" in footer
    assert "&Endpoint=team@example.com" in footer


def test_a_mail_without_a_subject_gets_snss_own(sns: Any, topic: str, mailbox: Mailbox) -> None:
    sns.publish(TopicArn=topic, Message="WHAT")
    assert mailbox.messages[0].subject == DEFAULT_SUBJECT


def test_only_confirmed_subscriptions_that_match_get_the_mail(
    sns: Any, topic: str, mailbox: Mailbox
) -> None:
    policy = json.dumps({"severity": ["CRITICAL"]})
    sns.subscribe(
        TopicArn=topic,
        Protocol="email",
        Endpoint="pager@example.com",
        Attributes={"FilterPolicy": policy},
    )
    severity = {"severity": {"DataType": "String", "StringValue": "LOW"}}
    sns.publish(TopicArn=topic, Message="quiet", MessageAttributes=severity)
    assert [mail.to for mail in mailbox.messages] == ["team@example.com"]
    severity["severity"]["StringValue"] = "CRITICAL"
    sns.publish(TopicArn=topic, Message="loud", MessageAttributes=severity)
    assert [mail.to for mail in mailbox.messages[1:]] == ["team@example.com", "pager@example.com"]
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert all(found["SubscriptionArn"].startswith(topic) for found in subscriptions)


def test_message_structure_json_takes_the_part_for_email(
    sns: Any, topic: str, mailbox: Mailbox
) -> None:
    for document in ({"default": "d", "email": "e"}, {"default": "d"}):
        sns.publish(TopicArn=topic, Message=json.dumps(document), MessageStructure="json")
    assert [mail.body.partition("\n")[0] for mail in mailbox.messages] == ["e", "d"]


@pytest.mark.parametrize(
    "members",
    [
        {"Subject": "two\nlines"},
        {"Subject": "x" * 100},
        {"Subject": ""},
        {"Subject": " leading space"},
        {"Subject": "caf\u00e9"},
        {"Subject": "bell\x07"},
        {"Message": ""},
        {"Message": "\u00e9" * 131_073},
        {"Message": "no json", "MessageStructure": "json"},
        {"Message": "{}", "MessageStructure": "json"},
        {"Message": '{"default": 1}', "MessageStructure": "json"},
    ],
    ids=lambda members: repr(members)[:40],
)
def test_sns_refuses_and_nobody_gets_a_mail(
    sns: Any, topic: str, mailbox: Mailbox, members: dict[str, str]
) -> None:
    with pytest.raises(ClientError) as refused:
        sns.publish(**{"TopicArn": topic, "Message": "WHAT", **members})
    assert refused.value.response["Error"]["Code"] in {"InvalidParameter", "ValidationError"}
    assert mailbox.messages == []


def test_a_subject_of_99_characters_and_a_message_of_256_kib_pass(
    sns: Any, topic: str, mailbox: Mailbox
) -> None:
    sns.publish(TopicArn=topic, Subject="x" * 99, Message="x" * 262_144)
    assert len(mailbox.messages) == 1


def test_queues_still_get_what_moto_delivers(sns: Any, topic: str) -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    sqs: Any = boto3.client("sqs", region_name="eu-central-1", **keys)
    queue = sqs.create_queue(QueueName="copies")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])
    sns.publish(TopicArn=topic, Subject="OPEN", Message="WHAT")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Message"] == "WHAT"


def test_another_moto_or_a_second_mailbox_is_refused_loudly(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="expected"), installed(Mailbox()):
        pass
    monkeypatch.setattr(moto, "__version__", "6.0.0")
    with pytest.raises(RuntimeError, match=r"moto 5\.2\.5"), installed(Mailbox()):
        pass


# Function URLs


FUNCTION = FunctionSpec(
    account="111122223333",
    region="eu-central-1",
    name="approve",
    handler="app.handler",
    code=Path(),
    layers=(),
    environment={},
    timeout_seconds=10,
    memory_mb=256,
    role_arn="arn:aws:iam::111122223333:role/approve",
)
APPROVER = Caller(
    account="444455556666",
    arn="arn:aws:sts::444455556666:assumed-role/approver/session",
    type="AssumedRole",
    access_key_id="ASIAEXAMPLE",
)


def test_an_iam_url_tells_the_function_who_signed() -> None:
    url = FunctionUrl("abc", FUNCTION, "AWS_IAM")
    request = Request(
        "POST",
        "/decide/p-1?plan=a&plan=b&why=it%20is+fine&empty=",
        (
            ("Content-Type", "application/json"),
            ("X-Reason", "one"),
            ("x-reason", "two"),
            ("Cookie", "a=1; b=2"),
            ("User-Agent", "sentinel"),
        ),
        b'{"approve": true}',
        at=datetime(2026, 9, 22, 10, 41, tzinfo=UTC),
    )
    event = route(url, request, APPROVER)
    assert isinstance(event, dict)
    assert event["version"] == "2.0"
    assert (event["rawPath"], event["rawQueryString"]) == (
        "/decide/p-1",
        "plan=a&plan=b&why=it%20is+fine&empty=",
    )
    assert event["queryStringParameters"] == {"plan": "a,b", "why": "it is fine", "empty": ""}
    assert event["headers"] == {
        "content-type": "application/json",
        "x-reason": "one,two",
        "user-agent": "sentinel",
    }
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"approve": true}', False)
    context = event["requestContext"]
    assert context["authorizer"]["iam"]["userArn"] == APPROVER.arn
    assert context["authorizer"]["iam"]["accountId"] == "444455556666"
    assert context["http"]["method"] == "POST"
    assert context["domainName"] == "abc.lambda-url.eu-central-1.on.aws"
    assert (context["time"], context["timeEpoch"]) == ("22/Sep/2026:10:41:00 +0000", 1790073660000)


def test_without_a_signature_an_iam_url_answers_403_and_no_event() -> None:
    answer = route(FunctionUrl("abc", FUNCTION, "AWS_IAM"), Request("GET", "/"), None)
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (403, b'{"Message":"Forbidden"}')


def test_an_open_url_names_no_caller_even_when_somebody_signed() -> None:
    event = route(FunctionUrl("abc", FUNCTION, "NONE"), Request("GET", "/"), APPROVER)
    assert isinstance(event, dict)
    assert "authorizer" not in event["requestContext"]
    assert "body" not in event


def test_an_unknown_auth_type_is_refused() -> None:
    with pytest.raises(ValueError, match="expected AWS_IAM or NONE"):
        route(FunctionUrl("abc", FUNCTION, "JWT"), Request("GET", "/"), None)


def test_a_click_in_slack_arrives_in_base64_and_its_signature_holds() -> None:
    body = urlencode({"payload": json.dumps({"type": "block_actions"})}).encode()
    now = str(int(datetime.now(UTC).timestamp()))
    base = f"v0:{now}:".encode() + body
    signature = "v0=" + hmac.new(b"signing-secret", base, hashlib.sha256).hexdigest()
    headers = (
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Slack-Request-Timestamp", now),
        ("X-Slack-Signature", signature),
    )
    event = route(FunctionUrl("abc", FUNCTION, "NONE"), Request("POST", "/", headers, body), None)
    assert isinstance(event, dict)
    assert event["isBase64Encoded"] is True
    raw = base64.b64decode(event["body"])
    assert SignatureVerifier("signing-secret").is_valid_request(raw, event["headers"])
    assert json.loads(parse_qs(raw.decode())["payload"][0]) == {"type": "block_actions"}


@given(st.binary(min_size=1), st.sampled_from(["image/png", "application/octet-stream", ""]))
def test_any_bytes_reach_the_function_unchanged(body: bytes, content_type: str) -> None:
    request = Request("POST", "/", (("content-type", content_type),), body)
    event = route(FunctionUrl("abc", FUNCTION, "NONE"), request, None)
    assert isinstance(event, dict)
    assert base64.b64decode(event["body"]) == body


def test_a_compressed_body_arrives_in_base64_whatever_its_type() -> None:
    headers = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    request = Request("POST", "/", headers, b"\x1f\x8b")
    event = route(FunctionUrl("abc", FUNCTION, "NONE"), request, None)
    assert isinstance(event, dict)
    assert (event["body"], event["isBase64Encoded"]) == ("H4s=", True)


def outcome(payload: object, error_type: str | None = None) -> Outcome:
    return Outcome(payload, error_type, error_type, (), 1.0, False)


def test_the_functions_answer_becomes_the_response() -> None:
    said = response_of(
        outcome(
            {
                "statusCode": 201,
                "headers": {"Content-Type": "text/html", "X-Age": 3},
                "body": "<p>",
                "cookies": ["a=1", "b=2"],
            }
        )
    )
    assert said == Response(
        201, {"content-type": "text/html", "x-age": "3"}, b"<p>", ("a=1", "b=2")
    )
    encoded = {"statusCode": 200, "body": "AAE=", "isBase64Encoded": True}
    assert response_of(outcome(encoded)).body == b"\x00\x01"
    bare = response_of(outcome({"approved": True}))
    assert (bare.status, json.loads(bare.body)) == (200, {"approved": True})
    assert response_of(outcome(None)).body == b"null"


def test_an_error_of_the_function_is_a_502_that_tells_nothing() -> None:
    failed = response_of(outcome({"errorMessage": "secret"}, "KeyError"))
    assert failed.status == 502
    assert b"secret" not in failed.body
