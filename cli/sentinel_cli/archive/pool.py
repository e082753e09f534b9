"""Reads many files in several processes, and hands the results on in the order of the files.

Only few chunks of files are under way at a time, so memory does not grow with the archive. A worker
that dies costs the file that killed it; the other files of its chunk are read again.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar, overload

from sentinel_cli.archive.engine import FASTEST, Engine
from sentinel_cli.archive.records import FileResult, read
from sentinel_cli.archive.shapes import Watch
from sentinel_cli.archive.sources import Source, SourceError

T = TypeVar("T")

FILES_A_CHUNK = 4
CHUNKS_AHEAD_A_JOB = 3


def _unchanged(result: FileResult) -> FileResult:
    return result


@overload
def read_all(
    sources: Iterable[Source | SourceError],
    watch: Watch,
    *,
    strict: bool = ...,
    jobs: int = ...,
    engine: Engine = ...,
) -> Iterator[FileResult]: ...
@overload
def read_all(
    sources: Iterable[Source | SourceError],
    watch: Watch,
    *,
    work: Callable[[FileResult], T],
    strict: bool = ...,
    jobs: int = ...,
    engine: Engine = ...,
) -> Iterator[T]: ...
def read_all(
    sources: Iterable[Source | SourceError],
    watch: Watch,
    *,
    work: Callable[[FileResult], object] = _unchanged,
    strict: bool = False,
    jobs: int = 1,
    engine: Engine = FASTEST,
) -> Iterator[object]:
    """Yield `work(result)` for each source, in their order.

    `work` runs in the process that read the file and must be picklable, and so must what it
    returns; an exception that it raises reaches the caller. A SourceError among the sources comes
    out as a FileResult that holds it. `jobs` is the number of processes, 1 reads in this one.
    """
    task = _Task(watch, strict, engine, work)
    if jobs <= 1:
        yield from map(task.run, sources)
        return
    yield from _in_processes(list(sources), task, jobs)


class _Task:
    """What is done to each source; it travels to a worker once."""

    def __init__(
        self, watch: Watch, strict: bool, engine: Engine, work: Callable[[FileResult], object]
    ) -> None:
        self.watch, self.strict, self.engine, self.work = watch, strict, engine, work

    def run(self, source: Source | SourceError) -> object:
        if isinstance(source, SourceError):
            return self.work(FileResult(Source(source.source), errors=(source,)))
        return self.work(read(source, self.watch, strict=self.strict, engine=self.engine))


def _in_processes(
    sources: Sequence[Source | SourceError], task: _Task, jobs: int
) -> Iterator[object]:
    size = max(1, min(FILES_A_CHUNK, len(sources) // (jobs * 2)))
    chunks = iter([sources[start : start + size] for start in range(0, len(sources), size)])
    executor = _executor(task, jobs)
    waiting: deque[tuple[Sequence[Source | SourceError], Future[list[object]] | None]] = deque()
    try:
        while True:
            while len(waiting) < jobs * CHUNKS_AHEAD_A_JOB:
                chunk = next(chunks, None)
                if chunk is None:
                    break
                waiting.append((chunk, _submit(executor, chunk)))
            if not waiting:
                return
            chunk, future = waiting.popleft()
            if future is None:
                yield from map(task.run, chunk)
                continue
            try:
                yield from future.result()
            except BrokenProcessPool:
                executor.shutdown(wait=True, cancel_futures=True)
                yield from _one_by_one(chunk, task)
                # What was under way died with the pool; it is given to a new one.
                executor = _executor(task, jobs)
                for _ in range(len(waiting)):
                    again, _lost = waiting.popleft()
                    waiting.append((again, _submit(executor, again)))
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _submit(
    executor: ProcessPoolExecutor, chunk: Sequence[Source | SourceError]
) -> Future[list[object]] | None:
    """Hand a chunk to the pool; None if this process must read it, which has standard input."""
    if any(isinstance(source, Source) and source.is_standard_input for source in chunk):
        return None
    try:
        return executor.submit(_run_chunk, chunk)
    except BrokenProcessPool as error:
        # The pool broke between two submissions: the chunk fails as those under way do.
        broken: Future[list[object]] = Future()
        broken.set_exception(error)
        return broken


def _one_by_one(chunk: Sequence[Source | SourceError], task: _Task) -> Iterator[object]:
    executor = _executor(task, 1)
    try:
        for source in chunk:
            try:
                yield from executor.submit(_run_chunk, [source]).result()
            except BrokenProcessPool:
                executor.shutdown(wait=True)
                yield task.run(_died(source))
                executor = _executor(task, 1)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _died(source: Source | SourceError) -> SourceError:
    if isinstance(source, SourceError):
        return source
    return SourceError(
        source.name,
        "the process that read it died, perhaps for want of memory; "
        "try it alone with --jobs 1, or split the file",
    )


def _executor(task: _Task, jobs: int) -> ProcessPoolExecutor:
    # A forked worker has its imports already; elsewhere than on Linux forking is not safe.
    method = "fork" if sys.platform == "linux" else "spawn"
    return ProcessPoolExecutor(
        max_workers=jobs,
        mp_context=multiprocessing.get_context(method),
        initializer=_start_worker,
        initargs=(task,),
    )


_task: _Task | None = None


def _start_worker(task: _Task) -> None:
    global _task
    _task = task
    # What the parent imported never becomes garbage; looking at it would copy its memory.
    gc.freeze()
    # Ctrl-C goes to the whole process group: end at once and without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run_chunk(chunk: Sequence[Source | SourceError]) -> list[object]:
    if _task is None:
        raise RuntimeError("the worker was given files before its task")
    return [_task.run(source) for source in chunk]
