"""What a gap is about, by the key that it names, and what no sweep looks at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sentinel import catalog
from sentinel.gap import Gap
from sentinel.subject import Identity
from sentinel.subjects import AgentRuntime, Gateway, Harness, IamPolicy, IamTrust, Trail
from sentinel.sweep import Slice, about, outside

from tests.unit.worlds import ACCOUNT, EVENT_TIME, REGION, identity

HERE = ("aws", ACCOUNT)
NAMED = [
    identity(Gateway),
    identity(Harness),
    identity(AgentRuntime),
    Trail.by_arn(f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/audit"),
    IamTrust.of_role(*HERE, "a role, with = signs"),
    IamPolicy.inline(*HERE, "user", "alice@example.com", "all/models"),
    IamPolicy.managed(*HERE, f"arn:aws:iam::{ACCOUNT}:policy/team/models"),
    IamPolicy.managed(*HERE, "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"),
]


def gap(example: str) -> Gap:
    at = EVENT_TIME
    return Gap("aws", ACCOUNT, REGION, "any", "GetAny", at, at, example=example)


@pytest.mark.parametrize("one", NAMED, ids=lambda one: one.key)
def test_a_key_is_of_one_kind_and_names_the_same_thing_again(one: Identity) -> None:
    found = {kind.kind: about(kind, gap(one.key)) for kind in catalog.resources()}
    assert {kind: of for kind, of in found.items() if of} == {one.kind: one}


def test_every_kind_that_is_swept_has_a_key_that_is_understood() -> None:
    assert {one.kind for one in NAMED} == {kind.kind for kind in catalog.resources()}


@pytest.mark.parametrize(
    "key",
    [
        "",
        f"{ACCOUNT}/{REGION}/trail",
        f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:policy/engine",
        f"aws/999988887777/us-east-1/role/{ACCOUNT}",
        f"aws/{ACCOUNT}/us-east-1/inline-policy/role/a",
        f"aws/{ACCOUNT}/{REGION}/gateway/event/event-1",
    ],
)
def test_any_other_key_names_nothing_that_is_swept(key: str) -> None:
    assert [kind for kind in catalog.resources() if about(kind, gap(key))] == []


def test_what_lies_in_no_slice_is_named_once_and_iam_has_a_region_of_its_own() -> None:
    slices = [Slice(ACCOUNT, REGION, "gateway"), Slice(ACCOUNT, "us-east-1", "iam-trust")]
    swept = [(ACCOUNT, REGION, "command-run"), (ACCOUNT, "us-east-1", "iam-trust")]
    assert outside(slices, swept) == []
    elsewhere = replace(slices[0], region="us-east-1")
    known = [(elsewhere.account, elsewhere.region, elsewhere.kind)] * 2
    assert outside(slices, known) == [f"{ACCOUNT}/us-east-1"]
