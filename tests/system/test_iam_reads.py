"""What IAM tells late, and what a policy changes about the role that holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from moto.iam.models import IAMBackend, iam_backends

from tests.system import scenarios as calls
from tests.system.stage import Stage

OPEN_TO_ANY_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def heads(stage: Stage, rule: str) -> list[dict[str, Any]]:
    """The findings of a rule."""
    bodies = (json.loads(i["body"]) for i in stage.items("Findings") if i["sk"] == "head")
    return [body for body in bodies if body.get("rule") == rule]


def severity(stage: Stage) -> int:
    """How severe the one finding on a role's trust is."""
    (found,) = heads(stage, "agent_trust_unscoped")
    assert found["status"] == "OPEN"
    return int(found["problem"]["severity"])


def status(stage: Stage) -> tuple[str, int]:
    """How the one finding on a policy stands, and how often it changed."""
    (found,) = heads(stage, "iam_bedrock_wildcard")
    return found["status"], found["change"]


def settle(stage: Stage) -> None:
    """Let events arrive, and what they asked for happen."""
    stage.clock.advance(3)
    stage.converge(1)


def open_role(stage: Stage) -> None:
    """A role that AgentCore may assume for anybody, and that may do nothing yet."""
    stage.client("iam").create_role(
        RoleName="agent-role", AssumeRolePolicyDocument=json.dumps(OPEN_TO_ANY_ACCOUNT)
    )
    settle(stage)


def managed(stage: Stage, name: str, document: Mapping[str, Any]) -> str:
    """A managed policy, which no role holds yet."""
    made = stage.client("iam").create_policy(PolicyName=name, PolicyDocument=json.dumps(document))
    return str(made["Policy"]["Arn"])


@contextmanager
def late_news(stage: Stage, document: Mapping[str, Any], seconds: float) -> Iterator[None]:
    """IAM answers for some seconds with what an inline policy was before."""
    until = stage.clock.now() + timedelta(seconds=seconds)
    truth = IAMBackend.get_role_policy

    def answered(backend: IAMBackend, role_name: str, policy_name: str) -> Any:
        told = truth(backend, role_name, policy_name)
        return (told[0], json.dumps(document)) if stage.clock.now() < until else told

    with patch.object(IAMBackend, "get_role_policy", answered):
        yield


@contextmanager
def counted_reads() -> Iterator[list[str]]:
    """The inline policies that are read from IAM, by name."""
    truth, reads = IAMBackend.get_role_policy, list[str]()

    def answered(backend: IAMBackend, role_name: str, policy_name: str) -> Any:
        reads.append(policy_name)
        return truth(backend, role_name, policy_name)

    with patch.object(IAMBackend, "get_role_policy", answered):
        yield reads


@contextmanager
def late_list(stage: Stage, document: Mapping[str, Any]) -> Iterator[None]:
    """IAM lists the inline policies of a role as they were before."""
    policies = iam_backends[stage.member]["aws"].get_role("analyst").policies
    truth = dict(policies)
    policies.update(dict.fromkeys(truth, json.dumps(document)))
    yield
    policies.update(truth)


def live(stage: Stage, seconds: float) -> None:
    """Let what is due within some seconds happen when it is due, and nothing later."""
    world, end = stage.account.world, stage.clock.now() + timedelta(seconds=seconds)
    while due := [one for one in world.pending() if one.ready_at <= end]:
        first = min(due, key=lambda one: one.ready_at)
        stage.clock.advance_to(max(first.ready_at, stage.clock.now()))
        world.step(first)
    stage.clock.advance_to(end)


