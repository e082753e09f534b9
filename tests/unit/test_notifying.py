"""A channel or a row that fails silences no other, and what is CRITICAL is told before the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sentinel.aws import clock, outbox, rows
from sentinel.aws.announcer import announce
from sentinel.aws.edge import Edge, Settings
from sentinel.aws.memory import Memory
from sentinel.aws.notifier import LEASE_SECONDS, MESSAGES_A_MINUTE, Notifier, Untold
from sentinel.aws.outbox import Outbox
from sentinel.aws.rows import Item
from sentinel.aws.tending import Tender
from sentinel.gap import Gap, GapChange
from sentinel.life import Move, Status
from sentinel.policy import Policy

from tests.unit.test_stored_versions import FINGERPRINT
from tests.unit.test_stored_versions import row as stored

NOW = datetime(2026, 9, 22, 10, tzinfo=UTC)
BROKEN = "xoxb-1\n"
SETTINGS = {
    "AWS_REGION": "eu-central-1",
    "HUB_ACCOUNT_ID": "111122223333",
    "MAIL_TOPIC_ARN": "arn:aws:sns:eu-central-1:111122223333:mail",
    "SLACK_SECRET_PARAMETER": "/sentinel/slack",
    "SLACK_API_URL": "https://slack.com/api",
    "SLACK_CHANNEL": "C0SENTINEL",
}


class Table:
    """Rows by their key, with the marks and leases that they were given."""

    def __init__(self, *items: Item) -> None:
        self.rows = {item["pk"]["S"]: item for item in items}
        self.asked: list[str] = []
        self.leased: list[str] = []

    def due(self, _: datetime) -> list[Item]:
        return [dict(row) for row in self.rows.values()]

    def changes(self, identifier: str) -> list[Item]:
        return [row for key, row in self.rows.items() if key == f"head#{identifier}"]

    def again(self, row: Item) -> Item:
        self.asked.append("again")
        return self.rows[row["pk"]["S"]]

    def settle(self, _: Item) -> None:
        self.asked.append("settle")

    def lease(self, key: Item, mark: str, _: float) -> bool:
        row = self.rows[key["pk"]["S"]]
        if mark in row or row.get(f"lease_{mark}", {"N": "0"})["N"] != "0":
            return False
        row[f"lease_{mark}"] = {"N": "1"}
        self.leased.append(key["pk"]["S"])
        return True

    def release(self, key: Item, mark: str) -> None:
        self.rows[key["pk"]["S"]][f"lease_{mark}"] = {"N": "0"}

    def mark(self, key: Item, mark: str, value: str) -> None:
        self.rows[key["pk"]["S"]][mark] = {"S": value}

    def remembered(self, *_: str) -> str:
        return ""

    def marks(self) -> list[set[str]]:
        return [{"announced", "told_slack", "told_mail"} & row.keys() for row in self.rows.values()]


class Mails:
    """An SNS client, or another that must not be asked."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def publish(self, *, Subject: str, **_: str) -> dict[str, str]:
        self.sent.append(Subject)
        return {"MessageId": "1"}


def change(kind: str) -> Item:
    gap = Gap("aws", "444455556666", "eu-central-1", kind, "GetGateway", NOW, NOW, reason="Denied")
    item = rows.change_item(GapChange(Move.OPENED, gap), silent=False)
    return item | rows.attributes(announced="yes")


def critical() -> Item:
    sample = stored("finding", id="x.1.1", move="opened", at="x", announced="yes")
    return sample | rows.attributes(pk=f"head#{FINGERPRINT}")


def empty(made: Edge, enough_time: Callable[[], bool] = lambda: True) -> Outbox:
    """Do what a run of tend does with the table."""
    found = Outbox(made, NOW)
    found.tell_urgent(enough_time)
    found.tell_others(enough_time)
    return found


def edge(table: Table, token: str = BROKEN, **settings: str) -> Edge:
    made = Edge(Settings(SETTINGS | settings))
    parameter = {"Parameter": {"Value": token}}
    made._clients[("ssm", "", "")] = SimpleNamespace(get_parameter=lambda **_: parameter)
    made._clients[("sns", "", "")] = Mails()
    made.__dict__["store"] = table
    made.__dict__["memory"] = SimpleNamespace(count=lambda *_, **__: 1)
    made.__dict__["policy_copy"] = SimpleNamespace(at_best=Policy, problem="")
    return made


@pytest.mark.parametrize(
    ("token", "settings", "why"),
    [(BROKEN, {}, "the Slack token"), ("xoxb-1", {"SLACK_API_URL": ""}, "SLACK_API_URL")],
)
def test_slack_that_is_set_up_wrong_does_not_silence_mail(
    token: str, settings: dict[str, str], why: str
) -> None:
    table = Table(change("gateway"))
    made = edge(table, token, **settings)
    with pytest.raises(Untold, match=why) as raised:
        Notifier(made).tell(next(iter(table.rows)).removeprefix("head#"))
    assert "xoxb" not in str(raised.value)
    assert len(made.client("sns").sent) == 1
    (row,) = table.rows.values()
    assert "told_mail" in row and "told_slack" not in row
    assert row["lease_told_slack"] == {"N": "0"}


