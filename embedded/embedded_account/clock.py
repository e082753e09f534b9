"""Tells the embedded account's time: the wall's, or a virtual one that moves when told to.

moto reads the time through ``moto.core.utils.utcnow``, of which several of its modules hold their
own name. `clock_repairs` points all of these names at one clock, so that a queue's visibility and
delay, a stream record's creation time, an event's time and a session's expiry follow it.
"""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Protocol

from embedded_account.moto_repairs import Repair

VIRTUAL_START = datetime(2030, 1, 2, 9, 0, tzinfo=UTC)
"""Later than any wall clock, so that botocore never takes virtual keys for expired."""

_MODULES_THAT_TELL_TIME = (
    "moto.core.utils",  # unix_time: SQS visibility and delay, EventBridge times
    "moto.core.responses",  # the Date header
    "moto.cloudtrail.models",  # StartLoggingTime, StopLoggingTime
    "moto.dynamodb.models.table",  # ApproximateCreationDateTime of a stream's record
    "moto.iam.models",  # CreateDate, last use
    "moto.s3.models",  # LastModified, Object Lock
    "moto.sts.models",  # Expiration of a session
)


class Clock(Protocol):
    """What everything in the account asks for the time."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        ...


class WallClock:
    """The machine's own time, for a world that runs freely."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


class VirtualClock:
    """A time that stands still until somebody advances it, for a world that is stepped."""

    def __init__(self, start: datetime = VIRTUAL_START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time to which the clock was last advanced."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by *seconds*; a clock never goes back, so a negative number is refused."""
        if seconds < 0:
            raise ValueError(f"cannot advance the clock by {seconds} seconds: time goes forward")
        self._now += timedelta(seconds=seconds)

    def advance_to(self, moment: datetime) -> None:
        """Move on to *moment*; a moment that has passed already changes nothing."""
        self._now = max(self._now, moment)


def clock_repairs(clock: Clock) -> tuple[Repair, ...]:
    """Return what makes moto live in *clock*'s time. moto's own times are naive and in UTC."""

    def utcnow() -> datetime:
        return clock.now().replace(tzinfo=None)

    return tuple(
        Repair(
            gap=f"{module.__name__} reads the machine's clock and cannot be given another",
            owner=module,
            attribute="utcnow",
            replacement=utcnow,
            source="7b8bb404c4f6",
        )
        for module in _modules()
    )


def _modules() -> list[ModuleType]:
    return [importlib.import_module(name) for name in _MODULES_THAT_TELL_TIME]