def step_by_step(stage: Stage, seconds: int) -> list[tuple[str, int]]:
    """How the finding stands after each few seconds."""
    seen = []
    for _ in range(seconds // 4):
        live(stage, 4)
        seen.append(status(stage))
    return seen


def test_an_inline_policy_raises_and_lowers_what_the_open_trust_of_its_role_is_worth(
    stage: Stage,
) -> None:
    def part(copy: Stage) -> list[int]:
        iam = copy.client("iam")
        open_role(copy)
        seen = [severity(copy)]
        iam.put_role_policy(
            RoleName="agent-role",
            PolicyName="models",
            PolicyDocument=json.dumps(calls.EVERY_MODEL),
        )
        settle(copy)
        seen.append(severity(copy))
        iam.delete_role_policy(RoleName="agent-role", PolicyName="models")
        settle(copy)
        return [*seen, severity(copy)]

    assert stage.play(part) == [2, 3, 2]


def test_an_attached_policy_does_so_when_it_comes_when_it_changes_and_when_it_goes(
    stage: Stage,
) -> None:
    def part(copy: Stage) -> list[int]:
        iam = copy.client("iam")
        open_role(copy)
        arn = managed(copy, "models", calls.ONE_MODEL)
        iam.attach_role_policy(RoleName="agent-role", PolicyArn=arn)
        settle(copy)
        seen = [severity(copy)]
        wide = json.dumps(calls.EVERY_MODEL)
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=wide, SetAsDefault=True)
        settle(copy)
        seen.append(severity(copy))
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
        settle(copy)
        seen.append(severity(copy))
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
        settle(copy)
        iam.detach_role_policy(RoleName="agent-role", PolicyArn=arn)
        settle(copy)
        return [*seen, severity(copy)]

    assert stage.play(part) == [2, 3, 2, 2]


@pytest.mark.parametrize("seconds", [2, 12, 18])
def test_a_read_that_iam_answers_late_closes_no_finding(stage: Stage, seconds: float) -> None:
    def part(copy: Stage) -> list[tuple[str, int]]:
        calls.analyst(copy)
        calls.put_policy(copy, calls.ONE_MODEL)
        settle(copy)
        calls.put_policy(copy, calls.EVERY_MODEL)
        with late_news(copy, calls.ONE_MODEL, seconds):
            return step_by_step(copy, 60)

    assert set(stage.play(part)) == {("OPEN", 1)}


@pytest.mark.parametrize("seconds", [2, 12, 18])
def test_a_read_that_iam_answers_late_keeps_no_finding_open(stage: Stage, seconds: float) -> None:
    def part(copy: Stage) -> list[tuple[str, int]]:
        calls.analyst(copy)
        calls.put_policy(copy, calls.EVERY_MODEL)
        settle(copy)
        calls.put_policy(copy, calls.ONE_MODEL)
        with late_news(copy, calls.EVERY_MODEL, seconds):
            return step_by_step(copy, 60)

    assert stage.play(part)[-1] == ("RESOLVED", 2)


def test_a_sweep_that_iam_answers_late_closes_no_finding(stage: Stage) -> None:
    def part(copy: Stage) -> list[tuple[str, int]]:
        calls.analyst(copy)
        calls.put_policy(copy, calls.EVERY_MODEL)
        live(copy, 4)
        with late_list(copy, calls.ONE_MODEL):
            swept = copy.invoke("sweep", {"kinds": ["iam-policy"], "accounts": [copy.member]})
        assert swept.payload["outcomes"].keys() == {"COMPLIANT"}
        seen = [status(copy)]
        copy.converge(1)
        return [*seen, status(copy)]

    assert stage.play(part) == [("OPEN", 1), ("OPEN", 1)]


def test_changes_without_end_ask_for_one_read_that_comes_when_they_end(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[int, tuple[str, int]]:
        calls.analyst(copy)
        settle(copy)
        with counted_reads() as reads:
            for _ in range(9):
                calls.put_policy(copy, calls.EVERY_MODEL)
                live(copy, 12)
            calls.put_policy(copy, calls.ONE_MODEL)
            live(copy, 40)
        return len(reads), status(copy)

    assert stage.play(part) == (1, ("RESOLVED", 2))
