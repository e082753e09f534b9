"""Sweeping: everything that exists is read and judged, slice by slice, and what is gone is closed.

What fails delays nothing else, and the summary says so. A sweep that runs out of time says what is
unfinished and goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sentinel import catalog
from sentinel.aws import clock
from sentinel.aws.edge import Edge
from sentinel.aws.evaluation import Evaluation
from sentinel.aws.failures import Failures
from sentinel.aws.live import Unread
from sentinel.aws.progress import Progress, Sweep
from sentinel.finding import Verdict
from sentinel.gap import Gap
from sentinel.judge import CannotRead
from sentinel.life import Finding, Status
from sentinel.policy import Policy
from sentinel.rule import Rule
from sentinel.subject import Identity, Resource
from sentinel.sweep import Request, Slice, Summary, about, outside

LEASE = timedelta(minutes=15)
EARLY = timedelta(minutes=1)
"""A slice that outlasted an invocation is begun again only so early that it has all of another."""
ATTEMPTS = 3
SHOWN, LENGTH = 100, 1000
"""How many texts of a kind an answer has, each of how many characters: Lambda takes 6 MB."""


class Busy(RuntimeError):
    """Another sweep is running."""


class TooLong(RuntimeError):
    """A slice outlasted every invocation that began it."""


class Sweeper:
    """Walks the slices of a sweep with the hub's rights."""

    def __init__(self, edge: Edge, holder: str) -> None:
        self._edge, self._holder = edge, holder
        self._evaluation = Evaluation(edge)
        self._progress = Progress(edge.memory, holder)
        self.failures = Failures()
        self.summary = Summary()

    def sweep(self, asked: Mapping[str, Any], enough_time: Callable[[], bool]) -> dict[str, Any]:
        """Walk what is asked for, or go on with ``{"resume": name}``; the answer is the summary.

        An unfinished sweep of the same request is gone on with, too. What failed on the way is in
        *failures* and in the summary's ``errors``. Raises BadRequest, and Busy while another sweep
        holds the lease: this one then waits to be resumed.
        """
        now = clock.now()
        running = self._started(asked)
        if not self._edge.memory.take("sweep", self._holder, now + LEASE, now):
            if not asked.get("resume"):
                self._progress.stands(running, unfinished=True)
            raise Busy("another sweep is running; this one begins by itself soon after it ends")
        try:
            return self._walk(running, enough_time)
        finally:
            self._edge.memory.give_back("sweep", self._holder)

    def _started(self, asked: Mapping[str, Any]) -> Sweep:
        name = asked.get("resume")
        if isinstance(name, str) and name:
            return self._progress.resumed(name)
        return self._progress.begun(Request.parse(asked))

    def _walk(self, running: Sweep, enough_time: Callable[[], bool]) -> dict[str, Any]:
        """Walk what is not done yet; what was begun and did not end comes after all others."""
        began = clock.now()
        policy = self._edge.policy_copy.current()
        slices = self._slices(running.request, policy)
        waiting = [one for one in slices if one.name not in running.done]
        waiting.sort(key=lambda one: running.attempts.get(one.name, 0))
        rules = [r for r in running.request.chosen_rules() if r.id not in policy.disabled]
        self._progress.stands(running, unfinished=bool(waiting))
        while waiting and enough_time():
            before = running.attempts.get(waiting[0].name, 0)
            if before and clock.now() - began > EARLY:
                break
            one = waiting.pop(0)
            with self.failures.kept(f"sweeping {one.name}"):
                self._attempt(running, one, before, rules)
            with self.failures.kept(f"telling the gaps of {one.name}"):
                self._evaluation.finish()
            self._progress.done(running, one)
        self._progress.stands(running, unfinished=bool(waiting))
        return self._answer(running, slices, waiting, policy)

    def _attempt(self, running: Sweep, one: Slice, before: int, rules: Sequence[Rule]) -> None:
        """Judge a slice, unless it was begun often enough."""
        if before >= ATTEMPTS:
            raise TooLong(f"it was begun {before} times, and outlasted the function each time")
        self._progress.attempted(running, one, before + 1)
        self.one_slice(one, None if not running.request.rules else rules)

    def _slices(self, request: Request, policy: Policy) -> list[Slice]:
        """The slices of a request. The hub's own Region is swept whatever the setting says."""
        named = self._edge.settings.text("SWEEP_REGIONS").split(",")
        regions = sorted({*(name.strip() for name in named), self._edge.region} - {""})
        return request.slices(policy, self._edge.settings.text("HUB_ACCOUNT_ID"), regions)

    def _answer(
        self, running: Sweep, slices: Sequence[Slice], waiting: Sequence[Slice], policy: Policy
    ) -> dict[str, Any]:
        """The summary, with the first of many texts, and how many there are."""
        not_swept: list[str] = []
        with self.failures.kept("looking for what is not swept"):
            not_swept = outside(self._slices(Request(), policy), self._known())
        told = asdict(self.summary)
        texts = {
            "unfinished": [one.name for one in waiting],
            "errors": self.failures.texts(),
            "gaps": told.pop("gaps"),
            "not_swept": not_swept,
        }
        return {
            "sweep": running.name,
            "regions": sorted({one.region for one in slices}),
            "done_before": len(running.done & {one.name for one in slices}),
            "totals": {name: len(every) for name, every in texts.items()},
            **{name: [text[:LENGTH] for text in every[:SHOWN]] for name, every in texts.items()},
            **told,
        }

    def _known(self) -> Iterator[tuple[str, str, str]]:
        """Account, Region and kind of whatever people were told of and that is not over."""
        for found in self._findings:
            yield found.subject.account, found.subject.region, found.subject.kind
        for gap in self._gaps:
            if gap.kind in catalog.subjects():
                yield gap.account, gap.region, gap.kind

    @cached_property
    def _findings(self) -> list[Finding]:
        """The findings that were not over when they were first asked for, read once for a run."""
        store = self._edge.store
        return [*store.findings(Status.OPEN), *store.findings(Status.SUPPRESSED)]

    @cached_property
    def _gaps(self) -> list[Gap]:
        """The gaps that were open when they were first asked for, read once for a run."""
        return list(self._edge.store.gaps(Status.OPEN))

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
        for found in self._findings:
            if one.holds(found.subject) and found.as_of < started:
                yield found.subject
        for gap in self._gaps:
            found_about = about(kind, gap)
            if found_about and one.holds(found_about) and gap.changed_at < started:
                yield found_about
