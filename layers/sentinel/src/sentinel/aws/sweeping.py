"""Sweeping: everything that exists is read and judged, slice by slice, and what is gone is closed.

What fails delays nothing else, and the summary says so. A sweep that runs out of time says what is
unfinished and goes on there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sentinel import catalog, moment
from sentinel.aws import agentcore_reader, clock
from sentinel.aws.edge import Edge
from sentinel.aws.evaluation import Evaluation
from sentinel.aws.failures import Failures
from sentinel.aws.live import Unread
from sentinel.finding import Verdict
from sentinel.judge import CannotRead
from sentinel.life import Status
from sentinel.rule import Rule
from sentinel.subject import Identity, Resource
from sentinel.sweep import Request, Slice, Summary

KEPT = timedelta(days=14)
LEASE = timedelta(minutes=15)


class Busy(RuntimeError):
    """Another sweep is running."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep: its name, what was asked, and the slices that are done."""

    name: str
    request: Request
    done: frozenset[str]


class Sweeper:
    """Walks the slices of a sweep with the hub's rights."""

    def __init__(self, edge: Edge, holder: str) -> None:
        self._edge, self._holder = edge, holder
        self._evaluation = Evaluation(edge)
        self.failures = Failures()
        self.summary = Summary()

    def sweep(self, asked: Mapping[str, Any], enough_time: Callable[[], bool]) -> dict[str, Any]:
        """Walk what is asked for, or go on with ``{"resume": name}``; the answer is the summary.

        What failed on the way is in *failures* and in the summary's ``errors``. Raises BadRequest,
        and Busy while another sweep holds the lease: this one then waits to be resumed.
        """
        now = clock.now()
        running = self._started(asked)
        if not self._edge.memory.take("sweep", self._holder, now + LEASE, now):
            if not asked.get("resume"):
                self._stands(running, ["everything"])
            raise Busy("another sweep is running; this one begins by itself soon after it ends")
        try:
            return self._walk(running, enough_time)
        finally:
            self._edge.memory.give_back("sweep", self._holder)

    def _started(self, asked: Mapping[str, Any]) -> Sweep:
        name = asked.get("resume")
        if isinstance(name, str) and name:
            kept = self._edge.memory.notes(f"sweep#{name}")
            request = Request.parse(json.loads(kept.get("request", "{}")))
            return Sweep(name, request, frozenset(kept))
        request = Request.parse(asked)
        name = f"{moment.text(clock.now())}-{self._holder[:8]}"
        self._note(name, "request", json.dumps(asdict(request)))
        return Sweep(name, request, frozenset())

    def _stands(self, running: Sweep, unfinished: Sequence[str]) -> None:
        """Say what is unfinished of the sweep, so that another can go on.

        It takes the place of an earlier sweep of the same request, and of no other.
        """
        state = {"sweep": running.name, "unfinished": unfinished}
        asked = hashlib.sha256(json.dumps(asdict(running.request)).encode()).hexdigest()
        self._edge.memory.put_note("sweep", asked, json.dumps(state), clock.now() + KEPT)

    def _walk(self, running: Sweep, enough_time: Callable[[], bool]) -> dict[str, Any]:
        policy = self._edge.policy_copy.current()
        regions = self._edge.settings.text("SWEEP_REGIONS").split(",")
        account = self._edge.settings.text("HUB_ACCOUNT_ID")
        slices = running.request.slices(policy, account, regions)
        waiting = [one for one in slices if one.name not in running.done]
        rules = [r for r in running.request.chosen_rules() if r.id not in policy.disabled]
        self._stands(running, [one.name for one in waiting])
        while waiting and enough_time():
            one = waiting.pop(0)
            with self.failures.kept(f"sweeping {one.name}"):
                self.one_slice(one, None if not running.request.rules else rules)
            with self.failures.kept(f"telling the gaps of {one.name}"):
                self._evaluation.finish()
            self._note(running.name, one.name, moment.text(clock.now()))
        unfinished = [one.name for one in waiting]
        self._stands(running, unfinished)
        ended = {"sweep": running.name, "unfinished": unfinished, "errors": self.failures.texts()}
        return ended | asdict(self.summary)

    def one_slice(self, one: Slice, rules: Sequence[Rule] | None) -> None:
        """Judge everything in a slice; close what a completed list no longer has."""
        kind = catalog.subjects()[one.kind]
        if not issubclass(kind, Resource):
            raise TypeError(f"{one.kind} has no state and cannot be swept")
        chosen = None if rules is None else [r for r in rules if kind in r.subjects]
        seen: set[str] = set()
        started = clock.now()
        try:
            for found in self._evaluation.world.listed(kind, one.place):
                self.summary.resources += 1
                if isinstance(found, Unread):
                    seen.add(found.identity.key)
                    self._blind(kind, found.identity, found.reason, chosen)
                    continue
                seen.add(found.key)
                self.summary.judged += 1
                as_of = self._evaluation.tells_of(found, started)
                self._judge(kind, found.identity, found, as_of, chosen)
        except CannotRead as refused:
            self.summary.gaps.append(f"{one.name}: {refused}")
        else:
            self._absent(kind, one, seen, started, chosen)
        self.summary.slices += 1

    def _judge(
        self,
        kind: type[Resource],
        identity: Identity,
        resource: Resource | None,
        started: datetime,
        rules: Sequence[Rule] | None,
    ) -> None:
        with self.failures.kept(f"judging {identity.key}"):
            self.summary.add(self._evaluation.fresh(kind, identity, resource, started, rules))

    def _blind(
        self, kind: type[Resource], identity: Identity, why: str, rules: Sequence[Rule] | None
    ) -> None:
        self.summary.unread += 1
        chosen = catalog.rules_for(kind) if rules is None else rules
        verdicts = [
            Verdict(rule.id, identity, clock.now(), gap=why, from_read=True) for rule in chosen
        ]
        with self.failures.kept(f"storing that {identity.key} cannot be read"):
            self._evaluation.record(verdicts)
            self.summary.add(verdicts)

    def _absent(
        self,
        kind: type[Resource],
        one: Slice,
        seen: set[str],
        started: datetime,
        rules: Sequence[Rule] | None,
    ) -> None:
        """What has findings and was not listed is gone, or is read where absence cures nothing."""
        missing = {
            identity for identity in self._told_of(kind, one, started) if identity.key not in seen
        }
        for identity in sorted(missing, key=lambda subject: subject.key):
            self.summary.gone += 1
            started = clock.now()
            try:
                resource = self._evaluation.world.read(kind, identity)
            except CannotRead:
                if "/event/" not in identity.key:
                    continue
                resource = None
            self._judge(kind, identity, resource, started, rules)

    def _told_of(self, kind: type[Resource], one: Slice, started: datetime) -> Iterator[Identity]:
        """What people were told of in a slice and before a time, by a finding or by a gap."""
        for status in (Status.OPEN, Status.SUPPRESSED):
            for found in self._edge.store.findings(status):
                if one.holds(found.subject) and found.as_of < started:
                    yield found.subject
        for gap in self._edge.store.gaps(Status.OPEN):
            about = agentcore_reader.identity(kind, gap.example)
            if about and one.holds(about) and gap.changed_at < started:
                yield about

    def _note(self, name: str, key: str, body: str) -> None:
        self._edge.memory.put_note(f"sweep#{name}", key, body, clock.now() + KEPT)
