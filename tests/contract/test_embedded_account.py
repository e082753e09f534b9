"""The embedded account as a whole: what it loads, tells and says aloud."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from embedded_account.account import HUB, EmbeddedAccount
from embedded_account.beliefs import BELIEFS
from embedded_account.not_simulated import NOT_SIMULATED
from embedded_account.world import EventFailed

REGION = "eu-central-1"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.fixture
def account() -> Iterator[EmbeddedAccount]:
    with EmbeddedAccount() as account:
        yield account


def make_role(account: EmbeddedAccount, name: str, *statements: object) -> None:
    iam = account.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": HUB}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))


def document(*statements: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def log_commands(account: EmbeddedAccount) -> None:
    account.client("s3").create_bucket(
        Bucket="trail", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    trails = account.client("cloudtrail")
    trails.create_trail(Name="audit", S3BucketName="trail", IsMultiRegionTrail=True)
    fields = {"eventCategory": "Data", "resources.type": "AWS::BedrockAgentCore::Runtime"}
    selectors = [
        {"FieldSelectors": [{"Field": name, "Equals": [value]} for name, value in fields.items()]},
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
    ]
    trails.put_event_selectors(TrailName="audit", AdvancedEventSelectors=selectors)
    trails.start_logging(Name="audit")
    account.world.drain()


def make_runtime(account: EmbeddedAccount) -> str:
    image = f"{HUB}.dkr.ecr.{REGION}.amazonaws.com/agent:1"
    runtime = account.client("bedrock-agentcore-control").create_agent_runtime(
        agentRuntimeName="agent",
        agentRuntimeArtifact={"containerConfiguration": {"containerUri": image}},
        roleArn=f"arn:aws:iam::{HUB}:role/agent",
        networkConfiguration={"networkMode": "PUBLIC"},
    )
    return str(runtime["agentRuntimeArn"])


def waiting_events(account: EmbeddedAccount) -> list[str]:
    return [each.label for each in account.world.pending() if each.kind == "cloudtrail"]


def test_a_shell_in_an_agent_reaches_eventbridge_where_a_trail_selects_it(
    account: EmbeddedAccount,
) -> None:
    arn = make_runtime(account)
    log_commands(account)
    make_role(account, "operator", EVERYTHING)
    account.world.drain()

    answer = account.command_shell(arn, as_="operator")

    assert answer.status == 101
    shell = f"bedrock-agentcore InvokeAgentRuntimeCommandShell -> {HUB} {REGION}"
    assert waiting_events(account) == [shell]


def test_a_shell_needs_the_right_to_open_one(account: EmbeddedAccount) -> None:
    arn = make_runtime(account)
    make_role(account, "reader")

    answer = account.command_shell(arn, as_="reader")

    assert answer.status == 403
    assert answer.error_code == "AccessDeniedException"
    assert "bedrock-agentcore:InvokeAgentRuntimeCommandShell" in str(answer.error_message)


def test_a_rule_for_reads_hears_iam_in_the_region_in_which_iam_is_recorded(
    account: EmbeddedAccount,
) -> None:
    log_commands(account)
    account.client("events", region="us-east-1").put_rule(
        Name="reads",
        EventPattern='{"source": ["aws.iam"]}',
        State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
    )
    account.world.drain()

    account.client("iam", region=REGION).list_users()

    assert waiting_events(account) == [f"iam ListUsers -> {HUB} us-east-1"]


def test_the_managed_policies_of_aws_are_there_when_somebody_names_one(
    account: EmbeddedAccount,
) -> None:
    iam = account.client("iam")
    make_role(account, "reader")
    iam.attach_role_policy(RoleName="reader", PolicyArn=READ_ONLY)

    attached = iam.list_attached_role_policies(RoleName="reader")["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [READ_ONLY]
    first = iam.list_policies(Scope="AWS", MaxItems=1)["Policies"][0]
    assert first["Arn"].startswith("arn:aws:iam::aws:policy/")


def test_starting_does_not_import_the_services_that_nobody_uses() -> None:
    code = (
        "import sys; from embedded_account.account import EmbeddedAccount\n"
        "with EmbeddedAccount(): pass\n"
        "print(*sorted({'moto.cloudformation', 'moto.ec2', 'moto.rds'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []


def test_an_event_that_no_target_took_is_said_aloud_by_a_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EmbeddedAccount(mode="server") as account, caplog.at_level(logging.WARNING):
        now = account.world.clock.now()
        lost = EventFailed(now, "rule/r", "queue/q", "NO_PERMISSIONS", "no policy", final=True)
        account.world.record(lost)
    assert caplog.messages == ["EventBridge: rule/r -> queue/q: NO_PERMISSIONS: no policy"]


def test_sns_does_not_start_docker_for_a_function(account: EmbeddedAccount) -> None:
    sns = account.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    function = f"arn:aws:lambda:{REGION}:{HUB}:function:f"
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)

    with pytest.raises(sns.exceptions.ClientError, match=r"SNS -> .*function:f .*Docker"):
        sns.publish(TopicArn=topic, Message="hello")


def test_every_belief_and_every_omission_is_said_once_and_with_its_source() -> None:
    statements = [belief.statement for belief in BELIEFS]
    assert len(statements) == len(set(statements)) > 40
    assert all(belief.source and belief.statement.endswith(".") for belief in BELIEFS)
    assert len({omission.what for omission in NOT_SIMULATED}) == len(NOT_SIMULATED)
