"""The terminal: results to standard output, talk to standard error, colour where it is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import TextIOWrapper
from typing import TextIO

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


def prepare() -> None:
    """Let no character break a stream: what its encoding lacks is written as its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def paint(choice: Color, stream: TextIO) -> Paint:
    """Colour as asked; else as NO_COLOR, FORCE_COLOR or, last, a person looking want it."""
    if choice is not Color.AUTO:
        return Paint(choice is Color.ALWAYS)
    if os.environ.get("NO_COLOR"):
        return Paint(False)
    return Paint(bool(os.environ.get("FORCE_COLOR")) or stream.isatty())


def write(pieces: Iterable[str]) -> None:
    """Write the result to standard output. Raises ClosedPipe."""
    try:
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ClosedPipe from None


def tell(line: str) -> None:
    """Say something beside the result."""
    try:
        print(line, file=sys.stderr, flush=True)
    except BrokenPipeError:
        raise ClosedPipe from None


@contextmanager
def progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """Shows on standard error how many of all are done, while a person is looking."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(doing)
        yield lambda done, of: shown.update(task, completed=done, total=of)


def forget_output() -> None:
    """Send what is still buffered nowhere, or Python complains about the closed pipe at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
