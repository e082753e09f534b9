"""The fast path: finds the watched records of a CloudTrail log file without parsing the others.

CloudTrail writes `{"Records":[{"eventVersion":"...",...},{"eventVersion":"...",...}]}` without a
space. In that layout, and in no other, records can be told apart by their bytes:

* A quote inside a JSON string is written `\\"`. So `,{"eventVersion":"` is never text inside a
  string: it is the start of an object whose first member is `eventVersion`.
* If the objects that start so are as many as the members `"eventSource":"`, each record starts so
  and has one source; a reordered record, spaces, a nested record, a second document or a member
  whose name is spelled with `\\u` escapes make the counts differ.
* A source or an event name with an escape is taken for a watched one until it is parsed.
* A member that is named twice counts by its last naming, which an escape could hide: a text that
  spells any character of a name with an escape is parsed whole.
* What is cut out is parsed. A wrong cut is no JSON object.

Whatever fails one of these is parsed whole. Since only watched records are parsed, `strict` reading
sees what AWS does not write and what this cannot see:

* damage to the JSON inside an unwatched record;
* an element of `Records` with neither `eventVersion` nor `eventSource`, which is not counted;
* in an unwatched record, a nested object that starts with `eventVersion`, has an `eventSource` and
  follows another object, which is counted; two records that share one record's members;
* nesting over a thousand levels in an unwatched record that does not close in one run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sentinel_cli.archive.engine import Engine, Split, Text
from sentinel_cli.archive.parse import parse
from sentinel_cli.archive.shapes import DELIVERED_BY, Record, Watch

SMALLEST = 2 * 1024
"""Bytes of text under which a scan saves nothing: it is parsed whole."""

_HEAD = b'{"Records":[{"eventVersion":"'
_START = b'},{"eventVersion":"'
_SOURCE = b'"eventSource":"'
_TAIL = b"}]}"
_DELIVERY = _SOURCE + DELIVERED_BY.encode()
_SOURCE_AND_NAME = re.compile(rb'([^"\\]*)","eventName":"([^"\\]*)"')
_SECOND_NAME = b'"eventName"'
_ESCAPE = b"\\"
_NUMBER = ord("u")
_ESCAPED_NAME = re.compile(
    # - . 0-9 : A-Z _ a-z, the characters of member names, event names and sources
    rb"\\u00(?:2[dDeE]|3[0-9aA]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])"
)
_STRIDE = 384
_CLOSING = bytes.maketrans(b"]", b"}")


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
    initials = {source.encode()[:1] for source in watch} | {_ESCAPE}
    sources = engine.split_at(text, _SOURCE, b"".join(initials))
    if engine.count(text, _START) + 1 != sources.count:
        raise NotCompactError
    records = [
        # Each record has one source: the piece after the first source is of record 0.
        (number - 1, _parse_record(text, start, end, engine))
        for number, start in _maybe_watched(text, sources, watch, engine)
    ]
    return Scan(sources.count, records)


def _end_of_records(text: Text, engine: Engine) -> int:
    """Return where the last record ends; raise unless head and tail are CloudTrail's."""
    end = len(text)
    while end > 0 and text[end - 1] in b" \r\n":
        end -= 1
    if (
        len(text) < SMALLEST
        or not text.startswith(_HEAD)
        or not text.endswith(_TAIL, 0, end)
        or text.startswith(_DELIVERY, engine.find(text, _SOURCE, 0, end))
        or _is_deep(text)
        or _spells_a_name(text, engine)
    ):
        raise NotCompactError
    return end - len(_TAIL) + 1


def _is_deep(text: Text) -> bool:
    """Is there a run of closing brackets over two strides long, as a thousand levels end?"""
    sample = text[::_STRIDE].translate(_CLOSING)
    at = sample.find(b"}}")
    while at >= 0:
        if not text[at * _STRIDE : (at + 1) * _STRIDE].strip(b"]}"):
            return True
        at = sample.find(b"}}", at + 1)
    return False


def _spells_a_name(text: Text, engine: Engine) -> bool:
    start = _first_escape(text, engine.sparse)
    first = -1 if start < 0 else engine.find(text, b"\\u00", start, len(text))
    return first >= 0 and _ESCAPED_NAME.search(text, first) is not None


def _first_escape(text: Text, sparse: int) -> int:
    """Return a place before which no character is spelled as a number, -1 if none is at all.

    Single bytes are found fastest, unless there are many of them.
    """
    at, left = text.find(_ESCAPE), len(text) // sparse
    while at >= 0 and text[at + 1] != _NUMBER and left > 0:
        at, left = text.find(_ESCAPE, at + 2), left - 1
    return at


def _maybe_watched(
    text: Text, sources: Split, watch: Watch, engine: Engine
) -> Iterator[tuple[int, int]]:
    """Tell by the piece of text between a record's source and the next record's."""
    watched = _encoded(frozenset(watch.items()))
    for number, start, length in sources.found:
        found = _SOURCE_AND_NAME.match(text, start)
        # None: escapes, or another member follows the source.
        if found is not None:
            source, name = found.groups()
            if source not in watched:
                continue
            names = watched[source]
            if (
                names is not None
                and name not in names
                # A second name in the same record would be the one that counts.
                and engine.find(text, _SECOND_NAME, found.end(), start + length) < 0
            ):
                continue
        yield number, start


@lru_cache(maxsize=4)
def _encoded(
    watch: frozenset[tuple[str, frozenset[str] | None]],
) -> Mapping[bytes, frozenset[bytes] | None]:
    return {
        source.encode(): None if names is None else frozenset(map(str.encode, names))
        for source, names in watch
    }


def _parse_record(text: Text, offset: int, end: int, engine: Engine) -> Record:
    """Cut out the record around an offset and parse it."""
    start = engine.rfind(text, _START, 0, offset)
    start = len(_HEAD) - len(_START) + 2 if start < 0 else start + 2
    stop = engine.find(text, _START, offset, end)
    try:
        record = parse(text[start : end if stop < 0 else stop + 1], engine)
    except (json.JSONDecodeError, RecursionError):
        raise NotCompactError from None
    if not isinstance(record, dict):
        raise NotCompactError
    return record
