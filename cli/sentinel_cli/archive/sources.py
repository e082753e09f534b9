"""Finds the files that the paths of a command mean, and reads one of them whole.

A path is a file, a folder, a glob or `-` for standard input. What cannot be read becomes a
`SourceError` in its place, so that one bad path hides nothing of the others.
"""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, TextIO

ARCHIVE_SUFFIXES = (".json", ".jsonl", ".ndjson")
"""What is taken from a folder, plain or with `.gz`. A file that is named is read whatever it is
called; other logs (`.log`, `.txt`, `.csv`) that lie beside an archive are not CloudTrail's."""

LARGEST_FILE = 512 * 1024 * 1024
"""Bytes of one file, before and after decompression. CloudTrail's own files stay under 50 MB."""

STANDARD_INPUT = "-"
_BLOCK = 4 * 1024 * 1024


class UnreadableError(Exception):
    """A file cannot be read: *what* is wrong, and what was *expected* instead or is to be done."""

    def __init__(self, what: str, *, expected: str = "") -> None:
        super().__init__(f"{what}; expected {expected}" if expected else what)
        self.what, self.expected = what, expected

    def told(self, expected: str) -> str:
        """The message to a reader that expects something else than CloudTrail's records."""
        return f"{self.what}; expected {expected}" if self.expected else str(self)


@dataclass(frozen=True, slots=True)
class SourceError:
    """What could not be read, and why: `source` is a path, `path:line`, or `-`."""

    source: str
    message: str


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read; `name` is what people see, `-` is standard input."""

    name: str

    @property
    def is_standard_input(self) -> bool:
        return self.name == STANDARD_INPUT

    @property
    def is_json_lines(self) -> bool:
        """Does the name promise one record a line?"""
        return self.name.removesuffix(".gz").endswith((".jsonl", ".ndjson"))


def expand(paths: Sequence[str]) -> Iterator[Source | SourceError]:
    """Yield the files that `paths` mean, each once: paths as given, folders in sorted order."""
    seen: set[str] = set()
    for path in paths:
        for found in _expand_one(path):
            if isinstance(found, SourceError):
                yield found
                continue
            key = found.name if found.is_standard_input else str(Path(found.name).absolute())
            if key not in seen:
                seen.add(key)
                yield found


def load(source: Source) -> bytes:
    """Return the file's bytes as they lie there; raise UnreadableError over `LARGEST_FILE`."""
    try:
        if source.is_standard_input:
            # Python has no stream where the caller closed it, whatever its type says.
            stdin: TextIO | None = sys.stdin
            if stdin is None:
                raise UnreadableError("standard input is closed; name a file, or pipe one in")
            data = _read_capped(stdin.buffer)
        else:
            with FileIO(source.name) as stream:
                data = _read_capped(stream)
    except PermissionError:
        raise UnreadableError("no permission to read it; change its mode or your user") from None
    except IsADirectoryError:
        raise UnreadableError("it is a folder; expected a file") from None
    except FileNotFoundError:
        raise UnreadableError("it no longer exists; it was there when the paths were listed") from (
            None
        )
    except OSError as error:
        raise UnreadableError(f"reading failed: {error.strerror or error}") from error
    if len(data) > LARGEST_FILE:
        raise UnreadableError(
            f"it is larger than {LARGEST_FILE // 1024**2} MiB; split it into smaller files"
        )
    if not data:
        raise UnreadableError("it is empty", expected="CloudTrail records in JSON, plain or gzip")
    return data


def _read_capped(stream: BinaryIO) -> bytes:
    """Read all of a stream, or a little over `LARGEST_FILE` of it."""
    status = os.fstat(stream.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_FILE:
        return stream.read()
    # A pipe or a device does not say how long it is.
    parts, size = [], 0
    while size <= LARGEST_FILE and (part := stream.read(_BLOCK)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _expand_one(path: str) -> Iterator[Source | SourceError]:
    if path == STANDARD_INPUT:
        yield Source(path)
        return
    try:
        if Path(path).is_dir():
            yield from _walk(path)
        elif Path(path).exists():
            yield Source(path)
        elif glob.has_magic(path):
            yield from _match(path)
        else:
            yield SourceError(path, "it does not exist; expected a file, a folder, a glob or -")
    except (OSError, ValueError) as error:
        # A null byte, a name that is too long, a folder that may not be searched.
        yield SourceError(path, f"it cannot be looked up: {error}; check the path and its rights")


def _match(pattern: str) -> Iterator[Source | SourceError]:
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute patterns too
    if not matches:
        yield SourceError(pattern, "no file matches; quote the glob, or name a file or folder")
    for match in matches:
        if Path(match).is_dir():
            # `**` names the folders as well as what lies in them.
            if "**" not in pattern:
                yield from _walk(match)
        else:
            yield Source(match)


def _walk(folder: str) -> Iterator[Source | SourceError]:
    refused: list[SourceError] = []

    def refuse(error: OSError) -> None:
        reason = error.strerror or str(error)
        refused.append(SourceError(str(error.filename), f"the folder cannot be listed: {reason}"))

    found = False
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            if name.removesuffix(".gz").endswith(ARCHIVE_SUFFIXES):
                found = True
                yield Source(str(Path(parent, name)))
    yield from refused
    if not found and not refused:
        expected = ", ".join(ARCHIVE_SUFFIXES)
        yield SourceError(
            folder,
            f"the folder holds no archive; expected files ending in {expected}, or these with .gz",
        )
