"""Tests how wide a policy's grants on Bedrock and AgentCore are, and what tries to hide it."""

from __future__ import annotations

import fnmatch
import json
import re
import time
from functools import cache
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel.iam import ACTIONS, Access, Grade, Grant, InvalidDocumentError, bedrock_grants, parse

OWN = "444455556666"
OTHER = "111122223333"
MODELS = "arn:aws:bedrock:*::foundation-model/*"


def grants(*statements: dict[str, Any], **known: str) -> tuple[Grant, ...]:
    return bedrock_grants(parse({"Version": "2012-10-17", "Statement": list(statements)}), **known)


def allow(action: object, resource: object, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(action: object, resource: object, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource} | more


def widest(*statements: dict[str, Any], **known: str) -> Grade | None:
    return max((grant.grade for grant in grants(*statements, **known)), default=None)


@pytest.mark.parametrize(
    ("resource", "grade"),
    [
        ("*", Grade.EVERYTHING),
        ("**", Grade.EVERYTHING),
        ("arn:*", Grade.EVERYTHING),
        ("arn:aws:bedrock*", Grade.EVERYTHING),
        ("arn:aws:bedrock", Grade.EVERYTHING),
        ("arn:*:bedrock*:*:*:*", Grade.EVERYTHING),
        ("arn:aws:bedrock:*-*-*:*:*", Grade.EVERYTHING),
        (f"arn:aws:bedrock:us-east-1:{OWN}:*", Grade.ACCOUNT),
        (f"arn:aws:bedrock:*:{OWN}:*", Grade.ACCOUNT),
        (f"arn:aws:bedrock:*:{OWN}", Grade.ACCOUNT),
        ("arn:aws:bedrock:us-east-1", Grade.ACCOUNT),
        ("arn:aws:bedrock:us-*:*:*", Grade.ACCOUNT),
        ("arn:aws:bedrock:us-east-1:${aws:PrincipalAccount}:*", Grade.ACCOUNT),
        ("arn:aws:bedrock:*:444?5555????:*", Grade.ACCOUNT),
        (MODELS, Grade.TYPE),
        ("arn:aws:bedrock:us-east-1::foundation-model/?*", Grade.TYPE),
        ("arn:aws:bedrock:us-east-1::*", Grade.TYPE),
        ("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/*", Grade.TYPE),
        ("arn:aws:bedrock:us-east-1::foundation-model/*.*-*", Grade.TYPE),
        ("arn:aws:bedrock:us-east-1::f*", Grade.TYPE),
        ("*:foundation-model/*", Grade.TYPE),
        (f"arn:aws:bedrock:us-east-1:{OWN}:inference-profile/*", Grade.TYPE),
        (f"arn:aws:bedrock:us-east-1:{OWN}:agent/??????????", Grade.TYPE),
        (f"arn:aws:bedrock:us-east-1:{OWN}:agent-alias/*/TSTALIASID", Grade.TYPE),
        (f"arn:aws:bedrock-agentcore:us-east-1:{OWN}:runtime/*-??????????", Grade.TYPE),
        (f"arn:aws:bedrock-agentcore:*:{OWN}:runtime/*/runtime-endpoint/DEFAULT", Grade.TYPE),
        (f"arn:aws:bedrock-agentcore:us-east-1:{OWN}:*", Grade.ACCOUNT),
        ("arn:aws:bedrock-agentcore:*:*:*", Grade.EVERYTHING),
        ("arn:aws:bedrock-agentcore:*:????????????:*", Grade.EVERYTHING),
    ],
)
def test_a_wildcard_is_graded_by_what_it_reaches(resource: str, grade: Grade) -> None:
    assert widest(allow(["bedrock:*", "bedrock-agentcore:*"], resource)) is grade


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.*",
        "arn:aws:bedrock:us-east-1::foundation-model/???????????",
        "arn:aws:bedrock:us-east-1::foundation-model/${aws:PrincipalTag/model}",
        "arn:aws:bedrock:us-east-1::foundation-model/${*}",
        f"arn:aws:bedrock:us-east-1:{OWN}:foundation-model/*",
        f"arn:aws:bedrock:us-east-1:{OWN}:agent-alias/AGENT12345/*",
        f"arn:aws:bedrock:us-east-1:{OWN}:guardrail/*",
        f"arn:aws:bedrock-agentcore:us-east-1:{OWN}:runtime/my_agent-AbCdEf1234/*",
        f"arn:aws:bedrock-agentcore:us-east-1:{OWN}:runtime/${{aws:PrincipalTag/team}}-*",
        f"arn:aws:bedrock-agentcore:us-east-1:{OWN}:memory/*",
        "arn:aws:s3:::*",
        "*anthropic*",
        "arn:aws:bedrock:us-east-1::foundation-model/\uff0a",
        "arn:aws:bedrock:us-east-1::foundation-model/*\u00e9*",
    ],
)
def test_a_wildcard_inside_one_agent_or_another_type_is_nothing(resource: str) -> None:
    assert grants(allow(["bedrock:*", "bedrock-agentcore:*"], resource)) == ()


