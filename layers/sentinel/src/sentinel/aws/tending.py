"""Tending, every five minutes: whatever was left undone is done.

Changes that nobody announced or told, rechecks that are overdue, findings that an exemption hid
until it expired, activities that went on or have been quiet, and sweeps that ran out of time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sentinel import catalog, life, moment
from sentinel.arn import partition_of
from sentinel.aws import clock, mail, rows
from sentinel.aws.announcer import announce
from sentinel.aws.edge import Edge
from sentinel.aws.evaluation import Evaluation
from sentinel.aws.notifier import LEASE_SECONDS, MESSAGES_A_MINUTE, Notifier, Untold
from sentinel.aws.policy_copy import KEY
from sentinel.aws.rows import Item
from sentinel.finding import Severity
from sentinel.gap import Gap, gap_id
from sentinel.life import Change, Finding, Status
from sentinel.mail_message import mail_digest
from sentinel.notice import Digest, digest
from sentinel.slack_message import slack_digest

GRACE = timedelta(seconds=60)
QUIET = timedelta(hours=24)


class Tender:
    """Does what any of the others left undone, and counts it."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._notifier = Notifier(edge)
        self.done: Counter[str] = Counter()

    def tend(self) -> Counter[str]:
        """Do everything that is due. Raises the failures of all parts together, after the last."""
        failures: list[Exception] = []
        for part in (
            self._outbox,
            self._rechecks,
            self._exemptions,
            self._policy,
            self._activities,
            self._doubtful_events,
            self._sweep,
        ):
            try:
                part()
            except Exception as error:  # noqa: BLE001 - the other parts are done, then it is raised
                error.add_note(f"while tending: {part.__name__.strip('_')}")
                failures.append(error)
        if failures:
            raise ExceptionGroup("tending failed in part", failures)
        return self.done

    def _outbox(self) -> None:
        due = list(self._edge.store.due(clock.now() - GRACE))
        for row in due:
            self._edge.store.settle(_key(row))
            fresh = self._edge.store.again(row)
            if fresh and "announced" not in fresh:
                self.done["announced"] += announce(self._edge, fresh)
        untold = [row for row in due if not {"told_slack", "told_mail"} <= row.keys()]
        crowded = [row for row in untold if not _alone(row)]
        if len(crowded) > MESSAGES_A_MINUTE:
            self._digest(crowded)
        failures = []
        for identifier in dict.fromkeys(rows.identifier(rows.head_from(row)) for row in untold):
            try:
                self.done["told"] += self._notifier.tell(identifier)
            except Untold as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("some changes are still untold", failures)

    def _digest(self, crowded: Sequence[Item]) -> None:
        """One message for many changes, on each channel that lacks them."""
        for mark, send in (("told_slack", self._slack_digest), ("told_mail", self._mail_digest)):
            taken = [
                row
                for row in crowded
                if mark not in row and self._edge.store.lease(_key(row), mark, LEASE_SECONDS)
            ]
            if not taken:
                continue
            send(taken)
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
        evaluation = Evaluation(self._edge)
        for recheck in self._edge.memory.overdue(clock.now() - GRACE):
            evaluation.send(recheck, 0)
            self.done["rechecked"] += 1

    def _exemptions(self) -> None:
        policy, now = self._edge.policy_copy.current(), clock.now()

        def uncovering(stored: Finding) -> Change | None:
            hidden = stored.status is Status.SUPPRESSED
            covered = policy.exemption(stored.rule, stored.subject, now)
            return life.uncovered(stored, now) if hidden and not covered else None

        for found in list(self._edge.store.by_status(Status.SUPPRESSED)):
            if isinstance(found, Finding) and self._edge.store.move(found.fingerprint, uncovering):
                self.done["uncovered"] += 1

    def _policy(self) -> None:
        """Tell that the policy cannot be read or used, and that it can again."""
        copy, now = self._edge.policy_copy, clock.now()
        copy.current()
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
        for found in list(self._edge.store.by_status(Status.OPEN)):
            if isinstance(found, Finding) and found.subject.kind in kinds and moving(found):
                self.done["activities"] += bool(self._edge.store.move(found.fingerprint, moving))

    def _doubtful_events(self) -> None:
        """Close the gaps of events that were not judged, once none came for a while."""
        for found in list(self._edge.store.by_status(Status.OPEN)):
            quiet = clock.now() - found.changed_at >= QUIET
            if isinstance(found, Gap) and found.kind == "event" and quiet:
                self._edge.store.cure(found.id)

    def _sweep(self) -> None:
        """Go on with a sweep that ran out of time, unless somebody is at it."""
        state = self._edge.memory.notes("sweep").get("current", "")
        if not state:
            return
        asked = json.loads(state)
        if asked["unfinished"] and not self._edge.memory.is_taken("sweep", clock.now()):
            self._edge.client("lambda").invoke(
                FunctionName=self._edge.settings.text("SWEEP_FUNCTION_NAME"),
                InvocationType="Event",
                Payload=json.dumps({"resume": asked["sweep"]}),
            )
            self.done["sweeps"] += 1


def _alone(row: Item) -> bool:
    """Whether a change is told on its own however many there are."""
    head = rows.head_from(row)
    return isinstance(head, Finding) and head.severity is Severity.CRITICAL


def _key(row: Item) -> Item:
    return {"pk": row["pk"], "sk": row["sk"]}
