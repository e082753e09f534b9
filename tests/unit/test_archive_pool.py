"""Reading with several processes: same order, bounded, and no death goes unsaid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sentinel_cli.archive import FileResult, Source, SourceError, expand, read_all
from sentinel_cli.archive import pool as archive_pool

WATCH = {"iam.amazonaws.com": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(60):
        record = {"eventVersion": "1", "eventSource": "iam.amazonaws.com", "eventName": str(number)}
        (tmp_path / f"{number:02}.json").write_text(json.dumps({"Records": [record] * number}))
    return tmp_path


def die_on_seven(result: FileResult) -> str:
    if result.source.name.endswith("07.json") and not result.errors:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{Path(result.source.name).name}: {result.total}" + "".join(
        error.message for error in result.errors
    )


def refuse(result: FileResult) -> None:
    raise LookupError(result.source.name)


@pytest.mark.parametrize("strict", [False, True])
def test_results_come_in_the_order_of_the_files_whatever_the_number_of_processes(
    folder: Path, strict: bool
) -> None:
    one = list(read_all(expand([str(folder)]), WATCH, strict=strict))
    assert [len(result.records) for result in one] == list(range(60))
    assert list(read_all(expand([str(folder)]), WATCH, strict=strict, jobs=3)) == one


def test_a_source_error_comes_out_in_its_place(folder: Path) -> None:
    paths = [str(folder / "01.json"), str(folder / "gone"), str(folder / "02.json")]
    for jobs in (1, 2):
        results = list(read_all(expand(paths), WATCH, jobs=jobs))
        assert [result.total for result in results] == [1, 0, 2]
        assert "does not exist" in results[1].errors[0].message


def test_a_worker_that_dies_costs_the_file_that_killed_it_and_no_other(folder: Path) -> None:
    results = list(read_all(expand([str(folder)]), WATCH, jobs=2, work=die_on_seven))
    expected = [f"{number:02}.json: {number}" for number in range(60)]
    assert results[:7] + results[8:] == expected[:7] + expected[8:]
    assert results[7].startswith("07.json: 0the process that read it died")


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_of_the_caller_s_work_reaches_the_caller(folder: Path, jobs: int) -> None:
    with pytest.raises(LookupError, match=r"00\.json"):
        list(read_all(expand([str(folder)]), WATCH, jobs=jobs, work=refuse))


def test_only_few_chunks_are_under_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = 0
    submit = archive_pool._submit

    def counting(*arguments: object) -> object:
        nonlocal submitted
        submitted += 1
        return submit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(archive_pool, "_submit", counting)
    monkeypatch.setattr(archive_pool, "FILES_A_CHUNK", 1)
    results: Iterator[FileResult] = read_all(expand([str(folder)]), WATCH, jobs=2)
    next(results)
    assert submitted <= 2 * archive_pool.CHUNKS_AHEAD_A_JOB
    list(results)
    assert submitted == 60


def test_standard_input_is_read_by_this_process(folder: Path) -> None:
    program = (
        "from sentinel_cli.archive import *\n"
        f"sources = expand(['-', {str(folder)!r}])\n"
        "results = list(read_all(sources, {'iam.amazonaws.com': None}, jobs=2))\n"
        "print(results[0].source.name, results[0].total, sum(r.total for r in results))"
    )
    data = json.dumps([{"eventSource": "iam.amazonaws.com"}] * 5)
    finished = subprocess.run(
        [sys.executable, "-c", program], input=data, capture_output=True, text=True, check=True
    )
    assert finished.stdout.split() == ["-", "5", str(5 + sum(range(60)))]


def test_an_interrupt_ends_all_processes_quietly(folder: Path) -> None:
    program = (
        "import time, sys\n"
        "from sentinel_cli.archive import *\n"
        "def slow(result):\n"
        "    print('reading', flush=True)\n"
        "    time.sleep(30)\n"
        "try:\n"
        f"    list(read_all(expand([{str(folder)!r}]), {{}}, jobs=2, work=slow))\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("reading")
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=20)
    assert (process.returncode, messages) == (130, "")
    assert time.monotonic() - begun < 10
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_an_error_without_a_file_is_handed_on() -> None:
    (result,) = read_all([SourceError("x", "why")], WATCH)
    assert result == FileResult(Source("x"), errors=(SourceError("x", "why"),))
