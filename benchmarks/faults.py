"""Crash points x schedules x faults: all that can go wrong, in every order, and what came of it.

Each scenario is recorded under each schedule; each call that its functions made is a point at which
each fault can happen. The seed chooses which of these cases are played, and plays them again.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter

from tests.system.harness import Case, cases, play_all, schedules
from tests.system.scenarios import SCENARIOS
from tests.system.stage import Stage, opened

DEFAULT_SAMPLE = 1_000


def main(arguments: list[str]) -> int:
    """Play a sample of all cases and print what it came to; 1 when an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults", description=__doc__)
    parser.add_argument("--sample", type=int, default=DEFAULT_SAMPLE, help="how many cases")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="which cases")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    asked = parser.parse_args(arguments)
    started = time.monotonic()
    with opened() as stage:
        recorded, clean = _recorded(stage, asked.jobs)
        wanted = [case for case in recorded if asked.only in str(case)]
        chosen = _chosen(wanted, asked.sample, asked.seed)
        wrong, unfired = _played(stage, chosen, asked.jobs)
    points = len({(c.scenario.name, c.schedule.name, c.point) for c in recorded})
    kinds = Counter(case.fault.kind for case in chosen if case.fault)
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    print(
        f"crash points {points} in {_schedules()} schedules of {len(SCENARIOS)} scenarios"
        f" x faults {len(kinds)} = {len(recorded):,} cases; {len(chosen):,} played,"
        f" {unfired} without effect, {wrong + clean} violations,"
        f" seed {asked.seed}, {minutes} min {seconds} s"
    )
    for kind, count in sorted(kinds.items()):
        print(f"  {count:6,} x {kind}")
    return 1 if wrong or clean else 0


def _schedules() -> int:
    return sum(len(schedules(len(scenario.steps))) for scenario in SCENARIOS)


def _recorded(stage: Stage, jobs: int) -> tuple[list[Case], int]:
    """Every case, and how many schedules violate an invariant with no fault at all."""
    plain = [Case(s, schedule) for s in SCENARIOS for schedule in schedules(len(s.steps))]
    found: list[Case] = []
    wrong = 0
    for case, result in zip(plain, play_all(stage, plain, jobs), strict=True):
        wrong += bool(result.violations)
        _print(case, result.violations)
        found.extend(cases(case.scenario, case.schedule, result.points))
    return found, wrong


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


def _played(stage: Stage, chosen: list[Case], jobs: int) -> tuple[int, int]:
    wrong = unfired = 0
    for case, result in zip(chosen, play_all(stage, chosen, jobs), strict=True):
        wrong += bool(result.violations)
        unfired += not result.fired
        _print(case, result.violations)
    return wrong, unfired


def _print(case: Case, violations: tuple[str, ...]) -> None:
    for violation in violations:
        print(f"{case}\n    {violation}", file=sys.stderr, flush=True)
