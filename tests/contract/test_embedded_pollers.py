"""Queues, streams and asynchronous invocations feed functions as Lambda's own pollers do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from embedded_account.account import HUB, EmbeddedAccount
from embedded_account.clock import VirtualClock, WallClock
from embedded_account.invocation import FunctionSpec, Outcome
from embedded_account.queues import EventSource, failed_items
from hypothesis import given
from hypothesis import strategies as st

REGION = "eu-central-1"
QUEUE = f"arn:aws:sqs:{REGION}:{HUB}:changes"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{HUB}:dead-letters"
FUNCTION = f"arn:aws:lambda:{REGION}:{HUB}:function:evaluate"

SUCCESS = Outcome(None, None, None, (), 0.0, cold=False)
FAILURE = Outcome({"errorMessage": "no"}, "ValueError", "no", (), 0.0, cold=False)


class Function:
    """Stands in for a runner: answers what *behave* says of each event."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.behave: Callable[[Any], Outcome] = lambda event: SUCCESS

    def invoke(self, spec: FunctionSpec, event: Any) -> Outcome:
        self.events.append(event)
        return self.behave(event)

    def close(self) -> None:
        pass

    @property
    def batches(self) -> list[list[str]]:
        """The bodies (of a queue) or the keys (of a stream) of each batch."""
        return [[_name(record) for record in event["Records"]] for event in self.events]


def _name(record: dict[str, Any]) -> str:
    return str(record["body"]) if "body" in record else str(record["dynamodb"]["Keys"]["id"]["S"])


def failing(*names: str) -> Callable[[Any], Outcome]:
    """Report the records of these names as failed, the others as done."""

    def behave(event: Any) -> Outcome:
        failures = [
            {"itemIdentifier": record.get("messageId") or record["dynamodb"]["SequenceNumber"]}
            for record in event["Records"]
            if _name(record) in names
        ]
        return Outcome({"batchItemFailures": failures}, None, None, (), 0.0, cold=False)

    return behave


@pytest.fixture
def function() -> Function:
    return Function()


def prepare(account: EmbeddedAccount) -> None:
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
    account.client("sqs").create_queue(QueueName="dead-letters")


@pytest.fixture
def account(function: Function) -> Iterator[EmbeddedAccount]:
    with EmbeddedAccount(runner=lambda _: function, authorize=False) as account:
        prepare(account)
        yield account


def queue(account: EmbeddedAccount, *, tries: int = 3, **settings: Any) -> str:
    redrive = {"deadLetterTargetArn": DEAD_LETTERS, "maxReceiveCount": tries}
    attributes = {"VisibilityTimeout": "180", "RedrivePolicy": json.dumps(redrive)}
    url = account.client("sqs").create_queue(QueueName="changes", Attributes=attributes)["QueueUrl"]
    account.client("lambda").create_event_source_mapping(
        FunctionName="evaluate", EventSourceArn=QUEUE, **settings
    )
    return str(url)


def send(account: EmbeddedAccount, url: str, *bodies: str) -> None:
    for body in bodies:
        account.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def left(account: EmbeddedAccount, name: str = "changes") -> int:
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def test_sending_a_message_invokes_nothing_by_itself(
    account: EmbeddedAccount, function: Function
) -> None:
    send(account, queue(account), "a")
    table = stream(account)
    put(account, table, "a")
    assert function.events == []
    assert len(account.world.pending()) == 2


def test_a_batch_has_at_most_its_size_and_success_empties_the_queue(
    account: EmbeddedAccount, function: Function
) -> None:
    url = queue(account, BatchSize=3)
    send(account, url, *"abcdefg")
    account.world.drain()
    assert function.batches == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert left(account) == 0


def test_a_batch_that_is_not_full_waits_for_its_window(
    account: EmbeddedAccount, function: Function
) -> None:
    url = queue(account, BatchSize=3, MaximumBatchingWindowInSeconds=20)
    before = account.world.clock.now()
    send(account, url, "a", "b")
    (delivery,) = account.world.pending()
    assert (delivery.ready_at - before).total_seconds() == 20
    send(account, url, "c")
    (delivery,) = account.world.pending()
    assert delivery.ready_at == before


