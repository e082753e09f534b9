"""Events go over rules to targets, with permissions, retries and dead-letter queues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_account.account import HUB, MEMBER, EmbeddedAccount
from embedded_account.event_bus import Attempt, TargetFailedError
from embedded_account.invocation import FunctionSpec, Outcome
from embedded_account.world import EventFailed, FunctionRan

REGION, OTHER_REGION = "eu-central-1", "us-east-1"
QUEUE = f"arn:aws:sqs:{REGION}:{HUB}:events"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{HUB}:dead-letters"
FUNCTION = f"arn:aws:lambda:{REGION}:{HUB}:function:evaluate"


class Recorder:
    """Stands in for a runner: notes each event and answers nothing."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def invoke(self, spec: FunctionSpec, event: Any) -> Outcome:
        self.events.append(event)
        return Outcome(None, None, None, (), 0.0, cold=False)

    def close(self) -> None:
        pass


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def account(recorder: Recorder) -> Iterator[EmbeddedAccount]:
    with EmbeddedAccount(runner=lambda _: recorder, authorize=False) as account:
        for name in ("events", "dead-letters"):
            account.client("sqs").create_queue(QueueName=name)
        yield account


def rule(
    account: EmbeddedAccount,
    *targets: dict[str, Any],
    bus: str = "default",
    owner: str = HUB,
    region: str = REGION,
    name: str = "mine",
    pattern: dict[str, Any] | None = None,
    state: str = "ENABLED",
) -> None:
    events = account.client("events", owner, region)
    events.put_rule(
        Name=name,
        EventBusName=bus,
        EventPattern=json.dumps(pattern or {"source": ["mine"]}),
        State=state,
    )
    numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    events.put_targets(Rule=name, EventBusName=bus, Targets=numbered)


def put(
    account: EmbeddedAccount,
    detail: Any = None,
    *,
    owner: str = HUB,
    region: str = REGION,
    **more: Any,
) -> dict[str, Any]:
    entry = {"Source": "mine", "DetailType": "told", "Detail": json.dumps(detail or {})} | more
    answer = account.client("events", owner, region).put_events(Entries=[entry])
    entries: list[dict[str, Any]] = answer["Entries"]
    return entries[0]


def messages(account: EmbeddedAccount, name: str = "events") -> list[dict[str, Any]]:
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    received = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
    )
    found: list[dict[str, Any]] = received.get("Messages", [])
    return found


def bodies(account: EmbeddedAccount, name: str = "events") -> list[Any]:
    return [json.loads(message["Body"]) for message in messages(account, name)]


def test_an_event_arrives_with_the_envelope_of_eventbridge(account: EmbeddedAccount) -> None:
    rule(account, {"Arn": QUEUE})
    event_id = put(account, {"n": 1}, Resources=["arn:aws:s3:::b"])["EventId"]
    account.world.drain()
    assert bodies(account) == [
        {
            "version": "0",
            "id": event_id,
            "detail-type": "told",
            "source": "mine",
            "account": HUB,
            "time": "2030-01-02T09:00:00Z",
            "region": REGION,
            "resources": ["arn:aws:s3:::b"],
            "detail": {"n": 1},
        }
    ]


def test_only_matching_and_enabled_rules_deliver(account: EmbeddedAccount) -> None:
    rule(account, {"Arn": QUEUE}, name="fits", pattern={"detail": {"n": [{"numeric": [">", 1]}]}})
    rule(account, {"Arn": QUEUE}, name="off", state="DISABLED")
    rule(account, {"Arn": QUEUE}, name="other", pattern={"source": ["theirs"]})
    put(account, {"n": 1})
    put(account, {"n": 2})
    account.world.drain()
    assert [body["detail"] for body in bodies(account)] == [{"n": 2}]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"Source": "aws.bedrock-agentcore"}, "NotAuthorizedForSourceException"),
        ({"Detail": "not json"}, "MalformedDetail"),
        ({"Detail": "[1]"}, "MalformedDetail"),
        ({"Source": ""}, "InvalidArgument"),
    ],
)
def test_a_customers_entry_that_eventbridge_refuses_fails_alone(
    account: EmbeddedAccount, entry: dict[str, str], code: str
) -> None:
    rule(account, {"Arn": QUEUE}, pattern={"account": [HUB]})
    good = {"Source": "mine", "DetailType": "told", "Detail": "{}"}
    answer = account.client("events").put_events(Entries=[good | entry, good])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == code
    account.world.drain()
    assert len(bodies(account)) == 1


def test_a_rule_with_a_wrong_pattern_is_refused(account: EmbeddedAccount) -> None:
    with pytest.raises(ClientError, match="InvalidEventPatternException"):
        rule(account, pattern={"source": [{"prefx": "a"}]})


