"""The outbox: changes that nobody announced or told in time are announced and told.

What is CRITICAL goes first. Of the others each channel gets one digest where there are many. A run
takes no more than it has time for; the rest stays in the outbox for the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from sentinel import moment
from sentinel.aws import clock, mail, rows
from sentinel.aws.announcer import announce
from sentinel.aws.edge import Edge
from sentinel.aws.failures import Failures
from sentinel.aws.notifier import LEASE_SECONDS, MESSAGES_A_MINUTE, Notifier, is_urgent
from sentinel.aws.rows import Item
from sentinel.aws.store import MARKS
from sentinel.mail_message import mail_digest
from sentinel.notice import Digest, digest
from sentinel.slack_message import slack_digest

CHANNELS = ("told_slack", "told_mail")
AT_ONCE = 500
"""Rows of one digest, and changes that are announced or told one by one in one run."""
TAKING = timedelta(seconds=LEASE_SECONDS / 4)
"""How long rows are taken for one digest: to mark them takes longer, and the leases outlast it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row, and of which finding or gap it is."""

    identifier: str
    row: Item


@dataclass
class Due:
    """What is due, oldest first: rows to announce, and by mark those that lack it.

    *urgent* has each finding with a change that is told at once, and the rows of such changes.
    """

    urgent: dict[str, list[Item]] = field(default_factory=dict)
    unannounced: list[Item] = field(default_factory=list)
    untold: dict[str, list[Waiting]] = field(
        default_factory=lambda: {mark: [] for mark in CHANNELS}
    )


class Outbox:
    """What was to be told before a time. A row or channel that fails delays no other."""

    def __init__(self, edge: Edge, before: datetime) -> None:
        self._edge, self._before = edge, before
        self._notifier = Notifier(edge)
        self._unsorted = Failures()
        self.done: Counter[str] = Counter()

    def tell_urgent(self, enough_time: Callable[[], bool]) -> None:
        """Announce and tell findings of which something is told at once.

        Those without a mail come first: a Slack that does not answer takes its time.
        """
        failures = Failures()
        for identifier, critical in sorted(self._due.urgent.items(), key=_is_mailed):
            if not enough_time():
                break
            for row in critical:
                self._announce(row, failures)
            self._tell(identifier, failures)
        failures.raise_all("what is urgent is not all told")

    def tell_others(self, enough_time: Callable[[], bool]) -> None:
        """Send digests, then announce and tell the others one by one."""
        failures = Failures()
        alone: dict[str, None] = {}
        for mark in reversed(CHANNELS):
            with failures.kept(f"sending a digest for {mark}"):
                if enough_time():
                    alone |= dict.fromkeys(one.identifier for one in self._digested(mark))
        for row in self._due.unannounced[:AT_ONCE]:
            if enough_time():
                self._announce(row, failures)
        for identifier in alone:
            if enough_time():
                self._tell(identifier, failures)
        with failures.kept("sorting the outbox"):
            self._unsorted.raise_all("some of it cannot be read")
        failures.raise_all("the outbox is not empty")

    @cached_property
    def _due(self) -> Due:
        due = Due()
        for row in self._edge.store.due(self._before):
            with self._unsorted.kept(f"sorting {' '.join(rows.plain(_key(row)).values())}"):
                self._sort(row, due)
        for mark, untold in due.untold.items():
            due.untold[mark] = [one for one in untold if one.identifier not in due.urgent]
        return due

    def _sort(self, row: Item, due: Due) -> None:
        missing = set(MARKS) - row.keys()
        if not missing:
            self._edge.store.settle(_key(row))
            return
        head = rows.head_from(row)
        identifier = rows.identifier(head)
        if is_urgent(head) and missing.intersection(CHANNELS):
            due.urgent.setdefault(identifier, []).append(row)
            return
        if "announced" in missing:
            due.unannounced.append(row)
        for mark in missing.intersection(CHANNELS):
            due.untold[mark].append(Waiting(identifier, row))

    def _announce(self, row: Item, failures: Failures) -> None:
        if "announced" in row:
            return
        with failures.kept(f"announcing {' '.join(rows.plain(_key(row)).values())}"):
            fresh = self._edge.store.again(row)
            if fresh and "announced" not in fresh:
                self.done["announced"] += announce(self._edge, fresh)

    def _tell(self, identifier: str, failures: Failures) -> None:
        with failures.kept(f"telling {identifier}"):
            self.done["told"] += self._notifier.tell(identifier)

    def _digested(self, mark: str) -> list[Waiting]:
        """Send what is untold on a channel in a digest, if it is much; gives what is told alone."""
        untold = self._due.untold[mark][:AT_ONCE]
        if len(untold) <= MESSAGES_A_MINUTE:
            return untold
        alone: list[Waiting] = []
        crowd: list[Waiting] = []
        for one in untold:
            edits = mark == "told_slack" and self._notifier.edits(one.identifier)
            (alone if edits else crowd).append(one)
        if len(crowd) <= MESSAGES_A_MINUTE:
            return untold
        self._digest([one.row for one in crowd], mark)
        return alone

    def _digest(self, crowd: Sequence[Item], mark: str) -> None:
        """One message for many changes on a channel; what it does not take is given back."""
        taken: list[Item] = []
        until = clock.now() + TAKING
        for row in crowd:
            if clock.now() >= until:
                break
            if self._edge.store.lease(_key(row), mark, LEASE_SECONDS):
                taken.append(row)
        if not taken:
            return
        try:
            self._send(self._gathered(taken), mark)
        except Exception:
            for row in taken:
                self._edge.store.release(_key(row), mark)
            raise
        for row in taken:
            self._edge.store.mark(_key(row), mark, f"digest {moment.text(clock.now())}")
        self.done["digested"] += len(taken)

    def _gathered(self, taken: Sequence[Item]) -> Digest:
        notices = [self._notifier.notice(row) for row in taken]
        return digest(f"digest.{notices[0].id}", notices)

    def _send(self, gathered: Digest, mark: str) -> None:
        """Send a digest, unless it counts nothing or the channel is not used."""
        if not gathered.groups:
            return
        slack = self._notifier.slack if mark == "told_slack" else None
        if slack is not None:
            slack.post(slack_digest(gathered))
        topic = self._edge.settings.optional("MAIL_TOPIC_ARN")
        if mark == "told_mail" and topic:
            message = mail_digest(gathered, self._notifier.sender)
            mail.publish(topic, message.subject, message.body, self._edge.client("sns"))


def _is_mailed(urgent: tuple[str, list[Item]]) -> bool:
    return all("told_mail" in row for row in urgent[1])


def _key(row: Item) -> Item:
    return {"pk": row["pk"], "sk": row["sk"]}