def test_a_failing_message_comes_back_after_its_visibility_and_dies_in_the_end(
    account: EmbeddedAccount, function: Function
) -> None:
    url = queue(account, tries=3, FunctionResponseTypes=["ReportBatchItemFailures"])
    function.behave = failing("bad")
    before = account.world.clock.now()
    send(account, url, "good", "bad", "fine")
    account.world.drain()
    assert function.batches == [["good", "bad", "fine"], ["bad"], ["bad"]]
    counts = [event["Records"][-1]["attributes"] for event in function.events]
    assert [each["ApproximateReceiveCount"] for each in counts] == ["1", "2", "3"]
    assert (account.world.clock.now() - before).total_seconds() == pytest.approx(3 * 180, abs=1)
    assert (left(account), left(account, "dead-letters")) == (0, 1)


def test_an_error_fails_the_whole_batch(account: EmbeddedAccount, function: Function) -> None:
    url = queue(account, tries=2, FunctionResponseTypes=["ReportBatchItemFailures"])
    function.behave = lambda event: FAILURE
    send(account, url, "a", "b")
    account.world.drain()
    assert function.batches == [["a", "b"], ["a", "b"]]
    assert left(account, "dead-letters") == 2


def test_failures_count_only_when_the_mapping_reports_them(
    account: EmbeddedAccount, function: Function
) -> None:
    url = queue(account)
    function.behave = failing("a")
    send(account, url, "a")
    account.world.drain()
    assert len(function.events) == 1
    assert left(account) == 0


def test_what_the_filter_refuses_is_dropped(account: EmbeddedAccount, function: Function) -> None:
    pattern = json.dumps({"body": {"n": [{"numeric": [">", 1]}]}})
    url = queue(account, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    send(account, url, '{"n":1}', '{"n":2}', "no json")
    account.world.drain()
    assert function.batches == [['{"n":2}']]
    assert left(account) == 0


def test_a_function_may_choose_when_a_message_comes_back(
    account: EmbeddedAccount, function: Function
) -> None:
    url = queue(account, tries=5, FunctionResponseTypes=["ReportBatchItemFailures"])

    def behave(event: Any) -> Outcome:
        (record,) = event["Records"]
        if record["attributes"]["ApproximateReceiveCount"] == "2":
            return SUCCESS
        account.client("sqs").change_message_visibility(
            QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=2
        )
        return failing("a")(event)

    function.behave = behave
    before = account.world.clock.now()
    send(account, url, "a")
    account.world.drain()
    assert len(function.events) == 2
    assert (account.world.clock.now() - before).total_seconds() == pytest.approx(2, abs=0.1)


def test_a_disabled_mapping_fetches_nothing(account: EmbeddedAccount, function: Function) -> None:
    url = queue(account)
    client = account.client("lambda")
    (mapping,) = client.list_event_source_mappings()["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    send(account, url, "a")
    assert account.world.drain() == 0
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    account.world.drain()
    assert function.batches == [["a"]]


def test_no_more_batches_run_at_once_than_the_mapping_allows() -> None:
    running, most, lock = 0, 0, threading.Lock()
    done = threading.Event()
    handled: list[str] = []

    class Slow(Function):
        def invoke(self, spec: FunctionSpec, event: Any) -> Outcome:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            threading.Event().wait(0.01)
            with lock:
                running -= 1
                handled.extend(_name(record) for record in event["Records"])
                if len(handled) == 40:
                    done.set()
            return SUCCESS

    with EmbeddedAccount(runner=lambda _: Slow(), authorize=False, clock=WallClock()) as account:
        prepare(account)
        url = queue(account, BatchSize=2, ScalingConfig={"MaximumConcurrency": 3})
        send(account, url, *(str(number) for number in range(40)))
        account.world.run_freely()
        assert done.wait(5)
    assert most == 3
    assert sorted(handled, key=int) == [str(number) for number in range(40)]


def test_redrive_moves_dead_letters_back_to_where_they_came_from(
    account: EmbeddedAccount, function: Function
) -> None:
    url = queue(account, tries=1)
    function.behave = lambda event: FAILURE
    send(account, url, "a")
    account.world.drain()
    function.behave = lambda event: SUCCESS
    account.client("sqs").start_message_move_task(SourceArn=DEAD_LETTERS)
    account.world.drain()
    assert function.batches == [["a"], ["a"]]
    assert function.events[1]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"
    assert (left(account), left(account, "dead-letters")) == (0, 0)


def test_only_the_dead_letter_queue_of_a_queue_can_be_redriven(account: EmbeddedAccount) -> None:
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        account.client("sqs").start_message_move_task(SourceArn=DEAD_LETTERS)


@pytest.mark.parametrize("body", ["\x00", "a\x1b[31m", "\ufffe"])
def test_control_characters_are_refused(account: EmbeddedAccount, body: str) -> None:
    with pytest.raises(ClientError, match="InvalidMessageContents"):
        send(account, queue(account), body)


def test_the_size_of_a_message_counts_in_bytes(account: EmbeddedAccount) -> None:
    url = account.client("sqs").create_queue(
        QueueName="small", Attributes={"MaximumMessageSize": "1024"}
    )["QueueUrl"]
    send(account, url, "x" * 1024)
    with pytest.raises(ClientError, match="shorter than 1024 bytes"):
        send(account, url, "ü" * 513)


def test_thousands_of_messages_come_in_full_batches(
    account: EmbeddedAccount, function: Function
) -> None:
    events = account.client("events")
    queue(account, BatchSize=100, MaximumBatchingWindowInSeconds=2)
    events.put_rule(Name="all", EventPattern='{"source": ["mine"]}')
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": QUEUE}])
    entry = {"Source": "mine", "DetailType": "told", "Detail": "{}"}
    for _ in range(300):
        account.buses.put_events(HUB, REGION, [entry] * 10)
    account.world.drain(limit=20_000)
    assert [len(event["Records"]) for event in function.events] == [100] * 30


MAPPING = EventSource(
    uuid="",
    account=HUB,
    region=REGION,
    source_arn=QUEUE,
    function_arn=FUNCTION,
    batch_size=10,
    window_seconds=0,
    concurrency=1,
    filters=(),
    reports_item_failures=True,
    bisects=False,
    maximum_retries=-1,
    maximum_age_seconds=-1,
    failure_destination=None,
)


@pytest.mark.parametrize(
    ("payload", "failed"),
    [
        (None, ""),
        ({}, ""),
        ({"batchItemFailures": None}, ""),
        ({"batchItemFailures": []}, ""),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, "a"),
        ({"batchItemFailures": [{"itemIdentifier": "x"}]}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "ab"),
        ({"batchItemFailures": [{"id": "a"}]}, "ab"),
        ({"batchItemFailures": "a"}, "ab"),
        (["a"], "ab"),
    ],
)
def test_what_an_answer_says_of_a_batch(payload: Any, failed: str) -> None:
    outcome = Outcome(payload, None, None, (), 0.0, cold=False)
    assert failed_items(outcome, ["a", "b"], MAPPING) == frozenset(failed)


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists) | st.integers())
def test_no_answer_of_a_function_makes_the_poller_stumble(payload: Any) -> None:
    outcome = Outcome({"batchItemFailures": payload}, None, None, (), 0.0, cold=False)
    assert failed_items(outcome, ["a", "b"], MAPPING) <= frozenset("ab")


