"""Decompression: every member, nothing cut off, bounded memory, with each library."""

from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel_cli.archive import decompress
from sentinel_cli.archive.decompress import FREE_SIZE, text_of
from sentinel_cli.archive.engine import FASTEST, STANDARD
from sentinel_cli.archive.sources import UnreadableError

ISAL = replace(FASTEST, gunzip=None)
ENGINES = {"libdeflate": FASTEST, "isal": ISAL, "zlib": STANDARD}

each_library = pytest.mark.parametrize("library", ENGINES)


def test_the_fast_libraries_are_the_ones_under_test() -> None:
    assert FASTEST.gunzip is not None
    assert FASTEST.loads is not None
    assert FASTEST.decompressor is not STANDARD.decompressor
    assert FASTEST.find is not STANDARD.find


@each_library
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=5), padding=st.integers(0, 9))
def test_all_members_are_read(library: str, parts: list[bytes], padding: int) -> None:
    data = b"".join(gzip.compress(part) for part in parts) + bytes(padding)
    if any(parts):
        assert text_of(data, ENGINES[library]) == b"".join(parts)
    else:
        with pytest.raises(UnreadableError, match="nothing is in it"):
            text_of(data, ENGINES[library])


@each_library
def test_two_members_of_equal_length_are_both_read(library: str) -> None:
    # libdeflate reads the first one only and the length at the end seems to confirm it.
    data = gzip.compress(b"first") + gzip.compress(b"other")
    assert text_of(data, ENGINES[library]) == b"firstother"


@each_library
@given(cut=st.integers(3, 1040))
def test_a_file_that_is_cut_off_anywhere_is_refused(library: str, cut: int) -> None:
    data = gzip.compress(bytes(range(256)) * 4, compresslevel=0)
    with pytest.raises(UnreadableError):
        text_of(data[: min(cut, len(data) - 1)], ENGINES[library])


@each_library
@given(flipped=st.integers(10, 43), bit=st.integers(0, 7))
def test_a_damaged_file_is_refused(library: str, flipped: int, bit: int) -> None:
    data = bytearray(gzip.compress(b"0123456789 abcdefghij" * 3))
    data[flipped] ^= 1 << bit
    try:
        text = text_of(bytes(data), ENGINES[library])
    except UnreadableError:
        return
    # The modification time and the like may change; the content may not.
    assert text == b"0123456789 abcdefghij" * 3


@each_library
def test_a_decompression_bomb_is_refused_in_bounded_memory(library: str) -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024), compresslevel=9)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableError, match="decompression bomb"):
            text_of(bomb, ENGINES[library])
        assert tracemalloc.get_traced_memory()[1] < 2.5 * FREE_SIZE
    finally:
        tracemalloc.stop()


@each_library
@pytest.mark.parametrize("promise", [0, 5, 2**31, 2**32 - 1])
def test_a_false_length_at_the_end_is_refused(library: str, promise: int) -> None:
    data = gzip.compress(b"x" * 1000)[:-4] + promise.to_bytes(4, "little")
    with pytest.raises(UnreadableError):
        text_of(data, ENGINES[library])


@each_library
def test_endless_members_are_refused(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "MOST_MEMBERS", 1000)
    with pytest.raises(UnreadableError, match="over 1,000 gzip members"):
        text_of(gzip.compress(b"") * 2000, ENGINES[library])


@each_library
def test_a_plain_file_is_its_own_text(library: str, tmp_path: Path) -> None:
    assert text_of(b'{"Records":[]}', ENGINES[library]) == b'{"Records":[]}'
