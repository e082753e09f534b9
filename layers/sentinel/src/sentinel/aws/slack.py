"""Talks to Slack: a bot that posts, edits and replies, or an incoming webhook that only posts.

Both go to an address from the deployment's configuration, never to one from an event, over https
(a loopback address may be plain http), and follow no redirect. Token and webhook address are
secrets: no error and no representation carries them.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

from sentinel.escape import fitted, log_line
from sentinel.slack_message import Message as SlackMessage
from sentinel.slack_message import notice_block_id

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LONGEST_ANSWER = 4 * 1024 * 1024
_MESSAGES_SEARCHED = 100
_PAGES_OF_A_THREAD = 10
_RETRY_AFTER_SECONDS = 30
_LONGEST_RETRY_AFTER_SECONDS = 3_600

# Slack's names for "try again"; whether the message was posted is then not known.
_TRANSIENT = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
# What conversations.history answers when the bot may not look, or knows the channel by name only.
_MAY_NOT_LOOK = frozenset(
    {"channel_not_found", "missing_scope", "not_in_channel", "thread_not_found"}
)


class SlackError(Exception):
    """Something went wrong between us and Slack."""


class SlackRefused(SlackError):
    """Slack said no; *error* is its own word for why, such as ``invalid_blocks``."""

    def __init__(self, error: str, method: str) -> None:
        super().__init__(f"Slack refused {method}: {error}")
        self.error = error


class SlackRateLimited(SlackError):
    """Slack wants us to wait *retry_after* seconds."""

    def __init__(self, retry_after: int, method: str) -> None:
        super().__init__(f"Slack limits the rate of {method}: try again in {retry_after} seconds")
        self.retry_after = retry_after


class SlackUnreachable(SlackError):
    """No usable answer came; what was sent may have arrived, so look before a resend."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A message in Slack: the channel's id (edits take no name) and the message's ``ts``."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class SlackBot:
    """A bot in one channel. Scopes: ``chat:write``; ``channels:history`` lets `find` look.

    *base_url* is ``https://slack.com/api`` or, for GovSlack, ``https://slack-gov.com/api``. Every
    method raises `SlackRefused`, `SlackRateLimited` or `SlackUnreachable`.
    """

    base_url: str
    channel: str
    token: str = field(repr=False)
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        _check_address(self.base_url, "the base URL of Slack's API")
        # http.client would repeat a token that does not fit into a header in its error.
        if not _is_one_word(self.token):
            raise ValueError(
                "the Slack token is empty or holds a blank or a line break; store it anew"
            )

    def post(self, message: SlackMessage) -> Posted:
        """Post a message of its own."""
        return self._posted("chat.postMessage", {**message, "channel": self.channel})

    def reply(self, to: Posted, message: SlackMessage, *, broadcast: bool = False) -> Posted:
        """Reply in the thread of a message; *broadcast* shows the reply in the channel too."""
        body = {**message, "channel": to.channel, "thread_ts": to.ts, "reply_broadcast": broadcast}
        return self._posted("chat.postMessage", body)

    def update(self, posted: Posted, message: SlackMessage) -> None:
        """Replace a message. Its blocks are always sent: Slack keeps the old ones otherwise."""
        if not message["blocks"]:
            raise ValueError("an update without blocks would leave the old blocks in the message")
        body = {"text": message["text"], "blocks": message["blocks"]}
        self._call("chat.update", {**body, "channel": posted.channel, "ts": posted.ts})

    def find(self, notice_id: str, thread: Posted | None = None) -> Posted | None:
        """The message that carries a notice: among the channel's latest, or a reply in a *thread*.

        None too when the bot may not look. Only the bot's own messages count, or whoever else can
        post in the channel could make a notice look told. A reply that the channel shows too is no
        message of its own, and the message that a thread hangs on, edited for the notice before the
        reply was sent, is no reply.
        """
        channel = thread.channel if thread else self.channel
        block_id = notice_block_id(notice_id)
        try:
            own = self._call("auth.test", {})
            for message in self._in_thread(thread) if thread else self._latest():
                if _is_from(own, message) and block_id in _block_ids(message):
                    return Posted(channel, str(message.get("ts")))
        except SlackRefused as refused:
            if refused.error not in _MAY_NOT_LOOK:
                raise
        return None

    def _latest(self) -> Iterator[Mapping[str, Any]]:
        query = {"channel": self.channel, "limit": str(_MESSAGES_SEARCHED)}
        answer = self._call("conversations.history", query=query)
        for message in _objects(answer.get("messages")):
            if message.get("thread_ts") in (None, message.get("ts")):
                yield message

    def _in_thread(self, thread: Posted) -> Iterator[Mapping[str, Any]]:
        """The replies, which Slack gives oldest first, after the message that they hang on."""
        query = {"channel": thread.channel, "limit": str(_MESSAGES_SEARCHED), "ts": thread.ts}
        for _ in range(_PAGES_OF_A_THREAD):
            answer = self._call("conversations.replies", query=query)
            for message in _objects(answer.get("messages")):
                if message.get("ts") != thread.ts:
                    yield message
            following = _cursor(answer)
            if not following:
                return
            query |= {"cursor": following}

    def _posted(self, method: str, body: Mapping[str, Any]) -> Posted:
        answer = self._call(method, body)
        channel, ts = answer.get("channel"), answer.get("ts")
        if not (isinstance(channel, str) and isinstance(ts, str)):
            raise SlackUnreachable(f"Slack's answer to {method} lacks channel and ts")
        return Posted(channel, ts)

    def _call(
        self,
        method: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Call a method of the Web API; those that read take a query, not JSON."""
        address = f"{self.base_url.rstrip('/')}/{method}"
        if query is not None:
            address += f"?{urlencode(query)}"
        headers = {"Authorization": f"Bearer {self.token}"}
        text, retry_after = _exchange(address, method, body, headers, self.timeout_seconds)
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            raise SlackUnreachable(f"Slack's answer to {method} is not JSON") from None
        if not isinstance(answer, dict):
            raise SlackUnreachable(f"Slack's answer to {method} is not a JSON object")
        if answer.get("ok") is True:
            return answer
        error = fitted(str(answer.get("error") or "unknown_error"), 100, log_line)
        if error in ("ratelimited", "rate_limited"):
            raise SlackRateLimited(retry_after, method)
        if error in _TRANSIENT:
            raise SlackUnreachable(f"Slack could not answer {method}: {error}")
        raise SlackRefused(error, method)


@dataclass(frozen=True, slots=True)
class SlackWebhook:
    """An incoming webhook: it posts, and can neither edit nor reply, for Slack returns no id."""

    url: str = field(repr=False)
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        _check_address(self.url, "the address of Slack's incoming webhook")

    def post(self, message: SlackMessage) -> None:
        """Post a message; raises as `SlackBot` does."""
        method = "an incoming webhook"
        text, _ = _exchange(self.url, method, message, {}, self.timeout_seconds)
        if text.strip() != b"ok":
            raise SlackRefused(_word(text), method)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect unanswered, so that it ends as an error: it would carry the token away."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _check_address(address: str, name: str) -> None:
    """Refuse an address over which a secret would travel in the clear. It is not repeated."""
    parts = urlsplit(address)
    if not _is_one_word(address) or not parts.hostname or parts.username is not None:
        raise ValueError(f"{name} must be https://host/path, without a user; check the deployment")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{name} must begin with https:// (plain http only on this machine)")


def _is_one_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and text != "" and " " not in text


def _exchange(
    address: str,
    method: str,
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str],
    timeout: float,
) -> tuple[bytes, int]:
    """Send one request; answer with the body and the seconds that a limit would have us wait."""
    data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
    request = urllib.request.Request(  # noqa: S310 - _check_address allows http(s) only
        address, data, {**headers, "Content-Type": "application/json; charset=utf-8"}
    )
    host = urlsplit(address).hostname
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if host in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as response:
            return response.read(_LONGEST_ANSWER), _retry_after(response.headers)
    except HTTPError as answer:
        with answer:
            raise _refusal(answer, method) from None
    except (OSError, HTTPException) as error:
        reason = type(getattr(error, "reason", error)).__name__
        raise SlackUnreachable(f"{host} did not answer {method}: {reason}") from None


def _refusal(answer: HTTPError, method: str) -> SlackError:
    if answer.code == 429:
        return SlackRateLimited(_retry_after(answer.headers), method)
    if answer.code in range(300, 400):
        return SlackUnreachable(f"the answer to {method} is a redirect, which is never followed")
    if answer.code >= 500:
        return SlackUnreachable(f"Slack could not answer {method}: HTTP {answer.code}")
    try:
        text = answer.read(1_000)
    except (OSError, HTTPException):
        text = b""
    return SlackRefused(_word(text) or f"HTTP {answer.code}", method)


def _retry_after(headers: Message[str, str]) -> int:
    wanted = str(headers.get("Retry-After", ""))
    digits = wanted.isascii() and wanted.isdigit() and len(wanted) < 10
    seconds = int(wanted) if digits else _RETRY_AFTER_SECONDS
    return min(max(seconds, 1), _LONGEST_RETRY_AFTER_SECONDS)


def _word(text: bytes) -> str:
    return fitted(text.decode(errors="replace"), 100, log_line)


def _is_from(own: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    return any(
        own.get(name) and own.get(name) == message.get(said)
        for name, said in (("bot_id", "bot_id"), ("user_id", "user"))
    )


def _cursor(answer: Mapping[str, Any]) -> str:
    metadata = answer.get("response_metadata")
    return str(metadata.get("next_cursor") or "") if isinstance(metadata, dict) else ""


def _block_ids(message: Mapping[str, Any]) -> set[object]:
    return {block.get("block_id") for block in _objects(message.get("blocks"))}


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    return (
        (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
    )
