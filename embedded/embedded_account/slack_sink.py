"""Plays Slack: its Web API for a bot, and incoming webhooks, with what they refuse.

Sources: the methods' pages on docs.slack.dev; the page "Sending messages using incoming webhooks"
and the changelog 2016-05-17 for a webhook's errors, which are plain text. Over a limit the whole
message is lost.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from embedded_account.slack_blocks import Block
from embedded_account.slack_request import (
    Refused,
    api_arguments,
    checked_content,
    checked_metadata,
    webhook_arguments,
)

Reply = tuple[int, Mapping[str, str], bytes]

TEAM, BOT_USER, BOT = "T0EMBEDDED", "U0SENTINEL", "B0SENTINEL"
MAXIMUM_TEXT_POSTED = 40_000  # chat.postMessage; Slack cuts there, this sink refuses
MAXIMUM_TEXT_UPDATED = 4_000  # chat.update: "The text field cannot exceed 4,000 characters"
WEBHOOK_STATUS = {
    "action_prohibited": 403,
    "channel_is_archived": 410,
    "channel_not_found": 404,
    "invalid_token": 403,
    "no_service": 404,
    "ratelimited": 429,
    "rollup_error": 500,
}


class AnswerLost(Exception):
    """Slack did what it was asked and its answer is lost: close the connection, say nothing."""


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """A message as people see it now; *history* holds what it looked like before each edit."""

    channel: str
    ts: str
    text: str
    blocks: tuple[Block, ...]
    from_webhook: bool
    thread_ts: str | None = None
    broadcast: bool = False
    edited_ts: str | None = None
    metadata: Mapping[str, Any] | None = None
    history: tuple[SlackMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class SlackUser:
    """Somebody in the workspace, as users.info tells."""

    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class _Fault:
    status: int
    error: str
    retry_after: int | None
    after_effect: bool


@dataclass(slots=True)
class SlackSink:
    """One workspace with its channels (id to name), webhooks (path to channel id) and one bot.

    *scopes* are the bot's; *members* the channels that it was invited to, None for all. Nothing is
    written in *archived* channels.
    *on_message* hears of each posted or edited message.
    """

    token: str = "xoxb-embedded"  # noqa: S105 - the embedded workspace has no secrets
    channels: Mapping[str, str] = field(default_factory=lambda: {"C0EMBEDDED": "security"})
    webhooks: Mapping[str, str] = field(
        default_factory=lambda: {"/services/T0EMBEDDED/B0WEBHOOK/embedded": "C0EMBEDDED"}
    )
    users: Sequence[SlackUser] = ()
    scopes: frozenset[str] = frozenset({"chat:write", "channels:history"})
    members: frozenset[str] | None = None
    archived: frozenset[str] = frozenset()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_message: Callable[[SlackMessage], None] | None = None
    messages: list[SlackMessage] = field(default_factory=list)
    _faults: list[_Fault] = field(default_factory=list)
    _last_microsecond: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail_next(
        self,
        error: str = "fatal_error",
        *,
        status: int = 200,
        retry_after: int | None = None,
        timeout_after_effect: bool = False,
        times: int = 1,
    ) -> None:
        """Makes the next requests fail: with Slack's *error*, an HTTP *status*, or a lost answer.

        ``ratelimited`` comes as 429 with Retry-After, as from Slack. *timeout_after_effect* lets
        the message through and raises AnswerLost instead of answering.
        """
        if error == "ratelimited":
            status, retry_after = 429, retry_after or 30
        fault = _Fault(status, error, retry_after, timeout_after_effect)
        self._faults += [fault] * times

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answers one HTTP request: status, headers, body. Raises AnswerLost when so planned."""
        parts = urlsplit(path)
        lowered = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            fault = self._faults.pop(0) if self._faults else None
            if fault is not None and not fault.after_effect:
                return _failed(fault, webhook="/services/" in parts.path)
            if "/services/" in parts.path:
                reply = self._webhook(method, parts.path, lowered, body)
            else:
                reply = self._web_api(method, parts.path, parts.query, lowered, body)
            if fault is not None:
                raise AnswerLost
            return reply

    def _webhook(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            if method != "POST":
                return _text_reply(405, "method_not_allowed")
            channel = self.webhooks.get(path[path.index("/services/") :])
            if channel is None:
                raise Refused("no_service")
            if channel not in self.channels:
                raise Refused("channel_not_found")
            arguments = webhook_arguments(headers, body)
            if not arguments.get("text") and not arguments.get("blocks"):
                raise Refused("missing_text_or_fallback_or_attachments")
            text, blocks = checked_content(arguments, MAXIMUM_TEXT_POSTED)
            self._keep(SlackMessage(channel, self._new_ts(), text, blocks or (), from_webhook=True))
        except Refused as refused:
            return _text_reply(WEBHOOK_STATUS.get(refused.error, 400), refused.error)
        return _text_reply(200, "ok")

    def _web_api(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        name = path.rpartition("/")[2]
        operation = _OPERATIONS.get(name)
        try:
            if operation is None:
                raise Refused("unknown_method", req_method=name)
            answer, scope, reads_json = operation
            arguments = api_arguments(method, query, headers, body, reads_json=reads_json)
            self._authenticate(headers, arguments, scope)
            return _json_reply({"ok": True, **answer(self, arguments)})
        except Refused as refused:
            return _json_reply({"ok": False, "error": refused.error, **refused.details})

    def _authenticate(
        self, headers: Mapping[str, str], arguments: Mapping[str, Any], scope: str | None
    ) -> None:
        token = headers.get("authorization", "").removeprefix("Bearer ") or arguments.get("token")
        if not token:
            raise Refused("not_authed")
        if token != self.token:
            raise Refused("invalid_auth")
        if scope is not None and scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise Refused("missing_scope", needed=scope, provided=provided)

    def _post_message(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name = str(arguments.get("channel", "")).removeprefix("#")
        channel = self._writable(next((i for i, n in self.channels.items() if n == name), name))
        text, blocks = checked_content(arguments, MAXIMUM_TEXT_POSTED)
        thread_ts = arguments.get("thread_ts")
        if thread_ts and self._find(channel, thread_ts) is None:
            raise Refused("cannot_reply_to_message")
        message = SlackMessage(
            channel,
            self._new_ts(),
            text,
            blocks or (),
            from_webhook=False,
            thread_ts=thread_ts,
            broadcast=bool(thread_ts) and _true(arguments.get("reply_broadcast")),
            metadata=checked_metadata(arguments.get("metadata")),
        )
        self._keep(message)
        return {"channel": channel, "ts": message.ts, "message": self._described(message)}

    def _update(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._writable(str(arguments.get("channel", "")))
        old = self._find(channel, str(arguments.get("ts", "")))
        if old is None:
            raise Refused("message_not_found")
        if old.from_webhook:
            raise Refused("cant_update_message")
        text, blocks = checked_content(arguments, MAXIMUM_TEXT_UPDATED)
        message = replace(
            old,
            text=text or old.text,
            blocks=old.blocks if blocks is None else blocks,
            edited_ts=self._new_ts(),
            metadata=checked_metadata(arguments.get("metadata")) or old.metadata,
            history=(*old.history, replace(old, history=())),
        )
        self._keep(message)
        described = self._described(message)
        return {"channel": channel, "ts": message.ts, "text": message.text, "message": described}

    def _history(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._channel(str(arguments.get("channel", "")))
        latest = arguments.get("cursor") or arguments.get("latest")
        shown = [
            message
            for message in self._between(channel, arguments.get("oldest"), latest, arguments)
            if message.thread_ts is None or message.broadcast
        ]
        return self._page(shown[::-1], 100, arguments)

    def _replies(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """A thread, oldest first, its parent before the replies."""
        channel = self._channel(str(arguments.get("channel", "")))
        parent = self._find(channel, str(arguments.get("ts", "")))
        if parent is None:
            raise Refused("thread_not_found")
        thread = parent.thread_ts or parent.ts
        oldest = arguments.get("cursor") or arguments.get("oldest")
        shown = [
            message
            for message in self._between(channel, oldest, arguments.get("latest"), arguments)
            if thread in (message.ts, message.thread_ts)
        ]
        return self._page(shown, 1000, arguments)

    def _between(
        self, channel: str, oldest: Any, latest: Any, arguments: Mapping[str, Any]
    ) -> list[SlackMessage]:
        inclusive = _true(arguments.get("inclusive"))
        return [
            message
            for message in self.messages
            if message.channel == channel
            and (not oldest or _after(message.ts, oldest, inclusive=inclusive))
            and (not latest or _after(latest, message.ts, inclusive=inclusive))
        ]

    def _page(
        self, messages: Sequence[SlackMessage], usual: int, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        page = messages[: min(int(arguments.get("limit") or usual), 999)]
        more = len(messages) > len(page)
        metadata = _true(arguments.get("include_all_metadata"))
        return {
            "messages": [self._described(message, metadata=metadata) for message in page],
            "has_more": more,
            "response_metadata": {"next_cursor": page[-1].ts if more else ""},
        }

    def _auth_test(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        names = {"url": "https://embedded.slack.com/", "team": "embedded", "user": "sentinel"}
        return {**names, "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT}

    def _users_info(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        for user in self.users:
            if user.id == arguments.get("user"):
                profile = {"email": user.email} if "users:read.email" in self.scopes else {}
                return {"user": {"id": user.id, "name": user.name, "profile": profile}}
        raise Refused("user_not_found")

    def _channel(self, channel: str) -> str:
        if channel not in self.channels:
            raise Refused("channel_not_found")
        if self.members is not None and channel not in self.members:
            raise Refused("not_in_channel")
        return channel

    def _writable(self, channel: str) -> str:
        if self._channel(channel) in self.archived:
            raise Refused("is_archived")
        return channel

    def _find(self, channel: str, ts: str) -> SlackMessage | None:
        return next((m for m in self.messages if (m.channel, m.ts) == (channel, ts)), None)

    def _keep(self, message: SlackMessage) -> None:
        old = self._find(message.channel, message.ts)
        if old is None:
            self.messages.append(message)
        else:
            self.messages[self.messages.index(old)] = message
        if self.on_message is not None:
            self.on_message(message)

    def _new_ts(self) -> str:
        """Seconds with six decimals, which are a message's identity in its channel: never twice."""
        now = int(self.clock().timestamp() * 1_000_000)
        self._last_microsecond = max(now, self._last_microsecond + 1)
        seconds, rest = divmod(self._last_microsecond, 1_000_000)
        return f"{seconds}.{rest:06d}"

    def _described(self, message: SlackMessage, *, metadata: bool = False) -> dict[str, Any]:
        described: dict[str, Any] = {"type": "message", "ts": message.ts, "text": message.text}
        described |= {"blocks": list(message.blocks), "team": TEAM}
        if message.from_webhook:
            described |= {"subtype": "bot_message", "bot_id": "B0WEBHOOK"}
        else:
            described |= {"user": BOT_USER, "bot_id": BOT}
        if any(message.ts == reply.thread_ts for reply in self.messages):
            described["thread_ts"] = message.ts
        if message.thread_ts is not None:
            described["thread_ts"] = message.thread_ts
        if message.broadcast:
            described["subtype"] = "thread_broadcast"
        if message.edited_ts is not None:
            described["edited"] = {"user": BOT_USER, "ts": message.edited_ts}
        if metadata and message.metadata is not None:
            described["metadata"] = message.metadata
        return described


# Method, the scope that it needs, and whether it reads a JSON body: methods that only read do not.
_OPERATIONS: Mapping[
    str, tuple[Callable[[SlackSink, Mapping[str, Any]], dict[str, Any]], str | None, bool]
] = {
    "auth.test": (SlackSink._auth_test, None, True),
    "chat.postMessage": (SlackSink._post_message, "chat:write", True),
    "chat.update": (SlackSink._update, "chat:write", True),
    "conversations.history": (SlackSink._history, "channels:history", False),
    "conversations.replies": (SlackSink._replies, "channels:history", False),
    "users.info": (SlackSink._users_info, "users:read", False),
}


def _true(value: object) -> bool:
    return value is True or value in {"true", "1"}


def _after(ts: str, other: str, *, inclusive: bool) -> bool:
    left, right = (tuple(map(int, f"{value}.0".split(".")[:2])) for value in (ts, other))
    return left >= right if inclusive else left > right


def _failed(fault: _Fault, *, webhook: bool) -> Reply:
    if webhook:
        status = fault.status if fault.status != 200 else WEBHOOK_STATUS.get(fault.error, 400)
        reply = _text_reply(status, fault.error)
    else:
        reply = _json_reply({"ok": False, "error": fault.error}, fault.status)
    status, headers, body = reply
    if fault.retry_after is not None:
        headers = {**headers, "Retry-After": str(fault.retry_after)}
    return status, headers, body


def _json_reply(document: Mapping[str, Any], status: int = 200) -> Reply:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return status, headers, json.dumps(document).encode()


def _text_reply(status: int, text: str) -> Reply:
    return status, {"Content-Type": "text/html"}, text.encode()
