"""What could not be seen: a record of its own, told once and closed when it is cured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from sentinel.life import Move, Status

STALE_READ = "stale read"
"""The cause of a gap where AWS goes on answering with a state from before the last event."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Why something in an account and Region cannot be assessed.

    *kind* is the kind of subject, *cause* the operation that fails or the check that does, *reason*
    what AWS answered last. The same cause is one gap, however many resources it hides.
    """

    partition: str
    account: str
    region: str
    kind: str
    cause: str
    opened_at: datetime
    changed_at: datetime
    status: Status = Status.OPEN
    closed_at: datetime | None = None
    reason: str = ""
    example: str = ""
    episode: int = 1
    change: int = 1
    version: int = 1

    @property
    def id(self) -> str:
        """The same for the same cause, whenever it is met."""
        return gap_id(self.partition, self.account, self.region, self.kind, self.cause)


@dataclass(frozen=True, slots=True)
class GapChange:
    """One row of the outbox: what became of a gap."""

    move: Move
    gap: Gap

    @property
    def id(self) -> str:
        """The same in every delivery of the same change."""
        return f"{self.gap.id}.{self.gap.episode}.{self.gap.change}"


def gap_id(partition: str, account: str, region: str, kind: str, cause: str) -> str:
    """The name of a gap: 32 hex digits."""
    text = "\x1f".join(("gap", partition, account, region, kind, cause))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def met(stored: Gap | None, gap: Gap) -> GapChange | None:
    """A cause was met: opens the gap, or opens it again; None when it is open already."""
    if stored is None:
        return GapChange(Move.OPENED, gap)
    if stored.status is Status.OPEN:
        return None
    again = replace(
        gap,
        episode=stored.episode + 1,
        change=stored.change + 1,
        version=stored.version + 1,
    )
    return GapChange(Move.REOPENED, again)


def cured(stored: Gap, now: datetime) -> GapChange:
    """What could not be read was read."""
    closed = replace(
        stored,
        status=Status.RESOLVED,
        closed_at=now,
        changed_at=now,
        change=stored.change + 1,
        version=stored.version + 1,
    )
    return GapChange(Move.RESOLVED, closed)
