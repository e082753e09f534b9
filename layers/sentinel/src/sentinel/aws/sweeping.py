"""Sweeping: everything that exists is read and judged, slice by slice, and what is gone is closed.

What fails is a gap and delays nothing else; it is raised after the walk. A sweep that runs out of
time says what is unfinished and goes on there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sentinel import catalog, moment
from sentinel.aws import clock
from sentinel.aws.edge import Edge
from sentinel.aws.evaluation import Evaluation
from sentinel.aws.failures import Failures
from sentinel.aws.live import Unread
from sentinel.finding import Verdict
from sentinel.judge import CannotRead
from sentinel.life import Finding, Status
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
        self._failures = Failures()
        self.summary = Summary()

    def sweep(self, asked: Mapping[str, Any], enough_time: Callable[[], bool]) -> dict[str, Any]:
        """Walk what is asked for, or go on with ``{"resume": name}``; the answer is the summary.

        Raises BadRequest, Busy while another sweep holds the lease, and, when all is walked and
        kept, what failed on the way.
        """
        now = clock.now()
        if not self._edge.memory.take("sweep", self._holder, now + LEASE, now):
            raise Busy("another sweep is running; it gives its lease back within 15 minutes")
        try:
            running = self._started(asked)
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

    def _stands(self, running: Sweep, waiting: Sequence[Slice]) -> list[str]:
        """Say how far the sweep is, so that another can go on; gives what is unfinished.

        It takes the place of an earlier sweep of the same request, and of no other.
        """
        unfinished = [one.name for one in waiting]
        state = {"sweep": running.name, "unfinished": unfinished}
        asked = hashlib.sha256(json.dumps(asdict(running.request)).encode()).hexdigest()
        self._edge.memory.put_note("sweep", asked, json.dumps(state), clock.now() + KEPT)
        return unfinished

    def _walk(self, running: Sweep, enough_time: Callable[[], bool]) -> dict[str, Any]:
        policy = self._edge.policy_copy.current()
        regions = self._edge.settings.text("SWEEP_REGIONS").split(",")
        account = self._edge.settings.text("HUB_ACCOUNT_ID")
        slices = running.request.slices(policy, account, regions)
        waiting = [one for one in slices if one.name not in running.done]
        rules = [r for r in running.request.chosen_rules() if r.id not in policy.disabled]
        self._stands(running, waiting)
        while waiting and enough_time():
            one = waiting.pop(0)
            with self._failures.kept(f"sweeping {one.name}"):
                self.one_slice(one, None if not running.request.rules else rules)
            with self._failures.kept(f"telling the gaps of {one.name}"):
                self._evaluation.finish()
            self._note(running.name, one.name, moment.text(clock.now()))
        unfinished = self._stands(running, waiting)
        self.summary.gaps += self._failures.texts()
        self._failures.raise_all(f"sweep {running.name} failed in part")
        return {"sweep": running.name, "unfinished": unfinished, **asdict(self.summary)}

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
                self._judge(kind, found.identity, found, started, chosen)
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
        with self._failures.kept(f"judging {identity.key}"):
            self.summary.add(self._evaluation.fresh(kind, identity, resource, started, rules))

    def _blind(
        self, kind: type[Resource], identity: Identity, why: str, rules: Sequence[Rule] | None
    ) -> None:
        self.summary.unread += 1
        chosen = catalog.rules_for(kind) if rules is None else rules
        verdicts = [
            Verdict(rule.id, identity, clock.now(), gap=why, from_read=True) for rule in chosen
        ]
        with self._failures.kept(f"storing that {identity.key} cannot be read"):
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
            found.subject
            for status in (Status.OPEN, Status.SUPPRESSED)
            for found in self._edge.store.by_status(status)
            if isinstance(found, Finding)
            and (found.subject.account, found.subject.region, found.subject.kind)
            == (one.account, one.region, one.kind)
            and found.subject.key not in seen
            and found.as_of < started
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

    def _note(self, name: str, key: str, body: str) -> None:
        self._edge.memory.put_note(f"sweep#{name}", key, body, clock.now() + KEPT)
