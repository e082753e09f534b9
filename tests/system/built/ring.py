"""The built artifact, deployed by ``sam deploy`` into an embedded account that runs by itself.

Its functions run under Python 3.13 and AWS's own runtime client, each in processes of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedded_account.account import EmbeddedAccount
from embedded_account.functions import ProcessRunner
from embedded_account.invocation import FunctionSpec

from tests.conftest import ROOT
from tests.system.built.artifact import RUNTIME, Artifact, sam

REGION = "eu-central-1"
OTHER_REGION = "us-east-1"
CHANNEL = "C0EMBEDDED"
STACK = "sentinel"


@dataclass
class Ring:
    """The deployed system; `tests.system.scenarios` play on it as they do on a stage."""

    account: EmbeddedAccount
    runner: ProcessRunner
    outputs: dict[str, str]
    names: dict[str, Any] = field(default_factory=dict)

    @property
    def hub(self) -> str:
        """The hub's account."""
        return self.account.hub

    @property
    def member(self) -> str:
        """The watched account in which scenarios play."""
        return self.account.accounts[1]

    def client(self, service: str, region: str = REGION, account: str = "") -> Any:
        """A client of the watched account's root."""
        return self.account.client(service, account or self.member, region)

    def invoke(self, name: str, event: Any = None) -> Any:
        """Invoke a deployed function and return what it answers."""
        arn = f"arn:aws:lambda:{REGION}:{self.hub}:function:{STACK}-{name}"
        return self.account.lambdas.invoke(arn, event or {})

    def drain(self, quiet: float = 1.5, seconds: float = 60) -> None:
        """Wait until nothing has happened for a while and nothing but schedules waits."""
        history, deadline = self.account.world.history, time.monotonic() + seconds
        seen, since = len(history), time.monotonic()
        while time.monotonic() - since < quiet:
            if time.monotonic() > deadline:
                waiting = [f"{each.kind} {each.label}" for each in self._waiting()]
                raise AssertionError(f"no rest after {seconds} s; these wait: {waiting}")
            time.sleep(0.05)
            if len(history) != seen or self._waiting():
                seen, since = len(history), time.monotonic()

    def _waiting(self) -> list[Any]:
        return [each for each in self.account.world.pending() if each.kind != "schedule"]

    def items(self, table: str) -> list[dict[str, Any]]:
        """All items of a table (``Findings``, ``Memory``), as plain values."""
        dynamodb = self.client("dynamodb", account=self.hub)
        pages = dynamodb.get_paginator("scan").paginate(TableName=self.outputs[f"{table}TableName"])
        return [
            {name: next(iter(value.values())) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]

    def findings(self) -> list[dict[str, Any]]:
        """The stored findings."""
        heads = [item for item in self.items("Findings") if item["sk"] == "head"]
        return [json.loads(head["body"]) for head in heads if head["what"] == "finding"]

    def told(self, text: str) -> list[Any]:
        """The Slack messages that contain a text."""
        return [each for each in list(self.account.slack.messages) if text in str(each)]


def until(holds: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s there is still not: {what}")
        time.sleep(0.05)
    return found


@contextmanager
def opened(artifact: Artifact, folder: Path) -> Iterator[Ring]:
    """The built system, deployed and running freely."""
    with EmbeddedAccount(mode="server", runner=_under_awslambdaric) as account:
        runner = account.runner
        if not isinstance(runner, ProcessRunner):
            raise TypeError("the ring runs functions in processes")
        ring = Ring(account, runner, {})
        _deploy_hub(ring, artifact, folder)
        for watched in account.accounts:
            _deploy_member(ring, watched)
        members = [{"account": watched} for watched in account.accounts]
        ring.client("s3", account=ring.hub).put_object(
            Bucket=ring.outputs["RecordsBucketName"],
            Key="policy/current.json",
            Body=json.dumps({"version": 1, "members": members}),
        )
        account.world.run_freely()
        ring.drain()
        yield ring


def _under_awslambdaric(account: EmbeddedAccount) -> ProcessRunner:
    def credentials(spec: FunctionSpec) -> dict[str, str]:
        keys = account.credentials(spec.account, spec.role_arn.rpartition("/")[2])
        return {name.upper(): value for name, value in keys.items()}

    return ProcessRunner(account.endpoint_url, credentials, str(RUNTIME), client="awslambdaric")


def _deploy_hub(ring: Ring, artifact: Artifact, folder: Path) -> None:
    """As a person would, but for the questions."""
    account = ring.account
    ring.client("ssm", account=ring.hub).put_parameter(
        Name="/sentinel/slack", Type="SecureString", Value=account.slack.token
    )
    parameters = {
        "RecheckDelaySeconds": "1",
        "MemberAccounts": ring.member,
        "SweepRegions": f"{REGION},{OTHER_REGION}",
        "SlackSecretParameter": "/sentinel/slack",
        "SlackChannel": CHANNEL,
        "SlackApiUrl": f"{account.url}/api",
        "MailAddress": "security@example.com",
    }
    keys = account.credentials(ring.hub)
    sam(
        [
            *("deploy", "--template-file", str(artifact.template), "--stack-name", STACK),
            *("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-progressbar"),
            *("--no-confirm-changeset", "--parameter-overrides"),
            *(f"ParameterKey={name},ParameterValue={value}" for name, value in parameters.items()),
        ],
        folder,
        {
            "AWS_ENDPOINT_URL": account.url,
            "AWS_DEFAULT_REGION": REGION,
            **{name.upper(): value for name, value in keys.items()},
        },
    )
    stacks = ring.client("cloudformation", account=ring.hub).describe_stacks(StackName=STACK)
    outputs = stacks["Stacks"][0]["Outputs"]
    ring.outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}


def _deploy_member(ring: Ring, watched: str) -> None:
    readers = ",".join((ring.outputs["EvaluateRoleArn"], ring.outputs["SweepRoleArn"]))
    for region in ring.account.regions:
        ring.account.deploy(
            ROOT / "member.yaml",
            "sentinel-member",
            parameters={
                "IngestBusArn": ring.outputs["IngestBusArn"],
                "HubAccountId": ring.hub,
                "HubReaders": readers,
                "HomeRegion": REGION,
            },
            account=watched,
            region=region,
        )
    bucket = f"trail-{watched}"
    ring.client("s3", account=watched).create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    trails = ring.client("cloudtrail", account=watched)
    trails.create_trail(Name="audit", S3BucketName=bucket, IsMultiRegionTrail=True)
    commands = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::BedrockAgentCore::Runtime"]},
    ]
    management = [{"Field": "eventCategory", "Equals": ["Management"]}]
    trails.put_event_selectors(
        TrailName="audit",
        AdvancedEventSelectors=[{"FieldSelectors": management}, {"FieldSelectors": commands}],
    )
    trails.start_logging(Name="audit")
