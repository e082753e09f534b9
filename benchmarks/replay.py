"""Measures `sentinel replay` against its limits: gunzip alone, JSON parsing, a naive script.

Exactness comes first: the findings of the real rules equal the known answers, and the strict mode
and two processes give the same findings and summary. Then every way reads the same files in
interleaved rounds; a figure is the median CPU time of one process, so that a busy machine disturbs
all alike. Absolute values are this machine's: the ratios count, and stand beside their goals.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deflate
import orjson
from isal import isal_zlib
from rich.console import Console
from rich.table import Table
from sentinel.finding import Outcome
from sentinel.policy import Policy
from sentinel_cli.archive import FASTEST, STANDARD, Engine, Source, read
from sentinel_cli.archive.shapes import is_watched
from sentinel_cli.replay import Sift, replay, watch

from benchmarks import replay_archives
from benchmarks.replay_archives import Archive

DATA = Path(__file__).parents[2] / "shared" / "data"
SENTINEL = Path(sys.executable).with_name("sentinel")
GZIP = 31
WATCH = watch()
MEGABYTE = 1e6

Way = Callable[[Path], object]


def hunt(*, strict: bool = False, engine: Engine = FASTEST) -> Way:
    """Read the watched records, as `sentinel replay` does."""
    return lambda path: read(Source(str(path)), WATCH, strict=strict, engine=engine)


def naive(path: Path) -> list[Mapping[str, Any]]:
    """Read the watched records as a script would."""
    records = json.loads(gzip.decompress(path.read_bytes()))["Records"]
    return [record for record in records if is_watched(record, WATCH)]


def judged(path: Path) -> object:
    """Read and judge."""
    return Sift(Policy())(read(Source(str(path)), WATCH))


WAYS: dict[str, Way] = {
    "gunzip only (libdeflate)": lambda path: deflate.gzip_decompress(path.read_bytes()),
    "gunzip only (zlib)": lambda path: zlib.decompress(path.read_bytes(), GZIP),
    "orjson parse only (isal)": lambda path: orjson.loads(
        isal_zlib.decompress(path.read_bytes(), GZIP)
    ),
    "naive: gzip + json": naive,
    "hunt": hunt(),
    "hunt and judge": judged,
    "hunt, no extras": hunt(engine=STANDARD),
    "strict": hunt(strict=True),
}


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio that must be reached: the time of `of` by the time of `per`."""

    name: str
    what: str
    of: str
    per: str
    aim: float


R1 = "R1", "hunt against orjson parse only", "orjson parse only (isal)", "hunt"
R2 = "R2", "hunt against gunzip only", "gunzip only (libdeflate)", "hunt"
GENERATED_GOALS = (
    Goal(*R1, 5.0),
    Goal(*R2, 0.70),
    Goal("R3", "no extras, against naive", "naive: gzip + json", "hunt, no extras", 3.5),
)
ONE_PERCENT_GOALS = (Goal("R5", *R1[1:], 3.0),)
HALF_GOALS = (Goal("R5", "hunt against strict", "strict", "hunt", 1.0),)
REAL_GOALS = (Goal(*R1, 4.5), Goal(*R2, 0.55))
PROCESSES_AIM = 1.6


def medians(archive: Archive, names: Sequence[str], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each way over interleaved rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in names}
    # What is imported here and not there must not slow the collector down.
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name in names:
            begun = time.process_time()
            for path in archive.paths * archive.times:
                WAYS[name](path)
            seconds[name].append(time.process_time() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}


def document(paths: Sequence[Path], *, strict: bool = False, jobs: int = 1) -> dict[str, Any]:
    """Return what `sentinel replay -o json` prints for some files or folders."""
    return replay([str(path) for path in paths], Policy(), strict=strict, jobs=jobs).document()


def check(archive: Archive) -> dict[str, Any]:
    """Check the findings against the known answers, and return the summary."""
    found = document(archive.paths)
    violations: dict[str, list[str]] = defaultdict(list)
    for finding in found["findings"]:
        if finding["verdict"] == Outcome.VIOLATION.value:
            violations[finding["rule"]].append(finding["eventID"])
    answers = {rule: sorted(events) for rule, events in violations.items()}
    assert answers == replay_archives.truth(archive), "the findings differ from the known answers"
    check_same(archive.paths, found)
    summary: dict[str, Any] = found["summary"]
    return summary


