"""Reading one archive: whichever way records were written, scan and full parse say the same."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentinel_cli.archive import FASTEST, STANDARD, FileResult, Source, UnreadableError, read
from sentinel_cli.archive.records import read_bytes
from sentinel_cli.archive.scan import SMALLEST, NotCompactError, scan

AGENTCORE = "bedrock-agentcore.amazonaws.com"
IAM = "iam.amazonaws.com"
WATCH = {AGENTCORE: None, IAM: frozenset({"PutRolePolicy", "CreateRole"})}
ENGINES = [FASTEST, STANDARD]
FILE = Source("archive.json")
DATA = Path(__file__).parents[3] / "shared" / "data" / "cloudtrail"


def record(number: int, source: str, name: str, **members: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "accountId": "444455556666"},
        "eventTime": "2026-08-01T00:00:00Z",
        "eventSource": source,
        "eventName": name,
        "awsRegion": "eu-central-1",
        "requestParameters": {"text": 'a "quoted" {"eventVersion":"1.0"} ü', "n": number},
        "eventID": f"event-{number}",
        "filler": "x" * 600,
        **members,
    }


def many(count: int = 60) -> list[dict[str, Any]]:
    mix = [("s3.amazonaws.com", "GetObject"), (IAM, "GetRole"), ("sts.amazonaws.com", "AssumeRole")]
    watched = {7: (AGENTCORE, "CreateGateway"), 8: (IAM, "PutRolePolicy"), 59: (IAM, "CreateRole")}
    return [record(n, *watched.get(n, mix[n % 3])) for n in range(count)]


def compact(records: list[Any]) -> bytes:
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def ids(result: FileResult) -> list[Any]:
    return [found.get("eventID") for _, found in result.records]


def is_watched(found: dict[str, Any]) -> bool:
    source, name = found.get("eventSource"), found.get("eventName")
    return source in WATCH and (WATCH[source] is None or name in (WATCH[source] or ()))


def assert_all_ways_agree(data: bytes, source: Source = FILE) -> FileResult:
    """Every engine, scanning and strict, gives one result; return it."""
    results = [
        read_bytes(data, source, WATCH, strict=strict, engine=engine)
        for strict in (False, True)
        for engine in ENGINES
    ]
    for other in results[1:]:
        assert repr(other) == repr(results[0])
    result = results[0]
    assert result.total == len(result.records) + result.unwatched + sum(result.skipped.values())
    return result


def is_scanned(data: bytes) -> bool:
    try:
        scan(data, WATCH, FASTEST)
    except NotCompactError:
        return False
    return True


def in_order(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(sorted(found.items())) for found in records]


LAYOUTS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "compact": compact,
    "compact with a newline": lambda records: compact(records) + b"\r\n",
    "default spaces": lambda records: json.dumps({"Records": records}).encode(),
    "pretty": lambda records: json.dumps({"Records": records}, indent=2).encode(),
    "byte order mark": lambda records: b"\xef\xbb\xbf" + compact(records),
    "utf-16": lambda records: compact(records).decode().encode("utf-16"),
    "not escaped": lambda records: json.dumps(
        {"Records": records}, separators=(",", ":"), ensure_ascii=False
    ).encode(),
    "other key order": lambda records: compact(in_order(records)),
    "one reordered": lambda records: compact(
        records[:20] + in_order(records[20:21]) + records[21:]
    ),
    "array": lambda records: json.dumps(records).encode(),
    "envelopes": lambda records: json.dumps(
        [{"detail-type": "AWS API Call via CloudTrail", "detail": r} for r in records]
    ).encode(),
    "lookup-events": lambda records: json.dumps(
        {"Events": [{"EventId": "x", "CloudTrailEvent": json.dumps(r)} for r in records]}
    ).encode(),
    "documents one after the other": lambda records: compact(records[:30]) + compact(records[30:]),
    "pretty documents": lambda records: b"\n".join(
        json.dumps(r, indent=1).encode() for r in records
    ),
    "gzip": lambda records: gzip.compress(compact(records)),
    "gzip members": lambda records: b"".join(
        gzip.compress(compact(records)[at : at + 5000])
        for at in range(0, len(compact(records)), 5000)
    ),
    "gzip of documents": lambda records: (
        gzip.compress(compact(records[:30])) + gzip.compress(compact(records[30:]))
    ),
    "gzip padded with zeros": lambda records: gzip.compress(compact(records)) + bytes(512),
    "JSON Lines": lambda records: b"\n".join(json.dumps(r).encode() for r in records) + b"\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_records_and_counts(layout: str) -> None:
    records = many()
    result = assert_all_ways_agree(LAYOUTS[layout](records))
    assert [found for _, found in result.records] == [r for r in records if is_watched(r)]
    assert (result.total, result.unwatched, result.skipped, result.errors) == (60, 57, {}, ())
    if layout == "JSON Lines":
        assert result.has_lines
        assert [at for at, _ in result.records] == [8, 9, 60]
    elif layout not in ("documents one after the other", "gzip of documents"):
        assert [at for at, _ in result.records] == [7, 8, 59]


def test_the_compact_layout_is_scanned_and_others_are_not() -> None:
    records = many()
    assert len(compact(records)) > SMALLEST
    assert is_scanned(compact(records))
    assert is_scanned(LAYOUTS["not escaped"](records))
    assert not is_scanned(LAYOUTS["default spaces"](records))
    assert not is_scanned(LAYOUTS["one reordered"](records))


def without(found: dict[str, Any], member: str) -> dict[str, Any]:
    return {name: content for name, content in found.items() if name != member}


def with_numbers(text: bytes, unwatched: bytes, watched: bytes) -> bytes:
    """Put other JSON into the parameter `n` of an unwatched and of a watched record."""
    changed = text.replace(b'"n":3}', b'"n":' + unwatched + b"}")
    return changed.replace(b'"n":8}', b'"n":' + watched + b"}")


def traps() -> dict[str, bytes]:
    records = many()
    text = compact(records)
    nested = {"items": [{"a": 1}, {"eventVersion": "1.0", "eventSource": IAM}]}
    return {
        "escaped source": text.replace(b"bedrock-agentcore", rb"bedrock\u002dagentcore"),
        "escaped initial": text.replace(b'"bedrock-agentcore', rb'"\u0062edrock-agentcore'),
        "escaped name": text.replace(b'"PutRolePolicy"', rb'"PutRole\u0050olicy"'),
        "escaped key": text.replace(b'"eventSource":"bedrock-', b'"event\\u0053ource":"bedrock-'),
        "harmless escapes": text.replace(b"xxxx", rb"\u003c\u0026", 5),
        "nested event version": compact([*records, record(99, IAM, "CreateRole", deep=nested)]),
        "nested in an unwatched one": compact([*records, record(99, "s3.x", "Get", deep=nested)]),
        "nested version only": compact(
            [*records, record(9, IAM, "GetRole", deep=[{"a": 1}, {"eventVersion": "2"}])]
        ),
        "hidden element": compact(
            [*records[:30], {"foo": "bar", "eventSource": IAM}, *records[30:]]
        ),
        "no event version": compact(
            [*records[:30], without(records[8], "eventVersion"), *records[30:]]
        ),
        "no event source": compact(
            [*records[:30], without(records[8], "eventSource"), *records[30:]]
        ),
        "source is null": compact([*records, record(61, IAM, "CreateRole", eventSource=None)]),
        "name before source": text.replace(
            b'"eventSource":"iam.amazonaws.com","eventName":"PutRolePolicy"',
            b'"eventName":"PutRolePolicy","eventSource":"iam.amazonaws.com"',
        ),
        "a second Records": text[:-1] + b"," + text[1:],
        "a member after Records": text[:-1] + b',"more":1}',
        "duplicate keys": text.replace(
            b'"eventName":"GetRole"', b'"eventName":"GetRole","eventSource":"x"', 1
        ),
        "second name": text.replace(
            b'"eventName":"GetRole"', b'"eventName":"GetRole","x":1', 1
        ).replace(b'"n":4}', b'"n":4},"eventName":"PutRolePolicy"'),
        "not a number": with_numbers(text, b"NaN", b"-Infinity"),
        "lone surrogates": with_numbers(text, rb'"\ud800"', rb'"\udc00x"'),
        "huge integers": with_numbers(text, b"9" * 40, b"8" * 30),
        "endless integers": with_numbers(text, b"9" * 5000, b"8" * 5000),
        "bytes that are not UTF-8": text.replace(b"xxxx", b"\xff\xfe\xc3(", 9),
        "raw control characters": text.replace(b"xxxx", b"\x01\t\x00\x1b", 9),
        "elements that are no record": compact([*records, None, 1, "x", [], {}]),
        "source in a string": compact(
            [*records, record(1, "s3.x", "Put", text=f'"eventSource":"{AGENTCORE}"')]
        ),
        "empty source": compact([*records, record(1, "", "Put")]),
    }


@pytest.mark.parametrize("trap", list(traps()))
def test_a_planted_trap_gives_the_same_with_scan_and_full_parse(trap: str) -> None:
    data = traps()[trap]
    result = assert_all_ways_agree(data)
    if trap.startswith(("escaped", "harmless", "name before", "a member")):
        assert ids(result) == ["event-7", "event-8", "event-59"]
        assert result.total == 60
    if trap == "second name":
        assert ids(result) == ["event-4", "event-7", "event-8", "event-59"]
    if trap == "huge integers":
        assert result.records[1][1]["requestParameters"]["n"] == int("8" * 30)
    if trap == "lone surrogates":
        json.dumps(result.records[1][1], ensure_ascii=False).encode()
    if trap == "elements that are no record":
        assert result.skipped == {"not-a-record": 5}


def unseen() -> dict[str, bytes]:
    """What AWS does not write and only full parsing sees, all of it in unwatched records."""
    records = many()
    text = compact(records)
    version = {"eventVersion": "1", "eventSource": "x"}
    nested = record(99, "s3.x", "Get", deep=[{"a": 1}, version])
    return {
        "damage": with_numbers(text, b"{1", b"8"),
        "an element that is no record": compact([*records[:30], {"foo": 1}, *records[30:]]),
        "a nested record": compact([*records[:30], nested, *records[30:]]),
        "shared members": compact(
            [*records[:3], without(records[3], "eventSource"), *records[4:]]
        ).replace(b'"n":9}', b'"n":9},"eventSource":"x"'),
        "deep": with_numbers(text, b'{"a":' * 100_000 + b"1" + b',"b":2}' * 100_000, b"8"),
    }


@pytest.mark.parametrize("what", list(unseen()))
def test_what_only_strict_reading_sees_is_as_documented(what: str) -> None:
    data = unseen()[what]
    results = []
    for strict in (False, True):
        try:
            results.append(repr(read_bytes(data, FILE, WATCH, strict=strict)))
        except UnreadableError as error:
            results.append(str(error))
    assert is_scanned(data)
    assert results[0] != results[1]


NAMES = st.sampled_from(["PutRolePolicy", "GetRole", "CreateGateway", "Put\\Role", 'a"b'])
SOURCES = st.sampled_from([IAM, AGENTCORE, "s3.amazonaws.com", "iam.amazonaws.com.cn", "x"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats()
KEYS = st.sampled_from(["eventVersion", "eventSource", "eventName", "Records", "a"]) | st.text(
    max_size=4
)
NESTED = st.recursive(
    LEAVES | SOURCES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
GENERATED = st.builds(
    lambda version, source, name, parameters, extra: {
        "eventVersion": version,
        "userIdentity": {"type": "Root"},
        "eventSource": source,
        "eventName": name,
        "requestParameters": parameters,
        **extra,
    },
    st.sampled_from(["1.08", "1.11"]),
    SOURCES,
    NAMES,
    NESTED,
    st.dictionaries(st.text(max_size=4), NESTED, max_size=2),
)


@given(
    records=st.lists(GENERATED, min_size=1, max_size=6),
    seed=st.integers(0, 2**32),
    spaced=st.booleans(),
    ascii_only=st.booleans(),
    shuffle=st.sampled_from(["none", "some", "all"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_records_give_what_a_naive_reader_finds(
    records: list[dict[str, Any]], seed: int, spaced: bool, ascii_only: bool, shuffle: str
) -> None:
    chance = random.Random(seed)
    written = []
    for found in records:
        members = list(found.items())
        if shuffle == "all" or (shuffle == "some" and chance.random() < 0.3):
            chance.shuffle(members)
        written.append(dict(members))
    padding = record(0, "s3.amazonaws.com", "GetObject", filler="x" * 3000)
    everything = [padding] * 3 + written + [padding] * 4
    text = json.dumps(
        {"Records": everything},
        separators=None if spaced else (",", ":"),
        ensure_ascii=ascii_only,
    ).encode("utf-8", "surrogatepass")
    result = assert_all_ways_agree(text)
    naive = json.loads(text.decode("utf-8", "replace"))["Records"]
    assert result.total == len(naive)
    expected = [(at, found["eventName"]) for at, found in enumerate(naive) if is_watched(found)]
    assert [(at, found["eventName"]) for at, found in result.records] == expected


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "only white space": (b" \n", "white space"),
    "empty gzip": (gzip.compress(b""), "nothing is in it"),
    "cut off gzip": (gzip.compress(compact(many()))[:-9], "cut off"),
    "cut off second member": (
        gzip.compress(b"[]") + gzip.compress(compact(many()))[:50],
        "cut off",
    ),
    "damaged gzip": (gzip.compress(compact(many()))[:-8] + bytes(8), "damaged"),
    "bytes after gzip": (gzip.compress(compact(many())) + b"garbage bytes", "not gzip all through"),
    "cut off JSON": (compact(many())[:-500], "not JSON"),
    "not JSON": (b"hello", "not JSON"),
    "two broken lines": (b'{"a":\n{"b":', "not JSON"),
    "nested too deep": (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
    "deep in an unwatched record": (
        compact(many()).replace(b'"n":3}', b'"n":' + b'{"a":' * 5000 + b"1" + b"}" * 5000),
        "nested too deep",
    ),
    "S3 notification": (
        json.dumps({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3"}]}).encode(),
        "notification of s3",
    ),
    "many S3 notifications": (
        compact([record(n, "aws:s3", "ObjectCreated:Put") for n in range(60)]),
        "notification of s3",
    ),
    "another event": (b'{"detail-type":"AWS Health Event","detail":{}}', "AWS Health Event"),
    "a policy": (b'{"Version":"2012-10-17","Statement":[]}', "'Statement'"),
    "a number": (b"5", "no record"),
}


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("bad", BAD_FILES)
def test_a_bad_file_is_one_error_that_says_what_is_wrong(
    tmp_path: Path, bad: str, strict: bool, engine: Any
) -> None:
    data, words = BAD_FILES[bad]
    path = tmp_path / "bad.json.gz"
    path.write_bytes(data)
    result = read(Source(str(path)), WATCH, strict=strict, engine=engine)
    assert [error.source for error in result.errors] == [str(path)]
    assert words in result.errors[0].message
    assert (result.total, result.unwatched, result.records, result.skipped) == (0, 0, [], {})


@pytest.mark.parametrize("data", [b'{"Records":[]}', b"[]", b'{"Events": []}'])
def test_a_file_without_events_is_no_error(data: bytes) -> None:
    assert assert_all_ways_agree(data) == FileResult(FILE)


def test_a_digest_file_of_cloudtrail_is_no_error() -> None:
    digest = {"awsAccountId": "111122223333", "digestStartTime": "2026-08-01", "logFiles": []}
    assert assert_all_ways_agree(json.dumps(digest).encode()) == FileResult(FILE)


def test_an_insights_event_is_unwatched_with_scan_and_full_parse() -> None:
    insights = {"eventVersion": "1.07", "insightDetails": {"eventSource": IAM}, "pad": "x" * 900}
    result = assert_all_ways_agree(compact([insights] * 30))
    assert (result.total, result.unwatched) == (30, 30)


@pytest.mark.parametrize("name", ["lines.json", "lines.jsonl", "lines.ndjson.gz"])
def test_a_bad_line_costs_that_line_only(name: str) -> None:
    lines = [json.dumps(found).encode() for found in many()]
    lines[3] = b'{"cut": "off'
    lines[10] = b'"no record"'
    result = assert_all_ways_agree(b"\n".join(lines), Source(name))
    assert ids(result) == ["event-7", "event-8", "event-59"]
    assert (result.total, result.skipped) == (59, {"not-a-record": 1})
    assert [error.source for error in result.errors] == [f"{name}:4"]


def test_many_bad_lines_are_told_shortly() -> None:
    lines = [b"nonsense"] * 100 + [json.dumps(found).encode() for found in many()]
    result = assert_all_ways_agree(b"\n".join(lines), Source("lines.jsonl"))
    assert len(result.errors) == 21
    assert "80 more lines" in result.errors[-1].message
    assert len(result.records) == 3


def real_files() -> list[Path]:
    return sorted(path for path in DATA.rglob("*") if path.is_file()) if DATA.is_dir() else []


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/cloudtrail is absent")
def test_real_files_give_the_same_with_scan_and_full_parse() -> None:
    total = 0
    for path in real_files():
        try:
            result = assert_all_ways_agree(path.read_bytes(), Source(str(path)))
        except UnreadableError:
            continue
        total += result.total
    assert total > 2_000


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/cloudtrail is absent")
def test_notifications_are_told_apart_from_log_files() -> None:
    for path in (DATA / "not-cloudtrail").iterdir():
        result = read(Source(str(path)), WATCH)
        assert (result.total, len(result.errors)) == (0, 1), path
