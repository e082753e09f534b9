"""The table rule x way: however a problem is seen, it is one finding, and a repair ends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sentinel import catalog
from sentinel.policy import Policy
from sentinel_cli.replay import replay

from tests.system import scenarios as calls
from tests.system.stage import Stage

Do = Callable[[Stage], Any]
TENANT = "https://login.example.com/11111111-2222-3333-4444-555555555555"
DISCOVERY = f"{TENANT}/.well-known/openid-configuration"
READ_TARGETS = "the targets of a gateway must be read live, which an archive cannot"
READ_RUNTIME = "AWS does not say that UpdateAgentRuntime resets what is left out, so a read decides"


def jwt(**pinned: Any) -> dict[str, Any]:
    """A JWT authorizer."""
    return {
        "authorizerConfiguration": {"customJWTAuthorizer": {"discoveryUrl": DISCOVERY} | pinned}
    }


def image(uri: str) -> dict[str, Any]:
    """An agent's image."""
    return {"agentRuntimeArtifact": {"containerConfiguration": {"containerUri": uri}}}


def update_runtime(stage: Stage, **members: Any) -> None:
    """Update the runtime: what is left out is reset."""
    own = f"{stage.member}.dkr.ecr.eu-central-1.amazonaws.com/agent:1"
    calls.control(stage).update_agent_runtime(
        agentRuntimeId=stage.names["runtime"],
        **{
            "roleArn": calls.role(stage, "agent"),
            "networkConfiguration": {"networkMode": "PUBLIC"},
        }
        | image(own)
        | members,
    )


def create_harness(stage: Stage, **members: Any) -> None:
    """Create a harness and keep its id."""
    made = calls.control(stage).create_harness(
        harnessName="helper", executionRoleArn=calls.role(stage, "agent"), **members
    )
    stage.names["harness"] = made["harness"]["harnessId"]


def update_harness(stage: Stage, **members: Any) -> None:
    """Update the harness: what is left out stays as it is."""
    calls.control(stage).update_harness(harnessId=stage.names["harness"], **members)


def wrapped(members: Mapping[str, Any]) -> dict[str, Any]:
    """Members as UpdateHarness takes them where they can be cleared."""
    return {name: {"optionalValue": value} for name, value in members.items()}