@pytest.mark.parametrize(
    "action",
    [
        "bedrock:Get*",
        "bedrock:List*",
        "bedrock:ApplyGuardrail",
        "bedrock:InvokeInlineAgent",
        "bedrock-agentcore:CreateGateway",
        "bedrock-agentcore:GetWorkloadAccessToken",
        "bedrock-mantle:*",
        "agent-registry:*",
        "s3:*",
    ],
)
def test_reading_other_types_and_actions_that_only_a_star_grants_are_nothing(action: str) -> None:
    assert grants(allow(action, "*")) == ()


def test_a_grant_names_where_it_stands_and_what_it_gives() -> None:
    (grant,) = grants(
        allow("s3:*", "*"),
        allow(["s3:*", "bedrock:InvokeM*l"], ["arn:aws:s3:::x", MODELS], Sid="Models"),
    )
    assert grant == Grant(
        grade=Grade.TYPE,
        statement=1,
        path="Statement[1].Resource[1]",
        pattern=MODELS,
        action_patterns=("bedrock:InvokeM*l",),
        actions=("bedrock:InvokeModel",),
        resource_types=("bedrock:foundation-model",),
        conditions=(),
    )


def test_not_action_grants_what_it_does_not_name() -> None:
    (grant,) = grants({"Effect": "Allow", "NotAction": ["iam:*", "bedrock:*"], "Resource": "*"})
    assert grant.grade is Grade.EVERYTHING
    assert grant.action_patterns == ("iam:*", "bedrock:*")
    assert "bedrock-agentcore:InvokeAgentRuntime" in grant.actions
    assert not any(action.startswith("bedrock:") for action in grant.actions)


@pytest.mark.parametrize(
    ("excluded", "grade"),
    [
        ("arn:aws:s3:::*", Grade.EVERYTHING),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2", Grade.EVERYTHING),
        ("arn:*:bedrock:us-east-1:*:*", Grade.EVERYTHING),
        ("arn:*:bedrock:*::foundation-model/*", Grade.ACCOUNT),
        ("arn:*:bedrock:*:*:inference-profile/*", Grade.TYPE),
        ("*", None),
        ("arn:*:bedrock:*:*:*", None),
    ],
)
def test_not_resource_grants_what_it_does_not_name(excluded: str, grade: Grade | None) -> None:
    statement = {"Effect": "Allow", "Action": "bedrock:InvokeModel", "NotResource": [excluded]}
    found = grants(statement)
    assert max((grant.grade for grant in found), default=None) == grade
    assert [grant.path for grant in found] == ["Statement[0].NotResource"] * len(found)


