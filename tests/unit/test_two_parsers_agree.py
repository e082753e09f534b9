"""R12: with the fast JSON parser and with the standard one an archive is judged alike, or refused.

The queue's reader agrees with both wherever it takes a body at all.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentinel.aws import batch
from sentinel.policy import Policy
from sentinel_cli.archive import FASTEST, STANDARD, Source, UnreadableError
from sentinel_cli.archive.engine import Engine
from sentinel_cli.archive.records import read_bytes
from sentinel_cli.offline import OfflineJudge, Place
from sentinel_cli.replay import watch

from tests.conftest import ROOT

FILE = Source("archive.json")
unhurried = settings(deadline=None, max_examples=100)
EVENT = json.loads((ROOT / "events/gateway_authorizer_none/violation.json").read_text())
MARK = "this is where the hostile value comes"
PATHS = (
    ("eventID",),
    ("userAgent",),
    ("userIdentity", "arn"),
    ("requestParameters", "name"),
    ("requestParameters", "authorizerType"),
    ("requestParameters", "policyEngineConfiguration"),
    ("responseElements", "gatewayArn"),
)

NUMBERS = st.one_of(
    st.sampled_from(("NaN", "Infinity", "-Infinity", "-0", "-0.0", "1e400", "-1e400", "5e-324")),
    st.integers(min_value=-(2**70), max_value=2**70).map(str),
    st.integers(min_value=1, max_value=6_000).map(lambda digits: "9" * digits),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(("01", "+1", ".5", "1.", "0x10", "1_000", "--1")),
)
ESCAPES = st.sampled_from(
    (r"\ud800", r"\udfff", r"\ud83d\ude00", r"\ude00\ud83d", r"\u0000", r"\n", r"\/", r"\x41", "\\")
)
TEXTS = st.lists(
    st.one_of(
        ESCAPES,
        st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs"]), max_size=5),
    ),
    max_size=4,
).map(lambda parts: f'"{"".join(parts)}"')
LEAVES = st.one_of(NUMBERS, TEXTS, st.sampled_from(("null", "true", "false", "nul", "", "[", "}")))
"""Spellings of a value: sound, strange, and wrong."""


def _objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    keys = st.one_of(TEXTS, st.sampled_from(('"a"', '"mode"')))
    members = st.tuples(keys, values).map(": ".join)
    return st.lists(members, max_size=3).map(lambda found: f"{{{', '.join(found)}}}")


def _arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda found: f"[{', '.join(found)}]")


VALUES = st.recursive(LEAVES, lambda v: st.one_of(_arrays(v), _objects(v)), max_leaves=6)


def spelled(path: tuple[str, ...], value: str) -> str:
    """The example event with a value at a path, spelled as it is given."""
    event = json.loads(json.dumps(EVENT))
    inner = event["detail"]
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = MARK
    return json.dumps(event).replace(json.dumps(MARK), value)


def told(data: bytes, engine: Engine) -> Any:
    """What an archive of these bytes tells with one engine: its findings, or why it is refused."""
    try:
        found = read_bytes(data, FILE, watch(), strict=True, engine=engine)
    except UnreadableError as refused:
        return str(refused)
    judge = OfflineJudge(Policy())
    for position, record in found.records:
        judge.judge(record, Place(FILE.name, position))
    counts = (found.total, found.unwatched, dict(found.skipped), found.errors)
    return repr(counts), repr(judge.result)


def agreed(text: str) -> Any:
    """What both engines tell, which must be the same."""
    data = text.encode()
    fast, standard = told(data, FASTEST), told(data, STANDARD)
    assert fast == standard
    return fast


def test_the_fast_engine_has_a_parser_of_its_own() -> None:
    assert FASTEST.loads is not None
    assert STANDARD.loads is None


@unhurried
@given(st.sampled_from(PATHS), VALUES)
def test_r12_hostile_values_are_judged_alike_or_refused_by_both(
    path: tuple[str, ...], value: str
) -> None:
    agreed(spelled(path, value))


@unhurried
@given(st.lists(VALUES, max_size=4))
def test_r12_hostile_documents_are_judged_alike_or_refused_by_both(values: list[str]) -> None:
    agreed(f'{{"Records": [{", ".join(values)}]}}')
    agreed("\n".join(values))


@pytest.mark.parametrize("levels", [100, 500, 900, 1_100, 5_000, 100_000])
@pytest.mark.parametrize("sides", ["[]", "{}"])
def test_r12_deep_nesting_is_judged_alike_or_refused_by_both(levels: int, sides: str) -> None:
    begin, end = ("[", "]") if sides == "[]" else ('{"a":', "}")
    deep = begin * levels + "1" + end * levels
    for text in (deep, spelled(("userAgent",), deep), begin * levels):
        agreed(text)


@pytest.mark.parametrize(("first", "last"), [("NONE", "AWS_IAM"), ("AWS_IAM", "NONE")])
def test_r12_of_duplicate_keys_both_take_the_last(first: str, last: str) -> None:
    twice = f'"{first}", "authorizerType": "{last}"'
    _, judged = agreed(spelled(("requestParameters", "authorizerType"), twice))
    assert ("severity=<Severity.CRITICAL" in judged) == (last == "NONE")


@unhurried
@given(st.sampled_from(PATHS), VALUES)
def test_r12_the_queue_reads_what_an_archive_reads(path: tuple[str, ...], value: str) -> None:
    text = spelled(path, value)
    try:
        body = batch._body({"body": text})
    except batch.Poison:
        return
    read = read_bytes(text.encode(), FILE, watch(), strict=True, engine=STANDARD)
    if read.records:
        assert repr(body["detail"]) == repr(read.records[0][1])
