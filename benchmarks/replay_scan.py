"""Measures the archive reader against its limits: gunzip alone, JSON parsing, a naive reader.

Every figure is CPU time of one process, the median of interleaved rounds, so that a busy machine
disturbs all alike; absolute values are this machine's, the ratios count. All ways must find the
same records before anything is measured.

    python -m benchmarks.replay_scan [FOLDER] [ROUNDS]

FOLDER holds `.json.gz` files; without it a corpus of 200,000 records is generated.
"""

from __future__ import annotations

import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import deflate
import orjson
from isal import isal_zlib
from rich.console import Console
from rich.table import Table
from sentinel_cli.archive import (
    FASTEST,
    STANDARD,
    FileResult,
    Source,
    Watch,
    expand,
    read,
    read_all,
)
from sentinel_cli.archive.decompress import text_of
from sentinel_cli.archive.shapes import is_watched

from benchmarks import corpus

GZIP = 31
WATCH: Watch = {
    "bedrock-agentcore.amazonaws.com": None,
    "iam.amazonaws.com": frozenset(
        {
            "CreatePolicy",
            "CreatePolicyVersion",
            "CreateRole",
            "PutGroupPolicy",
            "PutRolePolicy",
            "PutUserPolicy",
            "UpdateAssumeRolePolicy",
        }
    ),
    "cloudtrail.amazonaws.com": frozenset({"DeleteTrail", "StartLogging", "StopLogging"}),
}
"""What ten rules watch; `sentinel replay` derives it from the rules themselves."""

HALF: Watch = dict.fromkeys(("s3.amazonaws.com", "kms.amazonaws.com", *WATCH))
"""Watches about half of the records of the synthetic corpus."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio of two medians that must be reached: `of` by `per`."""

    name: str
    what: str
    of: str
    per: str
    synthetic: float
    real: float | None = None


GOALS = (
    Goal("R1", "scan against orjson parse only", "orjson parse only (isal)", "scan", 5.0, 4.5),
    Goal("R2", "scan against gunzip only", "gunzip only (libdeflate)", "scan", 0.70, 0.55),
    Goal(
        "R3", "standard library's scan against naive", "naive: gzip + json", "scan, no extras", 3.5
    ),
    Goal("R5", "half the records watched, against strict", "strict, half watched", "half", 1.0),
)


