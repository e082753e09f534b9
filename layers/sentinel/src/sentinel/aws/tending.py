"""Tending, every five minutes: whatever was left undone is done.

Changes that nobody announced or told, rechecks that are overdue, findings that an exemption hid
until it expired, activities that went on or have been quiet, and sweeps that ran out of time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from sentinel import catalog, life, moment
from sentinel.arn import partition_of
from sentinel.aws import alarms, clock, mail, rows
from sentinel.aws.announcer import announce
from sentinel.aws.edge import Edge
from sentinel.aws.failures import Failures
from sentinel.aws.notifier import LEASE_SECONDS, MESSAGES_A_MINUTE, Notifier
from sentinel.aws.policy_copy import KEY
from sentinel.aws.rechecks import Rechecks
from sentinel.aws.rows import Item
from sentinel.finding import Severity
from sentinel.gap import Gap, gap_id
from sentinel.life import Change, Finding, Status
from sentinel.mail_message import mail_digest
from sentinel.notice import Digest, digest
from sentinel.slack_message import slack_digest

GRACE = timedelta(seconds=60)
QUIET = timedelta(hours=24)
EVERY = timedelta(minutes=5)


class Tender:
    """Does what any of the others left undone, and counts it."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._notifier = Notifier(edge)
        self.done: Counter[str] = Counter()

    def tend(self) -> Counter[str]:
        """Do everything that is due. Raises the failures of all parts together, after the last."""
        failures = Failures()
        for part in (
            self._alarms,
            self._outbox,
            self._rechecks,
            self._exemptions,
            self._policy,
            self._activities,
            self._doubtful_events,
            self._sweep,
        ):
            with failures.kept(f"tending: {part.__name__.strip('_')}"):
                part()
        failures.raise_all("tending failed in part")
        return self.done

    def _alarms(self) -> None:
        self.done["alarms"] += alarms.look(self._edge)

    def _outbox(self) -> None:
        """Announce and tell what is due. A row or channel that fails delays no other."""
        failures = Failures()
        crowded: list[Item] = []
        untold: dict[str, None] = {}
        for row in list(self._edge.store.due(clock.now() - GRACE)):
            name = " ".join(rows.plain(_key(row)).values())
            with failures.kept(f"announcing {name}"):
                self._announce(row)
            if {"told_slack", "told_mail"} <= row.keys():
                continue
            with failures.kept(f"reading {name}"):
                head = rows.head_from(row)
                untold[rows.identifier(head)] = None
                if not _alone(head):
                    crowded.append(row)
        if len(crowded) > MESSAGES_A_MINUTE:
            for mark, send in (
                ("told_slack", self._slack_digest),
                ("told_mail", self._mail_digest),
            ):
                with failures.kept(f"sending a digest for {mark}"):
                    self._digest(crowded, mark, send)
        for identifier in untold:
            with failures.kept(f"telling {identifier}"):
                self.done["told"] += self._notifier.tell(identifier)
        failures.raise_all("the outbox is not empty")

    def _announce(self, row: Item) -> None:
        self._edge.store.settle(_key(row))
        fresh = self._edge.store.again(row)
        if fresh and "announced" not in fresh:
            self.done["announced"] += announce(self._edge, fresh)

    def _digest(
        self, crowded: Sequence[Item], mark: str, send: Callable[[Sequence[Item]], None]
    ) -> None:
        """One message for many changes on a channel; what it does not take is given back."""
        taken = [
            row
            for row in crowded
            if mark not in row and self._edge.store.lease(_key(row), mark, LEASE_SECONDS)
        ]
        if not taken:
            return
        try:
            send(taken)
        except Exception:
            for row in taken:
                self._edge.store.release(_key(row), mark)
            raise
        for row in taken:
            self._edge.store.mark(_key(row), mark, f"digest {moment.text(clock.now())}")
        self.done["digested"] += len(taken)

    def _slack_digest(self, taken: Sequence[Item]) -> None:
        slack = self._notifier.slack
        if slack is not None:
            slack.post(slack_digest(self._gathered(taken)))

    def _mail_digest(self, taken: Sequence[Item]) -> None:
        topic = self._edge.settings.optional("MAIL_TOPIC_ARN")
        if topic:
            message = mail_digest(self._gathered(taken), self._notifier.sender)
            mail.publish(topic, message.subject, message.body, self._edge.client("sns"))

    def _gathered(self, taken: Sequence[Item]) -> Digest:
        notices = [self._notifier.notice(row) for row in taken]
        return digest(f"digest.{notices[0].id}", notices)

    def _rechecks(self) -> None:
        """Send the messages of overdue rechecks again; what always fails is not sent for ever."""
        rechecks = Rechecks(self._edge)
        for recheck in list(self._edge.memory.overdue(clock.now() - GRACE)):
            self.done["rechecked"] += rechecks.send_again(recheck)

    def _exemptions(self) -> None:
        """Uncover what an exemption hid that is over; an old copy may not have its renewal."""
        policy, now = self._edge.policy_copy.at_best(), clock.now()
        if self._edge.policy_copy.problem:
            return

        def uncovering(stored: Finding) -> Change | None:
            hidden = stored.status is Status.SUPPRESSED
            covered = policy.exemption(stored.rule, stored.subject, now)
            return life.uncovered(stored, now) if hidden and not covered else None

        for found in list(self._edge.store.findings(Status.SUPPRESSED)):
            if self._edge.store.move(found.fingerprint, uncovering):
                self.done["uncovered"] += 1

    def _policy(self) -> None:
        """Tell that the policy cannot be read or used, and that it can again."""
        copy, now = self._edge.policy_copy, clock.now()
        copy.at_best()
        account, region = self._edge.settings.text("HUB_ACCOUNT_ID"), self._edge.region
        partition = partition_of(region)
        if copy.problem:
            met = Gap(partition, account, region, "policy", KEY, now, now, reason=copy.problem)
            self._edge.store.meet(met)
        else:
            self._edge.store.cure(gap_id(partition, account, region, "policy", KEY))

    def _activities(self) -> None:
        """Close activities of which nothing was heard for a while; tell counts that grew."""
        now = clock.now()

        def moving(stored: Finding) -> Change | None:
            if stored.status is not Status.OPEN:
                return None
            if now - stored.as_of >= QUIET:
                return life.closed_unread(stored, now)
            return life.recounted(stored, now) if stored.problem.count > stored.told else None

        kinds = {kind.kind for kind in catalog.activities()}
        for found in list(self._edge.store.findings(Status.OPEN)):
            if found.subject.kind in kinds and moving(found):
                self.done["activities"] += bool(self._edge.store.move(found.fingerprint, moving))

    def _doubtful_events(self) -> None:
        """Close the gaps of events that were not judged, once none came for a while."""
        for found in list(self._edge.store.gaps(Status.OPEN)):
            quiet = clock.now() - found.changed_at >= QUIET
            if found.kind == "event" and quiet:
                self._edge.store.cure(found.id)

    def _sweep(self) -> None:
        """Go on with a sweep that ran out of time, unless somebody is at one.

        Of several each has its turn, so that one that never ends does not keep the others waiting.
        """
        states = [json.loads(state) for state in self._edge.memory.notes("sweep").values()]
        waiting = [state["sweep"] for state in states if state["unfinished"]]
        now = clock.now()
        if not waiting or self._edge.memory.is_taken("sweep", now):
            return
        turn = int(now.timestamp() / EVERY.total_seconds()) % len(waiting)
        self._edge.client("lambda").invoke(
            FunctionName=self._edge.settings.text("SWEEP_FUNCTION_NAME"),
            InvocationType="Event",
            Payload=json.dumps({"resume": waiting[turn]}),
        )
        self.done["sweeps"] += 1


def _alone(head: Finding | Gap) -> bool:
    """Whether a change is told on its own however many there are."""
    return isinstance(head, Finding) and head.severity is Severity.CRITICAL


def _key(row: Item) -> Item:
    return {"pk": row["pk"], "sk": row["sk"]}
