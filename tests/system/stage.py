"""The deployed system in one process: hub, members and trails, ready to be forked for each run.

Deploying takes seconds, a run takes a fraction of one: so it is deployed once, and each run plays
in a forked copy that nobody else sees.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pickle
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest.mock import patch

import botocore.endpoint
from embedded_account import bootstrap
from embedded_account.account import EmbeddedAccount
from embedded_account.clock import VirtualClock
from embedded_account.functions import InProcessRunner, _Warm
from embedded_account.invocation import FunctionSpec, Outcome, import_paths, lambda_environment
from embedded_account.isolation import Interior

ROOT = Path(__file__).parent.parent.parent
REGION = "eu-central-1"
OTHER_REGION = "us-east-1"
CHANNEL = "C0EMBEDDED"
T = TypeVar("T")


class RunFailed(AssertionError):
    """A forked run did not end well; the text is its traceback."""


class TimedRunner(InProcessRunner):
    """Runs the functions with the world's clock; a sandbox that died is replaced at little cost.

    `sentinel.aws.clock` is the one place where the product reads time and waits.
    """

    def __init__(self, account: EmbeddedAccount) -> None:
        clock = account.world.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("functions are timed by a virtual clock only")
        super().__init__(lambda spec: _keys(account, spec), clock=clock.now)
        self.virtual = clock
        self._keys_of: Callable[[FunctionSpec], dict[str, str]] = partial(_keys, account)

    def invoke(self, spec: FunctionSpec, event: Any) -> Outcome:
        """Invoke the function; a new sandbox has the same code loaded and new clients."""
        warm = self._warm.get(spec.arn)
        if warm is None or warm.spec != spec:
            warm = self._warm[spec.arn] = self._sandbox(spec)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on Lambda a warning is a line in the log
            outcome = super().invoke(spec, event)
        if spec.arn not in self._warm:
            with warm.interior.entered():
                app: Any = importlib.import_module("app")
                session = app.edge.session
                fresh: Any = importlib.import_module("sentinel.aws.edge")
                app.edge = fresh.Edge(patient=app.edge.patient)
                app.edge.__dict__["session"] = session
                warm.handler = app.lambda_handler
            self._warm[spec.arn] = warm
        return outcome

    @contextmanager
    def inside(self, spec: FunctionSpec) -> Iterator[None]:
        """Enter the modules of a function, to look at the product or to plant a bug in it."""
        warm = self._warm.get(spec.arn)
        if warm is None:
            warm = self._warm[spec.arn] = self._sandbox(spec)
        with warm.interior.entered():
            yield

    def _sandbox(self, spec: FunctionSpec) -> _Warm:
        environment = lambda_environment(spec, self._keys_of(spec), None)
        interior = Interior(import_paths(spec), environment)
        with self._output.of(spec), interior.entered():
            clock: Any = importlib.import_module("sentinel.aws.clock")
            clock.now, clock.sleep = self.virtual.now, self.virtual.advance
            handler = bootstrap.load_handler(spec.handler)
        return _Warm(spec, interior, handler)


def _keys(account: EmbeddedAccount, spec: FunctionSpec) -> dict[str, str]:
    keys = account.credentials(spec.account, spec.role_arn.rpartition("/")[2])
    return {name.upper(): value for name, value in keys.items()}


@dataclass
class Stage:
    """The system as it stands before a run."""

    account: EmbeddedAccount
    outputs: dict[str, str]
    names: dict[str, Any] = field(default_factory=dict)
    """What a run made, by the names that its scenario gives."""

    @property
    def hub(self) -> str:
        """The hub's account."""
        return self.account.hub

    @property
    def member(self) -> str:
        """The watched account in which scenarios play."""
        return self.account.accounts[1]

    @property
    def clock(self) -> VirtualClock:
        """The world's clock."""
        clock = self.account.world.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("a stage has a virtual clock")
        return clock

    @property
    def runner(self) -> TimedRunner:
        """What runs the functions."""
        runner = self.account.runner
        if not isinstance(runner, TimedRunner):
            raise TypeError("a stage runs functions in time")
        return runner

    def client(self, service: str, region: str = REGION, account: str = "") -> Any:
        """A client of the watched account's root."""
        return self.account.client(service, account or self.member, region)

    def function(self, name: str) -> FunctionSpec:
        """A deployed function by the name of its folder."""
        arn = f"arn:aws:lambda:{REGION}:{self.hub}:function:sentinel-{name}"
        return self.account.lambdas.spec_of(arn)

    def invoke(self, name: str, event: Any = None) -> Outcome:
        """Invoke a deployed function and wait."""
        return self.account.lambdas.invoke(self.function(name).arn, event or {})

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Enter the modules of a deployed function."""
        with self.runner.inside(self.function(name)):
            yield

    def drain(self) -> None:
        """Let everything happen that waits."""
        self.account.world.drain()

    def converge(self, rounds: int = 2) -> None:
        """Let everything happen, and tend: what was left undone must be done afterwards."""
        self.drain()
        for _ in range(rounds):
            self.clock.advance(90)
            self.invoke("tend")
            self.drain()

    def items(self, table: str) -> list[dict[str, Any]]:
        """All items of a table (``Findings``, ``Memory``), as plain values."""
        dynamodb = self.client("dynamodb", account=self.hub)
        pages = dynamodb.get_paginator("scan").paginate(TableName=self.outputs[f"{table}TableName"])
        return [
            {name: next(iter(value.values())) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]

    def put_policy(self, document: dict[str, Any]) -> None:
        """Put a policy into use; functions see it within a minute."""
        self.client("s3", account=self.hub).put_object(
            Bucket=self.outputs["RecordsBucketName"],
            Key="policy/current.json",
            Body=json.dumps(document),
        )
        self.clock.advance(61)

    def play(self, part: Callable[[Stage], T]) -> T:
        """Play a part in a forked copy, and bring its result back. Raises RunFailed."""
        return next(iter(self.play_all([part])))

    def play_all(self, parts: Iterable[Callable[[Stage], T]], jobs: int = 1) -> Iterator[T]:
        """Play parts in forked copies, *jobs* at a time; their results, in their order."""
        under_way: deque[tuple[int, int]] = deque()
        for part in parts:
            under_way.append(self._begun(part))
            if len(under_way) == jobs:
                yield _result(*under_way.popleft())
        while under_way:
            yield _result(*under_way.popleft())

    def _begun(self, part: Callable[[Stage], Any]) -> tuple[int, int]:
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            _play(part, self, theirs)
        os.close(theirs)
        return child, ours


def _result(child: int, ours: int) -> Any:
    with os.fdopen(ours, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        raise RunFailed("the run's process died without a word")
    ended, result = pickle.loads(answer)  # noqa: S301 - from a process that this one forked
    if not ended:
        raise RunFailed(result)
    return result


def _play(part: Callable[[Stage], Any], stage: Stage, pipe: int) -> None:
    try:
        answer = pickle.dumps((True, part(stage)))
    except BaseException:  # noqa: BLE001 - the parent raises it again
        answer = pickle.dumps((False, traceback.format_exc()))
    with os.fdopen(pipe, "wb") as out:
        out.write(answer)
    os._exit(0)


@contextmanager
def opened(template: Path = ROOT / "template.yaml") -> Iterator[Stage]:
    """The system, deployed and at rest, its functions warm."""
    with EmbeddedAccount(mode="in-process", runner=TimedRunner) as account:
        stage = Stage(account, {})
        awaited = SimpleNamespace(sleep=stage.clock.advance)
        with patch.object(botocore.endpoint, "time", awaited):
            _deploy(stage, template)
            stage.drain()
            _warm_up(stage)
            gc.collect()
            gc.freeze()  # a fork would copy whatever the collector looks at
            yield stage


def _deploy(stage: Stage, template: Path) -> None:
    account = stage.account
    account.client("ssm").put_parameter(
        Name="/sentinel/slack", Type="SecureString", Value=account.slack.token
    )
    stack = account.deploy(
        template,
        "sentinel",
        parameters={
            "RecheckDelaySeconds": "1",
            "MemberAccounts": stage.member,
            "SweepRegions": f"{REGION},{OTHER_REGION}",
            "SlackSecretParameter": "/sentinel/slack",
            "SlackChannel": CHANNEL,
            "SlackApiUrl": f"{account.url}/api",
            "MailAddress": "security@example.com",
        },
        source_root=ROOT,
        source_layers={"SentinelLayer": ROOT / "layers/sentinel/src"},
    )
    stage.outputs.update(stack.outputs)
    readers = ",".join((stack.outputs["EvaluateRoleArn"], stack.outputs["SweepRoleArn"]))
    for watched in account.accounts:
        for region in account.regions:
            account.deploy(
                ROOT / "member.yaml",
                "sentinel-member",
                parameters={
                    "IngestBusArn": stack.outputs["IngestBusArn"],
                    "HubAccountId": stage.hub,
                    "HubReaders": readers,
                    "HomeRegion": REGION,
                },
                account=watched,
                region=region,
                source_root=ROOT,
            )
        _audit_trail(stage, watched)
    members = [{"account": watched} for watched in account.accounts]
    stage.put_policy({"version": 1, "members": members})


def _audit_trail(stage: Stage, watched: str) -> None:
    """A trail that records management events and commands in every Region."""
    bucket = f"trail-{watched}"
    stage.client("s3", account=watched).create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    trails = stage.client("cloudtrail", account=watched)
    trails.create_trail(Name="audit", S3BucketName=bucket, IsMultiRegionTrail=True)
    selectors = [
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {
            "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": ["AWS::BedrockAgentCore::Runtime"]},
            ]
        },
    ]
    trails.put_event_selectors(TrailName="audit", AdvancedEventSelectors=selectors)
    trails.start_logging(Name="audit")


def _warm_up(stage: Stage) -> None:
    """Run every function once on a gateway that comes and goes, then forget that it was."""
    control = stage.client("bedrock-agentcore-control")
    role = f"arn:aws:iam::{stage.member}:role/gateway"
    made = control.create_gateway(
        name="warm-up", roleArn=role, protocolType="MCP", authorizerType="NONE"
    )
    stage.drain()
    stage.invoke("sweep", {})
    control.delete_gateway(gatewayIdentifier=made["gatewayId"])
    stage.converge(1)
    dynamodb = stage.client("dynamodb", account=stage.hub)
    for table in ("Findings", "Memory"):
        name = stage.outputs[f"{table}TableName"]
        for item in stage.items(table):
            key = {part: {"S": item[part]} for part in ("pk", "sk")}
            dynamodb.delete_item(TableName=name, Key=key)
    stage.drain()
    stage.account.slack.messages.clear()
    stage.account.mailbox.messages.clear()
    stage.account.world.history.clear()
