"""The `sentinel` command as a process, and a hub in an embedded account that it can be led to."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from embedded_account.account import EmbeddedAccount
from sentinel.aws.store import Store
from sentinel.life import Status
from sentinel_cli.findings import document

from tests.conftest import ROOT

SENTINEL = Path(sys.executable).with_name("sentinel")
VIOLATION = ROOT / "events/gateway_authorizer_none/violation.json"
CLEAN = {
    key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "NO_COLOR"))
}
REGION = "eu-central-1"
STACK = "agentcore-sentinel"
OPERATOR = "operator"
T = TypeVar("T")


def run(
    *words: str | Path, stdin: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end, without the caller's own AWS settings."""
    return subprocess.run(
        [SENTINEL, *map(str, words)],
        input=stdin,
        env={**CLEAN, **variables},
        capture_output=True,
        timeout=60,
    )


def on_a_terminal(*words: str | Path, **variables: str) -> bytes:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SENTINEL, *map(str, words)],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**CLEAN, "TERM": "xterm", **variables},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        written += part
    process.wait(timeout=60)
    os.close(ours)
    return written


def event(**detail: Any) -> dict[str, Any]:
    """The event of a gateway that lets everybody in, with other members."""
    found: dict[str, Any] = json.loads(VIOLATION.read_text())
    found["detail"].update(detail)
    return found


def until(holds: Callable[[], T], what: str, seconds: float = 20) -> T:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s there is still not: {what}")
        time.sleep(0.1)
    return found


class Hub:
    """A hub in an embedded account, and the environment that leads a command to it."""

    def __init__(self, account: EmbeddedAccount, outputs: Mapping[str, str]) -> None:
        self.account, self.outputs = account, outputs
        keys = account.credentials(account.hub, OPERATOR)
        self.environment = {
            "AWS_ENDPOINT_URL": account.url,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **{name.upper(): value for name, value in keys.items()},
        }

    @property
    def member(self) -> str:
        """A watched account that is not the hub's."""
        return self.account.accounts[1]

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
        """Run the command as the operator of the hub's account."""
        return run(*words, **self.environment)

    def client(self, service: str, account: str = "") -> Any:
        """A client of an account's root, the hub's unless named."""
        return self.account.client(service, account or self.account.hub, REGION)

    def rest(self) -> None:
        """Wait until nothing waits but schedules, for half a second."""
        pending = self.account.world.pending
        for _ in range(5):
            until(lambda: all(one.kind == "schedule" for one in pending()), "rest")
            time.sleep(0.1)

    def findings(self) -> list[dict[str, Any]]:
        """All findings, as the command writes them."""
        store = Store(self.client("dynamodb"), self.outputs["FindingsTableName"])
        return [document(found) for status in Status for found in store.findings(status)]

    def finding(self, rule: str, about: str = "") -> dict[str, Any]:
        """The finding of a rule, about a resource whose key holds a text; waited for."""
        return until(
            lambda: next(
                (f for f in self.findings() if f["rule"] == rule and about in f["subject"]["key"]),
                None,
            ),
            f"a finding of {rule} about {about or 'anything'}",
        )


@contextmanager
def deployed_hub(**parameters: str) -> Iterator[Hub]:
    """A hub and its members in an account of their own that runs freely, and an operator."""
    with EmbeddedAccount(mode="server") as account:
        stack = account.deploy(
            ROOT / "template.yaml",
            STACK,
            parameters={"RecheckDelaySeconds": "1", "SweepRegions": REGION, **parameters},
            account=account.hub,
            region=REGION,
            source_root=ROOT,
            source_layers={"SentinelLayer": ROOT / "layers/sentinel/src"},
        )
        readers = ",".join(stack.outputs[name] for name in ("EvaluateRoleArn", "SweepRoleArn"))
        for member in account.accounts:
            account.deploy(
                ROOT / "member.yaml",
                "sentinel-member",
                parameters={
                    "IngestBusArn": stack.outputs["IngestBusArn"],
                    "HubAccountId": account.hub,
                    "HubReaders": readers,
                    "HomeRegion": REGION,
                },
                account=member,
                region=REGION,
                source_root=ROOT,
            )
            _record_everything(account, member)
        _make_operator(account)
        account.world.run_freely()
        yield Hub(account, stack.outputs)


def _record_everything(account: EmbeddedAccount, member: str) -> None:
    """A trail of management events and of commands that are run in agents."""
    account.client("s3", member, REGION).create_bucket(
        Bucket=f"audit-{member}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    trail = account.client("cloudtrail", member, REGION)
    trail.create_trail(Name="audit", S3BucketName=f"audit-{member}", IsMultiRegionTrail=True)
    commands = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::BedrockAgentCore::Runtime"]},
    ]
    management = [{"Field": "eventCategory", "Equals": ["Management"]}]
    selectors = [{"FieldSelectors": management}, {"FieldSelectors": commands}]
    trail.put_event_selectors(TrailName="audit", AdvancedEventSelectors=selectors)
    trail.start_logging(Name="audit")


def _make_operator(account: EmbeddedAccount) -> None:
    """A person who may do everything in the hub's account, and nothing in any other."""
    iam = account.client("iam", account.hub, REGION)
    principal = {"AWS": f"arn:aws:iam::{account.hub}:root"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=OPERATOR, AssumeRolePolicyDocument=policy(trust))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(
        RoleName=OPERATOR, PolicyName="everything", PolicyDocument=policy(everything)
    )


def policy(statement: Mapping[str, Any]) -> str:
    """A policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
