"""The cases of runtime_shell_command: never dropped, whoever it was and whatever is missing."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sentinel import Severity, cloudtrail
from sentinel.finding import Outcome
from sentinel.record import Skip, Unreadable
from sentinel.rules.runtime_shell_command import runtime_shell_command as rule
from sentinel.subjects import CommandRun

from tests.unit.worlds import (
    ACCOUNT,
    EVENT_TIME,
    ROLE,
    World,
    event,
    judged,
    recorded,
    run,
    seen_in,
)

COMMAND = "InvokeAgentRuntimeCommand"
ARN = f"arn:aws:bedrock-agentcore:eu-central-1:{ACCOUNT}:runtime/orders-Ab1Cd2Ef3G"


def severity(subject: CommandRun, **settings: Any) -> Severity:
    return judged(rule, subject, **settings).severity


def test_a_command_is_high() -> None:
    assert severity(run()) is Severity.HIGH


@pytest.mark.parametrize(
    "who",
    [
        {"type": "Root", "principal": f"arn:aws:iam::{ACCOUNT}:root"},
        {"account": "111122223333"},
        {"account": "anonymous"},
    ],
)
def test_root_and_another_account_are_critical(who: dict[str, str]) -> None:
    assert severity(run(**who)) is Severity.CRITICAL


def test_an_agents_own_role_is_critical() -> None:
    agents = frozenset({f"arn:aws:iam::{ACCOUNT}:role/*-agent"})
    own = run(principal=f"arn:aws:iam::{ACCOUNT}:role/orders-agent")
    assert severity(own, agents=agents) is Severity.CRITICAL
    assert severity(run(), agents=agents) is Severity.HIGH


def test_a_trusted_account_is_not_foreign() -> None:
    trusted = frozenset({"111122223333"})
    assert severity(run(account="111122223333"), trusted_accounts=trusted) is Severity.HIGH


def test_a_shell_user_is_informational_and_kept() -> None:
    verdict = judged(rule, run(), shell_users=frozenset({ROLE}))
    assert (verdict.outcome, verdict.severity) == (Outcome.VIOLATION, Severity.INFORMATIONAL)


def test_a_shell_user_is_known_by_role_and_not_by_user_agent_or_session() -> None:
    users = frozenset({"*gh-4711*", "*aws-cli*"})
    who = run(user_agent="aws-cli/2", session="gh-4711")
    assert severity(who, shell_users=users) is Severity.HIGH


def test_a_caller_without_a_name_is_nobody_on_a_list() -> None:
    nameless = run(principal="", arn="")
    assert severity(nameless, shell_users=frozenset({"*"})) is Severity.HIGH


@pytest.mark.parametrize("request_parameters", [None, {}, {"agentRuntimeArn": "***"}])
def test_a_command_on_an_unnamed_runtime_still_fires(request_parameters: Any) -> None:
    verdict = judged(rule, seen_in(CommandRun, recorded(COMMAND, request_parameters)))
    assert verdict.outcome is Outcome.VIOLATION
    assert verdict.subject.name == "unknown"
    assert not verdict.gap


@pytest.mark.parametrize(
    "tail", ["runtime/orders-x", "runtime/orders-x/runtime-endpoint/DEFAULT", "harness/helper-x"]
)
def test_runtime_endpoint_and_harness_are_named_by_request_or_by_resources(tail: str) -> None:
    arn = f"arn:aws:bedrock-agentcore:eu-central-1:{ACCOUNT}:{tail}"
    by_request = seen_in(CommandRun, recorded(COMMAND, {"agentRuntimeArn": arn}))
    by_resources = seen_in(CommandRun, recorded(COMMAND, {}, resources=[{"ARN": arn}]))
    assert by_request.key == by_resources.key
    assert by_request.identity.name in ("orders-x", "helper-x")


@pytest.mark.parametrize("body", [{"command": "cat /etc/passwd"}, "cat /etc/passwd", None])
def test_the_command_itself_is_in_no_evidence(body: Any) -> None:
    found = recorded(COMMAND, {"agentRuntimeArn": ARN, "body": body})
    assert "passwd" not in repr(judged(rule, seen_in(CommandRun, found)))


def test_an_interactive_shell_is_one_event_and_fires() -> None:
    found = recorded("InvokeAgentRuntimeCommandShell", {"agentRuntimeArn": ARN})
    (problem,) = judged(rule, seen_in(CommandRun, found)).problems
    assert ("eventName", "InvokeAgentRuntimeCommandShell") in [
        (line.path, line.value) for line in problem.evidence
    ]


def test_a_denied_call_is_a_failed_call() -> None:
    with pytest.raises(Unreadable) as caught:
        cloudtrail.sightings(
            cloudtrail.opened(event(COMMAND, {"agentRuntimeArn": ARN}, errorCode="AccessDenied"))
        )
    assert caught.value.skip is Skip.FAILED_CALL


def test_commands_of_one_principal_runtime_and_hour_are_one_finding_with_a_count() -> None:
    past = [run(EVENT_TIME - timedelta(minutes=5), "event-2"), run(EVENT_TIME, "event-3")]
    (problem,) = judged(rule, run(), World(past=past)).problems
    assert (problem.key, problem.count) == (f"{ROLE}/2026-09-22T10", 3)


@pytest.mark.parametrize(
    "other",
    [
        run(EVENT_TIME - timedelta(minutes=15), "event-2"),
        run(event_id="event-2", principal="other"),
    ],
)
def test_another_hour_or_principal_is_another_finding(other: CommandRun) -> None:
    (problem,) = judged(rule, run(), World(past=[other])).problems
    assert problem.count == 1
    assert judged(rule, other).problems[0].key != problem.key


def test_the_same_event_twice_counts_once() -> None:
    (problem,) = judged(rule, run(), World(past=[run()])).problems
    assert problem.count == 1


def test_every_derived_command_record_fires(data: Path) -> None:
    found = _labelled_commands(data)
    assert len(found) == 39
    for detail in found:
        for sighting in cloudtrail.sightings(cloudtrail.opened(detail)):
            assert sighting.subject is not None
            assert judged(rule, sighting.subject).outcome is Outcome.VIOLATION


def _labelled_commands(data: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for path in sorted((data / "cloudtrail/derived-agentcore").glob("*.json.gz")):
        records += json.loads(gzip.decompress(path.read_bytes()))["Records"]
    for path in sorted((data / "cloudtrail/derived-agentcore").glob("*.json")):
        records += json.loads(path.read_text())["Records"]
    return [r for r in records if r["eventName"].startswith(COMMAND) and not r.get("errorCode")]
