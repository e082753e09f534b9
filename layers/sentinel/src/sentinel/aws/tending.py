"""Tending, every five minutes: whatever was left undone is done.

Changes that nobody announced or told, rechecks that are overdue, findings that an exemption hid
until it expired, activities that went on or have been quiet, and sweeps that ran out of time.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from sentinel import catalog, life
from sentinel.arn import partition_of
from sentinel.aws import alarms, clock
from sentinel.aws.edge import Edge
from sentinel.aws.failures import Failures
from sentinel.aws.outbox import Outbox
from sentinel.aws.policy_copy import KEY
from sentinel.aws.rechecks import Rechecks
from sentinel.gap import Gap, gap_id
from sentinel.life import Change, Finding, Status

GRACE = timedelta(seconds=60)
QUIET = timedelta(hours=24)
EVERY = timedelta(minutes=5)
URGENT_LEAVES = 120.0
"""Seconds that are left to everything else, however much of what is urgent is untold."""
OTHERS_LEAVE = 40.0
"""Seconds in which what was begun last comes to its end."""


class Tender:
    """Does what any of the others left undone, and counts it."""

    def __init__(self, edge: Edge, time_left: Callable[[], float] = lambda: math.inf) -> None:
        """*time_left* tells the seconds in which everything must be done."""
        self._edge, self._time_left = edge, time_left
        self._outbox = Outbox(edge, clock.now() - GRACE)
        self.done = self._outbox.done

    def tend(self) -> Counter[str]:
        """Do everything that is due. Raises the failures of all parts together, after the last.

        What is CRITICAL is told before anything else is done, and the others after everything, for
        after a first sweep there may be thousands.
        """
        failures = Failures()
        for part in (
            self._alarms,
            self._urgent,
            self._rechecks,
            self._exemptions,
            self._policy,
            self._activities,
            self._doubtful_events,
            self._sweep,
            self._others,
        ):
            with failures.kept(f"tending: {part.__name__.strip('_')}"):
                part()
        failures.raise_all("tending failed in part")
        return self.done

    def _alarms(self) -> None:
        self.done["alarms"] += alarms.look(self._edge)

    def _urgent(self) -> None:
        self._outbox.tell_urgent(lambda: self._time_left() > URGENT_LEAVES)

    def _others(self) -> None:
        self._outbox.tell_others(lambda: self._time_left() > OTHERS_LEAVE)

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
            quiet = clock.now() - found.last_met >= QUIET
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
