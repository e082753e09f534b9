"""Names spelled with escapes: however many other escapes stand before one, it hides no record."""

from __future__ import annotations

import json

import pytest
from sentinel_cli.archive import FASTEST, STANDARD, Engine, FileResult, Source
from sentinel_cli.archive.records import read_bytes
from sentinel_cli.archive.scan import NotCompactError, scan

WATCH = {"iam.amazonaws.com": frozenset({"CreateRole"})}
ENGINES = pytest.mark.parametrize("engine", [FASTEST, STANDARD], ids=lambda engine: engine.name)


def trail() -> bytes:
    """A log file of 400 unwatched records without any escape."""
    records = [
        {
            "eventVersion": "1.11",
            "eventSource": "s3.amazonaws.com",
            "eventName": "CreateRole",
            "n": number,
            "filler": "x" * 600,
        }
        for number in range(400)
    ]
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def numbers(data: bytes, engine: Engine, *, strict: bool = False) -> list[int]:
    result: FileResult = read_bytes(data, Source("trail.json"), WATCH, strict=strict, engine=engine)
    assert (result.total, result.errors) == (400, ())
    return [record["n"] for _, record in result.records]


@ENGINES
@pytest.mark.parametrize("before", [0, 3, 100, 20_000])
@pytest.mark.parametrize("record", [0, 303, 399])
def test_a_source_that_is_named_again_with_an_escape_is_found(
    record: int, before: int, engine: Engine
) -> None:
    data = (
        trail()
        .replace(b"xxxx", rb"\"\\", before)
        .replace(b'"n":%d,' % record, rb'"n":%d,"event\u0053ource":"iam.amazonaws.com",' % record)
    )
    assert numbers(data, engine) == numbers(data, engine, strict=True) == [record]


@ENGINES
def test_an_escaped_backslash_before_a_u_is_no_escape(engine: Engine) -> None:
    data = trail().replace(b"xxxxxx", rb"\\u0053", 3)
    assert numbers(data, engine) == numbers(data, engine, strict=True) == []
    if engine is STANDARD:
        # Where backslashes are many for its search, the fastest reader is content to parse.
        assert scan(data, WATCH, engine).total == 400


@ENGINES
def test_a_text_with_an_escaped_name_is_not_scanned(engine: Engine) -> None:
    data = trail().replace(b'"n":7,', rb'"n":7,"\u006eame":1,')
    with pytest.raises(NotCompactError):
        scan(data, WATCH, engine)
