"""The demo as people start it: one command, its story, another shell that joins in."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sentinel_cli.demo import story
from sentinel_cli.demo.acts import DELETE, OPEN, STORY, NotYetError, Stage
from sentinel_cli.demo.timeline import WIRE

from tests.conftest import ROOT
from tests.system.demo import MISLEADING, started

pytestmark = pytest.mark.xdist_group("demo")
COMMAND = str(Path(sys.executable).with_name("sentinel"))


def test_the_story_reaches_slack_and_mail_and_every_hop_is_measured() -> None:
    done = subprocess.run(
        [COMMAND, "demo", "--once"],
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


def test_another_shell_joins_in_with_the_printed_line_until_the_demo_is_stopped() -> None:
    with started("--no-page") as demo:
        line = demo.wait_for(r"^export (AWS_ENDPOINT_URL=.*)$")
        demo.wait_for(r"^Press Ctrl-C to stop\.$")
        joined = dict(word.split("=", 1) for word in shlex.split(line[1]))
        program = (
            "import boto3, json; print(json.dumps("
            "[boto3.client('sts').get_caller_identity()['Arn'],"
            " len(boto3.client('bedrock-agentcore-control').list_gateways()['items'])]))"
        )
        answer = subprocess.run(
            [sys.executable, "-c", program],
            env={"PATH": os.environ["PATH"]} | joined,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        demo.process.send_signal(signal.SIGINT)

        assert json.loads(answer.stdout)[0].endswith(":assumed-role/developer/developer")
        assert json.loads(answer.stdout)[1] == 1
        assert demo.process.wait(timeout=30) == 0
    assert "http" not in demo.said.replace(line[0], "")


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
        DELETE.parameters(stage)


def test_the_call_that_is_shown_is_the_call_that_is_made() -> None:
    deployment = SimpleNamespace(role_arn=lambda name: f"arn:aws:iam::444455556666:role/{name}")
    stage = Stage(deployment)  # type: ignore[arg-type]
    made: dict[str, object] = {}
    boto3 = SimpleNamespace(client=lambda _name: SimpleNamespace(create_gateway=made.update))

    exec(OPEN.code(stage), {"boto3": boto3})  # noqa: S102 - what a person would paste

    assert made == OPEN.parameters(stage)
