"""The doorway answers every AWS request, over HTTP and in-process, and shows it to observers."""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from embedded_account.account import HUB, MEMBER, EmbeddedAccount, Mode
from embedded_account.calls import Answer, Call
from embedded_account.doorway import (
    Intervene,
    NoAnswerError,
    error_answer,
)
from embedded_account.moto_repairs import MotoChangedError, Repair, repaired
from embedded_account.world import CallMade
from moto.sqs.models import Queue


@pytest.fixture(params=["in-process", "server"])
def account(request: pytest.FixtureRequest) -> Iterator[EmbeddedAccount]:
    mode: Mode = request.param
    with EmbeddedAccount(mode=mode, authorize=False) as account:
        yield account


def calls(account: EmbeddedAccount) -> list[CallMade]:
    return [entry for entry in account.world.history if isinstance(entry, CallMade)]


def test_every_protocol_is_answered(account: EmbeddedAccount) -> None:
    account.client("sqs").create_queue(QueueName="changes")  # json
    account.client("iam").create_user(UserName="ann")  # query
    account.client("lambda").list_functions()  # rest-json
    s3 = account.client("s3", region="us-east-1")  # rest-xml
    s3.create_bucket(Bucket="records")
    s3.put_object(Bucket="records", Key="a key/with ünicode", Body=b"\x00\x01")
    body = s3.get_object(Bucket="records", Key="a key/with ünicode")["Body"].read()
    assert body == b"\x00\x01"
    services = [entry.call.service for entry in calls(account)]
    assert services == ["sqs", "iam", "lambda", "s3", "s3", "s3"]


def test_head_requests_and_empty_answers_keep_the_connection_usable(
    account: EmbeddedAccount,
) -> None:
    s3 = account.client("s3", region="us-east-1")
    s3.create_bucket(Bucket="records")
    s3.put_object(Bucket="records", Key="k", Body=b"12345")
    assert s3.head_object(Bucket="records", Key="k")["ContentLength"] == 5
    s3.delete_object(Bucket="records", Key="k")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="records", Key="k")


def test_two_accounts_and_two_regions_keep_their_state_apart(account: EmbeddedAccount) -> None:
    for owner in (HUB, MEMBER):
        for region in account.regions:
            account.client("sqs", owner, region).create_queue(QueueName=f"q-{owner}-{region}")
    for owner in (HUB, MEMBER):
        for region in account.regions:
            urls = account.client("sqs", owner, region).list_queues()["QueueUrls"]
            assert urls == [f"https://sqs.{region}.amazonaws.com/{owner}/q-{owner}-{region}"]