def check_same(paths: Sequence[Path], found: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Check that strict mode and two processes give the same document, and return it."""
    fast = document(paths) if found is None else dict(found)
    assert document(paths, strict=True) == fast, "the strict mode finds something else"
    assert document(paths, jobs=2) == fast, "two processes find something else"
    return fast


def wall_seconds(archive: Archive, rounds: int) -> dict[int, float]:
    """Return the median wall seconds of a replay with one and with two processes."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for jobs, taken in seconds.items():
            begun = time.perf_counter()
            document(archive.paths, jobs=jobs)
            taken.append(time.perf_counter() - begun)
    return {jobs: statistics.median(taken) for jobs, taken in seconds.items()}


def command_seconds(folder: Path, jobs: int, rounds: int) -> float:
    """Return the median wall seconds of the whole command, start to end."""
    command = [str(SENTINEL), "replay", str(folder), "-o", "json", "--jobs", str(jobs)]
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        finished = subprocess.run(command, capture_output=True, check=False)
        seconds.append(time.perf_counter() - begun)
        # 1: findings, as there must be; 3: only what could not be assessed.
        assert finished.returncode in (1, 3), finished.stderr.decode()
    return statistics.median(seconds)


def peak_megabytes(paths: Sequence[Path]) -> float:
    """Return the peak memory of a fresh process that replays some files."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from benchmarks.replay import document\n"
        "document([Path(path) for path in sys.argv[1:]])\n"
        "status = Path('/proc/self/status').read_text().splitlines()\n"
        "print(next(line.split()[1] for line in status if line.startswith('VmHWM')))\n"
    )
    command = [sys.executable, "-c", program, *map(str, paths)]
    finished = subprocess.run(command, capture_output=True, check=True, text=True)
    return int(finished.stdout) * 1024 / MEGABYTE


class Tables:
    """What is printed: the times of each archive, then all goals."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.console = Console(width=100)
        self._goals = Table("goal", "archive", "what", "aim", "measured", "reached", title="goals")

    def measure(self, archive: Archive, goals: Sequence[Goal], *, all_ways: bool = False) -> None:
        """Time the ways that the goals compare, or all ways, and print them."""
        compared = [way for goal in goals for way in (goal.of, goal.per)]
        names = [name for name in WAYS if all_ways or name in compared]
        seconds = medians(archive, names, self.rounds)
        size = sum(map(len, archive.texts()))
        title = f"{archive.name}: {len(archive.paths)} files, {size / MEGABYTE:,.0f} MB"
        table = Table("way", "CPU ms", "MB/s", title=title)
        for name, spent in seconds.items():
            speed = size * archive.times / spent / MEGABYTE
            table.add_row(name, f"{spent / archive.times * 1e3:,.1f}", f"{speed:,.0f}")
        self.console.print(table)
        for goal in goals:
            ratio = seconds[goal.of] / seconds[goal.per]
            aim = f">= {goal.aim:.2f}"
            self.goal(goal.name, archive, goal.what, aim, f"{ratio:.2f}", ratio >= goal.aim)

    def measure_processes(self, archive: Archive, folder: Path) -> None:
        """Time two processes against one, and the whole command; measure the memory."""
        wall = wall_seconds(archive, self.rounds)
        ratio = wall[1] / wall[2]
        what = f"two processes (wall {wall[1]:.2f} s, {wall[2]:.2f} s)"
        self.goal("R6", archive, what, ">= 1.60", f"{ratio:.2f}", ratio >= PROCESSES_AIM)
        largest = max(map(len, archive.texts())) / MEGABYTE
        idle = peak_megabytes([])
        few = peak_megabytes(archive.paths[: len(archive.paths) // 4]) - idle
        peak, limit = peak_megabytes(archive.paths) - idle, 20 * largest + 30
        what = f"peak memory above idle, MB (a quarter: {few:.0f})"
        self.goal("R6", archive, what, f"<= {limit:.0f}", f"{peak:.0f}", peak <= limit)
        for jobs in (1, 2):
            spent = command_seconds(folder, jobs, self.rounds)
            self.console.print(f"sentinel replay --jobs {jobs}: {spent:.2f} s from start to end")

    def goal(
        self, name: str, archive: Archive, what: str, aim: str, measured: str, reached: bool
    ) -> None:
        """Add a figure beside its goal."""
        self._goals.add_row(name, archive.name, what, aim, measured, "yes" if reached else "NO")

    def finish(self) -> None:
        """Print the goals, and how busy the machine was: wall times suffer from it."""
        self.console.print(self._goals)
        load, processors = os.getloadavg()[0], os.cpu_count()
        self.console.print(f"load {load:.1f} on {processors} processors; {self.rounds} rounds")


def run(folder: Path, options: argparse.Namespace) -> None:
    """Check and measure all archives, which are kept in `folder`."""
    tables = Tables(options.rounds)
    few = replay_archives.generated(folder, options.records, options.rate, options.seed)
    others = max(1, options.records // 5)
    more = replay_archives.generated(folder, others, 0.01, options.seed)
    half = replay_archives.generated(folder, others, 0.5, options.seed)
    for archive in (few, more, half):
        summary = check(archive)
        tables.console.print(
            f"{archive.name}: {summary['records']:,} records, {summary['judged']:,} judged; "
            "findings equal the known answers, by hunt, strict and two processes"
        )
    tables.measure(few, GENERATED_GOALS, all_ways=True)
    tables.measure(more, ONE_PERCENT_GOALS)
    tables.measure(half, HALF_GOALS)
    if options.data.is_dir():
        found = check_same([options.data / "cloudtrail"])["summary"]
        tables.console.print(
            f"{options.data.name}: {found['records']:,} records, {found['judged']:,} judged, "
            f"{len(found['errors'])} errors; the same by hunt, strict and two processes"
        )
        files = replay_archives.real(options.data)
        tables.measure(replay_archives.joined(folder, files), REAL_GOALS)
        tables.measure(files, REAL_GOALS)
    else:
        tables.console.print(f"real data: not measured, {options.data} is absent")
    tables.measure_processes(few, few.folder)
    tables.finish()


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 also when a goal is missed, since ratios are read, not asserted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks replay", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a folder that keeps the generated archives")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with real trails")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rate", type=float, default=0.001, help="the share of relevant records")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    if options.corpus:
        run(options.corpus, options)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), options)
    return 0
