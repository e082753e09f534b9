"""Every comparison operator of EventBridge, case by case, each case with its source."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from embedded_account.event_pattern import InvalidPatternError, compile_pattern
from hypothesis import given
from hypothesis import strategies as st

OPERATORS = "User Guide: Comparison operators for use in event patterns"
ARRAYS = "User Guide: Arrays in Amazon EventBridge event patterns"
NULLS = "User Guide: Matching events on null values and empty strings"
README = "event-ruler README"
COMPILER_TEST = "event-ruler JsonRuleCompilerTest"
COMPILER = "event-ruler JsonRuleCompiler"
FINDER = "event-ruler Event, ACFinder"
BYTES = "event-ruler ByteMachine"
WILDCARDS = "event-ruler WildcardParser"
CIDR = "event-ruler CIDR"
OURS = "our choice where sources disagree or are silent: refuse, or do not match"


@dataclass(frozen=True, slots=True)
class Case:
    """A condition on the field ``x``, values that it matches, and values that it does not."""

    source: str
    condition: Any
    matches: tuple[Any, ...]
    misses: tuple[Any, ...]


ABSENT = object()

VALUE_CASES = (
    Case(OPERATORS, ["Alice", "Bob"], ("Alice", "Bob"), ("alice", "Ali", 1, None, ABSENT)),
    Case(OPERATORS, [""], ("",), (None, " ", ABSENT)),
    Case(NULLS, [None], (None,), ("", "null", False, 0, ABSENT)),
    Case(README, [True], (True,), ("true", 1, False)),
    Case(README, [False], (False,), ("false", 0, None)),
    Case(README, [100], (100,), ("100", 101, True)),
    Case(OURS, [300], (300,), (300.0,)),
    Case(COMPILER_TEST + ".testBigNumbers", [123456789012], (123456789012,), ("123456789012",)),
    Case(COMPILER_TEST + ".testVariantForms", [133.3], (133.3,), (133,)),
    Case(COMPILER_TEST + ".testVariantForms", ["192.0.2.0"], ("192.0.2.0",), ("192.0.2.1",)),
    Case(COMPILER, ["2001:db8::1"], ("2001:db8:0:0:0:0:0:1",), ("2001:db8::2",)),
    Case(OPERATORS, [{"prefix": "us-"}], ("us-east-1", "us-"), ("eu-us-", "US-1", 1, None, ABSENT)),
    Case(COMPILER, [{"prefix": ""}], ("", "any"), (1, None, ABSENT)),
    Case(
        OPERATORS,
        [{"prefix": {"equals-ignore-case": "EventB"}}],
        ("eventBridge", "EVENTB"),
        ("event", 5),
    ),
    Case(OPERATORS, [{"suffix": ".png"}], ("a.png", ".png"), ("a.PNG", "png", "a.png.txt", 1)),
    Case(
        OPERATORS,
        [{"suffix": {"equals-ignore-case": "tBridge"}}],
        ("EventBridge", "TBRIDGE"),
        ("bridge",),
    ),
    Case(OPERATORS, [{"equals-ignore-case": "alice"}], ("ALICE", "alice"), ("alices", 1, None)),
    Case(OPERATORS, [{"anything-but": "Raining"}], ("Sunny", "raining"), ("Raining", ABSENT)),
    Case(BYTES, [{"anything-but": "a"}], (1, None, True, ""), ("a", ABSENT)),
    Case(OPERATORS, [{"anything-but": 123}], (124, 123.5), (123, 123.0)),
    Case(BYTES + ": types differ, so not refused", [{"anything-but": 123}], ("123", None), ()),
    Case(BYTES + ": types differ, so not refused", [{"anything-but": "123"}], (123,), ("123",)),
    Case(OPERATORS, [{"anything-but": ["stopped", "over"]}], ("up",), ("stopped", "over")),
    Case(OPERATORS, [{"anything-but": [100, 200]}], (101, "100"), (100, 200, 200.0)),
    Case(OPERATORS, [{"anything-but": {"prefix": "us-"}}], ("eu-us-", 3), ("us-1", ABSENT)),
    Case(COMPILER_TEST, [{"anything-but": {"prefix": ["abc", "123"]}}], ("ab",), ("abcd", "1234")),
    Case(OPERATORS, [{"anything-but": {"suffix": ".png"}}], ("a.txt",), ("a.png",)),
    Case(COMPILER_TEST, [{"anything-but": {"suffix": ["abc", "123"]}}], ("abcd",), ("0123", "abc")),
    Case(
        OPERATORS,
        [{"anything-but": {"equals-ignore-case": "initializing"}}],
        ("started",),
        ("Initializing", "INITIALIZING"),
    ),
    Case(
        OPERATORS,
        [{"anything-but": {"equals-ignore-case": ["one", "two"]}}],
        ("three",),
        ("ONE", "Two"),
    ),
    Case(OPERATORS, [{"anything-but": {"wildcard": "*/lib/*"}}], ("/bin/x",), ("/usr/lib/x",)),
    Case(
        COMPILER_TEST,
        [{"anything-but": {"wildcard": ["foo*bar", "*foobar*"]}}],
        ("bar", "foo"),
        ("foobar", "foo-bar", "xfoobarx"),
    ),
    Case(COMPILER_TEST, [{"anything-but": {"wildcard": ""}}], ("a",), ("",)),
    Case(OPERATORS, [{"numeric": ["=", 100]}], (100, 100.0), (101, "100", True, None, ABSENT)),
    Case(README, [{"numeric": ["=", 3.018e2]}], (301.8,), (301,)),
    Case(OPERATORS, [{"numeric": [">", 10, "<=", 20]}], (10.5, 11, 20), (10, 20.1, "15")),
    Case(README, [{"numeric": ["<", 10]}], (9, -5), (10, 11)),
    Case(README, [{"numeric": [">=", 0]}], (0, 5e9), (-1, 5_000_000_001)),
    Case(COMPILER_TEST, [{"numeric": ["<", -4e-8]}], (-1,), (0,)),
    Case(OPERATORS, [{"exists": True}], ("", 0, None, False, "a"), (ABSENT,)),
    Case(OPERATORS, [{"exists": False}], (ABSENT,), ("", 0, None, False, "a")),
    Case(README + ": only leaf nodes exist", [{"exists": True}], (), ({"c1": 100}, [], [{"a": 1}])),
    Case(README + ": only leaf nodes exist", [{"exists": False}], ({"c1": 100}, [], {}), ([1],)),
    Case(README, ["a", {"exists": False}], ("a", ABSENT), ("b", None)),
    Case(
        OPERATORS,
        [{"cidr": "10.0.0.0/24"}],
        ("10.0.0.0", "10.0.0.255"),
        ("10.0.1.0", "nope", 10, None),
    ),
    Case(README, [{"cidr": "2001:db8::/32"}], ("2001:db8:1::1",), ("2001:db9::1", "10.0.0.1")),
    Case(CIDR + ": host bits stay", [{"cidr": "10.0.0.7/24"}], ("10.0.0.7",), ("10.0.0.6",)),
    Case(CIDR, [{"cidr": "10.0.0.0/0"}], ("255.255.255.255", "10.0.0.0"), ("9.255.255.255", "::1")),
    Case(
        OPERATORS,
        [{"wildcard": "dir/*.png"}],
        ("dir/a.png", "dir/.png", "dir/b/c.png"),
        ("dir/a.png.bak", "xdir/a.png", 1),
    ),
    Case(OPERATORS, [{"wildcard": "*Service"}], ("Service", "AService"), ("Services",)),
    Case(README, [{"wildcard": "Simple*Service"}], ("SimpleQueueService",), ("SimpleService2",)),
    Case(WILDCARDS + ": only * is special", [{"wildcard": "a?c"}], ("a?c",), ("abc",)),
    Case(WILDCARDS, [{"wildcard": "a\\*c*"}], ("a*c", "a*cd"), ("abc",)),
    Case(WILDCARDS, [{"wildcard": "a\\\\*"}], ("a\\", "a\\b"), ("a*", "a")),
    Case(WILDCARDS, [{"wildcard": "*\\**"}], ("*", "a*b"), ("ab",)),
    Case(WILDCARDS, [{"wildcard": "*ab*ab*"}], ("abab", "xabyabz"), ("ab", "aba")),
    Case(WILDCARDS, [{"wildcard": "ab*ab"}], ("abab", "ab-ab"), ("ab", "aab")),
    Case(WILDCARDS, [{"wildcard": "*"}], ("", "a"), (1, None)),
    Case(ARRAYS, ["a", "b"], (["x", "b"], [["a"]]), (["x"], [], [{"a": 1}])),
    Case(FINDER, [{"anything-but": "x"}], (["x", "y"],), (["x"], [])),
    Case(FINDER, [{"prefix": "a"}], (["b", "ab"],), (["b"], [1])),
)


def _event(value: Any) -> dict[str, Any]:
    return {"source": "aws.s3"} if value is ABSENT else {"source": "aws.s3", "x": value}


@pytest.mark.parametrize("case", VALUE_CASES, ids=lambda case: json.dumps(case.condition))
def test_a_condition_matches_the_values_that_its_source_says(case: Case) -> None:
    pattern = compile_pattern({"x": case.condition})
    for value in case.matches:
        assert pattern.matches(_event(value)), (case.source, value)
    for value in case.misses:
        assert not pattern.matches(_event(value)), (case.source, value)


EMPLOYEES = {
    "employees": [
        {"firstName": "John", "lastName": "Doe"},
        {"firstName": "Anna", "lastName": "Smith"},
        {"firstName": "Peter", "lastName": "Jones"},
    ]
}
NESTED_EMPLOYEES = {"employees": [EMPLOYEES["employees"][:2], EMPLOYEES["employees"][2:]]}
CLOUDTRAIL = {
    "version": "0",
    "source": "aws.bedrock-agentcore",
    "detail-type": "AWS API Call via CloudTrail",
    "resources": [],
    "detail": {
        "eventName": "CreateGateway",
        "readOnly": False,
        "errorCode": None,
        "userIdentity": {"arn": "arn:aws:sts::111122223333:assumed-role/Admin/bob"},
        "resources": [
            {"ARN": "arn:aws:one", "accountId": "111122223333"},
            {"ARN": "arn:aws:two", "accountId": "444455556666", "type": "gateway"},
        ],
    },
}

# (source, pattern, event, whether it matches)
STRUCTURE_CASES: tuple[tuple[str, Any, Any, bool], ...] = (
    (
        README,
        {"source": ["aws.bedrock-agentcore"], "detail": {"eventName": ["CreateGateway"]}},
        CLOUDTRAIL,
        True,
    ),
    (
        OPERATORS + ": And",
        {"source": ["aws.bedrock-agentcore"], "detail": {"eventName": ["No"]}},
        CLOUDTRAIL,
        False,
    ),
    (
        OPERATORS,
        {
            "detail": {
                "userIdentity": {"arn": [{"wildcard": "arn:aws:sts::*:assumed-role/Admin*/*"}]}
            }
        },
        CLOUDTRAIL,
        True,
    ),
    (README, {"employees": {"firstName": ["Anna"]}}, EMPLOYEES, True),
    (README, {"employees": {"firstName": ["Anna"]}}, NESTED_EMPLOYEES, True),
    (README, {"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}, EMPLOYEES, True),
    (README, {"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}}, EMPLOYEES, False),
    (
        README,
        {"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}},
        NESTED_EMPLOYEES,
        False,
    ),
    (
        FINDER + ": consistency reaches over $or",
        {
            "employees": {"firstName": ["Anna"]},
            "$or": [{"employees": {"lastName": ["Jones"]}}, {"employees": {"lastName": ["Doe"]}}],
        },
        EMPLOYEES,
        False,
    ),
    (
        FINDER + ": consistency reaches over $or",
        {
            "employees": {"firstName": ["Anna"]},
            "$or": [{"employees": {"lastName": ["Jones"]}}, {"employees": {"lastName": ["Smith"]}}],
        },
        EMPLOYEES,
        True,
    ),
    (
        FINDER + ": a later name is absent from the element chosen before",
        {"detail": {"resources": {"ARN": ["arn:aws:one"], "type": [{"exists": False}]}}},
        CLOUDTRAIL,
        True,
    ),
    (
        FINDER,
        {"detail": {"resources": {"ARN": ["arn:aws:two"], "type": [{"exists": False}]}}},
        CLOUDTRAIL,
        False,
    ),
    (
        FINDER + ": nothing is chosen yet, so one element having the field is enough",
        {"detail": {"resources": {"type": [{"exists": False}]}}},
        CLOUDTRAIL,
        False,
    ),
    (FINDER, {"detail": {"nope": {"deeper": [{"exists": False}]}}}, CLOUDTRAIL, True),
    (FINDER, {"resources": {"ARN": [{"exists": False}]}}, CLOUDTRAIL, True),
    (FINDER, {"detail": {"eventName": {"deeper": [{"exists": True}]}}}, CLOUDTRAIL, False),
    (README + ": dots join names", {"detail.eventName": ["CreateGateway"]}, CLOUDTRAIL, True),
    (
        README + ": dots join names",
        {"detail": {"state": {"status": ["running"]}}},
        {"detail": {"state.status": "running"}},
        True,
    ),
    (
        OPERATORS,
        {"detail": {"$or": [{"eventName": ["X"]}, {"readOnly": [False]}]}},
        CLOUDTRAIL,
        True,
    ),
    (
        OPERATORS,
        {"source": ["no"], "detail": {"$or": [{"eventName": ["CreateGateway"]}, {"n": [1]}]}},
        CLOUDTRAIL,
        False,
    ),
    (
        README + ": Or has an And inside",
        {"$or": [{"source": ["x"]}, {"version": ["0"], "detail": {"errorCode": [None]}}]},
        CLOUDTRAIL,
        True,
    ),
    (
        README + ": Nested Or and And",
        {
            "$or": [
                {"source": ["x"]},
                {"version": ["0"], "$or": [{"id": ["a"]}, {"detail": {"readOnly": [True]}}]},
            ]
        },
        CLOUDTRAIL,
        False,
    ),
    (
        README + ": Parallel Or",
        {
            "$or": [{"source": ["x"]}, {"version": ["0"]}],
            "detail": {"$or": [{"eventName": ["CreateGateway"]}, {"readOnly": [True]}]},
        },
        CLOUDTRAIL,
        True,
    ),
)


@pytest.mark.parametrize(
    ("source", "pattern", "event", "expected"),
    STRUCTURE_CASES,
    ids=[json.dumps(case[1]) for case in STRUCTURE_CASES],
)
def test_a_pattern_of_several_fields_matches_as_its_source_says(
    source: str, pattern: Any, event: Any, expected: bool
) -> None:
    assert compile_pattern(pattern).matches(event) is expected, source
    assert compile_pattern(json.dumps(pattern)).matches(event) is expected, source


# (source, the pattern as text)
INVALID_CASES = (
    (COMPILER_TEST, "[1,2,3]"),
    (COMPILER_TEST, '{"a":1}'),
    (COMPILER_TEST, '{"a":[{"x":2}]}'),
    (COMPILER_TEST, '{"foo":{}}'),
    (COMPILER_TEST, '{"foo":[]}'),
    (COMPILER, "{}"),
    (COMPILER, '{"a":"b"}'),
    (COMPILER, '{"a":null}'),
    (COMPILER, '{"a":[["b"]]}'),
    (COMPILER, '{"a":[{}]}'),
    (COMPILER, "not json"),
    (COMPILER, '{"a":[NaN]}'),
    (COMPILER, '{"a":[{"prefx":"Cre"}]}'),
    (OURS + ": Event Ruler accepts it, no page documents it", '{"a":[{"exactly":"b"}]}'),
    (COMPILER_TEST, '{"a":[{"prefix":"child","foo":[]}]}'),
    (COMPILER_TEST, '{"a":[{"prefix":3}]}'),
    (COMPILER_TEST, '{"a":[{"prefix":["a"]}]}'),
    (COMPILER_TEST, '{"a":[{"prefix":{"invalid-expression":["abc"]}}]}'),
    (COMPILER_TEST, '{"a":[{"prefix":{"equals-ignore-case":5}}]}'),
    (COMPILER_TEST, '{"a":[{"prefix":{"equals-ignore-case":["abc"]}}]}'),
    (COMPILER_TEST, '{"a":[{"prefix":{"equals-ignore-case":"abc","test":"def"}}]}'),
    (COMPILER_TEST, '{"a":[{"suffix":3}]}'),
    (COMPILER_TEST, '{"a":[{"suffix":{"equals-ignore-case":["abc"]}}]}'),
    (COMPILER_TEST, '{"a":[{"equals-ignore-case":5}]}'),
    (COMPILER_TEST, '{"a":[{"equals-ignore-case":["abc"]}]}'),
    (COMPILER_TEST, '{"a":[{"wildcard":5}]}'),
    (COMPILER_TEST, '{"a":[{"wildcard":["abc"]}]}'),
    (WILDCARDS, '{"a":[{"wildcard":"Cr**way"}]}'),
    (WILDCARDS, '{"a":[{"wildcard":"a\\\\"}]}'),
    (WILDCARDS, '{"a":[{"wildcard":"a\\\\b"}]}'),
    (COMPILER_TEST, '{"a":[{"cidr":"foo"}]}'),
    (CIDR, '{"a":[{"cidr":"10.0.0.1"}]}'),
    (CIDR + ": mask bits must be < 32", '{"a":[{"cidr":"10.0.0.1/32"}]}'),
    (CIDR + ": mask bits must be < 128", '{"a":[{"cidr":"::1/128"}]}'),
    (CIDR, '{"a":[{"cidr":"10.0.0.0/-1"}]}'),
    (CIDR, '{"a":[{"cidr":"10.0.0/8"}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":["child0",111,"child2"]}]}'),
    (COMPILER, '{"a":[{"anything-but":[]}]}'),
    (COMPILER, '{"a":[{"anything-but":null}]}'),
    (COMPILER, '{"a":[{"anything-but":true}]}'),
    (COMPILER, '{"a":[{"anything-but":[true]}]}'),
    (COMPILER, '{"a":[{"anything-but":6000000000}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"foo":3}}]}'),
    (COMPILER, '{"a":[{"anything-but":{"exists":true}}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"prefix":27}}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"prefix":""}}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"prefix":["1",""]}}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"prefix":[1,2,3]}}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"prefix":"foo","a":1}}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"prefix":"foo"},"x":1}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"suffix":""}}]}'),
    (
        COMPILER + ": no ignore-case inside",
        '{"a":[{"anything-but":{"prefix":{"equals-ignore-case":"a"}}}]}',
    ),
    (COMPILER_TEST, '{"a":[{"anything-but":{"equals-ignore-case":[1,2,3]}}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"wildcard":27}}]}'),
    (COMPILER_TEST, '{"a":[{"anything-but":{"wildcard":["1","foo**bar"]}}]}'),
    (COMPILER, '{"a":[{"exists":"yes"}]}'),
    (COMPILER, '{"a":[{"exists":0}]}'),
    (COMPILER, '{"a":[{"exists":true,"prefix":"a"}]}'),
    (COMPILER, '{"a":[{"numeric":5}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":["="]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":["=",true]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":["=",2.0e22]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":["=","-4e-8"]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":["<>",1,">",0]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":["==",1]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":["<",1,">",0]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":[">",1,"<",1]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":[">",30,"<",1]}]}'),
    (COMPILER_TEST, '{"a":[{"numeric":[">",1,"<",30,false]}]}'),
    (COMPILER, '{"a":[{"numeric":["=",1,"=",2]}]}'),
    (COMPILER, '{"$or":[{"a":[1]}]}'),
    (COMPILER, '{"$or":[]}'),
    (COMPILER, '{"$or":[{"a":[1]},{}]}'),
    (COMPILER, '{"$or":[{"a":[1]},"b"]}'),
    (OURS, '{"$or":{"a":[1],"b":[2]}}'),
    (README, '{"$or":[{"numeric":[123]},{"prefix":["abc"]}]}'),
    (COMPILER, '{"$or":[{"a":{"cidr":["x"]}},{"b":[1]}]}'),
    (OURS + ": strict mode of Event Ruler", '{"a":[1],"$or":[{"a":[2]},{"b":[3]}]}'),
    (OURS + ": strict mode of Event Ruler", '{"a":{"b":[1]},"a.b":[2]}'),
    (OURS + ": strict mode of Event Ruler", '{"a":[1],"a":[2]}'),
)


@pytest.mark.parametrize(("source", "pattern"), INVALID_CASES)
def test_a_pattern_that_put_rule_refuses_is_refused(source: str, pattern: str) -> None:
    with pytest.raises(InvalidPatternError) as refusal:
        compile_pattern(pattern)
    assert str(refusal.value).startswith("Event pattern is not valid. Reason: "), source


def test_a_refusal_names_the_path_and_the_reason() -> None:
    with pytest.raises(InvalidPatternError) as refusal:
        compile_pattern({"detail": {"eventName": [{"prefx": "Create"}]}})
    assert refusal.value.path == "detail.eventName"
    assert refusal.value.reason == "Unrecognized match type prefx"


def test_a_pattern_over_the_size_limit_is_refused_unless_the_limit_is_raised() -> None:
    pattern = {"source": ["x" * 2_100]}
    with pytest.raises(InvalidPatternError, match="at most 2048"):
        compile_pattern(pattern)
    assert compile_pattern(pattern, maximum_size=4_096).matches({"source": "x" * 2_100})


def test_a_pattern_whose_or_explodes_is_refused() -> None:
    choice = {"$or": [{"z": [1]}, {"y": [2]}]}
    pattern: dict[str, Any] = {f"f{n}": {"$or": [{"a": [1]}, {"b": [2]}]} for n in range(10)}
    with pytest.raises(InvalidPatternError, match="1000 combinations"):
        compile_pattern({**pattern, **choice})


def test_a_wildcard_made_to_backtrack_is_decided_at_once() -> None:
    pattern = compile_pattern({"x": [{"wildcard": "a*" * 200 + "b"}]})
    started = time.process_time()
    assert not pattern.matches({"x": "a" * 100_000})
    assert time.process_time() - started < 2


def test_many_elements_in_many_arrays_are_decided_at_once() -> None:
    names = "abcdefgh"
    pattern = compile_pattern({name: {"v": [1], "w": [2]} for name in names} | {"z": ["never"]})
    event = {name: [{"v": 1, "w": 2} for _ in range(40)] for name in names} | {"z": "other"}
    started = time.process_time()
    assert not pattern.matches(event)
    assert time.process_time() - started < 2


TEXT = st.text(alphabet="ab*\\", max_size=8)


def _slow_wildcard(pattern: str, value: str) -> bool:
    """The definition of a wildcard, character by character."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(_slow_wildcard(pattern[1:], value[skip:]) for skip in range(len(value) + 1))
    literal = pattern[1] if pattern[0] == "\\" else pattern[0]
    rest = pattern[2:] if pattern[0] == "\\" else pattern[1:]
    return value[:1] == literal and _slow_wildcard(rest, value[1:])


@given(pattern=TEXT, value=TEXT)
def test_a_wildcard_agrees_with_its_definition(pattern: str, value: str) -> None:
    try:
        compiled = compile_pattern({"x": [{"wildcard": pattern}]})
    except InvalidPatternError:
        return
    assert compiled.matches({"x": value}) is _slow_wildcard(pattern, value)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("ab", max_size=2))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner),
)


@given(event=st.dictionaries(st.sampled_from("xyz"), VALUES))
def test_exists_true_and_exists_false_exclude_each_other(event: dict[str, Any]) -> None:
    present = compile_pattern({"x": {"y": [{"exists": True}]}}).matches(event)
    absent = compile_pattern({"x": {"y": [{"exists": False}]}}).matches(event)
    assert present is not absent


@given(event=st.dictionaries(st.sampled_from("xyz"), SCALARS, min_size=1))
def test_an_event_matches_the_pattern_made_of_its_own_values(event: dict[str, Any]) -> None:
    assert compile_pattern({name: [value] for name, value in event.items()}).matches(event)
