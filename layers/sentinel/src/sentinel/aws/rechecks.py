"""Rechecks: the live reads that events ask for, each sent as a message until it was done.

The row in the memory table is what is to be done; the message only says when. Without the row a
message is nothing, and without a message `tend` sends another.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from sentinel import catalog, moment
from sentinel.aws import clock
from sentinel.aws.edge import Edge
from sentinel.aws.memory import Recheck
from sentinel.cloudtrail import Sighting
from sentinel.subject import Resource

BACKOFF = (2, 5, 15, 45)
"""Seconds after which a read is tried again that was refused, or is older than the event."""
SENT_AGAIN = 3
"""How often `tend` sends a message again. What fails even then waits among the dead letters."""


class Rechecks:
    """Asks for rechecks, and sends their messages."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def ask(self, sighting: Sighting, after: datetime) -> None:
        """Have a resource read live a little later, once for all events until then.

        No event is later than its delivery, whatever it says.
        """
        now = clock.now()
        ended = sighting.subject is None
        at = min(after, now)
        changed = None if sighting.touched else at
        asked = Recheck(
            sighting.kind.kind, sighting.identity, at, now, changed=changed, ended=ended
        )
        delay = self._until_settled(asked)
        recheck = replace(asked, due=now + timedelta(seconds=delay))
        if self._edge.memory.schedule(recheck):
            self._send(recheck, delay)

    def postpone(self, recheck: Recheck) -> None:
        """Have a read made when AWS must have settled: until then it would decide nothing."""
        self._send(recheck, self._until_settled(recheck))

    def try_again(self, recheck: Recheck) -> None:
        """Have a read made once more, the later the more often it was tried."""
        later = replace(recheck, attempts=recheck.attempts + 1)
        self._send(later, BACKOFF[recheck.attempts])

    def finish(self, recheck: Recheck) -> None:
        """Forget a recheck that was done; one that a later event asked for meanwhile comes next."""
        if not self._edge.memory.done(recheck):
            later = self._edge.memory.recheck(recheck.identity)
            if later:
                self._send(later, self._until_settled(later))

    def send_again(self, recheck: Recheck) -> bool:
        """Send the message of an overdue recheck; False when it was sent often enough."""
        if recheck.sent_again >= SENT_AGAIN:
            self._edge.memory.leave(recheck)
            return False
        self._send(replace(recheck, sent_again=recheck.sent_again + 1), 0)
        return True

    def _until_settled(self, recheck: Recheck) -> float:
        delay = self._edge.settings.seconds("RECHECK_DELAY_SECONDS")
        early = recheck.after + settles_after(recheck) - clock.now()
        return max(delay, math.ceil(early.total_seconds()))

    def _send(self, recheck: Recheck, delay: float) -> None:
        """Send a recheck's message, then say that it is on its way."""
        asked = {
            "kind": recheck.kind,
            "key": recheck.identity.key,
            "identity": asdict(recheck.identity),
        }
        self._edge.client("sqs").send_message(
            QueueUrl=self._edge.settings.text("RECHECK_QUEUE_URL"),
            MessageBody=json.dumps({"recheck": asked}),
            DelaySeconds=int(delay),
        )
        self._edge.memory.sent(replace(recheck, due=clock.now() + timedelta(seconds=delay)))


def settles_after(recheck: Recheck) -> timedelta:
    """How long AWS may still tell of the state from before the event."""
    kind = catalog.subjects()[recheck.kind]
    return kind.settles_after if issubclass(kind, Resource) else timedelta()


def is_last(recheck: Recheck) -> bool:
    """Whether a read was tried as often as it is tried."""
    return recheck.attempts >= len(BACKOFF)


def doubt(resource: Resource | None, recheck: Recheck) -> str:
    """Why a read may be older than the event; what is not there to the last is gone."""
    since = moment.text(recheck.after)
    if resource is None:
        gone = recheck.ended or is_last(recheck)
        return "" if gone else f"it is not there, and was at {since}"
    stale = is_stale(resource, recheck)
    return f"the read is still older than the event of {since}" if stale else ""


def is_stale(resource: Resource, recheck: Recheck) -> bool:
    """Whether AWS answered with a state from before the resource itself was changed."""
    return recheck.changed is not None and resource.predates(recheck.changed)
