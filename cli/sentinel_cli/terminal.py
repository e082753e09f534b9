"""The terminal: results to standard output, talk to standard error, colour where it is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any, TextIO

from sentinel_cli.failure import Failure

COLORS = {
    "CRITICAL": "1;31",
    "HIGH": "31",
    "MEDIUM": "33",
    "LOW": "36",
    "COULD NOT ASSESS": "35",
}
"""Each is one of the sixteen colours of a terminal: the reader's theme decides how it looks."""


class ClosedPipe(Exception):
    """Whoever read the output has gone: nothing is wrong, and nobody is there to be told."""


class Color(StrEnum):
    """When words are coloured."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Paint:
    """Repeats in colour what a word says."""

    enabled: bool = False

    def word(self, word: str) -> str:
        """A word in its colour, if it has one."""
        code = COLORS.get(word.strip())
        return f"\x1b[{code}m{word}\x1b[0m" if self.enabled and code else word


class _Pipe(FileIO):
    """A standard stream that says in a word of its own that its reader has gone.

    Typer and rich take a BrokenPipeError for themselves, and end with 1 as for a finding.
    """

    def write(self, data: Any, /) -> int:
        """Write bytes. Raises ClosedPipe."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise ClosedPipe from None


def prepare() -> None:
    """Let no character break a stream: what its encoding lacks is written as its code."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.flush()
            made = TextIOWrapper(
                BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False)),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, made)


def paint(choice: Color, stream: TextIO | None) -> Paint:
    """Colour as asked; else as NO_COLOR, FORCE_COLOR or, last, a person looking want it."""
    if choice is not Color.AUTO:
        return Paint(choice is Color.ALWAYS)
    forced = os.environ.get("FORCE_COLOR", "")
    if os.environ.get("NO_COLOR") or forced == "0":
        return Paint(False)
    knows_colors = os.environ.get("TERM") != "dumb"
    return Paint(bool(forced) or (knows_colors and stream is not None and stream.isatty()))


def write(pieces: Iterable[str]) -> None:
    """Write the result to standard output. Raises ClosedPipe, and Failure for a full disk."""
    # Python has no stream where the caller closed it, whatever its type says.
    stream: TextIO | None = sys.stdout
    if stream is None:
        raise Failure("standard output is closed; name a file with --out, or leave it open")
    try:
        for piece in pieces:
            stream.write(piece)
        stream.flush()
    except OSError as error:
        forget_output()
        raise Failure(f"cannot write the result: {error.strerror or error}") from None


def tell(line: str) -> None:
    """Say something beside the result, to nobody where standard error is closed.

    Raises ClosedPipe.
    """
    stream: TextIO | None = sys.stderr
    if stream is None:
        return
    print(line, file=stream, flush=True)


@contextmanager
def progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """Shows on standard error how many of all are done, while a person is looking."""
    stream: TextIO | None = sys.stderr
    if stream is None or not stream.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(doing)
        yield lambda done, of: shown.update(task, completed=done, total=of)


def forget_output() -> None:
    """Send what is still buffered nowhere, or Python complains at its end that nobody takes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def forget_everything() -> None:
    """Send nowhere what is still buffered for anybody."""
    forget_output()
    os.dup2(1, 2)
