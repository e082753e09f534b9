"""What must hold of sweeps, whatever fails or dies: the promises R37 and R38."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from tests.system import scenarios as calls
from tests.system.evidence import SEED, deny, forget_events, heads, settle
from tests.system.faults import DIES, Fault, Point, Watch
from tests.system.scenarios import create_gateway, delete_gateway
from tests.system.stage import REGION, Stage
from tests.system.test_table import image, update_runtime

FOREIGN = image("999988887777.dkr.ecr.eu-central-1.amazonaws.com/agent:1")
SWEPT = {"kinds": ["runtime", "gateway"], "regions": [REGION]}
SAMPLE = int(os.environ.get("SENTINEL_SWEEP_KILLS", "20"))
"""Kills of a sweep that are played; ``SENTINEL_SWEEP_KILLS=0`` plays every one."""


def test_r37_a_sweep_accounts_for_all_that_it_listed(stage: Stage) -> None:
    def part(copy: Stage) -> Any:
        for number in range(3):
            create_gateway(copy, f"swept-{number}")
        copy.clock.advance(3)
        return copy.invoke("sweep", {"kinds": ["gateway"], "regions": [REGION]}).payload

    summary = stage.play(part)
    assert summary["resources"] == 3 == summary["judged"] + summary["unread"]
    assert summary["unfinished"] == []


@pytest.mark.parametrize("operation", ["ListGateways", "GetGateway"])
def test_r37_a_list_or_read_that_fails_is_said(stage: Stage, operation: str) -> None:
    def part(copy: Stage) -> Any:
        create_gateway(copy)
        copy.drain()
        deny(copy, f"bedrock-agentcore:{operation}")
        answer = copy.invoke("sweep", {"kinds": ["gateway"], "regions": [REGION]}).payload
        copy.converge(1)
        return answer, [h for h in heads(copy) if "problem" not in h and h["status"] == "OPEN"]

    summary, gaps = stage.play(part)
    assert [gap["cause"] for gap in gaps] == [operation]
    assert summary["gaps"] or summary["unread"] == 1


def swept_world(stage: Stage) -> None:
    """What no event told: opened, cured, gone, not to be read, and standing as it stood."""
    create_gateway(stage, "standing")
    create_gateway(stage, "gone")
    calls.create_runtime(stage, agentRuntimeName="cured", **FOREIGN)
    settle(stage)
    delete_gateway(stage)
    update_runtime(stage)
    create_gateway(stage, "opened")
    create_gateway(stage, "unreadable")
    calls.create_runtime(stage, **FOREIGN)
    deny_one(stage, stage.names["gateway arn"])
    forget_events(stage)
    stage.clock.advance(3)


def deny_one(stage: Stage, arn: str) -> None:
    """Take the right to read one gateway from the read role of the watched account."""
    statement = {"Effect": "Deny", "Action": "bedrock-agentcore:GetGateway", "Resource": arn}
    stage.client("iam").put_role_policy(
        RoleName="agentcore-sentinel-read",
        PolicyName="denied",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def swept(stage: Stage, fault: Fault | None = None) -> tuple[Any, Sequence[Point], bool]:
    """Sweep, killed or not; go on until all is at rest, and look at what stands and was told.

    A sweep that died before it said what it is to do is asked for again by whoever asked.
    """
    watch = Watch(stage, fault)
    watch.begin()
    stage.invoke("sweep", SWEPT)
    watch.end()
    points = tuple(watch.points)
    stage.clock.advance(16 * 60)
    if not any(item["pk"] == "sweep" for item in stage.items("Memory")):
        stage.invoke("sweep", SWEPT)
    stage.converge(2)
    standing = sorted(
        (
            h.get("rule", h.get("cause")),
            h.get("subject", {}).get("key", h.get("example")),
            h["status"],
            h["change"],
            h.get("problem"),
        )
        for h in heads(stage)
    )
    posts = sorted(message.text for message in stage.account.slack.messages)
    return (standing, posts), points, bool(watch.fired)


@pytest.mark.long
def test_r38_a_sweep_that_is_killed_anywhere_goes_on_to_the_same_end(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[Any, list[Any], int]:
        swept_world(copy)
        whole, points, _ = copy.play(swept)
        every = [Fault(kind, point.number) for point in points for kind in DIES]
        faults = random.Random(SEED).sample(every, min(SAMPLE or len(every), len(every)))
        parts = [partial(swept, fault=fault) for fault in faults]
        ends = zip(faults, copy.play_all(parts, 2), strict=True)
        wrong = [
            (points[f.number], f, end) for f, (end, _, fired) in ends if end != whole or not fired
        ]
        return whole, wrong, len(faults)

    (standing, posts), wrong, played = stage.play(part)
    assert sorted(status for _, _, status, _, _ in standing).count("RESOLVED") == 2
    assert len(standing) == 6
    assert len(posts) >= 4
    assert played >= (SAMPLE or 20)
    assert wrong == [], f"seed {SEED}"
