"""Crash points x schedules x faults: all that can go wrong, in every order, and what came of it.

Each scenario is recorded under each schedule; each call that its functions made is a point at which
each fault can happen. The seed chooses which of these cases are played, and plays them again.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.system.harness import Case, Result, cases, play_all, schedules
from tests.system.scenarios import SCENARIOS
from tests.system.stage import Stage, opened

DEFAULT_SAMPLE = 1_000
MINUTES = 14.0


@dataclass
class Outcome:
    """What came of the cases that were played, by kind of fault; "none" is a run without one."""

    played: Counter[str] = field(default_factory=Counter)
    without_effect: Counter[str] = field(default_factory=Counter)
    violated: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, result: Result) -> None:
        """Count a case, and say at once what it violates."""
        kind = case.fault.kind if case.fault else "none"
        self.played[kind] += 1
        self.without_effect[kind] += case.fault is not None and not result.fired
        self.violated[kind] += bool(result.violations)
        for violation in result.violations:
            print(f"{case}\n    {violation}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Play a sample of all cases and print what it came to; 1 when an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults", description=__doc__)
    parser.add_argument("--sample", type=int, default=DEFAULT_SAMPLE, help="how many cases")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="which cases")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="when to begin no more")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    asked = parser.parse_args(arguments)
    started = time.monotonic()
    outcome = Outcome()
    with opened() as stage:
        recorded = _recorded(stage, asked.jobs, outcome)
        wanted = [case for case in recorded if asked.only in str(case)]
        chosen = _until(started + 60 * asked.minutes, _chosen(wanted, asked.sample, asked.seed))
        for case, result in _played(stage, chosen, asked.jobs):
            outcome.add(case, result)
    _print(outcome, recorded, asked.seed, time.monotonic() - started)
    return 1 if outcome.violated.total() else 0


def _recorded(stage: Stage, jobs: int, outcome: Outcome) -> list[Case]:
    """Every case, from runs with no fault at all."""
    plain = [Case(s, schedule) for s in SCENARIOS for schedule in schedules(len(s.steps))]
    found: list[Case] = []
    for case, result in _played(stage, plain, jobs):
        outcome.add(case, result)
        found.extend(cases(case.scenario, case.schedule, result.points))
    return found


def _played(stage: Stage, chosen: Iterable[Case], jobs: int) -> Iterator[tuple[Case, Result]]:
    """Each case with what came of it; none is begun long before it is its turn."""
    names, begun = itertools.tee(chosen)
    return zip(names, play_all(stage, begun, jobs), strict=True)


def _chosen(every: list[Case], sample: int, seed: int) -> list[Case]:
    """A sample that the seed determines, as many of each kind of fault as there can be."""
    choice = random.Random(seed)
    by_kind: dict[str, list[Case]] = {}
    for case in choice.sample(every, len(every)):
        by_kind.setdefault(case.fault.kind if case.fault else "", []).append(case)
    chosen: list[Case] = []
    while by_kind and len(chosen) < sample:
        for kind in sorted(by_kind):
            chosen.append(by_kind[kind].pop())
            if not by_kind[kind]:
                del by_kind[kind]
    return chosen[:sample]


def _until(end: float, chosen: Iterable[Case]) -> Iterator[Case]:
    """The cases for which there is time."""
    for case in chosen:
        if time.monotonic() > end:
            return
        yield case


def _print(outcome: Outcome, recorded: list[Case], seed: int, seconds: float) -> None:
    there = Counter(case.fault.kind for case in recorded if case.fault)
    table = Table("fault", "cases", "played", "without effect", "violations", title="faults")
    for kind in ("none", *sorted(there)):
        counts = (outcome.played, outcome.without_effect, outcome.violated)
        cells = [f"{count[kind]:,}" for count in counts]
        table.add_row(kind, f"{there[kind]:,}" if kind in there else "", *cells)
    Console().print(table)
    points = len({(c.scenario.name, c.schedule.name, c.point) for c in recorded})
    orders = sum(len(schedules(len(scenario.steps))) for scenario in SCENARIOS)
    print(
        f"crash points {points:,} in {orders} schedules of {len(SCENARIOS)} scenarios"
        f" x faults {len(there)} = {len(recorded):,} cases;"
        f" {outcome.played.total():,} runs, {outcome.violated.total()} violations,"
        f" seed {seed}, {int(seconds // 60)} min {int(seconds % 60)} s"
    )