def test_testing_a_pattern_tells_whether_it_matches(account: EmbeddedAccount) -> None:
    event = {
        "id": "1",
        "account": HUB,
        "source": "mine",
        "time": "2026-01-01T00:00:00Z",
        "region": REGION,
        "resources": [],
        "detail-type": "told",
        "detail": {},
    }
    test = account.client("events").test_event_pattern
    assert test(EventPattern='{"source": ["mine"]}', Event=json.dumps(event))["Result"] is True
    assert test(EventPattern='{"source": ["other"]}', Event=json.dumps(event))["Result"] is False


def ingest(account: EmbeddedAccount) -> str:
    """Make the hub's own bus, which keeps what arrives in a queue."""
    arn = account.client("events").create_event_bus(Name="ingest")["EventBusArn"]
    rule(
        account, {"Arn": QUEUE}, bus="ingest", name="keep", pattern={"account": [{"exists": True}]}
    )
    return str(arn)


def role(account: EmbeddedAccount, owner: str = MEMBER) -> str:
    made = account.client("iam", owner).create_role(
        RoleName="forward", AssumeRolePolicyDocument="{}"
    )
    return str(made["Role"]["Arn"])


def test_an_event_hops_to_the_bus_of_another_account_and_region_unchanged(
    account: EmbeddedAccount,
) -> None:
    target = {"Arn": ingest(account), "RoleArn": role(account)}
    rule(account, target, owner=MEMBER, region=OTHER_REGION)
    event_id = put(account, {"n": 1}, owner=MEMBER, region=OTHER_REGION)["EventId"]
    account.world.drain()
    (event,) = bodies(account)
    assert (event["id"], event["account"], event["region"]) == (event_id, MEMBER, OTHER_REGION)


def test_an_event_is_never_forwarded_a_second_time(account: EmbeddedAccount) -> None:
    third = account.client("events").create_event_bus(Name="third")["EventBusArn"]
    rule(account, {"Arn": QUEUE}, bus="third", name="keep")
    second = account.client("events").create_event_bus(Name="second")["EventBusArn"]
    rule(account, {"Arn": third}, bus="second")
    rule(account, {"Arn": second, "RoleArn": role(account)}, owner=MEMBER)
    put(account, owner=MEMBER)
    account.world.drain()
    assert bodies(account) == []
    failed = [entry for entry in account.world.history if isinstance(entry, EventFailed)]
    assert [entry.code for entry in failed] == ["THIRD_REGION_HOP_DETECTED"]


def test_a_bus_of_another_account_needs_a_role(account: EmbeddedAccount) -> None:
    rule(account, {"Arn": ingest(account)}, owner=MEMBER)
    put(account, owner=MEMBER)
    account.world.drain()
    assert bodies(account) == []


def function(account: EmbeddedAccount) -> None:
    account.client("iam").create_role(RoleName="evaluate", AssumeRolePolicyDocument="{}")
    s3 = account.client("s3", region="us-east-1")
    s3.create_bucket(Bucket="embedded-source-tree")
    s3.put_object(Bucket="embedded-source-tree", Key="code")
    account.client("lambda").create_function(
        FunctionName="evaluate",
        Role=f"arn:aws:iam::{HUB}:role/evaluate",
        Runtime="python3.13",
        Handler="app.handler",
        Code={"S3Bucket": "embedded-source-tree", "S3Key": "code"},
    )


def test_a_function_a_topic_and_a_queue_get_the_same_event(
    account: EmbeddedAccount, recorder: Recorder
) -> None:
    function(account)
    topic = account.client("sns").create_topic(Name="told")["TopicArn"]
    account.client("sqs").create_queue(QueueName="of-topic")
    account.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{REGION}:{HUB}:of-topic",
        Attributes={"RawMessageDelivery": "true"},
    )
    rule(account, {"Arn": FUNCTION}, {"Arn": topic}, {"Arn": QUEUE})
    put(account, {"n": 1})
    account.world.drain()
    assert recorder.events == bodies(account) == bodies(account, "of-topic")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"Input": '{"fixed": 1}'}, '{"fixed": 1}'),
        ({"InputPath": "$.detail.names[1]"}, '"b"'),
        ({"InputPath": "$.detail"}, '{"n":1,"names":["a","b"],"text":"say \\"x\\""}'),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.n"},
                    "InputTemplate": '{"is": <n>}',
                }
            },
            '{"is": 1}',
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"text": "$.detail.text", "none": "$.detail.none"},
                    "InputTemplate": '{"said": "<text>", "none": "<none>"}',
                }
            },
            '{"said": "say \\"x\\"", "none": ""}',
        ),
        (
            {"InputTransformer": {"InputTemplate": '"rule <aws.events.rule-name> spoke"'}},
            '"rule mine spoke"',
        ),
    ],
)
def test_a_target_gets_the_input_that_it_asks_for(
    account: EmbeddedAccount, target: dict[str, Any], expected: str
) -> None:
    rule(account, {"Arn": QUEUE, **target})
    put(account, {"n": 1, "names": ["a", "b"], "text": 'say "x"'})
    account.world.drain()
    assert [message["Body"] for message in messages(account)] == [expected]