def stream(account: EmbeddedAccount, **settings: Any) -> str:
    dynamodb = account.client("dynamodb")
    made = dynamodb.create_table(
        TableName="findings",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    if settings.pop("mapped", True):
        account.client("lambda").create_event_source_mapping(
            FunctionName="evaluate",
            EventSourceArn=made["TableDescription"]["LatestStreamArn"],
            **{"StartingPosition": "TRIM_HORIZON"} | settings,
        )
    return str(made["TableDescription"]["LatestStreamArn"])


def put(account: EmbeddedAccount, _: str, *names: str, n: str = "1") -> None:
    for name in names:
        item = {"id": {"S": name}, "n": {"N": n}}
        account.client("dynamodb").put_item(TableName="findings", Item=item)


def test_changes_of_a_table_arrive_in_order_with_both_images(
    account: EmbeddedAccount, function: Function
) -> None:
    arn = stream(account, BatchSize=2)
    put(account, arn, "a", "b")
    put(account, arn, "a", n="2")
    account.client("dynamodb").delete_item(TableName="findings", Key={"id": {"S": "b"}})
    account.world.drain()
    assert function.batches == [["a", "b"], ["a", "b"]]
    records = [record for event in function.events for record in event["Records"]]
    assert [record["eventName"] for record in records] == ["INSERT", "INSERT", "MODIFY", "REMOVE"]
    change = records[2]["dynamodb"]
    assert (change["OldImage"]["n"], change["NewImage"]["n"]) == ({"N": "1"}, {"N": "2"})
    assert records[0]["awsRegion"] == REGION
    assert records[0]["eventSourceARN"] == arn
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
    assert numbers == sorted(numbers)


def test_an_update_that_changes_nothing_leaves_no_record(
    account: EmbeddedAccount, function: Function
) -> None:
    arn = stream(account)
    put(account, arn, "a")
    put(account, arn, "a")
    account.world.drain()
    assert function.batches == [["a"]]


def test_a_mapping_that_starts_at_the_latest_skips_what_was_before(
    account: EmbeddedAccount, function: Function
) -> None:
    arn = stream(account, mapped=False)
    put(account, arn, "before")
    account.client("lambda").create_event_source_mapping(
        FunctionName="evaluate", EventSourceArn=arn, StartingPosition="LATEST"
    )
    put(account, arn, "after")
    account.world.drain()
    assert function.batches == [["after"]]


def test_a_stream_filter_lets_only_its_records_through(
    account: EmbeddedAccount, function: Function
) -> None:
    pattern = {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"id": {"S": [{"prefix": "change#"}]}}},
    }
    filters = {"Filters": [{"Pattern": json.dumps(pattern)}]}
    arn = stream(account, FilterCriteria=filters)
    put(account, arn, "change#1", "head", "change#2")
    put(account, arn, "change#1", n="2")
    account.world.drain()
    assert function.batches == [["change#1", "change#2"]]


