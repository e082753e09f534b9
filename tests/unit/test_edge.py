"""Clients wait and repeat no more than their callers can bear."""

from __future__ import annotations

import pytest
from sentinel.aws.edge import Edge, Settings


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Edge:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return Edge(Settings({"AWS_REGION": "eu-central-1"}))


def test_a_mail_is_published_once_and_other_calls_are_repeated(edge: Edge) -> None:
    assert edge.client("sns").meta.config.retries["total_max_attempts"] == 1
    assert edge.client("sqs").meta.config.retries.get("total_max_attempts") != 1


def test_a_watched_account_that_does_not_answer_is_left_in_seconds(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Edge, "_credentials", lambda *_: {})
    config = edge.reader("iam", "aws", "444455556666", "us-east-1").meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts * (config.connect_timeout + config.read_timeout) <= 12
