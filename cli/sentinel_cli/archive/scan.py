"""The fast path: finds the watched records of a CloudTrail log file without parsing the others.

CloudTrail writes `{"Records":[{"eventVersion":"...",...},{"eventVersion":"...",...}]}` without a
space. In that layout, and in no other, records can be told apart by their bytes:

* A quote inside a JSON string is written `\\"`. So `,{"eventVersion":"` is never text inside a
  string: it is the start of an object whose first member is `eventVersion`.
* If the objects that start so are as many as the members `"eventSource":"`, each record starts so
  and has one source; a reordered record, spaces, a nested record or a second document make the
  counts differ.
* A name may be spelled with `\\u` escapes, which no search would see: their presence is searched.
* What is cut out is parsed. A wrong cut is no JSON object.

Whatever fails one of these is parsed whole. Not seen, since nothing is parsed there: damage inside
an unwatched record, and two neighbours of `Records` that share one record's members between them.
`strict` reading shows both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from sentinel_cli.archive.engine import Engine, Text
from sentinel_cli.archive.parse import parse
from sentinel_cli.archive.shapes import DELIVERED_BY, Record, Watch

SMALLEST = 16 * 1024
"""Bytes of text under which a scan saves nothing: it is parsed whole."""

_HEAD = b'{"Records":[{"eventVersion":"'
_START = b'},{"eventVersion":"'
_SOURCE = b'"eventSource":"'
_TAIL = b"}]}"
_DELIVERY = _SOURCE + DELIVERED_BY.encode()
_NAME = re.compile(rb'","eventName":"([^"\\]*)"')
_SECOND_NAME = b'"eventName"'
_ESCAPED_NAME = re.compile(
    # - . 0-9 : A-Z _ a-z, the characters of member names, event names and sources
    rb"\\u00(?:2[dDeE]|3[0-9aA]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])"
)
_STRIDE = 128
_CLOSING = bytes.maketrans(b"]", b"}")
_CLOSING_RUN = b"}" * 6


@dataclass(frozen=True, slots=True)
class Scan:
    """The watched records of a text with their 0-based index, and the number of all records."""

    total: int
    records: list[tuple[int, Record]]


class NotCompactError(Exception):
    """The text is not provably CloudTrail's compact layout; parse it whole."""


def scan(text: Text, watch: Watch, engine: Engine) -> Scan:
    """Return the watched records and the count of all; raise NotCompactError when in doubt."""
    end = _end_of_records(text, engine)
    sources = tuple(source.encode() + b'"' for source in watch)
    split = engine.split_at(text, _SOURCE, sources)
    total = split.pieces - 1
    if not sources or engine.count(text, _START) + 1 != total:
        raise NotCompactError
    records = []
    for number, offset in split.found:
        if _is_candidate(text, offset, end, watch):
            # Each record has one source: the piece after the first source is of record 0.
            start, stop = _cut(text, offset, end)
            records.append((number - 1, _parse_record(text[start:stop], engine)))
    return Scan(total, records)


def _end_of_records(text: Text, engine: Engine) -> int:
    """Return where the last record ends; raise unless head and tail are CloudTrail's."""
    end = len(text)
    while end > 0 and text[end - 1] in b" \r\n":
        end -= 1
    if (
        len(text) < SMALLEST
        or not text.startswith(_HEAD)
        or not text.endswith(_TAIL, 0, end)
        or text.find(_DELIVERY, 0, SMALLEST) >= 0
        or _is_deep(text)
        or (b"\\" in text and _spells_a_name(text, engine))
    ):
        raise NotCompactError
    return end - len(_TAIL) + 1


def _is_deep(text: Text) -> bool:
    # What is nested a thousand times ends in a thousand closing brackets; a sample sees them.
    return _CLOSING_RUN in text[::_STRIDE].translate(_CLOSING)


def _spells_a_name(text: Text, engine: Engine) -> bool:
    first = engine.find(text, b"\\u00")
    return first >= 0 and _ESCAPED_NAME.search(text, first) is not None


def _is_candidate(text: Text, offset: int, end: int, watch: Watch) -> bool:
    """May the record whose source stands at `offset` be watched, by the name that follows?"""
    stop = text.find(b'"', offset)
    names = watch[text[offset:stop].decode()]
    name = _NAME.match(text, stop)
    if names is None or name is None or name[1].decode("utf-8", "replace") in names:
        return True
    # A second name in the same record would be the one that counts.
    following = text.find(_START, offset, end)
    return text.find(_SECOND_NAME, name.end(), end if following < 0 else following) >= 0


def _cut(text: Text, offset: int, end: int) -> tuple[int, int]:
    """Return the bounds of the record around an offset."""
    start = text.rfind(_START, 0, offset)
    start = len(_HEAD) - len(_START) + 2 if start < 0 else start + 2
    stop = text.find(_START, offset, end)
    return start, end if stop < 0 else stop + 1


def _parse_record(piece: Text, engine: Engine) -> Record:
    try:
        record = parse(piece, engine)
    except (json.JSONDecodeError, RecursionError):
        raise NotCompactError from None
    if not isinstance(record, dict):
        raise NotCompactError
    return record