def test_the_first_failure_is_the_checkpoint_of_a_stream(
    account: EmbeddedAccount, function: Function
) -> None:
    arn = stream(account, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"])
    failures = iter([failing("c", "e"), failing()])
    function.behave = lambda event: next(failures)(event)
    put(account, arn, *"abcdef")
    account.world.drain()
    assert function.batches == [list("abcdef"), list("cdef")]


def test_nothing_overtakes_a_failing_batch(account: EmbeddedAccount, function: Function) -> None:
    arn = stream(account, BatchSize=2, MaximumRetryAttempts=2)
    function.behave = lambda event: FAILURE if "a" in function.batches[-1] else SUCCESS
    put(account, arn, *"abcd")
    account.world.drain()
    assert function.batches == [["a", "b"]] * 3 + [["c", "d"]]


def test_a_failing_batch_is_halved_until_the_poison_is_alone(
    account: EmbeddedAccount, function: Function
) -> None:
    arn = stream(account, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)
    function.behave = lambda event: FAILURE if "c" in function.batches[-1] else SUCCESS
    put(account, arn, *"abcd")
    account.world.drain()
    assert function.batches == [list("abcd"), ["a", "b"], ["c", "d"], ["c"], ["c"], ["d"]]


def test_records_that_are_too_old_are_given_up(
    account: EmbeddedAccount, function: Function
) -> None:
    destination = {"OnFailure": {"Destination": DEAD_LETTERS}}
    arn = stream(account, MaximumRecordAgeInSeconds=60, DestinationConfig=destination)
    put(account, arn, "old")
    assert isinstance(account.world.clock, VirtualClock)
    account.world.clock.advance(61)
    put(account, arn, "new")
    account.world.drain()
    assert function.batches == [["new"]]
    assert letter(account)["requestContext"]["condition"] == "RecordAgeExceeded"


def letter(account: EmbeddedAccount) -> Any:
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName="dead-letters")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    return json.loads(message["Body"])


def test_a_queue_learns_which_records_were_given_up_and_a_bucket_gets_them_whole(
    account: EmbeddedAccount, function: Function
) -> None:
    function.behave = lambda event: FAILURE
    destination = {"OnFailure": {"Destination": DEAD_LETTERS}}
    arn = stream(account, MaximumRetryAttempts=2, DestinationConfig=destination)
    put(account, arn, "a", "b")
    account.world.drain()
    told = letter(account)
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 3
    assert told["DDBStreamBatchInfo"]["batchSize"] == 2
    assert "payload" not in told

    s3 = account.client("s3")
    s3.create_bucket(Bucket="failures", CreateBucketConfiguration={"LocationConstraint": REGION})
    client = account.client("lambda")
    (mapping,) = client.list_event_source_mappings()["EventSourceMappings"]
    client.update_event_source_mapping(
        UUID=mapping["UUID"],
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    )
    put(account, arn, "c")
    account.world.drain()
    (found,) = s3.list_objects_v2(Bucket="failures")["Contents"]
    assert found["Key"].startswith(f"aws/lambda/{mapping['UUID']}/")
    kept = json.load(s3.get_object(Bucket="failures", Key=found["Key"])["Body"])
    assert _name(json.loads(kept["payload"])["Records"][0]) == "c"


