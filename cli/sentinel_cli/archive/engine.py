"""The library calls that reading rests on: the fastest installed ones, or the standard library's.

Both give the same results; the tests run each. The fast ones are the extra `[fast]`: libdeflate
(`deflate`) or isal for gzip, orjson for JSON, stringzilla for finding bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

Text = bytes | bytearray
"""Decompressed bytes; libdeflate hands out a bytearray, and a copy would cost a tenth."""


class Decompressor(Protocol):
    """One gzip member being read: the part of `zlib.decompressobj` that is used."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Engine:
    """Which library does what.

    `gunzip` reads one member and raises `gunzip_errors` if it is damaged; None: the reader of
    members does all. `loads` may refuse what the standard library accepts, never the reverse.
    `count` takes (text, pattern), `find` and `rfind` (text, pattern, start, stop). `split_at` cuts
    the text at each pattern and finds the pieces whose first byte is one of the initials. `sparse`
    is how many bytes apart single bytes must be for looking at each to be faster than `find`.
    """

    name: str
    decompressor: Callable[[int], Decompressor]
    decompress_errors: tuple[type[Exception], ...]
    gunzip: Callable[[bytes], bytearray] | None
    gunzip_errors: tuple[type[Exception], ...]
    loads: Callable[[Text], Any] | None
    count: Callable[[Text, bytes], int]
    find: Callable[[Text, bytes, int, int], int]
    rfind: Callable[[Text, bytes, int, int], int]
    split_at: Callable[[Text, bytes, bytes], Split]
    sparse: int

    def __reduce__(self) -> tuple[Callable[[str], Engine], tuple[str]]:
        return _named, (self.name,)


_MOST_DIGITS = 4_300


@dataclass(frozen=True, slots=True)
class Split:
    """How often the pattern was there, and (number, start, length) of the pieces looked for.

    The piece after the first pattern has the number 1.
    """

    count: int
    found: list[tuple[int, int, int]]


def _count(text: Text, pattern: bytes) -> int:
    return text.count(pattern)


def _find(text: Text, pattern: bytes, start: int, stop: int) -> int:
    return text.find(pattern, start, stop)


def _rfind(text: Text, pattern: bytes, start: int, stop: int) -> int:
    return text.rfind(pattern, start, stop)


def _split_at(text: Text, pattern: bytes, initials: bytes) -> Split:
    count, found = 0, []
    at = text.find(pattern)
    while at >= 0:
        count, start = count + 1, at + len(pattern)
        at = text.find(pattern, start)
        stop = len(text) if at < 0 else at
        if start < stop and text[start] in initials:
            found.append((count, start, stop - start))
    return Split(count, found)


STANDARD = Engine(
    name="standard",
    decompressor=zlib.decompressobj,
    decompress_errors=(zlib.error,),
    gunzip=None,
    gunzip_errors=(),
    loads=None,
    count=_count,
    find=_find,
    rfind=_rfind,
    split_at=_split_at,
    sparse=512,
)


def standard_loads(text: str) -> Any:
    """Parse JSON text with the standard library, in its most forgiving mode.

    One strange value must not hide the other records of a file: raw control characters, NaN and
    numbers of any length are taken. Raises json.JSONDecodeError and RecursionError.
    """
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python refuses to convert over 4,300 digits; such a number is no identifier of AWS.
        return json.loads(text, strict=False, parse_int=integer)


def integer(digits: str) -> int | float:
    """Read a JSON integer of any length: what Python refuses to convert comes as a float."""
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


def _fastest() -> Engine:
    decompressor: Callable[[int], Decompressor] = zlib.decompressobj
    decompress_errors: tuple[type[Exception], ...] = (zlib.error,)
    gunzip: Callable[[bytes], bytearray] | None = None
    gunzip_errors: tuple[type[Exception], ...] = ()
    loads: Callable[[Text], Any] | None = None
    count, find, rfind, split_at = _count, _find, _rfind, _split_at
    try:
        from isal import isal_zlib
    except ImportError:
        pass
    else:
        decompressor = isal_zlib.decompressobj
        # Its stub calls the class an instance.
        decompress_errors = (cast(type[Exception], isal_zlib.error),)
    try:
        import deflate
    except ImportError:
        pass
    else:
        gunzip = deflate.gzip_decompress
        # ValueError: too short to be gzip.
        gunzip_errors = (deflate.DeflateError, ValueError)
    try:
        import orjson
    except ImportError:
        pass
    else:
        loads = orjson.loads
    try:
        import stringzilla
    except ImportError:
        pass
    else:
        count, find, rfind = stringzilla.count, stringzilla.find, stringzilla.rfind
        split_at = _stringzilla_split_at
    return Engine(
        name="fastest",
        decompressor=decompressor,
        decompress_errors=decompress_errors,
        gunzip=gunzip,
        gunzip_errors=gunzip_errors,
        loads=loads,
        count=count,
        find=find,
        rfind=rfind,
        split_at=split_at,
        sparse=STANDARD.sparse if split_at is _split_at else 64 * 1024,
    )


def _stringzilla_split_at(text: Text, pattern: bytes, initials: bytes) -> Split:
    from stringzilla import Str, offset_within

    pieces = Str(text).split(pattern)
    wanted = set(initials.decode())
    try:
        found = [(number, piece) for number, piece in enumerate(pieces) if piece[0] in wanted]
    except (UnicodeDecodeError, IndexError):
        # A piece starts with a byte that is no character by itself, or is empty.
        return _split_at(text, pattern, initials)
    return Split(len(pieces) - 1, [(n, offset_within(p, text), len(p)) for n, p in found])


FASTEST = _fastest()


def _named(name: str) -> Engine:
    return STANDARD if name == STANDARD.name else FASTEST
