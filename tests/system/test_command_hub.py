"""The `sentinel` command with a hub: its findings, sweeps, acceptance and policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.system.command import REGION, Hub, deployed_hub, until

COMMAND = "runtime_shell_command"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with deployed_hub() as made:
        _open_doors(made)
        yield made


def _open_doors(hub: Hub) -> None:
    """A gateway for everybody, and one whose engine is turned to log only after a baseline."""
    agentcore = hub.client("bedrock-agentcore-control")
    role = f"arn:aws:iam::{hub.account.hub}:role/gateway"
    common = {"roleArn": role, "protocolType": "MCP"}
    agentcore.create_gateway(name="open", authorizerType="NONE", **common)
    engine = agentcore.create_policy_engine(name="engine")["policyEngineArn"]
    guarded = {**common, "name": "guarded", "authorizerType": "AWS_IAM"}
    made = agentcore.create_gateway(
        **guarded, policyEngineConfiguration={"arn": engine, "mode": "ENFORCE"}
    )
    hub.finding("gateway_authorizer_none")
    time.sleep(4)
    agentcore.update_gateway(
        gatewayIdentifier=made["gatewayId"],
        **guarded,
        policyEngineConfiguration={"arn": engine, "mode": "LOG_ONLY"},
    )
    hub.finding("gateway_enforcement_dropped")


def test_a_finding_of_the_hub_is_explained_by_its_short_id(hub: Hub) -> None:
    found = hub.finding("gateway_authorizer_none")
    listed = json.loads(hub.run("findings", "-o", "json").stdout)
    assert found in listed
    told = hub.run("explain", found["id"]).stdout
    assert told.startswith(b"gateway_authorizer_none  CRITICAL  " + found["id"].encode())
    assert b"Unknown" in told and found["cause"]["event_id"].encode() in told
    assert hub.run("explain", "f-00000000").returncode == 2


def test_a_gap_is_listed_and_explained_and_cannot_be_accepted(hub: Hub) -> None:
    from sentinel.aws import clock
    from sentinel.aws.store import Store
    from sentinel.gap import Gap

    now = clock.now()
    met = Gap(
        "aws",
        "444455556666",
        REGION,
        "gateway",
        "ListGateways",
        opened_at=now,
        changed_at=now,
        reason="AccessDenied",
    )
    Store(hub.client("dynamodb"), hub.outputs["FindingsTableName"]).meet(met)
    name = f"f-{met.id[:8]}"
    listed = hub.run("findings").stdout
    assert name.encode() in listed and b"COULD NOT ASSESS" in listed
    told = hub.run("explain", name).stdout
    assert b"ListGateways on gateway: AccessDenied" in told and b"Unknown" in told
    assert hub.run("accept", name, "--reason", "r", "--owner", "o").returncode == 2


def test_a_sweep_with_own_rights_finds_the_fingerprint_that_the_event_gave(hub: Hub) -> None:
    done = hub.run("sweep", "--kind", "gateway", "-o", "json")
    assert done.returncode == 1
    swept = {f["fingerprint"] for f in json.loads(done.stdout)["findings"]}
    assert hub.finding("gateway_authorizer_none")["fingerprint"] in swept
    table = hub.run("sweep", "--kind", "gateway").stdout.decode()
    assert f"{hub.account.hub} {REGION}" in table
    assert all(len(line) <= 98 for line in table.splitlines())


def test_a_sweep_of_an_account_that_cannot_be_read_says_so(hub: Hub) -> None:
    done = hub.run("sweep", "--account", "444455556666", "--region", REGION, "--kind", "gateway")
    assert done.returncode == 3
    assert b"Blind: AssumeRole: AccessDenied in 444455556666" in done.stdout
    assert b"Deploy member.yaml there" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith(b"444455556666"))
    assert row.split() == [b"444455556666", REGION.encode(), *[b"-"] * 6, *[b"."] * 5, b"1"]


def test_the_hub_sweeps_when_asked(hub: Hub) -> None:
    done = hub.run("sweep", "--hub", "--kind", "gateway", "--color", "always")
    assert done.returncode == 1, done.stderr
    assert b"\x1b[1;31mCRITICAL\x1b[0m" in done.stdout
    assert f"Swept: {REGION}." in done.stdout.decode()


def test_the_sweep_of_the_hub_goes_to_a_file_and_to_the_region_that_is_named(
    hub: Hub, tmp_path: Path
) -> None:
    out = tmp_path / "summary.json"
    words = ("sweep", "--hub", "--kind", "gateway", "-o", "json", "--out", out)
    elsewhere = hub.run(*words, "--hub-region", "us-west-2")
    assert elsewhere.returncode == 2
    assert b"us-west-2" in elsewhere.stderr and b"--hub-region" in elsewhere.stderr
    done = hub.run(*words, "--hub-region", REGION)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert json.loads(out.read_text())["severities"]["CRITICAL"]


def test_a_state_is_not_accepted_and_the_exemption_to_copy_is_printed(hub: Hub) -> None:
    found = hub.finding("gateway_authorizer_none")
    done = hub.run("accept", found["id"], "--reason", "public", "--owner", "platform")
    assert done.returncode == 2
    assert b"exemptions:" in done.stderr and found["subject"]["key"].encode() in done.stderr


def test_a_change_is_accepted_and_who_did_it_is_kept(hub: Hub) -> None:
    found = hub.finding("gateway_enforcement_dropped")
    done = hub.run("accept", found["id"], "--reason", "planned", "--owner", "platform")
    assert done.returncode == 0, done.stderr
    assert hub.finding("gateway_enforcement_dropped")["status"] == "RESOLVED"
    told = hub.run("explain", found["id"]).stdout
    assert b"Accepted" in told and b"planned" in told
    again = hub.run("sweep", "--hub", "--kind", "gateway", "--fail-on", "never")
    assert again.returncode == 0
    assert hub.finding("gateway_enforcement_dropped")["status"] == "RESOLVED"


def _run_command(hub: Hub, runtime: str) -> None:
    answer = hub.client("bedrock-agentcore").invoke_agent_runtime_command(
        agentRuntimeArn=runtime, runtimeSessionId="s" * 36, body={"command": "cat /etc/passwd"}
    )
    for _ in answer["stream"]:
        continue


def test_an_activity_is_accepted_until_it_is_done_again(hub: Hub) -> None:
    account = hub.account.hub
    runtime = hub.client("bedrock-agentcore-control").create_agent_runtime(
        agentRuntimeName="helper",
        agentRuntimeArtifact={
            "containerConfiguration": {
                "containerUri": f"{account}.dkr.ecr.{REGION}.amazonaws.com/agent:1"
            }
        },
        roleArn=f"arn:aws:iam::{account}:role/agent",
        networkConfiguration={"networkMode": "PUBLIC"},
    )["agentRuntimeArn"]
    _run_command(hub, runtime)
    found = hub.finding(COMMAND)
    assert found["status"] == "OPEN"
    done = hub.run("accept", found["id"], "--reason", "incident 12", "--owner", "platform")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == (
        f"{found['id']} accepted by arn:aws:sts::{account}:assumed-role/operator/operator: closed\n"
    )
    closed = hub.finding(COMMAND)
    assert closed["status"] == "RESOLVED"
    told = hub.run("explain", found["id"]).stdout
    assert b"Accepted" in told and b"incident 12" in told
    again = hub.run("accept", found["id"], "--reason", "incident 12", "--owner", "platform")
    assert again.returncode == 0
    assert hub.finding(COMMAND)["change"] == closed["change"]
    _run_command(hub, runtime)
    until(
        lambda: [f for f in hub.findings() if f["rule"] == COMMAND and f["status"] == "OPEN"],
        "the finding of the next command",
    )


def test_a_policy_is_pushed_with_what_it_changes_and_never_over_another(
    hub: Hub, tmp_path: Path
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "exemptions:\n  - rule: gateway_authorizer_none\n    resource: '*'\n"
        "    owner: platform\n    reason: public\n    expires: 2099-01-01\n"
    )
    dry = hub.run("policy", "push", path, "--dry-run").stdout
    assert b"is suppressed until 2099-01-01: public (platform)" in dry
    assert b"Nothing was pushed" in dry
    assert hub.run("policy", "push", path).returncode == 0
    shown = json.loads(hub.run("policy", "show").stdout)
    assert shown["exemptions"][0]["owner"] == "platform"

    from sentinel.policy import Policy
    from sentinel_cli.failure import Failure
    from sentinel_cli.pushing import Present, push

    foreign: Any = SimpleNamespace(
        edge=SimpleNamespace(client=hub.client),
        caller=SimpleNamespace(arn="arn:aws:iam::111122223333:role/other"),
        output=hub.outputs.__getitem__,
    )
    with pytest.raises(Failure, match="meanwhile"):
        push(foreign, Policy(), Present(Policy(), ""))
    with pytest.raises(Failure, match="meanwhile"):
        push(foreign, Policy(), Present(Policy(), '"0123456789"'))


def test_another_shell_joins_in_with_nothing_but_the_environment(hub: Hub) -> None:
    program = """
