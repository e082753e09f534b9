"""What the live world remembers of reads: the makings of gaps, of their cures and of baselines."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from sentinel.aws import clock
from sentinel.aws.edge import Edge
from sentinel.aws.live import SILENT_FOR, LiveWorld, Place, Refusal
from sentinel.judge import CannotRead
from sentinel.subject import Resource
from sentinel.subjects import AgentRuntime, Gateway

from tests.unit.worlds import ACCOUNT, EVENT_TIME, REGION, identity

UNNAMED = replace(identity(Gateway), key=f"aws/{ACCOUNT}/{REGION}/gateway/event/event-1")
WHERE = Place("aws", ACCOUNT, REGION, "gateway", "GetGateway")
ASSUMING = Place("aws", ACCOUNT, "us-east-1", "account", "AssumeRole")


class NoMemory:
    """A memory without baselines, which keeps what is accepted."""

    def __init__(self) -> None:
        self.accepted: list[tuple[Resource, datetime]] = []

    def baseline(self, kind: object, of: object) -> None:
        return None

    def accept(self, resource: Resource, as_of: datetime, by: str = "") -> bool:
        self.accepted.append((resource, as_of))
        return True


class Account:
    """An edge over an account: a runtime with two versions, and what is refused there."""

    def __init__(self) -> None:
        self.memory = NoMemory()
        self.refused = ""
        self.silent = ""
        self.asked: list[str] = []

    def reader(self, *_: str) -> Any:
        self._may("AssumeRole")
        return self

    def get_gateway(self, **_: str) -> dict[str, Any]:
        self._may("GetGateway")
        return {"authorizerType": "NONE"}

    def get_agent_runtime(self, agentRuntimeId: str, agentRuntimeVersion: str = "2") -> Any:
        return {"agentRuntimeVersion": agentRuntimeVersion, "lastUpdatedAt": EVENT_TIME}

    def _may(self, operation: str) -> None:
        self.asked.append(operation)
        if self.silent == operation:
            raise ReadTimeoutError(endpoint_url="https://control.example.com")
        if self.refused == operation:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, operation)


def world(account: Account) -> LiveWorld:
    return LiveWorld(cast("Edge", account))


def test_the_former_version_becomes_the_baseline_as_of_its_own_time() -> None:
    account = Account()
    former = world(account).before(AgentRuntime, identity(AgentRuntime))
    assert isinstance(former, AgentRuntime)
    assert former.agent_runtime_version == "1"
    assert account.memory.accepted == [(former, EVENT_TIME)]


def test_what_has_no_versions_has_none_before_it() -> None:
    account = Account()
    assert world(account).before(Gateway, identity(Gateway)) is None
    assert account.memory.accepted == []


def test_a_resource_that_its_event_does_not_name_is_no_refused_call() -> None:
    live = world(Account())
    with pytest.raises(CannotRead, match="does not name"):
        live.read(Gateway, UNNAMED)
    assert live.refused == {}


def test_a_role_that_is_not_assumed_is_about_no_resource_and_cured_by_any() -> None:
    account = Account()
    account.refused = "AssumeRole"
    live = world(account)
    with pytest.raises(CannotRead):
        live.read(Gateway, identity(Gateway))
    assert live.refused == {ASSUMING: {"": Refusal("AccessDenied", "")}}
    account.refused = ""
    live.read(Gateway, identity(Gateway, "another"))
    assert live.refused == {ASSUMING: {}}
    assert live.succeeded[ASSUMING] == {""}


def test_a_refused_call_explains_the_gap_of_a_rule_and_nothing_else_does() -> None:
    account = Account()
    account.refused = "GetGateway"
    live = world(account)
    with pytest.raises(CannotRead) as refused:
        live.read(Gateway, identity(Gateway))
    assert live.explains(f"authorizerType: was not seen; {refused.value}")
    assert not live.explains("authorizerType: X is a type that this version does not know")


def test_the_last_word_on_a_resource_counts() -> None:
    live = world(Account())
    refusal = Refusal("AccessDenied", "one")
    live.failed(WHERE, refusal)
    live.went(WHERE, "another")
    assert live.refused == {WHERE: {"one": refusal}}
    live.went(WHERE, "one")
    assert live.refused == {WHERE: {}}
    live.failed(WHERE, refusal)
    assert (live.refused, live.succeeded) == ({WHERE: {"one": refusal}}, {WHERE: {"another"}})


def test_a_service_that_does_not_answer_delays_no_sibling_and_is_asked_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account()
    account.silent = "GetGateway"
    live = world(account)
    at = EVENT_TIME
    monkeypatch.setattr(clock, "now", lambda: at)
    names = ("first", "second", "third")
    for name in names:
        with pytest.raises(CannotRead, match="ReadTimeoutError"):
            live.read(Gateway, identity(Gateway, name))
    assert account.asked.count("GetGateway") == 1
    assert set(live.refused[WHERE]) == {
        identity(Gateway, n).key for n in ("first", "second", "third")
    }
    with pytest.raises(CannotRead):
        live.read(Gateway, replace(identity(Gateway), region="us-east-1"))
    assert account.asked.count("GetGateway") == 2
    account.silent = ""
    at = EVENT_TIME + SILENT_FOR
    assert live.read(Gateway, identity(Gateway)) is not None