def pipelines(paths: list[Path]) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name; each reads every file from disk."""
    sources = [Source(str(path)) for path in paths]

    def each_file(work: Callable[[bytes], object]) -> Callable[[], None]:
        def run() -> None:
            for path in paths:
                work(path.read_bytes())

        return run

    def each_source(watch: Watch = WATCH, **how: object) -> Callable[[], None]:
        def run() -> None:
            for source in sources:
                read(source, watch, **how)  # type: ignore[arg-type]

        return run

    return {
        "gunzip only (libdeflate)": each_file(deflate.gzip_decompress),
        "gunzip only (zlib)": each_file(lambda data: zlib.decompress(data, GZIP)),
        "orjson parse only (isal)": each_file(
            lambda data: orjson.loads(isal_zlib.decompress(data, GZIP))
        ),
        "naive: gzip + json": each_file(naive),
        "scan": each_source(),
        "scan, no extras": each_source(engine=STANDARD),
        "strict": each_source(strict=True),
        "half": each_source(HALF),
        "strict, half watched": each_source(HALF, strict=True),
    }


def naive(data: bytes) -> list[Mapping[str, object]]:
    """Read a log file as a script would."""
    records = json.loads(gzip.decompress(data))["Records"]
    return [record for record in records if is_watched(record, WATCH)]


def medians(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each way over interleaved rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            seconds[name].append(time.process_time() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}


def assert_same(paths: list[Path]) -> tuple[int, int]:
    """Check that all ways agree; return the number of all and of watched records."""
    total = watched = 0
    for path in paths:
        source = Source(str(path))
        result = read(source, WATCH)
        for strict, engine in ((True, FASTEST), (False, STANDARD), (True, STANDARD)):
            assert read(source, WATCH, strict=strict, engine=engine) == result, path
        assert [record for _, record in result.records] == naive(path.read_bytes()), path
        total += result.total
        watched += len(result.records)
    return total, watched


def assert_truth(folder: Path, paths: list[Path]) -> int:
    """Check that every violation of the corpus is among the records that are cut out."""
    truth = folder / "truth.json"
    if not truth.is_file():
        return 0
    wanted = {event for events in json.loads(truth.read_bytes()).values() for event in events}
    found = {
        str(record["eventID"])
        for path in paths
        for _, record in read(Source(str(path)), WATCH).records
    }
    assert wanted <= found
    return len(wanted)


def _count(result: FileResult) -> int:
    return result.total


def wall_seconds(folder: Path, jobs: int, rounds: int) -> float:
    """Return the median wall seconds of reading a folder with so many processes."""
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        sum(read_all(expand([str(folder)]), WATCH, jobs=jobs, work=_count))
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def peak_megabytes(paths: list[Path]) -> float:
    """Return by how many MB reading the files raises the peak memory of a fresh process."""
    program = (
        "import sys\n"
        "from benchmarks.replay_scan import WATCH\n"
        "from sentinel_cli.archive import Source, read\n"
        "def peak():\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "begun = peak()\n"
        "for path in sys.argv[1:]: read(Source(path), WATCH)\n"
        "print(peak() - begun)\n"
    )
    command = [sys.executable, "-c", program, *map(str, paths)]
    finished = subprocess.run(command, capture_output=True, check=True, text=True)
    return int(finished.stdout) * 1024 / 1e6


def report(folder: Path, rounds: int) -> None:
    """Measure one folder and print its tables."""
    console = Console(width=100)
    paths = sorted(folder.rglob("*.json.gz"))
    total, watched = assert_same(paths)
    violations = assert_truth(folder, paths)
    texts = [text_of(path.read_bytes(), FASTEST) for path in paths]
    size, largest = sum(map(len, texts)), max(map(len, texts))
    del texts
    console.print(
        f"{len(paths)} files, {total:,} records, {watched:,} watched, {violations} known "
        f"violations found, {size / 1e6:,.0f} MB; "
        "the same by scan, strict, standard library and naive reader"
    )
    seconds = medians(pipelines(paths), rounds)
    table = Table("way", "CPU ms", "MB/s", "records/ms", title=f"median of {rounds} rounds")
    for name, spent in seconds.items():
        speed = f"{size / spent / 1e6:,.0f}"
        table.add_row(name, f"{spent * 1e3:,.1f}", speed, f"{total / spent / 1e3:,.0f}")
    console.print(table)
    goals = Table("goal", "what", "aim", "measured", "reached", title="ratios")
    real = not violations
    for goal in GOALS:
        aim = goal.real if real else goal.synthetic
        if aim is None or (real and goal.name == "R5"):
            continue
        ratio = seconds[goal.of] / seconds[goal.per]
        goals.add_row(goal.name, goal.what, f">= {aim}", f"{ratio:.2f}", _yes(ratio >= aim))
    if not real:
        ratio = wall_seconds(folder, 1, rounds) / wall_seconds(folder, 2, rounds)
        goals.add_row("R6", "two processes (wall)", ">= 1.6", f"{ratio:.2f}", _yes(ratio >= 1.6))
        peak, few = peak_megabytes(paths), peak_megabytes(paths[: len(paths) // 4])
        limit = 20 * largest / 1e6 + 30
        what = f"peak memory, MB (a quarter of the files: {few:.0f})"
        goals.add_row("R6", what, f"<= {limit:.0f}", f"{peak:.0f}", _yes(peak <= limit))
    console.print(goals)


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"


def main(arguments: Iterable[str]) -> None:
    folder, rounds = ([*arguments, "", ""])[:2]
    if folder:
        report(Path(folder), int(rounds or 5))
        return
    with tempfile.TemporaryDirectory() as created:
        corpus.write(Path(created))
        report(Path(created), int(rounds or 5))


if __name__ == "__main__":
    main(sys.argv[1:])
