"""Owns the clock and all that is under way in the account; lets it happen freely or in steps.

Nothing moves by itself. A `Delivery` is something that waits for its turn: an event on its way to a
target, messages that a poller may fetch, a retry. Stepped, a test chooses which one happens next
and virtual time passes between them. Free, a thread starts each one when it is due.
"""

from __future__ import annotations

import heapq
import random
import threading
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from embedded_account.calls import Answer, Call
from embedded_account.clock import Clock, VirtualClock, WallClock

Work = Callable[[], None]
Source = Callable[[], Iterable["Delivery"]]


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """Something that waits for its turn.

    *claim* takes the thing off its queue, at once and without waiting, and returns the work that
    remains, or None when somebody else was quicker. *kind* is one of ``cloudtrail``, ``event``,
    ``invoke``, ``queue``, ``stream``, ``schedule``; *label* says from where to where.
    """

    kind: str
    label: str
    ready_at: datetime
    claim: Callable[[], Work | None]

    def run(self) -> None:
        """Do all of it now."""
        work = self.claim()
        if work is not None:
            work()


@dataclass(frozen=True, slots=True)
class CallMade:
    """An AWS call was answered."""

    at: datetime
    call: Call
    answer: Answer


@dataclass(frozen=True, slots=True)
class EventDelivered:
    """A rule's target accepted an event."""

    at: datetime
    rule_arn: str
    target_arn: str
    event: Any


@dataclass(frozen=True, slots=True)
class EventFailed:
    """A rule's target did not accept an event; *final* when nobody tries again."""

    at: datetime
    rule_arn: str
    target_arn: str
    code: str
    message: str
    final: bool


@dataclass(frozen=True, slots=True)
class FunctionRan:
    """A function was invoked and ended, well or badly (*outcome* is its runner's)."""

    at: datetime
    function_arn: str
    event: Any
    outcome: Any


@dataclass(frozen=True, slots=True)
class SinkMessage:
    """A message left the account: ``slack``, ``mail``."""

    at: datetime
    sink: str
    message: Any


@dataclass(frozen=True, slots=True)
class DeliveryBroke:
    """The embedded account itself failed while it delivered; `World.stop` raises it."""

    at: datetime
    label: str
    traceback: str


Entry = CallMade | EventDelivered | EventFailed | FunctionRan | SinkMessage | DeliveryBroke


class NotDrainedError(Exception):
    """The world did not come to rest within the given number of deliveries."""


class WorldBrokeError(Exception):
    """Deliveries of a free world failed inside the embedded account."""


