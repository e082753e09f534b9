"""Reads CloudTrail archives: any file people have in, the records that rules watch out.

`read_all(expand(paths), watch, strict=False, jobs=2)` yields one `FileResult` per file, in the
order of the paths. Nothing here judges; `work` lets the caller judge inside the worker process.
"""

from __future__ import annotations

from sentinel_cli.archive.engine import FASTEST, STANDARD, Engine
from sentinel_cli.archive.parse import Value, values
from sentinel_cli.archive.pool import read_all
from sentinel_cli.archive.records import FileResult, read
from sentinel_cli.archive.shapes import Record, Watch
from sentinel_cli.archive.sources import (
    Source,
    SourceError,
    UnreadableError,
    expand,
    load,
)

__all__ = [
    "FASTEST",
    "STANDARD",
    "Engine",
    "FileResult",
    "Record",
    "Source",
    "SourceError",
    "UnreadableError",
    "Value",
    "Watch",
    "expand",
    "load",
    "read",
    "read_all",
    "values",
]