@pytest.mark.parametrize(
    ("denied", "grade"),
    [
        (deny("bedrock:*", "*"), None),
        (deny("*", ["arn:aws:s3:::x", "arn:*"]), None),
        (deny("BEDROCK:INVOKE*", "arn:*:bedrock:*:*:*"), None),
        ({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}, None),
        ({"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::*"}, None),
        (
            {
                "Effect": "Deny",
                "Action": "*",
                "NotResource": "arn:aws:bedrock:*::foundation-model/anthropic.*",
            },
            None,
        ),
        ({"Effect": "Deny", "Action": "*", "NotResource": "arn:*:bedrock:*"}, Grade.EVERYTHING),
        (deny("bedrock:InvokeModel", "arn:*:bedrock:*::foundation-model/*"), Grade.ACCOUNT),
        (deny("bedrock:*", "*", Condition={"Bool": {"aws:a": "true"}}), Grade.EVERYTHING),
        (deny("bedrock:*", "*", Condition={}), None),
        (deny("bedrock:*", "arn:aws-cn:bedrock:*:*:*"), Grade.EVERYTHING),
        (deny("bedrock:*", "arn:*:bedrock:us-east-1:*:*"), Grade.EVERYTHING),
        (deny("bedrock:*", "arn:*:bedrock:*:foundation-model/*"), Grade.EVERYTHING),
        (deny("bedroc\u212a:*", "*"), Grade.EVERYTHING),
        (deny("bedrock:*", "arn:*:bedrock:*:*:\ue000*"), Grade.EVERYTHING),
        (deny("bedrock:*", "*", Principal="*"), Grade.EVERYTHING),
        ({"Effect": "Deny", "Action": "bedrock:*"}, Grade.EVERYTHING),
    ],
)
def test_only_a_deny_without_condition_removes(denied: dict[str, Any], grade: Grade | None) -> None:
    assert widest(allow("bedrock:InvokeModel", "*"), denied) == grade
    assert widest(denied, allow("bedrock:InvokeModel", "*")) == grade


def test_a_deny_of_one_action_does_not_make_another_one_narrower() -> None:
    granted = allow(["bedrock:InvokeModel", "bedrock:UpdateAgent"], "*")
    assert widest(granted, deny("bedrock:UpdateAgent", "*")) is Grade.EVERYTHING


def test_a_deny_leaves_over_what_its_not_resource_names() -> None:
    wide = allow("bedrock:*", "*")

    def all_but(*resources: str) -> dict[str, Any]:
        return {"Effect": "Deny", "Action": "*", "NotResource": list(resources)}

    account = f"arn:aws:bedrock:*:{OWN}:*"
    region = "arn:aws:bedrock:us-east-1:*:*"
    assert widest(wide, all_but(account)) is Grade.ACCOUNT
    assert widest(wide, all_but(account), all_but(region)) is Grade.ACCOUNT
    assert widest(wide, all_but(account), own_account=OTHER) is Grade.TYPE
    assert widest(wide, all_but("arn:aws:s3:::*", MODELS)) is Grade.TYPE
    assert widest(wide, all_but("arn:aws:bedrock:us-east-1::foundation-model/a.b-c")) is None
    assert widest(allow("*", f"arn:aws:bedrock:us-east-1:{OWN}:*"), all_but(account)) is (
        Grade.ACCOUNT
    )


def test_more_places_than_can_be_asked_about_are_not_clean() -> None:
    many = [f"arn:aws:bedrock:r{n}:{n:012}:*" for n in range(300)]
    with pytest.raises(InvalidDocumentError, match="more than 256 Regions and accounts"):
        grants(allow("*", "*"), {"Effect": "Deny", "Action": "*", "NotResource": many})


def test_a_deny_on_one_variable_does_not_remove_a_grant_on_another() -> None:
    granted = allow("bedrock:*", "arn:aws:bedrock:*:${aws:PrincipalAccount}:*")
    assert widest(granted, deny("*", "arn:aws:bedrock:*:${aws:username}:*")) is Grade.ACCOUNT
    assert widest(granted, deny("*", "arn:aws:bedrock:*:${aws:PrincipalAccount}:*")) is None


def test_a_deny_of_the_own_account_or_partition_counts_where_they_are_known() -> None:
    invoke = allow("bedrock:InvokeAgent", "*")
    own_denied = deny("*", f"arn:*:bedrock:*:{OWN}:*")
    assert widest(invoke, own_denied) is Grade.EVERYTHING
    assert widest(invoke, own_denied, own_account=OWN) is None
    assert widest(invoke, own_denied, own_account=OTHER) is Grade.EVERYTHING
    partition_denied = deny("*", "arn:aws:bedrock:*:*:*")
    assert widest(invoke, partition_denied) is Grade.EVERYTHING
    assert widest(invoke, partition_denied, partition="aws") is None


def test_all_of_another_account_is_not_all_of_the_own() -> None:
    granted = allow("bedrock:*", f"arn:aws:bedrock:*:{OTHER}:*")
    assert widest(granted, own_account=OTHER) is Grade.ACCOUNT
    assert widest(granted, own_account=OWN) is Grade.TYPE