def throttle(_: Attempt) -> None:
    raise TargetFailedError("THROTTLING", "Rate exceeded", retriable=True)


def attributes(message: dict[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def test_an_event_that_stays_undeliverable_goes_to_the_dead_letter_queue(
    account: EmbeddedAccount,
) -> None:
    policy = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600}
    rule(account, {"Arn": QUEUE, "RetryPolicy": policy, "DeadLetterConfig": {"Arn": DEAD_LETTERS}})
    account.buses.faults.append(throttle)
    put(account, {"n": 1})
    account.world.drain()
    assert bodies(account) == []
    (letter,) = messages(account, "dead-letters")
    assert json.loads(letter["Body"])["detail"] == {"n": 1}
    assert attributes(letter) == {
        "RULE_ARN": f"arn:aws:events:{REGION}:{HUB}:rule/mine",
        "TARGET_ARN": QUEUE,
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "Rate exceeded",
        "RETRY_ATTEMPTS": "3",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }


def test_an_event_that_grows_too_old_says_so(account: EmbeddedAccount) -> None:
    policy = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 60}
    rule(account, {"Arn": QUEUE, "RetryPolicy": policy, "DeadLetterConfig": {"Arn": DEAD_LETTERS}})
    account.buses.faults.append(throttle)
    put(account)
    account.world.drain()
    (letter,) = messages(account, "dead-letters")
    assert attributes(letter)["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


def test_a_passing_failure_delays_an_event_and_loses_nothing(account: EmbeddedAccount) -> None:
    rule(account, {"Arn": QUEUE})
    account.buses.faults.append(throttle)
    put(account, {"n": 1})
    account.world.step(account.world.pending()[0])
    account.buses.faults.clear()
    account.world.drain()
    assert [body["detail"] for body in bodies(account)] == [{"n": 1}]


def test_a_target_that_is_gone_is_not_retried(account: EmbeddedAccount) -> None:
    gone = f"arn:aws:sqs:{REGION}:{HUB}:gone"
    rule(account, {"Arn": gone, "DeadLetterConfig": {"Arn": DEAD_LETTERS}})
    put(account)
    account.world.drain()
    (letter,) = messages(account, "dead-letters")
    assert attributes(letter)["ERROR_CODE"] == "NO_RESOURCE"
    assert attributes(letter)["RETRY_ATTEMPTS"] == "0"


def test_an_archive_keeps_what_passes_its_bus(account: EmbeddedAccount) -> None:
    bus = f"arn:aws:events:{REGION}:{HUB}:event-bus/default"
    events = account.client("events")
    events.create_archive(ArchiveName="all", EventSourceArn=bus)
    put(account)
    account.world.drain()
    assert events.describe_archive(ArchiveName="all")["EventCount"] == 1


def trail(account: EmbeddedAccount) -> None:
    account.client("s3", region="us-east-1").create_bucket(Bucket="trail")
    cloudtrail = account.client("cloudtrail")
    cloudtrail.create_trail(Name="all", S3BucketName="trail", IsMultiRegionTrail=True)
    cloudtrail.start_logging(Name="all")
    account.world.drain()


CLOUDTRAIL = {"detail-type": ["AWS API Call via CloudTrail"]}


def test_a_mutating_call_becomes_an_event_when_a_trail_logs(account: EmbeddedAccount) -> None:
    trail(account)
    target = {"Arn": ingest(account), "RoleArn": role(account, HUB)}
    account.world.drain()
    rule(account, target, region=OTHER_REGION, pattern=CLOUDTRAIL | {"source": ["aws.iam"]})
    account.client("iam").list_users()
    account.client("iam").create_user(UserName="ann")
    account.world.drain()
    details = [body["detail"] for body in bodies(account)]
    assert [detail["eventName"] for detail in details] == ["CreateUser"]
    assert details[0]["requestParameters"] == {"userName": "ann"}
    assert details[0]["userIdentity"]["type"] == "Root"


def test_without_a_logging_trail_there_is_no_event(account: EmbeddedAccount) -> None:
    target = {"Arn": ingest(account), "RoleArn": role(account, HUB)}
    rule(account, target, region=OTHER_REGION, pattern=CLOUDTRAIL)
    account.client("iam").create_user(UserName="ann")
    account.world.drain()
    assert bodies(account) == []


def test_stopping_the_trail_is_the_last_thing_that_is_told(account: EmbeddedAccount) -> None:
    trail(account)
    pattern = CLOUDTRAIL | {"source": ["aws.cloudtrail"]}
    rule(account, {"Arn": QUEUE}, pattern=pattern)
    account.client("cloudtrail").stop_logging(Name="all")
    account.client("cloudtrail").delete_trail(Name="all")
    account.world.drain()
    assert [body["detail"]["eventName"] for body in bodies(account)] == ["StopLogging"]


def test_reads_are_told_only_to_rules_that_ask_for_them(account: EmbeddedAccount) -> None:
    trail(account)
    pattern = CLOUDTRAIL | {"detail": {"eventName": ["DescribeTrails"]}}
    rule(account, {"Arn": QUEUE}, name="writes", pattern=pattern)
    account.client("cloudtrail").describe_trails()
    account.world.drain()
    assert bodies(account) == []
    state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    rule(account, {"Arn": QUEUE}, name="reads", pattern=pattern, state=state)
    account.client("cloudtrail").describe_trails()
    account.world.drain()
    assert len(bodies(account)) == 1


@pytest.fixture
def guarded(recorder: Recorder) -> Iterator[EmbeddedAccount]:
    """An account in which IAM is enforced."""
    with EmbeddedAccount(runner=lambda _: recorder) as account:
        for name in ("events", "dead-letters"):
            account.client("sqs").create_queue(QueueName=name)
        yield account


def statement(principal: dict[str, str], action: str, resource: str, **condition: Any) -> str:
    allowed = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
    if condition:
        allowed["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "one", **allowed}]})


def allow_rule(account: EmbeddedAccount, queue: str) -> None:
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    source = {"aws:SourceArn": f"arn:aws:events:{REGION}:{HUB}:rule/mine"}
    principal = {"Service": "events.amazonaws.com"}
    policy = statement(principal, "sqs:SendMessage", queue, ArnEquals=source)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def test_a_queues_policy_must_let_the_rule_in(guarded: EmbeddedAccount) -> None:
    rule(guarded, {"Arn": QUEUE, "DeadLetterConfig": {"Arn": DEAD_LETTERS}})
    allow_rule(guarded, DEAD_LETTERS)
    put(guarded, {"n": 1})
    guarded.world.drain()
    (letter,) = messages(guarded, "dead-letters")
    assert attributes(letter)["ERROR_CODE"] == "NO_PERMISSIONS"
    allow_rule(guarded, QUEUE)
    put(guarded, {"n": 2})
    guarded.world.drain()
    assert [body["detail"] for body in bodies(guarded)] == [{"n": 2}]


def test_another_accounts_bus_takes_events_only_with_role_and_policy(
    guarded: EmbeddedAccount,
) -> None:
    bus = guarded.client("events").create_event_bus(Name="ingest")["EventBusArn"]
    iam = guarded.client("iam", MEMBER)
    trust = json.loads(statement({"Service": "events.amazonaws.com"}, "sts:AssumeRole", "*"))
    del trust["Statement"][0]["Resource"]
    made = iam.create_role(RoleName="forward", AssumeRolePolicyDocument=json.dumps(trust))
    rule(guarded, {"Arn": bus, "RoleArn": made["Role"]["Arn"]}, owner=MEMBER)

    def told() -> list[str]:
        put(guarded, owner=MEMBER)
        guarded.world.drain()
        entry = guarded.world.history[-1]
        return [entry.code] if isinstance(entry, EventFailed) else []

    assert told() == ["NO_PERMISSIONS"]
    may = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_role_policy(RoleName="forward", PolicyName="put", PolicyDocument=document)
    assert told() == ["NO_PERMISSIONS"]
    organization = {"aws:PrincipalOrgID": "o-exampleorgid"}
    policy = statement({"AWS": "*"}, "events:PutEvents", bus, StringEquals=organization)
    guarded.client("events").put_permission(EventBusName="ingest", Policy=policy)
    assert told() == []


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Changes:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 180, QueueName: changes}
  Evaluate:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: evaluate
      Events:
        Changes:
          Type: SQS
          Properties: {Queue: !GetAtt Changes.Arn}
"""


def test_a_deployed_template_runs_its_function_from_the_source_tree(tmp_path: Path) -> None:
    (tmp_path / "evaluate").mkdir()
    code = "def handler(event, context):\n    return event['Records'][0]['body']\n"
    (tmp_path / "evaluate" / "app.py").write_text(code)
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    with EmbeddedAccount() as account:
        assert account.deploy(template, "sentinel").status == "CREATE_COMPLETE"
        url = account.client("sqs").get_queue_url(QueueName="changes")["QueueUrl"]
        account.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
        account.world.drain()
        ran = [entry for entry in account.world.history if isinstance(entry, FunctionRan)]
        assert [entry.outcome.payload for entry in ran] == ["hello"]
