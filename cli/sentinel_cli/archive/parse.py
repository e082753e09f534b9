"""Turns text into JSON values: one document, JSON Lines, or documents one after the other.

Values are the same with every engine: what the fast parser refuses, the standard library decides.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sentinel.escape import whole_characters

from sentinel_cli.archive.engine import Engine, Text, integer, standard_loads
from sentinel_cli.archive.sources import UnreadableError

MOST_ERRORS = 20
"""Bad lines that are named one by one; the rest of them are counted."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_DIGITS = bytes(0x30 if chr(byte) in "0123456789" else 0x20 for byte in range(256))
_LONG_RUN = b"0" * 19
_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Value:
    """One JSON value; `line` is its 1-based line in JSON Lines, else 0."""

    line: int
    content: Any


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of JSON Lines that is not JSON."""

    line: int
    message: str


def values(text: Text, engine: Engine, *, json_lines: bool = False) -> list[Value | BadLine]:
    """Return the JSON values of a text in their order.

    `json_lines`: the file's name promises one value a line. Without it a text that is one
    document is one value; else lines count if most of them are JSON by themselves; else the text
    must be documents one after the other, as `jq` and Firehose write them.
    Raises UnreadableError when it is none of these, or is nested too deep.
    """
    text = _as_utf8(text)
    if not text.strip():
        raise UnreadableError("only white space is in it", expected="CloudTrail records in JSON")
    try:
        if not json_lines:
            try:
                return [Value(0, parse(text, engine))]
            except json.JSONDecodeError:
                # Several documents, or none: the next two readings tell.
                pass
        lines = list(_lines(text, engine))
        if _are_json_lines(lines, promised=json_lines):
            return lines
        return [Value(0, content) for content in _stream(_decoded(text))]
    except RecursionError:
        raise UnreadableError(
            "it is nested too deep for a JSON parser; CloudTrail nests under 20 levels"
        ) from None
    except json.JSONDecodeError as error:
        hint = "" if text.rstrip().endswith((b"}", b"]")) else " (it may be cut off)"
        raise UnreadableError(
            f"it is not JSON: {_reason(error)} at line {error.lineno} column {error.colno}{hint}",
            expected="CloudTrail records (a log file, an array, JSON Lines), plain or gzip",
        ) from None


def parse(text: Text, engine: Engine) -> Any:
    """Parse one JSON value; raise json.JSONDecodeError or RecursionError."""
    if engine.loads is not None:
        try:
            content = engine.loads(text)
        except ValueError:
            pass
        else:
            if not _has_long_number(text):
                return content
    decoded = _decoded(text)
    content = standard_loads(decoded)
    return whole_characters(content) if _LONE_SURROGATE.search(decoded) else content


def _reason(error: json.JSONDecodeError) -> str:
    """Why it is not JSON, without the preposition that some of the parser's reasons end with."""
    return error.msg.rstrip(": ").removesuffix(" at")


def _has_long_number(text: Text) -> bool:
    # orjson rounds integers of over 64 bits; the shortest have 19 digits. What precedes them tells
    # a number from digits in a string, mostly: a mistake costs only time.
    digits = text.translate(_DIGITS)
    position = digits.find(_LONG_RUN)
    while position >= 0:
        before = text[max(0, position - 8) : position].rstrip(b"- \t\r\n")
        if not before or before.endswith((b"[", b":", b",")):
            return True
        end = digits.find(b" ", position)
        position = -1 if end < 0 else digits.find(_LONG_RUN, end)
    return False


def _are_json_lines(lines: list[Value | BadLine], *, promised: bool) -> bool:
    bad = sum(isinstance(line, BadLine) for line in lines)
    if promised:
        return bad < len(lines)
    return len({line.line for line in lines}) > 1 and bad * 2 < len(lines)


def _lines(text: Text, engine: Engine) -> Iterator[Value | BadLine]:
    for number, line in enumerate(text.split(b"\n"), start=1):
        content = bytes(line).strip()
        if not content:
            continue
        try:
            yield Value(number, parse(content, engine))
        except RecursionError:
            yield BadLine(number, "the line is nested too deep for a JSON parser")
        except json.JSONDecodeError as error:
            try:
                several = list(_stream(_decoded(content)))
            except (json.JSONDecodeError, RecursionError):
                message = f"the line is not JSON: {_reason(error)} at column {error.colno}"
                yield BadLine(number, message)
            else:
                yield from (Value(number, part) for part in several)


def _stream(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(strict=False, parse_int=integer)
    position = _end_of_space(text, 0)
    while position < len(text):
        content, position = decoder.raw_decode(text, position)
        yield whole_characters(content)
        position = _end_of_space(text, position)


def _end_of_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _as_utf8(text: Text) -> Text:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if text.startswith(mark):
            rest = text[len(mark) :]
            if encoding == "utf-8":
                return rest
            # PowerShell's `>` writes UTF-16.
            return rest.decode(encoding, "replace").encode()
    return text


def _decoded(text: Text) -> str:
    # One byte that is not UTF-8 must not hide the other records of its file.
    return text.decode("utf-8", "replace")
