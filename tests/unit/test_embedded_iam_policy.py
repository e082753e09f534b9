"""The slow IAM evaluator against the rules of the IAM User Guide and against labelled policies."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest
from embedded_account.iam_conditions import MalformedPolicyError, glob_matches, tokens
from embedded_account.iam_policy import (
    AccessRequest,
    Decision,
    Policy,
    Principal,
    StatementUse,
    decide,
)
from hypothesis import given
from hypothesis import strategies as st

HUB, WORKLOAD = "111122223333", "444455556666"
QUEUE = f"arn:aws:sqs:eu-central-1:{HUB}:changes"
ROLE = f"arn:aws:iam::{HUB}:role/service/evaluate"
SESSION = Principal(HUB, f"arn:aws:sts::{HUB}:assumed-role/evaluate/run", ROLE)
USER = Principal(HUB, f"arn:aws:iam::{HUB}:user/jane")
EVENTS = Principal(HUB, "", service="events.amazonaws.com")


def _statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "sqs:*", "Resource": "*"} | elements


def _policy(
    *statements: dict[str, Any], name: str = "policy", version: str = "2012-10-17"
) -> Policy:
    return Policy(name, {"Version": version, "Statement": list(statements)})


def _request(
    action: str = "sqs:SendMessage",
    resource: str = QUEUE,
    principal: Principal = SESSION,
    **context: Any,  # aws__username stands for the condition key aws:username
) -> AccessRequest:
    return AccessRequest(
        principal, action, resource, {key.replace("__", ":"): v for key, v in context.items()}
    )


def _allowed(request: AccessRequest, *identity: Policy, **others: Any) -> bool:
    return decide(request, identity=identity, **{"same_account": True} | others).allowed


def _statement_fits(element: dict[str, Any], request: AccessRequest) -> bool:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"} | element
    for negated in ("NotAction", "NotResource"):
        if negated in element:
            del statement[negated.removeprefix("Not")]
    return _allowed(request, _policy(statement))


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"Action": "sqs:SendMessage"}, True),
        ({"Action": "SQS:sendmessage"}, True),
        ({"Action": "sqs:Send*"}, True),
        ({"Action": "sqs:SendMessag?"}, True),
        ({"Action": "sqs:SendMessage?"}, False),
        ({"Action": "*:SendMessage"}, True),
        ({"Action": ["sns:*", "sqs:*"]}, True),
        ({"Action": "sqs:"}, False),
        ({"NotAction": "sqs:ReceiveMessage"}, True),
        ({"NotAction": ["sqs:receivemessage", "SQS:*"]}, False),
        ({"Resource": QUEUE}, True),
        ({"Resource": QUEUE.upper()}, False),
        ({"Resource": "arn:aws:sqs:*:*:changes"}, True),
        ({"Resource": "arn:*"}, True),
        ({"Resource": "arn:aws:sqs:*"}, True),
        ({"Resource": "arn:aws:sqs:e*l-1:*:ch?nges"}, True),
        ({"Resource": "arn:aws:sqs:e*s:*"}, False),
        ({"Resource": "arn:aws:sqs:*:changes"}, True),
        ({"Resource": "arn:aws:sqs?eu-central-1:*:*"}, False),
        ({"NotResource": "arn:aws:sqs:*:*:other"}, True),
        ({"NotResource": "*"}, False),
    ],
)
def test_a_statement_fits_by_action_and_resource(element: dict[str, Any], expected: bool) -> None:
    assert _statement_fits(element, _request()) is expected


# (operator, policy's values, request's values or None for an absent key, whether it holds)
CONDITIONS: tuple[tuple[str, Any, Any, bool], ...] = (
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", "a*", "ab", False),
    ("StringEquals", "a", None, False),
    ("StringEqualsIfExists", "a", None, True),
    ("StringEqualsIfExists", "a", "b", False),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringNotEquals", "a", None, True),
    ("StringNotEquals", "a", ["a", "b"], False),
    ("StringEquals", "a", ["a", "b"], True),
    ("StringEqualsIgnoreCase", "ab", "AB", True),
    ("StringNotEqualsIgnoreCase", "ab", "AB", False),
    ("StringLike", "a*c?", "abbcd", True),
    ("StringLike", "a*c?", "abbc", False),
    ("StringLike", "a*", "a:b/c", True),
    ("StringNotLike", "a*", "abc", False),
    ("StringNotLike", "a*", None, True),
    ("stringequals", "a", "a", True),
    ("NumericEquals", "10", "10.0", True),
    ("NumericNotEquals", "10", "11", True),
    ("NumericLessThan", "10", "9", True),
    ("NumericLessThan", "10", "10", False),
    ("NumericLessThanEquals", 10, "10", True),
    ("NumericGreaterThan", "10", "9", False),
    ("NumericGreaterThanEquals", "10", "10", True),
    ("NumericEquals", "10", "ten", False),
    ("DateEquals", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", True),
    ("DateNotEquals", "2026-01-02", "2026-01-03", True),
    ("DateLessThan", "2026-01-02T00:00:00Z", "2026-01-01T23:59:59Z", True),
    ("DateLessThanEquals", "2026-01-02", "2026-01-02", True),
    ("DateGreaterThan", "2026-01-02", "1767312000", False),
    ("DateGreaterThanEquals", "2026-01-02", "1767312000", True),
    ("Bool", "true", "true", True),
    ("Bool", True, "TRUE", True),
    ("Bool", "false", "true", False),
    ("Bool", "false", None, False),
    ("BoolIfExists", "true", None, True),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
    ("IpAddress", "203.0.113.0/24", "198.51.100.7", False),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
    ("IpAddress", "203.0.113.9", "203.0.113.9", True),
    ("NotIpAddress", "203.0.113.0/24", "198.51.100.7", True),
    ("ArnEquals", "arn:aws:sqs:*:111122223333:*", QUEUE, True),
    ("ArnLike", "arn:aws:sqs:eu-*:111122223333:ch?nges", QUEUE, True),
    ("ArnLike", "arn:aws:sqs:*", QUEUE, False),
    ("ArnLike", "arn:aws:s*:changes:*:*:*", QUEUE, False),
    ("ArnLike", QUEUE, "changes", False),
    ("ArnNotEquals", QUEUE, QUEUE, False),
    ("ArnNotLike", "arn:aws:sns:*:*:*", QUEUE, True),
    ("ArnNotLike", "arn:aws:sns:*:*:*", None, True),
    ("Null", "true", None, True),
    ("Null", "true", "a", False),
    ("Null", False, "a", True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
    ("ForAllValues:StringEquals", ["a"], None, True),
    ("ForAllValues:StringEquals", ["a"], [], True),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
    ("ForAnyValue:StringEquals", ["a"], ["c"], False),
    ("ForAnyValue:StringEquals", ["a"], None, False),
    ("ForAnyValue:StringEqualsIfExists", ["a"], None, True),
    ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True),
    ("ForAllValues:StringNotLike", ["a*"], ["b", "ab"], False),
    ("ForAnyValue:StringLike", ["o-x/*"], ["o-x/r-1/ou-1/"], True),
)


@pytest.mark.parametrize(("operator", "expected_values", "values", "holds"), CONDITIONS)
def test_a_condition_operator_decides_as_documented(
    operator: str, expected_values: Any, values: Any, holds: bool
) -> None:
    context = {} if values is None else {"aws__KEY": values}
    condition = {"Condition": {operator: {"aws:key": expected_values}}}
    assert _statement_fits(condition, _request(**context)) is holds


def test_all_operators_and_all_keys_of_a_condition_must_hold() -> None:
    condition = {"StringEquals": {"aws:a": "1", "aws:b": "2"}, "Bool": {"aws:c": "true"}}
    fits: dict[str, Any] = {"aws__a": "1", "aws__b": "2", "aws__c": "true"}
    assert _statement_fits({"Condition": condition}, _request(**fits))
    for key in fits:
        assert not _statement_fits({"Condition": condition}, _request(**fits | {key: "x"}))


@pytest.mark.parametrize(
    ("resource", "context", "expected"),
    [
        ("arn:aws:s3:::home/${aws:username}/*", {"aws__username": "jane"}, True),
        ("arn:aws:s3:::home/${aws:UserName}/*", {"aws__username": "jane"}, True),
        ("arn:aws:s3:::home/${aws:username}/*", {"aws__username": "*"}, False),
        ("arn:aws:s3:::home/${aws:username}/*", {}, False),
        ("arn:aws:s3:::home/${aws:username, 'jane'}/*", {}, True),
        ("arn:aws:s3:::home/${*}/*", {}, False),
        ("arn:aws:s3:::home/jane/${?}*", {}, False),
        ("arn:aws:s3:::home/${unclosed/*", {}, False),
    ],
)
def test_a_policy_variable_stands_for_its_literal_value(
    resource: str, context: dict[str, Any], expected: bool
) -> None:
    request = _request("s3:GetObject", "arn:aws:s3:::home/jane/a", **context)
    assert _statement_fits({"Resource": resource}, request) is expected


def test_policy_variables_are_plain_text_before_version_2012() -> None:
    statement = _statement(Action="s3:*", Resource="arn:aws:s3:::home/${aws:username}")
    request = _request("s3:GetObject", "arn:aws:s3:::home/jane", aws__username="jane")
    literal = _request("s3:GetObject", "arn:aws:s3:::home/${aws:username}")
    assert _allowed(request, _policy(statement))
    assert not _allowed(request, _policy(statement, version="2008-10-17"))
    assert _allowed(literal, _policy(statement, version="2008-10-17"))


def test_a_policy_variable_works_inside_string_and_arn_conditions() -> None:
    condition = {
        "StringLike": {"s3:prefix": "${aws:PrincipalAccount}/*"},
        "ArnLike": {"aws:SourceArn": "arn:aws:events:*:${aws:PrincipalAccount}:rule/*"},
    }
    request = _request(
        aws__PrincipalAccount=HUB,
        s3__prefix=f"{HUB}/a",
        aws__SourceArn=f"arn:aws:events:eu-central-1:{HUB}:rule/x",
    )
    assert _statement_fits({"Condition": condition}, request)


def test_nothing_is_allowed_without_a_policy() -> None:
    assert decide(_request(), identity=(), same_account=True) == Decision(
        False, "no identity-based policy allows the action"
    )


@pytest.mark.parametrize("where", ["identity", "boundary", "session", "resource"])
def test_an_explicit_deny_anywhere_wins(where: str) -> None:
    allow = _policy(_statement(Principal="*"))
    deny = _policy(_statement("Deny", Principal="*", Sid="Stop"), name="deny")
    policies: dict[str, Any] = {"boundary": allow, "session": allow, "resource": allow}
    identity = [allow]
    assert _allowed(_request(), *identity, **policies)
    if where == "identity":
        identity.append(deny)
    else:
        policies[where] = deny
    decision = decide(_request(), identity=identity, same_account=True, **policies)
    assert not decision.allowed
    assert decision.why.startswith("with an explicit deny in a")
    assert decision.statements == (StatementUse("deny", "Stop"),)


def test_a_boundary_or_session_policy_only_narrows() -> None:
    wide, narrow = _policy(_statement()), _policy(_statement(Action="sqs:Receive*"))
    assert not _allowed(_request(), wide, boundary=narrow)
    assert not _allowed(_request(), wide, session=narrow)
    assert not _allowed(_request(), narrow, boundary=wide, session=wide)
    assert _allowed(_request("sqs:ReceiveMessage"), wide, boundary=narrow, session=narrow)


def _resource_policy(principal: Any, **elements: Any) -> Policy:
    return _policy(_statement(Principal=principal, **elements), name="queue")


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ROLE}, True),
        ({"AWS": SESSION.arn}, True),
        ({"AWS": ["arn:aws:iam::111122223333:role/other", ROLE]}, True),
        ({"AWS": HUB}, False),
        ({"AWS": f"arn:aws:iam::{HUB}:root"}, False),
        ({"AWS": f"arn:aws:iam::{HUB}:role/service/*"}, False),
        ({"Service": "events.amazonaws.com"}, False),
    ],
)
def test_a_resource_policy_alone_is_enough_in_the_same_account_unless_it_only_delegates(
    principal: Any, expected: bool
) -> None:
    assert _allowed(_request(), resource=_resource_policy(principal)) is expected
    assert _allowed(_request(), _policy(_statement()), resource=_resource_policy(principal))


@pytest.mark.parametrize("principal", ["*", {"AWS": HUB}, {"AWS": ROLE}, {"AWS": SESSION.arn}])
def test_across_accounts_both_sides_must_allow(principal: Any) -> None:
    own, theirs = _policy(_statement()), _resource_policy(principal)
    assert _allowed(_request(), own, resource=theirs, same_account=False)
    assert not _allowed(_request(), own, same_account=False)
    assert not _allowed(_request(), resource=theirs, same_account=False)


def test_a_grant_to_the_role_is_limited_by_the_session_policy_and_one_to_the_session_is_not() -> (
    None
):
    narrow = _policy(_statement(Action="sqs:Receive*"))
    to_role, to_session = _resource_policy({"AWS": ROLE}), _resource_policy({"AWS": SESSION.arn})
    assert not _allowed(_request(), session=narrow, resource=to_role)
    assert _allowed(_request(), session=narrow, resource=to_session)
    to_user = _resource_policy({"AWS": USER.arn})
    assert _allowed(_request(principal=USER), boundary=narrow, resource=to_user)


def test_a_trust_policy_must_allow_even_in_the_same_account() -> None:
    own = _policy(_statement(Action="sts:AssumeRole"))
    trust_account = _policy(
        {"Effect": "Allow", "Principal": {"AWS": HUB}, "Action": "sts:AssumeRole"}, name="trust"
    )
    trust_role = _policy(
        {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}, name="trust"
    )
    request = _request("sts:AssumeRole", f"arn:aws:iam::{HUB}:role/remediate")
    must: dict[str, Any] = {"resource_must_allow": True}
    assert not _allowed(request, own, **must)
    assert not _allowed(request, resource=trust_account, **must)
    assert _allowed(request, own, resource=trust_account, **must)
    assert _allowed(request, resource=trust_role, **must)


def test_a_service_needs_the_resource_policy_and_its_conditions() -> None:
    source = {"ArnEquals": {"aws:SourceArn": "arn:aws:events:*:*:rule/changes"}}
    policy = _resource_policy({"Service": "events.amazonaws.com"}, Condition=source)
    fits = {"aws__SourceArn": f"arn:aws:events:eu-central-1:{HUB}:rule/changes"}
    assert _allowed(_request(principal=EVENTS, **fits), resource=policy)
    assert not _allowed(_request(principal=EVENTS), resource=policy)
    assert not _allowed(_request(principal=EVENTS, **fits), _policy(_statement()))
    assert _allowed(_request(principal=EVENTS), resource=_resource_policy("*"))
    assert not _allowed(_request(principal=EVENTS), resource=_resource_policy({"AWS": ROLE}))


@pytest.mark.parametrize(
    ("spared", "denied"),
    [
        ([f"arn:aws:iam::{HUB}:root", ROLE, SESSION.arn], False),
        ([f"arn:aws:iam::{HUB}:root", ROLE], True),
        ([ROLE, SESSION.arn], True),
    ],
)
def test_not_principal_spares_only_who_is_listed_by_every_name(
    spared: list[str], denied: bool
) -> None:
    deny = _statement("Deny", NotPrincipal={"AWS": spared})
    decision = _allowed(_request(), _policy(_statement()), resource=_policy(deny))
    assert decision is not denied


def test_a_decision_names_the_statements_that_brought_it_about() -> None:
    named = _policy(_statement(Action="sns:*"), _statement(Sid="Queues"), name="inline")
    unnamed = _policy(_statement(Action="sns:*"), _statement(), name="managed")
    decision = decide(_request(), identity=(named, unnamed), same_account=True)
    assert decision.statements == (
        StatementUse("inline", "Queues"),
        StatementUse("managed", "[1]"),
    )


@pytest.mark.parametrize(
    "statement",
    [
        "text",
        {"Action": "*", "Resource": "*"},
        {"Effect": "allow", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "NotResource": "*"},
        {"Effect": "Allow", "Action": [], "Resource": "*"},
        {"Effect": "Allow", "Action": [["*"]], "Resource": "*"},
        {"Effect": "Allow", "Action": 5, "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": "a"}},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringIs": {"a": "b"}}},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Some:Null": {"a": 1}}},
    ],
)
def test_a_document_that_iam_would_not_store_is_refused(statement: Any) -> None:
    with pytest.raises(MalformedPolicyError):
        _allowed(_request(a="x"), Policy("bad", {"Statement": statement}))


def test_text_that_is_not_a_json_object_is_refused() -> None:
    for text in ("not json", "[]", '"text"'):
        with pytest.raises(MalformedPolicyError, match="Policy bad"):
            Policy.parse("bad", text)


def test_a_wildcard_made_to_backtrack_is_decided_at_once() -> None:
    started = time.process_time()
    assert not _statement_fits({"Action": "*a" * 40 + "b"}, _request("s3:" + "a" * 500))
    assert time.process_time() - started < 2


def _slow_glob(pattern: str, value: str) -> bool:
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(_slow_glob(pattern[1:], value[skip:]) for skip in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and _slow_glob(pattern[1:], value[1:])


@given(pattern=st.text("ab*?:", max_size=7), value=st.text("ab:", max_size=8))
def test_a_glob_agrees_with_its_definition(pattern: str, value: str) -> None:
    compiled = tokens(pattern, {}, variables=False, wildcards=True)
    assert glob_matches(compiled, value) is _slow_glob(pattern, value)


DATA = Path(__file__).parents[3] / "shared" / "data"
PROBES = (
    ("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/zq9.unguessable"),
    ("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/zq9"),
    ("bedrock:InvokeAgent", "arn:aws:bedrock:us-east-1:123456789012:agent-alias/ZQ9XW7UNGU/ZQ9"),
    ("bedrock:UpdateAgent", "arn:aws:bedrock:us-east-1:123456789012:agent/ZQ9XW7UNGU"),
    *(
        (f"bedrock-agentcore:{action}", f"arn:aws:bedrock-agentcore:us-east-1:123456789012:{kind}")
        for action, kind in (
            ("InvokeAgentRuntime", "runtime/zq9_unguessable-a1B2c3D4e5"),
            ("UpdateAgentRuntime", "runtime/zq9_unguessable-a1B2c3D4e5"),
            ("InvokeGateway", "gateway/zq9-unguessable-a1b2c3d4e5"),
        )
    ),
)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the labelled policies are not at {DATA}")
def test_the_evaluator_agrees_with_an_independent_engine_on_labelled_policies() -> None:
    lines = [
        line
        for file in sorted((DATA / "iam").glob("*.jsonl.gz"))
        for line in gzip.decompress(file.read_bytes()).splitlines()
    ]
    documents = {entry["id"]: entry.get("document") for entry in map(json.loads, lines)}
    labels = (DATA / "oracle" / "iam_labels.jsonl").read_text().splitlines()
    user = Principal("123456789012", "arn:aws:iam::123456789012:user/jane")
    agreed, disagreed = 0, []
    for label in map(json.loads, labels):
        expected = {"allows": True, "denies": False}.get(label["second_engine"])
        if label["kind"] != "identity" or label["label"] == "GREY" or expected is None:
            continue
        policy = Policy.parse(label["id"], documents[label["id"]])
        allowed = any(
            _allowed(AccessRequest(user, action, resource, {}), policy)
            for action, resource in PROBES
        )
        agreed += allowed is expected
        disagreed += [label["id"]] if allowed is not expected else []
    # Both grant only in Regions or on resource kinds that one of the two sets of probes lacks.
    assert disagreed == ["agentcore-samples:9150c1c1bd4f1f63", "prowler:072324acb6a52637"]
    assert agreed > 1_000
