"""Deploys the sentinel into an embedded account, and a workload account for a developer."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_cli.demo import people
from sentinel_cli.demo.people import AGENT_ROLE, DEVELOPER, SECURITY_ENGINEER, TRAIL

if TYPE_CHECKING:
    from embedded_account.account import EmbeddedAccount
    from sentinel.policy import Policy

ROOT = Path(__file__).resolve().parents[3]
REGION = "eu-central-1"
STACK = "agentcore-sentinel"
SLACK_SECRET = "/agentcore-sentinel/slack"  # noqa: S105 - the parameter's name
MAIL_ADDRESS = "security@example.com"
RECHECK_DELAY_SECONDS = 1
WARMED = ("evaluate", "announce")
"""The functions that take a batch, and do nothing with an empty one."""


class NoCheckoutError(Exception):
    """The demo runs template.yaml and the functions of a checkout, and there is none."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The hub and a workload account, deployed and running."""

    account: EmbeddedAccount
    hub: str
    workload: str
    region: str
    outputs: Mapping[str, str]
    agent_runtime_arn: str
    policy_engine_arn: str
    policy: Policy

    def client(self, service: str, as_: str = DEVELOPER, *, in_hub: bool = False) -> Any:
        """A boto3 client in the workload account, or in the hub's."""
        account = self.hub if in_hub else self.workload
        return self.account.client(service, account, self.region, as_=as_)

    def role_arn(self, name: str) -> str:
        """The ARN of a role of the workload account."""
        return f"arn:aws:iam::{self.workload}:role/{name}"

    def export_lines(self) -> Mapping[str, str]:
        """What another shell runs to join in, by the role that it then is."""
        return {
            DEVELOPER: self._export_line(self.workload, DEVELOPER),
            SECURITY_ENGINEER: self._export_line(self.hub, SECURITY_ENGINEER),
        }

    def _export_line(self, account: str, role: str) -> str:
        """All that boto3 and the AWS CLI need; files of the shell's owner are left out."""
        variables = {"AWS_ENDPOINT_URL": self.account.url, "AWS_REGION": self.region}
        variables["AWS_DEFAULT_REGION"] = self.region
        keys = self.account.credentials(account, role)
        variables |= {name.upper(): value for name, value in keys.items()}
        variables["AWS_CONFIG_FILE"] = variables["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
        return "export " + " ".join(f"{name}={value}" for name, value in variables.items())


@contextmanager
def deployed() -> Iterator[Deployment]:
    """An embedded account with everything in it, running freely until left.

    Nothing of the caller's own AWS configuration is used. Raises NoCheckoutError without one.
    """
    if not (ROOT / "template.yaml").exists():
        raise NoCheckoutError(
            f"the demo deploys template.yaml of a checkout, and {ROOT} holds none: "
            "clone the repository and run make demo there"
        )
    forget_callers_configuration()
    with ExitStack() as running:
        gc.disable()  # a quarter of the start is spent looking for garbage that is not there
        from embedded_account.account import EmbeddedAccount

        account = running.enter_context(EmbeddedAccount(mode="server"))
        deployment = _deploy(account)
        gc.freeze()
        gc.enable()
        account.world.run_freely()
        for warming in _warm(deployment):
            running.callback(warming.join)
        yield deployment


def forget_callers_configuration() -> None:
    """Take what could lead boto3 elsewhere out of the environment: AWS's variables, and proxies."""
    for name in tuple(os.environ):
        if name.startswith("AWS_") or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def _deploy(account: EmbeddedAccount) -> Deployment:
    hub, workload = account.accounts
    account.client("ssm", hub, REGION).put_parameter(
        Name=SLACK_SECRET, Type="SecureString", Value=account.slack.token
    )
    outputs = _deploy_hub(account, hub, workload)
    policy = _push_policy(account, outputs, hub, workload)
    people.make_security_engineer(account.client("iam", hub, REGION), hub, workload, STACK, outputs)
    for where in (hub, workload):
        for region in account.regions:
            _deploy_member(account, outputs, hub, where, region)
    roles = account.client("iam", workload, REGION)
    people.make_agents(roles, workload)
    people.make_developer(roles, workload)
    people.make_administrator(roles, workload)
    agentcore = account.client("bedrock-agentcore-control", workload, REGION)
    image = f"{workload}.dkr.ecr.{REGION}.amazonaws.com/support-agent:1"
    runtime = agentcore.create_agent_runtime(
        agentRuntimeName="support_agent",
        agentRuntimeArtifact={"containerConfiguration": {"containerUri": image}},
        roleArn=f"arn:aws:iam::{workload}:role/{AGENT_ROLE}",
        networkConfiguration={"networkMode": "PUBLIC"},
    )
    engine = agentcore.create_policy_engine(name="orders_policies")
    _start_trail(account, workload)
    return Deployment(
        account,
        hub,
        workload,
        REGION,
        outputs,
        runtime["agentRuntimeArn"],
        engine["policyEngineArn"],
        policy,
    )


def _push_policy(
    account: EmbeddedAccount, outputs: Mapping[str, str], hub: str, workload: str
) -> Policy:
    """Put a policy to use before anything is judged: the functions keep a copy for a minute."""
    from sentinel.aws.policy_copy import KEY

    from sentinel_cli.demo.team_policy import team_policy

    policy = team_policy(hub, workload, account.world.clock.now())
    account.client("s3", hub, REGION).put_object(
        Bucket=outputs["RecordsBucketName"], Key=KEY, Body=policy.document().encode()
    )
    return policy


def _deploy_hub(account: EmbeddedAccount, hub: str, workload: str) -> Mapping[str, str]:
    stack = account.deploy(
        ROOT / "template.yaml",
        STACK,
        parameters={
            "MemberAccounts": workload,
            "SweepRegions": ",".join(account.regions),
            "SlackSecretParameter": SLACK_SECRET,
            "SlackChannel": next(iter(account.slack.channels)),
            "SlackApiUrl": f"{account.url}/api",
            "MailAddress": MAIL_ADDRESS,
            "RecheckDelaySeconds": str(RECHECK_DELAY_SECONDS),
        },
        account=hub,
        region=REGION,
        source_root=ROOT,
        source_layers={"SentinelLayer": ROOT / "layers/sentinel/src"},
    )
    return dict(stack.outputs)


def _deploy_member(
    account: EmbeddedAccount, outputs: Mapping[str, str], hub: str, where: str, region: str
) -> None:
    account.deploy(
        ROOT / "member.yaml",
        f"{STACK}-member",
        parameters={
            "IngestBusArn": outputs["IngestBusArn"],
            "HubAccountId": hub,
            "HubReaders": ",".join(
                (
                    outputs["EvaluateRoleArn"],
                    outputs["SweepRoleArn"],
                    f"arn:aws:iam::{hub}:role/{SECURITY_ENGINEER}",
                )
            ),
            "HomeRegion": REGION,
        },
        account=where,
        region=region,
        source_root=ROOT,
    )


def _start_trail(account: EmbeddedAccount, workload: str) -> None:
    """A trail of all Regions that also selects commands run inside agents."""
    bucket = f"audit-{workload}"
    account.client("s3", workload, REGION).create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    trails = account.client("cloudtrail", workload, REGION)
    trails.create_trail(Name=TRAIL, S3BucketName=bucket, IsMultiRegionTrail=True)
    commands = ["InvokeAgentRuntimeCommand", "InvokeAgentRuntimeCommandShell"]
    selectors: list[dict[str, Any]] = [
        {
            "Name": f"commands in agents, {kind}",
            "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": [f"AWS::BedrockAgentCore::{kind}"]},
                {"Field": "eventName", "Equals": commands},
            ],
        }
        for kind in ("Runtime", "RuntimeEndpoint")
    ]
    management = {"Field": "eventCategory", "Equals": ["Management"]}
    selectors.append({"Name": "management events", "FieldSelectors": [management]})
    trails.put_event_selectors(TrailName=TRAIL, AdvancedEventSelectors=selectors)
    trails.start_logging(Name=TRAIL)


def _warm(deployment: Deployment) -> list[threading.Thread]:
    """Start a sandbox of each function that can be invoked for nothing, side by side."""

    def invoke(name: str) -> None:
        client = deployment.account.client("lambda", deployment.hub, REGION)
        client.invoke(FunctionName=f"{STACK}-{name}", Payload=b'{"Records": []}')

    warming = [threading.Thread(target=invoke, args=(name,), daemon=True) for name in WARMED]
    for thread in warming:
        thread.start()
    return warming
