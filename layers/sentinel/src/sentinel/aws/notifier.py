"""Notifying: each change is told in Slack and by mail, in order, and marked after it was.

A crash between telling and marking tells it again, with the same id; nothing else does. Where a bot
may look into its channel, it finds the message that it posted before it died.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

from sentinel import moment
from sentinel.aws import clock, mail, rows
from sentinel.aws.edge import Edge
from sentinel.aws.rows import Item
from sentinel.aws.slack import Posted, SlackBot, SlackRefused, SlackWebhook
from sentinel.finding import Severity
from sentinel.gap import Gap
from sentinel.life import Finding, Move
from sentinel.mail_message import Sender, mail_message
from sentinel.notice import Notice
from sentinel.slack_message import slack_message, slack_reply
from sentinel.telling import notice_of_finding, notice_of_gap, rings

LEASE_SECONDS = 60
MESSAGES_A_MINUTE = 5
"""Messages of their own on a channel; what is CRITICAL is told besides, the rest in digests."""

Tell = Callable[[Item, bool], str | None]


class Untold(RuntimeError):
    """A change could not be told now: it stays in the outbox and is tried again."""


class Notifier:
    """Tells changes on the channels that are configured."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def tell(self, identifier: str) -> int:
        """Tell everything of a finding or gap that is untold, oldest first; how many effects.

        Raises Untold when a channel could not take it. The other channel is told all the same.
        """
        told, failed = 0, []
        for mark, channel in (("told_slack", self._slack_one), ("told_mail", self._mail_one)):
            try:
                told += self._tell_on(identifier, mark, channel)
            except Exception as error:  # noqa: BLE001 - the other channel is told, then raised
                failed.append(f"{type(error).__name__}: {error}")
        if failed:
            raise Untold("; ".join(failed))
        return told

    def _tell_on(self, identifier: str, mark: str, channel: Tell) -> int:
        """Tell on one channel until nothing is new; gives how many changes were told.

        Whoever brought a later change meanwhile found the earlier one taken, and left it to us.
        """
        told = 0
        while untold := [r for r in self._edge.store.changes(identifier) if mark not in r]:
            urgent = any(is_urgent(rows.head_from(row)) for row in untold)
            for row in untold:
                if not self._tell_one(row, mark, channel, urgent):
                    return told
                told += 1
        return told

    def _tell_one(self, row: Item, mark: str, channel: Tell, urgent: bool) -> bool:
        """Tell one change on a channel and mark it; False when it must wait."""
        key = {"pk": row["pk"], "sk": row["sk"]}
        if not self._edge.store.lease(key, mark, LEASE_SECONDS):
            return False
        try:
            value = channel(row, urgent)
        except Exception:
            self._edge.store.release(key, mark)
            raise
        if value is None:
            self._edge.store.release(key, mark)
            return False
        self._edge.store.mark(key, mark, value)
        return True

    def notice(self, row: Item) -> Notice:
        """The words for a row of the outbox."""
        head, fields = rows.head_from(row), rows.plain(row)
        move, policy = Move(fields["move"]), self._edge.policy_copy.at_best()
        if isinstance(head, Gap):
            return notice_of_gap(move, head, fields["id"], policy)
        return notice_of_finding(move, head, fields["id"], policy)

    @cached_property
    def slack(self) -> SlackBot | SlackWebhook | None:
        """The bot, the incoming webhook, or None when the team uses no Slack."""
        settings = self._edge.settings
        name = settings.optional("SLACK_SECRET_PARAMETER")
        if not name:
            return None
        answer = self._edge.client("ssm").get_parameter(Name=name, WithDecryption=True)
        secret = answer["Parameter"]["Value"]
        if secret.startswith(("https://", "http://")):
            return SlackWebhook(secret)
        return SlackBot(settings.text("SLACK_API_URL"), settings.text("SLACK_CHANNEL"), secret)

    def edits(self, identifier: str) -> bool:
        """Whether a finding or gap is told in Slack by an edit, for which there is always room."""
        return isinstance(self.slack, SlackBot) and self._posted(identifier) is not None

    def _slack_one(self, row: Item, urgent: bool) -> str | None:
        """Tell one change in Slack; None leaves it to a digest."""
        slack, notice = self.slack, self.notice(row)
        if slack is None:
            return "off"
        if isinstance(slack, SlackWebhook):
            if not notice.telling.alone:
                return "nobody: a webhook cannot edit"
            if not self._room("slack", notice, urgent):
                return None
            slack.post(slack_message(notice))
            return moment.text(clock.now())
        posted = self._posted(notice.fingerprint)
        if posted and self._edit(slack, posted, notice, tried=_tried(row)):
            return moment.text(clock.now())
        if not notice.telling.first:
            return "nobody: there is no message to edit"
        if not self._room("slack", notice, urgent):
            return None
        return self._post(slack, notice, tried=_tried(row))

    def _post(self, slack: SlackBot, notice: Notice, *, tried: bool) -> str:
        posted = slack.find(notice.id) if tried else None
        posted = posted or slack.post(slack_message(notice))
        where = json.dumps({"channel": posted.channel, "ts": posted.ts})
        self._edge.store.remember(notice.fingerprint, "slack", where)
        return moment.text(clock.now())

    def _edit(self, slack: SlackBot, posted: Posted, notice: Notice, *, tried: bool) -> bool:
        """Edit the message; reply in its thread where a person must look again, or an edit is
        refused.

        False when Slack refuses the reply too: the message or its channel is gone, archived, or
        closed to the bot, so a new message is the only way. Slack that is busy is no refusal.
        """
        refused = False
        try:
            slack.update(posted, slack_message(notice))
        except SlackRefused:
            refused = True
        if not (refused or notice.telling.reply) or (
            tried and slack.find(notice.id, thread=posted)
        ):
            return True
        broadcast = notice.severity == Severity.CRITICAL.name and notice.telling.reply
        try:
            slack.reply(posted, slack_reply(notice), broadcast=broadcast)
        except SlackRefused:
            return False
        return True

    def _posted(self, identifier: str) -> Posted | None:
        kept = self._edge.store.remembered(identifier, "slack")
        return Posted(**json.loads(kept)) if kept else None

    def _room(self, channel: str, notice: Notice, urgent: bool) -> bool:
        """Whether a message of its own fits into this minute of a channel.

        What is CRITICAL always does, and what must be told before it.
        """
        if urgent:
            return True
        now = clock.now()
        minute = f"rate#{channel}#{now:%Y-%m-%dT%H:%M}"
        ends, full = now + timedelta(hours=1), MESSAGES_A_MINUTE + 1
        return self._edge.memory.count(minute, notice.id, ends, at_most=full) < full

    def _mail_one(self, row: Item, urgent: bool) -> str | None:
        topic = self._edge.settings.optional("MAIL_TOPIC_ARN")
        notice = self.notice(row)
        if not topic:
            return "off"
        if not notice.telling.alone or not notice.telling.first:
            return "nobody: mail cannot be edited"
        if rings(rows.head_from(row)):
            return "CloudWatch: an alarm that rings is mailed by itself"
        if not self._room("mail", notice, urgent):
            return None
        message = mail_message(notice, self.sender)
        return mail.publish(topic, message.subject, message.body, self._edge.client("sns"))

    @cached_property
    def sender(self) -> Sender:
        """Who signs the mails: this account."""
        return Sender(account=self._edge.settings.text("HUB_ACCOUNT_ID"))


def is_urgent(head: Finding | Gap) -> bool:
    """Whether a change is told at once however many there are."""
    return isinstance(head, Finding) and head.severity is Severity.CRITICAL


def _tried(row: Item) -> bool:
    """Whether somebody took the row before and did not mark it: it may have been told."""
    return "lease_told_slack" in row