def test_an_asynchronous_invocation_is_tried_three_times_and_then_told(
    account: EmbeddedAccount, function: Function
) -> None:
    client = account.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName="evaluate", DestinationConfig={"OnFailure": {"Destination": DEAD_LETTERS}}
    )
    function.behave = lambda event: FAILURE
    before = account.world.clock.now()
    answer = client.invoke(FunctionName="evaluate", InvocationType="Event", Payload=b'{"n": 1}')
    assert (answer["StatusCode"], function.events) == (202, [])
    account.world.drain()
    assert function.events == [{"n": 1}] * 3
    assert (account.world.clock.now() - before).total_seconds() == 180
    told = letter(account)
    assert told["requestPayload"] == {"n": 1}
    assert told["requestContext"]["condition"] == "RetriesExhausted"
    assert told["responseContext"]["functionError"] == "Unhandled"


def test_the_invoke_config_decides_how_often(account: EmbeddedAccount, function: Function) -> None:
    client = account.client("lambda")
    for attempts in (2, 0):
        client.put_function_event_invoke_config(
            FunctionName="evaluate", MaximumRetryAttempts=attempts
        )
    function.behave = lambda event: FAILURE
    client.invoke(FunctionName="evaluate", InvocationType="Event", Payload=b"{}")
    account.world.drain()
    assert len(function.events) == 1


def test_a_synchronous_invocation_answers_the_functions_result_or_error(
    account: EmbeddedAccount, function: Function
) -> None:
    client = account.client("lambda")
    function.behave = lambda event: Outcome(event, None, None, ("line",), 0.0, cold=False)
    answer = client.invoke(FunctionName="evaluate", Payload=b'{"n": 1}')
    assert json.load(answer["Payload"]) == {"n": 1}
    assert "FunctionError" not in answer
    function.behave = lambda event: FAILURE
    answer = client.invoke(FunctionName="evaluate", Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"]) == {"errorMessage": "no"}


def test_a_queue_is_polled_only_with_the_functions_own_rights(function: Function) -> None:
    with EmbeddedAccount(runner=lambda _: function) as account:
        prepare(account)
        url = queue(account)
        send(account, url, "a")
        assert account.world.drain() == 0
        iam = account.client("iam")
        assume = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        trust = {"Version": "2012-10-17", "Statement": [assume | {"Action": "sts:AssumeRole"}]}
        iam.update_assume_role_policy(RoleName="evaluate", PolicyDocument=json.dumps(trust))
        names = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
        may = {"Effect": "Allow", "Action": [f"sqs:{name}" for name in names], "Resource": QUEUE}
        iam.put_role_policy(
            RoleName="evaluate",
            PolicyName="poll",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
        )
        account.world.drain()
    assert function.batches == [["a"]]


def test_a_function_url_asks_who_calls(function: Function) -> None:
    with EmbeddedAccount(runner=lambda _: function) as account:
        prepare(account)
        account.client("lambda").create_function_url_config(
            FunctionName="evaluate", AuthType="AWS_IAM"
        )
        url = account.url_of("evaluate")
        with pytest.raises(HTTPError, match="403"):
            urlopen(url + "approve")  # noqa: S310
        signed = AWSRequest("POST", url + "approve?id=1", data=b"{}", headers={"A": "b"})
        keys = account.credentials(HUB)
        credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
        SigV4Auth(credentials, "lambda", REGION).add_auth(signed)
        request = Request(signed.url, data=b"{}", headers=dict(signed.headers.items()))  # noqa: S310
        function.behave = lambda event: Outcome(
            {"statusCode": 201, "body": "done"}, None, None, (), 0.0, cold=False
        )
        with urlopen(request) as response:  # noqa: S310
            assert (response.status, response.read()) == (201, b"done")
    event = function.events[0]
    assert (event["rawPath"], event["queryStringParameters"]) == ("/approve", {"id": "1"})
    assert event["requestContext"]["authorizer"]["iam"]["userArn"] == f"arn:aws:iam::{HUB}:root"