def test_a_role_of_another_account_can_be_assumed_and_acts_there(account: EmbeddedAccount) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    role = account.client("iam", MEMBER).create_role(
        RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    keys = account.client("sts", HUB).assume_role(RoleArn=role, RoleSessionName="sweep")
    session = boto3.session.Session().client(
        "sqs",
        region_name="eu-central-1",
        endpoint_url=account.endpoint_url,
        aws_access_key_id=keys["Credentials"]["AccessKeyId"],
        aws_secret_access_key=keys["Credentials"]["SecretAccessKey"],
        aws_session_token=keys["Credentials"]["SessionToken"],
    )
    session.create_queue(QueueName="made-by-the-hub")
    made = calls(account)[-1].call
    assert (made.account, made.caller.type) == (MEMBER, "AssumedRole")
    assert made.caller.arn == f"arn:aws:sts::{MEMBER}:assumed-role/reader/sweep"
    assert made.caller.role_arn == role


def test_a_users_and_a_roles_credentials_identify_them(account: EmbeddedAccount) -> None:
    account.client("iam").create_user(UserName="ann")
    account.client("iam").create_role(RoleName="evaluate", AssumeRolePolicyDocument="{}")
    for principal in ("ann", "evaluate", "root"):
        account.client("sqs", as_=principal).list_queues()
    arns = [entry.call.caller.arn for entry in calls(account)[-3:]]
    assert arns == [
        f"arn:aws:iam::{HUB}:user/ann",
        f"arn:aws:sts::{HUB}:assumed-role/evaluate/evaluate",
        f"arn:aws:iam::{HUB}:root",
    ]


def test_the_request_id_that_the_client_sees_is_the_calls_own(account: EmbeddedAccount) -> None:
    for service, operation in (("sqs", "list_queues"), ("iam", "list_roles")):
        answer = getattr(account.client(service), operation)()
        assert answer["ResponseMetadata"]["RequestId"] == calls(account)[-1].call.request_id


class Recorder:
    """Notes the order of what it sees, and may answer itself."""

    def __init__(
        self, operation: str = "", stage: str = "", error: Exception | None = None
    ) -> None:
        self.seen: list[tuple[str, str]] = []
        self._fault = (stage, operation)
        self._error = error

    def _see(self, stage: str, call: Call) -> None:
        self.seen.append((stage, call.operation))
        if self._error is not None and self._fault == (stage, call.operation):
            raise self._error

    def before(self, call: Call) -> None:
        self._see("before", call)

    def after(self, call: Call, answer: Answer) -> None:
        self._see("after", call)


def throttled() -> Intervene:
    call = Call(HUB, "", "sqs", "CreateQueue", {}, None, "id", None)  # type: ignore[arg-type]
    return Intervene(error_answer(call, "ThrottlingException", "Rate exceeded"))


@pytest.mark.parametrize(("stage", "exists"), [("before", False), ("after", True)])
def test_an_observer_answers_before_or_after_the_effect(
    account: EmbeddedAccount, stage: str, exists: bool
) -> None:
    account.doorway.observers.append(Recorder("CreateQueue", stage, throttled()))
    sqs = account.client("sqs")
    with pytest.raises(ClientError, match="ThrottlingException"):
        sqs.create_queue(QueueName="changes")
    assert bool(sqs.list_queues().get("QueueUrls")) is exists


def test_an_answer_that_is_lost_is_a_timeout_after_the_effect() -> None:
    with EmbeddedAccount(authorize=False) as account:
        account.doorway.observers.append(Recorder("CreateQueue", "after", NoAnswerError()))
        sqs = account.client("sqs")
        with pytest.raises(ReadTimeoutError):
            sqs.create_queue(QueueName="changes")
        assert sqs.list_queues()["QueueUrls"]


def test_a_lost_answer_closes_the_connection_of_a_server() -> None:
    with EmbeddedAccount(mode="server", authorize=False) as account:
        account.doorway.observers.append(Recorder("CreateQueue", "after", NoAnswerError()))
        sqs = account.client("sqs")
        with pytest.raises(Exception, match="Connection was closed"):
            sqs.create_queue(QueueName="changes")
        assert sqs.list_queues()["QueueUrls"]


def test_a_death_in_an_observer_reaches_the_caller_with_the_effect_told() -> None:
    class Died(BaseException):
        pass

    class Killer(Recorder):
        def after(self, call: Call, answer: Answer) -> None:
            raise Died

    with EmbeddedAccount(authorize=False) as account:
        account.doorway.observers.append(Killer())
        with pytest.raises(Died):
            account.client("sqs").create_queue(QueueName="changes")
        assert calls(account)[-1].call.operation == "CreateQueue"


def test_an_error_of_moto_carries_its_code_in_the_history(account: EmbeddedAccount) -> None:
    with pytest.raises(ClientError):
        account.client("iam").get_role(RoleName="nobody")
    answer = calls(account)[-1].answer
    assert (answer.status, answer.error_code) == (404, "NoSuchEntity")


def test_an_operation_that_moto_lacks_is_a_501_by_name(account: EmbeddedAccount) -> None:
    with pytest.raises(ClientError, match=r"does not have events TestEventPattern|NotImpl") as told:
        account.client("sqs").cancel_message_move_task(TaskHandle="x")
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_an_unsigned_request_is_refused_and_an_unknown_key_too() -> None:
    with EmbeddedAccount(mode="server", authorize=False) as account:
        assert account.endpoint_url is not None
        connection = http.client.HTTPConnection(urlsplit(account.endpoint_url).netloc, timeout=5)
        connection.request("GET", "/anything")
        assert connection.getresponse().status == 403
        connection.close()
        stranger = boto3.session.Session().client(
            "sqs",
            region_name="eu-central-1",
            endpoint_url=account.endpoint_url,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="unknown",
            config=Config(retries={"total_max_attempts": 1}),
        )
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            stranger.list_queues()


def test_slack_is_behind_the_same_door_in_both_modes(account: EmbeddedAccount) -> None:
    request = urllib.request.Request(  # noqa: S310
        f"{account.url}/api/auth.test",
        data=b"{}",
        headers={
            "Authorization": f"Bearer {account.slack.token}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
        assert json.load(response)["ok"] is True


def test_a_repair_of_something_else_than_it_was_written_for_is_refused() -> None:
    untouched = Queue.add_message
    changed = Repair("a gap", Queue, "add_message", lambda queue, message: None, "0123456789ab")
    with (
        pytest.raises(MotoChangedError, match=r"Queue\.add_message has source"),
        repaired([changed]),
    ):
        pass
    assert Queue.add_message is untouched


def test_repairs_are_taken_back_when_the_account_stops() -> None:
    before = Queue.wait_for_messages
    with EmbeddedAccount(authorize=False):
        assert Queue.wait_for_messages is not before
    assert Queue.wait_for_messages is before


def test_a_client_of_a_stopped_account_says_so() -> None:
    with EmbeddedAccount(authorize=False) as account:
        client = account.client("sqs")
    with pytest.raises(RuntimeError, match="stopped"):
        client.list_queues()
