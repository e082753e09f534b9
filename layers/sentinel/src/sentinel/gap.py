"""What could not be seen: a record of its own, told once and closed when it is cured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sentinel.life import Move, Status

STALE_READ = "stale read"
"""The cause of a gap where AWS goes on answering with a state from before the last event."""
KEPT_EVERY = timedelta(hours=1)
"""How often it is kept that an open gap was met again."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Why something in an account and Region cannot be assessed.

    *kind* is the kind of subject, *cause* the operation that fails or the check that does, *reason*
    what AWS answered last. The same cause is one gap, however many resources it hides. *met_at* is
    when it was met again while it was open, an hour at most before the last time.
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
    met_at: datetime | None = None

    @property
    def last_met(self) -> datetime:
        """When its cause was met last, as far as is kept."""
        return self.met_at or self.changed_at

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


def met_again(stored: Gap | None, now: datetime) -> Gap | None:
    """An open gap whose cause was met again, if that is to be kept: nobody is told of it."""
    if stored is None or stored.status is not Status.OPEN or now - stored.last_met < KEPT_EVERY:
        return None
    return replace(stored, met_at=now, version=stored.version + 1)


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
