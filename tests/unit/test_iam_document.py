"""Tests the one reader of policy text: every spelling is read, nothing invalid passes as clean."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel.iam import InvalidDocumentError, parse

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["bedrock:*"], "Resource": ["*"]}],
}


def statement(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"} | elements


def escaped(value: object) -> str:
    """Return JSON in which every character of every string is a backslash-u escape."""
    if isinstance(value, str):
        return '"' + "".join(f"\\u{ord(character):04x}" for character in value) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{escaped(k)}:{escaped(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(escaped, value)) + "]"
    return json.dumps(value)


@pytest.mark.parametrize(
    "source",
    [
        POLICY,
        json.dumps(POLICY),
        json.dumps(POLICY, indent="\t"),
        "\n \ufeff" + json.dumps(POLICY) + "\r\n",
        quote(json.dumps(POLICY), safe=""),
        quote(json.dumps(POLICY, indent=1)),
        escaped(POLICY),
        {"Version": "2012-10-17", "Statement": statement()},
        {"Version": "2012-10-17", "Id": "x", "Statement": [statement(Sid="Allow\u00dc")]},
        {"__end_line__": 7, "Version": "2012-10-17", "Statement": statement()},
    ],
)
def test_every_spelling_of_a_policy_gives_the_same_document(source: object) -> None:
    document = parse(source)
    assert document.version == "2012-10-17"
    (only,) = document.statements
    assert (only.effect, only.actions, only.resources) == ("Allow", ("bedrock:*",), ("*",))
    assert (only.not_action, only.not_resource, only.principals) == (False, False, None)


def test_a_policy_without_version_is_of_2008() -> None:
    assert parse({"Statement": statement()}).version == "2008-10-17"


def test_a_condition_is_flattened_and_its_values_are_text() -> None:
    conditions = {
        "StringEquals": {"aws:SourceAccount": ["111122223333"], "aws:a": "b"},
        "Bool": {"aws:SecureTransport": True},
        "NumericEquals": {"aws:n": 3},
    }
    (only,) = parse({"Statement": statement(Condition=conditions)}).statements
    assert [(c.operator, c.key, c.values) for c in only.conditions] == [
        ("StringEquals", "aws:SourceAccount", ("111122223333",)),
        ("StringEquals", "aws:a", ("b",)),
        ("Bool", "aws:SecureTransport", ("true",)),
        ("NumericEquals", "aws:n", ("3",)),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*"}}', "same key twice"),
        ('{"Statement":[],"Statement":[{"Effect":"Allow"}]}', "same key twice"),
        ('{"Statement":{"Effect":"Allow","Action":"*","\\u0041ction":"s3:*"}}', "same key twice"),
        (
            '{"Statement":{"Effect":"Allow","Action":"*","Condition":{"N":{"a":NaN}}}}',
            "NaN is not JSON",
        ),
        ('{"Statement":' + "[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ('{"Version":' + "9" * 5_000 + "}", "not JSON"),
        ("", "not JSON"),
        ("null", "expected JSON text or an object, found nothing"),
        ('"{}"', "found str"),
        ("%7B%FF%7D", "not JSON"),
        ("{} {}", "not JSON"),
    ],
)
def test_text_that_is_no_policy_is_refused_by_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        parse(text)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({}, "Statement: expected"),
        ({"Statement": []}, "found nothing"),
        ({"Statement": None}, "found nothing"),
        ({"Statement": ["x"]}, r"Statement\[0\]: expected an object, found str"),
        ({"Statement": [[statement()]]}, "found list"),
        ({"Version": "2013-10-17", "Statement": statement()}, "Version: expected one of"),
        ({"Version": ["2012-10-17"], "Statement": statement()}, "Version"),
        ({"Statement": statement(), "statement": []}, "another case"),
        ({"Statement": statement(Effect="allow")}, "Effect: expected Allow or Deny"),
        ({"Statement": {"Action": "*", "Resource": "*"}}, "Effect"),
        ({"Statement": {"Effect": "Allow", "Resource": "*"}}, "expected Action or NotAction"),
        ({"Statement": statement(Action=None)}, "Action: expected a string or a list"),
        ({"Statement": statement(Action=[])}, "found nothing"),
        ({"Statement": statement(Action=5)}, "found int"),
        ({"Statement": statement(Action=[["*"]])}, "expected strings, found list"),
        ({"Statement": statement(NotAction="iam:*")}, "Action and NotAction together"),
        ({"Statement": statement(NotResource=[])}, "Resource and NotResource together"),
        ({"Statement": statement(Resource={"Fn::Sub": "x"})}, "Resource: .* found dict"),
        ({"Statement": statement(action="*")}, "unknown element 'action'"),
        ({"Statement": statement(Principal="x", NotPrincipal="*")}, "together"),
        ({"Statement": statement(Principal=["*"])}, 'expected "\\*" or an object, found list'),
        ({"Statement": statement(Principal={"AWS": [1]})}, "Principal.AWS: expected strings"),
        ({"Statement": statement(Condition=[])}, "Condition: expected an object"),
        ({"Statement": statement(Condition={"Bool": "true"})}, "Condition.Bool"),
        ({"Statement": statement(Condition={"Bool": {"a": {}}})}, "found dict"),
        (b"{}", "found bytes"),
        (7, "found int"),
    ],
)
def test_what_iam_would_not_store_is_refused_by_name(policy: object, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        parse(policy)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just("Allow"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Version", "Statement", "Effect", "Action", "Resource", "Condition"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(anything)
def test_no_value_whatever_ends_in_another_error(value: object) -> None:
    for source in (value, json.dumps(value), {"Statement": value}):
        try:
            parse(source)
        except InvalidDocumentError as error:
            assert ": " in str(error)


@given(st.text(max_size=40))
def test_no_text_whatever_ends_in_another_error(text: str) -> None:
    for source in (text, "%" + text, '{"Statement":' + text):
        with pytest.raises(InvalidDocumentError):
            parse(source)
