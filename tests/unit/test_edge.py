"""Clients wait and repeat no more than their callers can bear, and few are kept."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel.aws import edge as edges
from sentinel.aws.batch import HANDED_BACK_MILLISECONDS
from sentinel.aws.edge import Edge, Settings

ACCOUNT = "444455556666"
OWN_SERVICES = ("cloudwatch", "dynamodb", "events", "lambda", "s3", "sns", "sqs", "ssm", "sts")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(Edge, "_credentials", lambda *_: {})


def edge(*, patient: bool = False) -> Edge:
    return Edge(Settings({"AWS_REGION": "eu-central-1"}), patient=patient)


def attempts(client: Any) -> int:
    number: int = client.meta.config.retries["total_max_attempts"]
    return number


def longest(client: Any) -> float:
    """Seconds that a call takes at most, but for the pauses, where the service hangs."""
    config = client.meta.config
    return attempts(client) * float(max(config.connect_timeout, config.read_timeout))


def test_a_mail_is_published_once_and_other_calls_are_repeated() -> None:
    for patient in (False, True):
        assert attempts(edge(patient=patient).client("sns")) == 1
        assert attempts(edge(patient=patient).client("sqs")) == 3


@pytest.mark.parametrize("service", OWN_SERVICES)
def test_no_call_to_an_own_service_outlasts_the_time_in_which_messages_are_handed_back(
    service: str,
) -> None:
    assert longest(edge().client(service)) * 1000 < HANDED_BACK_MILLISECONDS


def test_a_watched_account_that_does_not_answer_is_left_in_seconds() -> None:
    made = edge()
    reader = made.reader("iam", "aws", ACCOUNT, "us-east-1")
    assert attempts(reader) == attempts(made.client("sts")) == 1
    assert longest(reader) + longest(made.client("sts")) <= 10


def test_a_sweep_which_nothing_follows_asks_again_and_waits_for_long_answers() -> None:
    made = edge(patient=True)
    for client in (made.reader("iam", "aws", ACCOUNT, "us-east-1"), made.client("sts")):
        assert attempts(client) == 3
        assert client.meta.config.read_timeout >= 20


def test_only_the_latest_clients_of_watched_accounts_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edges, "READERS", 3)
    made = edge()
    first, second, *_ = [made.reader("iam", "aws", f"{n:012}", "us-east-1") for n in range(3)]
    made.reader("iam", "aws", f"{0:012}", "us-east-1")
    made.reader("iam", "aws", f"{3:012}", "us-east-1")
    assert made.reader("iam", "aws", f"{0:012}", "us-east-1") is first
    assert made.reader("iam", "aws", f"{1:012}", "us-east-1") is not second
    assert len(made._readers) == 3
