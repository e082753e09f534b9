"""The policy at run time is a good copy, the defaults where there is none, and never a guess."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from sentinel.aws import clock
from sentinel.aws.policy_copy import NoPolicy, PolicyCopy
from sentinel.policy import Policy

GOOD = json.dumps({"version": 1, "members": [{"account": "444455556666"}]})


class Bucket:
    """Answers with what it holds: a document, or an error."""

    def __init__(self, holds: str | Exception) -> None:
        self.holds = holds

    def get_object(self, **_: str) -> dict[str, Any]:
        if isinstance(self.holds, Exception):
            raise self.holds
        return {"Body": io.BytesIO(self.holds.encode()), "ETag": '"1"'}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")


BAD = {
    "refused": refusal("AccessDenied"),
    "silent": ReadTimeoutError(endpoint_url="https://s3"),
    "not JSON": "version: 1",
    "nested": "[" * 100_000,
    "not a policy": '{"version": 1, "membres": []}',
}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves the clock beyond the minute for which a copy is good."""
    times = [datetime(2026, 9, 22, tzinfo=UTC)]
    monkeypatch.setattr(clock, "now", lambda: times[0])

    def move() -> None:
        times[0] += timedelta(minutes=1)

    return move


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_without_a_good_copy_nothing_is_judged_by_the_defaults(bad: str | Exception) -> None:
    copy = PolicyCopy(Bucket(bad), "records")
    for _ in range(2):
        with pytest.raises(NoPolicy, match=r"records/policy/current\.json"):
            copy.current()
    assert copy.problem
    assert copy.at_best() == Policy()


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_the_last_good_copy_is_kept_and_the_problem_said(bad: str | Exception, later: Any) -> None:
    bucket = Bucket(GOOD)
    copy = PolicyCopy(bucket, "records")
    good = copy.current()
    bucket.holds = bad
    later()
    assert copy.current() == good != Policy()
    assert copy.problem
    bucket.holds = GOOD
    later()
    assert copy.current() == good
    assert not copy.problem


def test_where_there_is_no_copy_the_defaults_are_the_policy() -> None:
    copy = PolicyCopy(Bucket(refusal("NoSuchKey")), "records")
    assert (copy.current(), copy.problem, copy.version) == (Policy(), "", "defaults")
