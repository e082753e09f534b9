"""Kills a function's process from the outside, before or after the n-th AWS call of an invocation.

Nothing in the artifact knows of it: an invocation is known by the X-Amzn-Trace-Id that boto3 sends
along inside Lambda.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from embedded_account.calls import Answer, Call
from embedded_account.doorway import Intervene
from embedded_account.functions import ProcessRunner
from embedded_account.invocation import trace_root

BATCHES = ("Announce", "Evaluate")
NOBODY = Answer(500, {}, b"", "Killed", "the process that asked is dead")


@dataclass(frozen=True, slots=True)
class Point:
    """Where to kill: before or after which call of which function, counted from one."""

    function: str
    number: int
    when: Literal["before", "after"]


class Recorder:
    """Counts the calls of each invocation that it sees."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.functions: dict[str, str] = {}
        self._lock = threading.Lock()

    def before(self, call: Call) -> None:
        """Count a call of a function; its first is made with its own role."""
        if call.trace_id is None:
            return
        root = trace_root(call.trace_id)
        with self._lock:
            self.functions.setdefault(root, _function(call))
            self.calls[root] += 1

    def after(self, call: Call, answer: Answer) -> None:
        """Nothing."""

    def points(self) -> list[Point]:
        """Before and after each call that was seen, those of the longest invocations."""
        longest: dict[str, int] = defaultdict(int)
        for root, count in self.calls.items():
            function = self.functions[root]
            longest[function] = max(longest[function], count)
        return [
            Point(function, number, when)
            for function, count in sorted(longest.items())
            for number in range(1, count + 1)
            for when in ("before", "after")
        ]


@dataclass
class Killer:
    """Gives an invocation the next point of its function, and kills it there.

    Of a function that works off a batch every second invocation lives, or nothing would come
    through.
    """

    runner: ProcessRunner
    points: deque[Point]
    enough: int
    killed: list[Point] = field(default_factory=list)
    _aimed: dict[str, Point | None] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def armed(cls, runner: ProcessRunner, points: Iterable[Point], enough: int) -> Killer:
        """A killer that stops after so many kills."""
        return cls(runner, deque(points), enough)

    @property
    def done(self) -> bool:
        """Whether it has killed enough, at every point."""
        return len(self.killed) >= self.enough and not self.left()

    def left(self) -> set[Point]:
        """The points at which nothing was killed yet."""
        return set(self.points) - set(self.killed)

    def before(self, call: Call) -> None:
        """Kill the caller if this is the call, which then has no effect."""
        if call.trace_id is None:
            return
        root = trace_root(call.trace_id)
        with self._lock:
            if root not in self._aimed:
                self._aimed[root] = self._next(_function(call))
            self._counts[root] += 1
        if self._hit(root, "before"):
            raise Intervene(NOBODY)

    def after(self, call: Call, answer: Answer) -> None:
        """Kill the caller if this is the call, which has had its effect."""
        if call.trace_id is not None:
            self._hit(trace_root(call.trace_id), "after")

    def _next(self, function: str) -> Point | None:
        """The next in turn; one at which nothing was killed yet comes first."""
        self._seen[function] += 1
        if function in BATCHES and self._seen[function] % 2 == 0:
            return None
        left = self.left()
        candidates = [
            point
            for point in self.points
            if point.function == function and (point in left or len(self.killed) < self.enough)
        ]
        if not candidates:
            return None
        point = next((point for point in candidates if point in left), candidates[0])
        self.points.remove(point)
        self.points.append(point)
        return point

    def _hit(self, root: str, when: str) -> bool:
        with self._lock:
            point = self._aimed.get(root)
            if point is None or (point.number, point.when) != (self._counts[root], when):
                return False
            if self.done:
                return False
            try:
                process = self.runner.sandbox_of(f"Root={root}")
            except KeyError:  # its time was up
                return False
            os.kill(process, signal.SIGKILL)
            self.killed.append(point)
            return True


def _function(call: Call) -> str:
    role = (call.caller.role_arn or "").rpartition("/")[2]
    return role.split("-")[1].removesuffix("Role") if "-" in role else role