def test_an_own_account_that_is_no_account_is_refused() -> None:
    with pytest.raises(ValueError, match="own_account: expected twelve digits, found '12'"):
        grants(allow("*", "*"), own_account="12")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (allow("bedrock:InvokeModel", " * "), r"Statement\[0\].Resource\[0\]: expected an ARN"),
        (allow("bedrock:InvokeModel", ["arn:aws:s3:::x", ""]), r"Resource\[1\]: expected an ARN"),
        ({"Effect": "Allow", "Action": "*"}, r"Statement\[0\]: .* needs Resource"),
        (allow("*", "*", Principal="*"), r"Statement\[0\]: .* no Principal"),
    ],
)
def test_a_graded_statement_that_iam_would_not_store_is_not_clean(
    statement: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        grants(statement)
    # What is found outweighs what could not be assessed.
    assert widest(statement, allow("bedrock:*", "*")) is Grade.EVERYTHING


def test_a_statement_about_other_services_is_not_looked_at() -> None:
    assert grants(allow("s3:*", "bucket"), allow("s3:*", "arn:aws:s3:::x", Principal="*")) == ()


def test_variables_of_a_2008_policy_are_plain_text() -> None:
    policy = {
        "Version": "2008-10-17",
        "Statement": allow("bedrock:*", "arn:aws:bedrock:us-east-1::foundation-model/${*"),
    }
    assert bedrock_grants(parse(policy)) == ()


# What an obvious evaluator says of a small world is what the grants say.

PATTERNS = (
    "*",
    "arn:aws:bedrock:*:*:*",
    "arn:aws:bedrock-agentcore:*",
    f"arn:aws:bedrock:us-east-1:{OWN}:*",
    f"arn:aws:bedrock:*:{OWN}:agent/*",
    MODELS,
    "arn:aws:bedrock:us-east-1::foundation-model/*",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.*",
    f"arn:aws:bedrock-agentcore:us-east-1:{OWN}:gateway/*",
    f"arn:aws:bedrock-agentcore:us-east-1:{OWN}:gateway/orders-aaaaaaaaaa",
    "arn:aws:s3:::*",
)
ACTION_PATTERNS = (
    "*",
    "bedrock:*",
    "bedrock:Invoke*",
    "bedrock-agentcore:*Gateway",
    "bedrock:InvokeModel",
    "bedrock:UpdateAgent",
    "s3:*",
)
IDS = {
    "bedrock:foundation-model": "foundation-model/zq8.kx3-w7",
    "bedrock:agent": "agent/ZQ8KX3W7PV",
    "bedrock-agentcore:gateway": "gateway/zq8kx3-w7pv5n2j4m",
}


@cache
def obviously(pattern: str, text: str, flags: int = 0) -> bool:
    return re.match(fnmatch.translate(pattern), text, flags) is not None


def named_by(statement: dict[str, Any], element: str, text: str, flags: int = 0) -> bool:
    if element in statement:
        return any(obviously(pattern, text, flags) for pattern in statement[element])
    return not any(obviously(pattern, text, flags) for pattern in statement[f"Not{element}"])


def obviously_granted(statements: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return action and type where a generic id in some Region and account is allowed."""
    granted = set()
    for region, account, resource_type in product(("us-east-1", "q"), (OWN, "z" * 12), IDS):
        service = resource_type.partition(":")[0]
        where = "" if resource_type == "bedrock:foundation-model" else account
        arn = f"arn:aws:{service}:{region}:{where}:{IDS[resource_type]}"
        for action in ACTIONS:
            if action.access is Access.READ or resource_type not in action.resource_types:
                continue
            effects = {
                statement["Effect"]
                for statement in statements
                if named_by(statement, "Action", action.name, re.IGNORECASE)
                and named_by(statement, "Resource", arn)
            }
            if effects == {"Allow"}:
                granted.add((action.name, resource_type))
    return granted


def elements(name: str, values: tuple[str, ...]) -> st.SearchStrategy[dict[str, list[str]]]:
    chosen = st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
    return st.builds(
        lambda key, patterns: {key: patterns}, st.sampled_from([name, name, f"Not{name}"]), chosen
    )


statements = st.lists(
    st.builds(
        lambda effect, actions, resources: {"Effect": effect} | actions | resources,
        st.sampled_from(["Allow", "Allow", "Deny"]),
        elements("Action", ACTION_PATTERNS),
        elements("Resource", PATTERNS),
    ),
    min_size=1,
    max_size=3,
)


@given(statements)
def test_the_grants_are_those_of_an_obvious_evaluator(policy: list[dict[str, Any]]) -> None:
    found = grants(*policy, partition="aws")
    expected = obviously_granted(policy)
    assert {
        (action, resource_type)
        for grant in found
        for action in grant.actions
        for resource_type in grant.resource_types
        if resource_type in IDS
    } >= expected
    for resource_type in IDS:
        reached = any(resource_type in grant.resource_types for grant in found)
        assert reached is any(granted == resource_type for _, granted in expected)
    for grant in found:
        if IDS.keys() >= set(grant.resource_types):
            assert set(grant.actions) <= {action for action, _ in expected}


# Spelling, splitting and company change nothing.


def facts(found: tuple[Grant, ...]) -> set[tuple[object, ...]]:
    return {
        (grant.grade, grant.pattern, action, resource_type, grant.conditions)
        for grant in found
        for action in grant.actions
        for resource_type in grant.resource_types
    }


def respelled(statement: dict[str, Any], upper: bool, single: bool) -> dict[str, Any]:
    spelled = dict(reversed(statement.items()))
    for name in ("Action", "NotAction"):
        if name in spelled:
            spelled[name] = [p.upper() if upper else p.lower() for p in reversed(spelled[name])]
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if single and len(spelled.get(name, ())) == 1:
            spelled[name] = spelled[name][0]
    return spelled


@given(statements, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_the_spelling_of_a_policy_changes_nothing(
    policy: list[dict[str, Any]], upper: bool, single: bool, encoded: bool, indent: Any
) -> None:
    spelled: Any = [respelled(statement, upper, single) for statement in reversed(policy)]
    if single and len(spelled) == 1:
        spelled = spelled[0]
    text = json.dumps({"Statement": spelled, "Version": "2012-10-17"}, indent=indent)
    text = text.replace("b", "\\u0062")
    found = bedrock_grants(parse(quote(text) if encoded else text))
    assert facts(found) == facts(grants(*policy))


@given(statements)
def test_a_grant_split_over_several_statements_keeps_its_grade(
    policy: list[dict[str, Any]],
) -> None:
    split = [
        statement | {"Action": [action], "Resource": [resource]}
        for statement in policy
        if statement.keys() == {"Effect", "Action", "Resource"}
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]
    whole = [s for s in policy if s.keys() == {"Effect", "Action", "Resource"}]
    others = [s for s in policy if s not in whole]
    if not whole:
        return
    before = grants(*whole, *others)
    after = grants(*split, *others)
    for position in (2, 3):
        assert {f[position] for f in facts(after)} == {f[position] for f in facts(before)}
    assert max((g.grade for g in after), default=None) == max(
        (g.grade for g in before), default=None
    )


@given(statements)
def test_an_unrelated_statement_changes_nothing(policy: list[dict[str, Any]]) -> None:
    unrelated = [allow("s3:GetObject", "arn:aws:s3:::x/*"), deny("ec2:*", "*")]
    assert facts(grants(*unrelated, *policy, *unrelated)) == facts(grants(*policy))


texts = st.text("*?:$}{/ab\ue000\u212a", max_size=12) | st.sampled_from(PATTERNS + ACTION_PATTERNS)


@given(texts, texts, texts, texts, st.sampled_from(["Resource", "NotResource"]))
def test_no_text_whatever_ends_in_another_error(
    action: str, resource: str, denied: str, key: str, element: str
) -> None:
    granted = {"Effect": "Allow", "NotAction": action, element: resource}
    refused = {"Effect": "Deny", "Action": "*", element: [denied, resource]}
    for condition in ({}, {"Condition": {"StringLike": {key: [denied, resource]}}}):
        try:
            found = grants(granted | condition, refused, own_account=OWN)
        except InvalidDocumentError as error:
            assert "Statement[0]" in str(error)
        else:
            assert all(grant.actions and grant.resource_types for grant in found)


@pytest.mark.parametrize("pattern", ["*a" * 3_000, "*" * 100_000, "bedrock:" + "*?" * 3_000])
def test_a_hostile_policy_is_judged_in_time(pattern: str) -> None:
    started = time.process_time()
    statement = allow([pattern, "bedrock:*"], [f"arn:aws:bedrock:{pattern}", f"arn:{pattern}"])
    grants(statement, deny(pattern, f"arn:{pattern}"))
    assert time.process_time() - started < 2