def trust(stage: Stage, *, scoped: bool, create: bool = False) -> None:
    """A role that AgentCore may assume, for this account only or for any."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    if scoped:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": stage.member}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = stage.client("iam")
    if create:
        iam.create_role(RoleName="agent-role", AssumeRolePolicyDocument=document)
    else:
        iam.update_assume_role_policy(RoleName="agent-role", PolicyDocument=document)


@dataclass(frozen=True, slots=True)
class Row:
    """A rule: what goes before, what violates it, what does not (*twin*), and what repairs it.

    *blank* says of a way why it cannot tell. *of* is the kind that the row is about, where a rule
    has several: a sweep also finds the runtime that AWS keeps for a harness.
    """

    rule: str
    violate: Do
    twin: Do
    repair: Do | None
    before: Do = lambda stage: None
    blank: Mapping[str, str] = field(default_factory=dict)
    of: str = ""

    @property
    def name(self) -> str:
        """The row in a few words."""
        return f"{self.rule} {self.of}".strip()


ROWS = (
    Row(
        "gateway_authorizer_none",
        calls.create_gateway,
        lambda s: calls.create_gateway(s, authorizerType="AWS_IAM"),
        calls.delete_gateway,
    ),
    Row(
        "gateway_authenticate_only_unguarded",
        lambda s: calls.create_gateway(s, authorizerType="AUTHENTICATE_ONLY"),
        lambda s: calls.create_gateway(s, authorizerType="AWS_IAM"),
        calls.delete_gateway,
        blank={"replay": READ_TARGETS},
    ),
    Row(
        "gateway_enforcement_dropped",
        lambda s: calls.update_gateway(s, **calls.engine(s, "LOG_ONLY")),
        lambda s: calls.update_gateway(s, description="new", **calls.engine(s, "ENFORCE")),
        lambda s: calls.update_gateway(s, **calls.engine(s, "ENFORCE")),
        before=calls.guarded_gateway,
    ),
    Row(
        "jwt_authorizer_unpinned",
        lambda s: calls.create_runtime(s, **jwt(allowedScopes=["openid"])),
        lambda s: calls.create_runtime(s, **jwt(allowedAudience=["api://orders"])),
        lambda s: update_runtime(s, **jwt(allowedAudience=["api://orders"])),
    ),
    Row(
        "inbound_jwt_removed",
        lambda s: update_runtime(s),
        lambda s: update_runtime(s, **jwt(allowedAudience=["api://returns"])),
        lambda s: update_runtime(s, **jwt(allowedAudience=["api://orders"])),
        before=lambda s: calls.create_runtime(s, **jwt(allowedAudience=["api://orders"])),
        blank={"replay": READ_RUNTIME},
        of="runtime",
    ),
    Row(
        "inbound_jwt_removed",
        lambda s: update_harness(s, authorizerConfiguration={}),
        lambda s: update_harness(s, maxIterations=7),
        lambda s: update_harness(s, **wrapped(jwt(allowedAudience=["api://orders"]))),
        before=lambda s: create_harness(s, **jwt(allowedAudience=["api://orders"])),
        of="harness",
    ),
    Row(
        "agent_artifact_foreign",
        lambda s: calls.create_runtime(
            s, **image("999988887777.dkr.ecr.eu-central-1.amazonaws.com/agent:1")
        ),
        calls.create_runtime,
        update_runtime,
    ),
    Row(
        "runtime_shell_command",
        calls.run_command,
        lambda s: update_runtime(s),
        None,
        before=calls.create_runtime,
        blank={"sweep": "a call has no state that a sweep could read"},
    ),
    Row(
        "iam_bedrock_wildcard",
        lambda s: calls.put_policy(s, calls.EVERY_MODEL),
        lambda s: calls.put_policy(s, calls.ONE_MODEL),
        lambda s: calls.put_policy(s, calls.ONE_MODEL),
        before=calls.analyst,
    ),
    Row(
        "agent_trust_unscoped",
        lambda s: trust(s, scoped=False, create=True),
        lambda s: trust(s, scoped=True, create=True),
        lambda s: trust(s, scoped=True),
    ),
    Row(
        "trail_stopped",
        calls.stop_logging,
        calls.start_logging,
        calls.start_logging,
        before=calls.second_trail,
    ),
)


def told(stage: Stage, row: Row) -> dict[str, str]:
    """The findings of a row, by fingerprint, and how they stand."""
    bodies = [json.loads(i["body"]) for i in stage.items("Findings") if i["sk"] == "head"]
    return {
        b["fingerprint"]: b["status"]
        for b in bodies
        if b.get("rule") == row.rule and row.of in ("", b["subject"]["kind"])
    }


def sweep(stage: Stage, rule: str) -> None:
    """Sweep what the rule is about in the watched account."""
    kinds = [subject.kind for subject in catalog.rules()[rule].subjects]
    stage.invoke("sweep", {"kinds": kinds, "accounts": [stage.member]})


def by_event(stage: Stage, row: Row) -> dict[str, str]:
    """What the events tell."""
    stage.clock.advance(3)
    stage.converge(1)
    return told(stage, row)


def by_sweep(stage: Stage, row: Row) -> dict[str, str]:
    """What a sweep finds when no event ever arrives."""
    for delivery in stage.account.world.pending():
        if delivery.kind == "cloudtrail":
            delivery.claim()
    stage.clock.advance(3)
    sweep(stage, row.rule)
    stage.converge(1)
    return told(stage, row)


def archived(stage: Stage, do: Do) -> list[Any]:
    """Do something, and give the records that CloudTrail archives; the events are still due."""
    records: list[Any] = []
    publish = stage.account.buses.publish

    def listen(account: str, region: str, bus: str, event: Any, **more: Any) -> Any:
        if isinstance(event, Mapping) and "detail" in event and bus == "default":
            records.append(event["detail"])
        return publish(account, region, bus, event, **more)

    stage.account.buses.publish = listen  # type: ignore[method-assign,assignment]
    do(stage)
    return records


def by_replay(records: list[Any], rule: str, path: Path) -> dict[str, str]:
    """What an archive of the records tells."""
    path.write_text(json.dumps({"Records": records}))
    report = replay([str(path)], Policy(), strict=False, jobs=1)
    return {
        f["fingerprint"]: "OPEN"
        for f in report.findings
        if f["rule"] == rule and f["verdict"] == "VIOLATION"
    }


def test_every_rule_has_a_row_and_two_ways() -> None:
    assert {row.rule for row in ROWS} == set(catalog.rules())
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(3 - len(row.blank) >= 2 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_problem_is_one_finding_whichever_way_it_is_seen(
    stage: Stage, row: Row, tmp_path: Path
) -> None:
    def part(copy: Stage) -> dict[str, dict[str, str]]:
        records = archived(copy, row.before)
        copy.clock.advance(3)
        copy.converge(1)
        row.violate(copy)
        copy.clock.advance(3)
        ways = {
            "event": copy.play(lambda c: by_event(c, row)),
            "sweep": copy.play(lambda c: by_sweep(c, row)),
        }
        copy.converge(1)
        return ways | {"replay": by_replay(records, row.rule, tmp_path / "trail.json")}

    ways = stage.play(part)
    filled = {way: found for way, found in ways.items() if way not in row.blank}
    assert all(len(found) == 1 for found in filled.values()), ways
    assert len({json.dumps(found) for found in filled.values()}) == 1, ways
    assert not any(ways[way] for way in row.blank), ways


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_rule_is_silent_on_the_twin(stage: Stage, row: Row) -> None:
    def part(copy: Stage) -> dict[str, str]:
        row.before(copy)
        copy.clock.advance(3)
        copy.converge(1)
        row.twin(copy)
        copy.clock.advance(3)
        copy.converge(1)
        sweep(copy, row.rule)
        copy.converge(1)
        return told(copy, row)

    assert stage.play(part) == {}


@pytest.mark.parametrize("row", [r for r in ROWS if r.repair], ids=lambda row: row.name)
def test_a_repair_resolves_the_finding_and_is_told(stage: Stage, row: Row) -> None:
    def part(copy: Stage) -> tuple[list[str], list[str]]:
        row.before(copy)
        copy.clock.advance(3)
        copy.converge(1)
        row.violate(copy)
        copy.clock.advance(3)
        copy.converge(1)
        assert row.repair is not None
        row.repair(copy)
        copy.clock.advance(3)
        copy.converge(1)
        title = catalog.rules()[row.rule].title
        posts = [m.text for m in copy.account.slack.messages if title in m.text]
        return list(told(copy, row).values()), posts

    statuses, posts = stage.play(part)
    assert statuses == ["RESOLVED"]
    assert any(post.startswith("RESOLVED") for post in posts)