@dataclass(slots=True)
class World:
    """The clock, what is under way, and what happened.

    *seed* determines every id that the account makes and the order of `drain` when asked to
    shuffle.
    """

    clock: Clock
    seed: int = 0
    history: list[Entry] = field(default_factory=list)
    interfere: Callable[[Sequence[Any]], Any] | None = None
    _random: random.Random = field(init=False)
    _waiting: dict[int, Delivery] = field(default_factory=dict)
    _order: list[tuple[datetime, int]] = field(default_factory=list)
    _sources: list[Source] = field(default_factory=list)
    _subscribers: list[Callable[[Entry], None]] = field(default_factory=list)
    _counter: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _dirty: bool = False
    _free: threading.Thread | None = None
    _stopping: bool = False

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - ids must repeat with the seed

    @property
    def is_free(self) -> bool:
        """Whether deliveries happen by themselves."""
        return self._free is not None

    def new_id(self) -> str:
        """Return the next identifier, a UUID that the seed determines."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def record(self, entry: Entry) -> None:
        """Append to the history and tell the subscribers."""
        self.history.append(entry)
        for subscriber in tuple(self._subscribers):
            subscriber(entry)

    def subscribe(self, callback: Callable[[Entry], None]) -> None:
        """Call *callback* with every entry from now on, in the thread in which it happens."""
        self._subscribers.append(callback)

    def later(self, kind: str, label: str, work: Work, *, delay: float = 0.0) -> Delivery:
        """Let *work* wait for its turn, which comes in *delay* seconds at the earliest."""
        with self._changed:
            self._counter += 1
            number = self._counter

        def claim() -> Work | None:
            return work if self._waiting.pop(number, None) is not None else None

        ready_at = self.clock.now() + timedelta(seconds=delay)
        delivery = Delivery(kind, label, ready_at, claim)
        with self._changed:
            self._waiting[number] = delivery
            heapq.heappush(self._order, (ready_at, number))
        self.wake()
        return delivery

    def add_source(self, source: Source) -> None:
        """Ask *source* for deliveries, too: a poller knows what it could fetch only by looking."""
        self._sources.append(source)

    def pending(self) -> list[Delivery]:
        """Return all that waits, earliest first; of the same moment, in the order of its origin."""
        found = list(self._waiting.values())
        for source in self._sources:
            found.extend(source())
        return sorted(found, key=lambda delivery: delivery.ready_at)

    def step(self, delivery: Delivery, *, faults: Sequence[Any] = ()) -> None:
        """Let *delivery* happen now, ready or not; *faults* observe the calls that it makes."""
        with self._interfering(faults):
            delivery.run()

    @contextmanager
    def _interfering(self, faults: Sequence[Any]) -> Iterator[None]:
        if not faults:
            yield
            return
        if self.interfere is None:
            raise RuntimeError("this world has no doorway, so faults have nothing to observe")
        with self.interfere(faults):
            yield

    def drain(self, limit: int = 10_000, *, shuffle: bool = False) -> int:
        """Let everything happen until nothing waits; return the number of deliveries.

        When nothing is ready, virtual time moves on to the next that will be. Schedules do not
        count as waiting, or a world would never come to rest. Raises `NotDrainedError` after
        *limit*.
        """
        clock = self._virtual_clock()
        for count in range(limit):
            first = self._first()
            if first is None:
                return count
            clock.advance_to(first.ready_at)
            if shuffle:
                ready = [each for each in self.pending() if each.ready_at <= clock.now()]
                first = self._random.choice(ready)
            self.step(first)
        labels = ", ".join(sorted({f"{each.kind} {each.label}" for each in self.pending()}))
        raise NotDrainedError(
            f"after {limit} deliveries these still wait (seed {self.seed}): {labels}"
        )

    def _first(self) -> Delivery | None:
        """Return the first of `pending`, without sorting all of it."""
        while self._order and self._order[0][1] not in self._waiting:
            heapq.heappop(self._order)
        waiting = [self._waiting[self._order[0][1]]] if self._order else []
        found = [delivery for source in self._sources for delivery in source()]
        return min(waiting + found, key=lambda delivery: delivery.ready_at, default=None)

    def _virtual_clock(self) -> VirtualClock:
        if not isinstance(self.clock, VirtualClock):
            raise TypeError(
                "only a world with a VirtualClock can be drained: time must pass at once"
            )
        return self.clock

    def run_freely(self, workers: int = 32) -> None:
        """Let deliveries happen by themselves from now on, each in a thread, when they are due."""
        if not isinstance(self.clock, WallClock):
            raise TypeError("a world runs freely on a WallClock only: nobody would advance another")
        if self._free is not None:
            raise RuntimeError("this world runs freely already")
        self._stopping = False
        self._free = threading.Thread(target=self._run, args=(workers,), name="world", daemon=True)
        self._free.start()

    def stop(self) -> None:
        """Stop running freely, wait for what is under way, and raise if a delivery broke."""
        if self._free is not None:
            with self._changed:
                self._stopping = True
                self._changed.notify_all()
            self._free.join()
            self._free = None
        broken = [entry for entry in self.history if isinstance(entry, DeliveryBroke)]
        if broken:
            raise WorldBrokeError("\n".join(f"{each.label}\n{each.traceback}" for each in broken))

    def wake(self) -> None:
        """Look again: something may have become ready."""
        if self._free is not None:
            with self._changed:
                self._dirty = True
                self._changed.notify_all()

    def _run(self, workers: int) -> None:
        with ThreadPoolExecutor(workers, thread_name_prefix="delivery") as pool:
            while not self._stopping:
                self._dirty = False
                waiting = self.pending()
                now = self.clock.now()
                if not self._start([each for each in waiting if each.ready_at <= now], pool):
                    self._rest_until([each.ready_at for each in waiting if each.ready_at > now])

    def _start(self, ready: list[Delivery], pool: ThreadPoolExecutor) -> int:
        started = 0
        for delivery in ready:
            work = delivery.claim()
            if work is not None:
                pool.submit(self._perform, delivery, work)
                started += 1
        return started

    def _rest_until(self, moments: list[datetime]) -> None:
        seconds = None
        if moments:
            seconds = max((min(moments) - self.clock.now()).total_seconds(), 0.0)
        with self._changed:
            self._changed.wait_for(lambda: self._dirty or self._stopping, seconds)

    def _perform(self, delivery: Delivery, work: Work) -> None:
        try:
            work()
        except BaseException:  # noqa: BLE001 - kept, shown, and raised again by stop()
            label = f"{delivery.kind} {delivery.label}"
            self.record(DeliveryBroke(self.clock.now(), label, traceback.format_exc()))
        finally:
            self.wake()