def test_a_row_that_cannot_be_read_delays_no_other() -> None:
    unreadable = change("runtime") | {"v": {"N": "99"}}
    table = Table(unreadable, change("gateway"))
    made = edge(table)
    with pytest.raises(ExceptionGroup, match="of version 99"):
        empty(made)
    assert [("told_mail" in marks) for marks in table.marks()] == [False, True]


def test_a_change_that_cannot_be_announced_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> bool:
        raise RuntimeError("no bus")

    monkeypatch.setattr(outbox, "announce", refuse)
    rows_due = [change(kind) for kind in ("gateway", "runtime")]
    for row in rows_due:
        del row["announced"]
    table = Table(*rows_due)
    with pytest.raises(ExceptionGroup, match=r"no bus.*no bus"):
        empty(edge(table))
    assert all("told_mail" in marks for marks in table.marks())


def test_a_digest_that_one_channel_refuses_reaches_the_other_and_gives_its_rows_back() -> None:
    table = Table(*(change(f"kind-{n}") for n in range(MESSAGES_A_MINUTE + 1)))
    made = edge(table, "xoxb-1", SLACK_API_URL="http://127.0.0.1:1")
    with pytest.raises(ExceptionGroup, match=r"did not answer chat\.postMessage"):
        empty(made)
    assert len(made.client("sns").sent) == 1
    assert table.marks() == [{"announced", "told_mail"}] * (MESSAGES_A_MINUTE + 1)
    assert all(row["lease_told_slack"] == {"N": "0"} for row in table.rows.values())


def test_no_exemption_is_over_while_the_policy_cannot_be_read() -> None:
    made, asked = edge(Table()), []

    def findings(status: Status) -> list[Any]:
        asked.append(status)
        return []

    made.__dict__["store"] = SimpleNamespace(findings=findings)
    made.policy_copy.problem = "GetObject: AccessDenied"
    Tender(made)._exemptions()
    assert asked == []
    made.policy_copy.problem = ""
    Tender(made)._exemptions()
    assert asked == [Status.SUPPRESSED]


def test_what_is_critical_is_told_before_all_that_is_older() -> None:
    table = Table(*(change(f"kind-{n}") for n in range(2 * MESSAGES_A_MINUTE)), critical())
    made = edge(table, SLACK_SECRET_PARAMETER="")
    assert empty(made).done == {"told": 2, "digested": 4 * MESSAGES_A_MINUTE}
    assert table.leased[:2] == [f"head#{FINGERPRINT}"] * 2
    first, *digests = made.client("sns").sent
    assert first.startswith("OPEN CRITICAL")
    assert digests == ["DIGEST 10 more COULD NOT ASSESS"]


@pytest.mark.parametrize("ends", range(3))
def test_nothing_is_begun_for_which_there_is_no_time(ends: int) -> None:
    table = Table(*(change(f"kind-{n}") for n in range(2 * MESSAGES_A_MINUTE)), critical())
    made, times = edge(table, SLACK_SECRET_PARAMETER=""), iter(range(99))
    empty(made, lambda: next(times) < ends)
    assert len(made.client("sns").sent) == ends


def test_a_digest_takes_no_more_than_it_can_mark_while_it_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table(*(change(f"kind-{n}") for n in range(outbox.AT_ONCE + 9)))
    made = edge(table, SLACK_SECRET_PARAMETER="")
    empty(made)
    assert sum("told_mail" in marks for marks in table.marks()) == outbox.AT_ONCE
    late = NOW
    slow = Table(*(change(f"kind-{n}") for n in range(99)))
    take = slow.lease

    def lease(*asked: Any) -> bool:
        nonlocal late
        late += timedelta(seconds=1)
        return take(*asked)

    monkeypatch.setattr(slow, "lease", lease)
    monkeypatch.setattr(clock, "now", lambda: late)
    empty(edge(slow, SLACK_SECRET_PARAMETER=""))
    assert sum("told_mail" in marks for marks in slow.marks()) == LEASE_SECONDS / 4


def test_a_row_that_was_announced_is_neither_read_nor_settled_again() -> None:
    table = Table(change("gateway"), critical())
    empty(edge(table, SLACK_SECRET_PARAMETER=""))
    assert table.asked == []
    told = change("gateway") | rows.attributes(told_slack="off", told_mail="off")
    left = Table(told)
    empty(edge(left))
    assert left.asked == ["settle"]


def test_messages_of_a_minute_are_counted_no_further_than_they_matter() -> None:
    asked: list[dict[str, Any]] = []

    def query(**request: Any) -> dict[str, int]:
        asked.append(request)
        return {"Count": 6}

    table = SimpleNamespace(put_item=lambda **_: None, query=query)
    assert Memory(table, "memory").count("rate#slack#x", "x.1.1", NOW, at_most=6) == 6
    assert [(request["Limit"], request["Select"]) for request in asked] == [(6, "COUNT")]


def test_a_bus_that_does_not_answer_leaves_the_row_to_be_announced_at_once() -> None:
    def refuse(**_: Any) -> None:
        raise TimeoutError("no answer")

    row = change("gateway")
    del row["announced"]
    table = Table(row)
    made = edge(table, SENTINEL_BUS_NAME="findings")
    made._clients[("events", "", "")] = SimpleNamespace(put_events=refuse)
    with pytest.raises(TimeoutError):
        announce(made, row)
    assert table.rows[row["pk"]["S"]]["lease_announced"] == {"N": "0"}
