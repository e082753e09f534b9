"""The demo as people start it: one command, its story, another shell that joins in."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from sentinel_cli.demo import sample_archive, story
from sentinel_cli.demo.act import NotYetError, Stage
from sentinel_cli.demo.acts import DELETE, OPEN, STORY
from sentinel_cli.demo.timeline import WIRE
from sentinel_cli.exit_codes import Exit

from tests.conftest import ROOT
from tests.system.demo import MISLEADING, SENTINEL, started
from tests.system.scenarios import guarded_gateway
from tests.system.stage import REGION
from tests.system.stage import Stage as Harness
from tests.system.test_gap import SWEEP, allow, deny


def test_the_story_reaches_slack_and_mail_and_every_hop_is_measured() -> None:
    done = subprocess.run(
        [SENTINEL, "demo", "--once"],
        cwd=ROOT,
        env=os.environ | MISLEADING,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for act in STORY:
        assert act.title in done.stdout
    assert done.stdout.count("Slack after") == 5
    assert "RESOLVED CRITICAL: Gateway answers callers" in done.stdout
    hops = dict(re.findall(r"^  ([\w ]+?) +([\d.]+) ms", done.stdout, re.M))
    assert list(hops) == list(WIRE)
    reached = [float(milliseconds) for milliseconds in hops.values()]
    assert reached == sorted(reached)
    assert re.search(r"median \d\.\d{3} s to the body in Slack's sink", done.stdout)


def test_other_shells_join_in_with_the_printed_lines_until_the_demo_is_stopped() -> None:
    program = (
        "import boto3, json; print(json.dumps("
        "[boto3.client('sts').get_caller_identity()['Arn'], boto3.client('s3').meta.region_name]))"
    )
    with started("--no-page") as demo:
        demo.wait_for_story()
        for role in ("developer", "security-engineer"):
            answer = subprocess.run(
                [sys.executable, "-c", program],
                env=demo.joined(role),
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            arn, region = json.loads(answer.stdout)
            assert arn.endswith(f":assumed-role/{role}/{role}")
            assert region == "eu-central-1"
        assert {found["status"] for found in demo.findings()} == {"OPEN", "RESOLVED"}
        demo.process.send_signal(signal.SIGINT)

        assert demo.process.wait(timeout=30) == 0
    assert "http" not in re.sub(r"^export AWS_ENDPOINT_URL=.*$", "", demo.said, flags=re.M)


def test_a_live_read_that_was_put_off_is_no_baseline(
    stage: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "PATIENCE_SECONDS", 0.3)

    def part(copy: Harness) -> list[Any]:
        told = Stage(
            SimpleNamespace(  # type: ignore[arg-type]
                account=copy.account,
                outputs=copy.outputs,
                workload=copy.member,
                region=REGION,
                client=lambda service, _as, in_hub: copy.client(service, account=copy.hub),
            )
        )
        guarded_gateway(copy)
        deny(copy, "bedrock-agentcore:GetGateway", "*")
        copy.drain()
        name = copy.names["gateway"]
        refused = [story.wait_for_live_read(told, name), story.wait_for_baseline(told, name)]
        allow(copy)
        copy.invoke("sweep", SWEEP)
        return [*refused, story.wait_for_baseline(told, name)]

    read, missing, accepted = stage.play(part)
    assert read == ()
    assert len(missing) == 1
    assert "has no baseline after" in missing[0]
    assert accepted == ()


def test_the_sample_archive_tells_of_eight_rules() -> None:
    replayed = sample_archive.replay()

    told = re.findall(r"^(?:CRITICAL|HIGH|MEDIUM) +(\w+) +f-", replayed.text, re.M)
    assert len(set(told)) == len(told) == 8
    assert replayed.exit_code == Exit.FINDINGS


def test_what_did_not_reach_people_is_named() -> None:
    account = SimpleNamespace(
        slack=SimpleNamespace(messages=[]), mailbox=SimpleNamespace(messages=[])
    )
    stage = Stage(SimpleNamespace(account=account, workload="444455556666"))  # type: ignore[arg-type]
    assert OPEN.expected is not None

    missing = list(story._missing(stage, OPEN.expected, "orders-mcp-a1b2c3d4e5"))

    assert missing == [
        "Slack: no message OPEN CRITICAL of gateway_authorizer_none",
        "mail: no message OPEN CRITICAL of gateway_authorizer_none",
    ]


def test_an_act_that_needs_another_one_first_says_which() -> None:
    stage = Stage(SimpleNamespace())  # type: ignore[arg-type]

    with pytest.raises(NotYetError, match="Create a gateway without an authorizer first"):
        DELETE.code(stage)


def test_the_call_that_is_shown_is_the_call_that_is_made() -> None:
    deployment = SimpleNamespace(role_arn=lambda name: f"arn:aws:iam::444455556666:role/{name}")
    stage = Stage(deployment)  # type: ignore[arg-type]
    made: dict[str, object] = {}
    boto3 = SimpleNamespace(client=lambda _name: SimpleNamespace(create_gateway=made.update))

    exec(OPEN.code(stage), {"boto3": boto3})  # noqa: S102 - what a person would paste

    assert made == OPEN.calls[0].parameters(stage)
