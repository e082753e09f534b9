"""Writes a report in the format that was asked for, to standard output or to a file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_cli import terminal
from sentinel_cli.failure import Failure
from sentinel_cli.terminal import Paint

if TYPE_CHECKING:
    from sentinel_cli.report import Report


class Format(StrEnum):
    """How a report is written; text is for people and may change, the others may not."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    SARIF = "sarif"


def pieces(
    report: Report,
    form: Format,
    paint: Paint,
    ending: str,
    table: Iterable[str] | None = None,
) -> Iterator[str]:
    """The report, piece by piece. *ending* is the last line of the text, *table* is a sweep's."""
    if form is Format.TEXT:
        from sentinel_cli import text

        yield from text.pieces(report, paint, table)
        yield f"{ending}\n"
    elif form is Format.JSON:
        yield f"{json_text(report.document())}\n"
    elif form is Format.JSONL:
        yield from (f"{json.dumps(found, default=str)}\n" for found in report.ordered())
    elif form is Format.CSV:
        from sentinel_cli import csv_output

        yield from csv_output.pieces(report)
    else:
        from sentinel_cli import sarif

        yield f"{json_text(sarif.document(report))}\n"


def json_text(document: Any) -> str:
    """JSON in ASCII, so that no stream's encoding can break it."""
    return json.dumps(document, indent=2, default=str)


def deliver(text: Iterable[str], out: Path | None) -> None:
    """Write pieces to a file, or to standard output. Raises Failure when it cannot be written.

    The file is written beside itself and renamed, so that a full disk leaves no half of it.
    """
    if out is None:
        terminal.write(text)
        return
    unfinished: Path | None = None
    try:
        number, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
        unfinished = Path(name)
        with os.fdopen(
            number, "w", encoding="utf-8", errors="backslashreplace", newline=""
        ) as file:
            file.writelines(text)
        unfinished.chmod(0o666 & ~_umask())
        unfinished.replace(out)
    except OSError as error:
        if unfinished:
            unfinished.unlink(missing_ok=True)
        raise Failure(f"cannot write {out}: {error.strerror or error}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