import boto3, json
outputs = {
    one["OutputKey"]: one["OutputValue"]
    for one in boto3.client("cloudformation").describe_stacks(StackName="agentcore-sentinel")[
        "Stacks"
    ][0]["Outputs"]
}
s3, sqs = boto3.client("s3"), boto3.client("sqs")
s3.put_object(Bucket=outputs["RecordsBucketName"], Key="from/a shell", Body=b"body")
answer = boto3.client("lambda").invoke(FunctionName="agentcore-sentinel-tend", Payload=b"{}")
queue = outputs["UndeliveredQueueUrl"]
print(json.dumps([
    boto3.client("sts").get_caller_identity()["Arn"],
    s3.get_object(Bucket=outputs["RecordsBucketName"], Key="from/a shell")["Body"].read().decode(),
    "FunctionError" in answer,
    sorted(json.loads(answer["Payload"].read())),
    sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"],
    sum(page["Count"] for page in boto3.client("dynamodb").get_paginator("scan").paginate(
        TableName=outputs["FindingsTableName"])) > 0,
    len(boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]),
]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **hub.environment, "AWS_DEFAULT_REGION": REGION},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    account = hub.account.hub
    who, body, failed, tended, queue, has_items, alarms = json.loads(done.stdout)
    assert who == f"arn:aws:sts::{account}:assumed-role/operator/operator"
    assert (body, failed, has_items, alarms > 0) == ("body", False, True, True)
    assert "alarms" in tended
    assert queue.startswith(f"arn:aws:sqs:{REGION}:{account}:agentcore-sentinel-UndeliveredQueue")
