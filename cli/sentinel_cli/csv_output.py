"""Findings as CSV: one a line, every cell quoted, none that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from sentinel import escape

from sentinel_cli.report import Report

COLUMNS = (
    "severity",
    "verdict",
    "rule",
    "title",
    "resource",
    "account",
    "region",
    "eventTime",
    "eventName",
    "eventID",
    "actor",
    "sourceIPAddress",
    "evidence",
    "gap",
    "unread",
    "suppressed",
    "source",
    "record",
    "fingerprint",
)


def pieces(report: Report) -> Iterator[str]:
    """A header, then a line for each finding."""
    yield _line(list(COLUMNS))
    for found in report.ordered():
        yield _line([_cell(found.get(name, "")) for name in COLUMNS])


def _cell(value: Any) -> str:
    if isinstance(value, list | dict):
        value = json.dumps(value, default=str) if value else ""
    return escape.csv_cell(str(value))


def _line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return line.getvalue()
