"""How far a sweep is: kept in the memory, so that another invocation goes on with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from sentinel import moment
from sentinel.aws import clock
from sentinel.aws.memory import Memory
from sentinel.sweep import BadRequest, Request, Slice

KEPT = timedelta(days=14)
STATES = "sweep"
"""The key of what every sweep left; that of one sweep's slices goes on with its name."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep: its name, what was asked, the slices that are done, and how often the others were
    begun without an end.
    """

    name: str
    request: Request
    done: frozenset[str] = frozenset()
    attempts: Mapping[str, int] = field(default_factory=dict)


class Progress:
    """Notes what a sweep has done, and finds a sweep that is unfinished."""

    def __init__(self, memory: Memory, holder: str) -> None:
        self._memory, self._holder = memory, holder

    def begun(self, request: Request) -> Sweep:
        """A sweep of a request: the unfinished one of the same request, or a new one.

        Beginning anew each time, a sweep that outlasts its schedule would never reach its end.
        """
        state = json.loads(self._memory.notes(STATES).get(_key(request), "{}"))
        if state.get("unfinished") and _is_young(state["sweep"]):
            return self.resumed(state["sweep"])
        name = f"{moment.text(clock.now())}-{self._holder[:8]}"
        self._note(name, "request", json.dumps(asdict(request)))
        return Sweep(name, request)

    def resumed(self, name: str) -> Sweep:
        """A sweep by its name. Raises BadRequest when there is none, or none any more."""
        kept = self._memory.notes(f"{STATES}#{name}")
        if "request" not in kept:
            raise BadRequest(f"resume: there is no sweep {name!r}")
        self._note(name, "request", kept["request"])
        attempts = {one: int(body) for one, body in kept.items() if body.isdigit()}
        request = Request.parse(json.loads(kept["request"]))
        return Sweep(name, request, frozenset(kept) - attempts.keys(), attempts)

    def stands(self, sweep: Sweep, *, unfinished: bool) -> None:
        """Say whether something is unfinished of the sweep, so that another goes on.

        It takes the place of an earlier sweep of the same request, and of no other.
        """
        state = json.dumps({"sweep": sweep.name, "unfinished": unfinished})
        self._memory.put_note(STATES, _key(sweep.request), state, clock.now() + KEPT)

    def attempted(self, sweep: Sweep, one: Slice, times: int) -> None:
        """Say that a slice is begun, which may kill whoever begins it."""
        self._note(sweep.name, one.name, str(times))

    def done(self, sweep: Sweep, one: Slice) -> None:
        """Say that a slice is done."""
        self._note(sweep.name, one.name, moment.text(clock.now()))

    def _note(self, name: str, key: str, body: str) -> None:
        self._memory.put_note(f"{STATES}#{name}", key, body, clock.now() + KEPT)


def _key(request: Request) -> str:
    return hashlib.sha256(json.dumps(asdict(request)).encode()).hexdigest()


def _is_young(name: str) -> bool:
    """Whether what a sweep has done is still known; its name begins with its time."""
    return clock.now() - moment.parse(name.partition("Z-")[0]) < KEPT
