"""A channel or a row that fails silences no other."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sentinel.aws import rows, tending
from sentinel.aws.edge import Edge, Settings
from sentinel.aws.notifier import MESSAGES_A_MINUTE, Notifier, Untold
from sentinel.aws.rows import Item
from sentinel.aws.tending import Tender
from sentinel.gap import Gap, GapChange
from sentinel.life import Move, Status
from sentinel.policy import Policy

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


class Outbox:
    """Rows by their key, with the marks and leases that they were given."""

    def __init__(self, *items: Item) -> None:
        self.rows = {item["pk"]["S"]: item for item in items}

    def due(self, _: datetime) -> list[Item]:
        return [dict(row) for row in self.rows.values()]

    def changes(self, identifier: str) -> list[Item]:
        return [row for key, row in self.rows.items() if key == f"head#{identifier}"]

    def again(self, row: Item) -> Item:
        return self.rows[row["pk"]["S"]]

    def settle(self, _: Item) -> None:
        pass

    def lease(self, key: Item, mark: str, _: float) -> bool:
        row = self.rows[key["pk"]["S"]]
        if mark in row or row.get(f"lease_{mark}", {"N": "0"})["N"] != "0":
            return False
        row[f"lease_{mark}"] = {"N": "1"}
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


def edge(outbox: Outbox, token: str = BROKEN, **settings: str) -> Edge:
    made = Edge(Settings(SETTINGS | settings))
    parameter = {"Parameter": {"Value": token}}
    made._clients[("ssm", "", "")] = SimpleNamespace(get_parameter=lambda **_: parameter)
    made._clients[("sns", "", "")] = Mails()
    made.__dict__["store"] = outbox
    made.__dict__["memory"] = SimpleNamespace(count=lambda *_: 1)
    made.__dict__["policy_copy"] = SimpleNamespace(at_best=Policy, problem="")
    return made


@pytest.mark.parametrize(
    ("token", "settings", "why"),
    [(BROKEN, {}, "the Slack token"), ("xoxb-1", {"SLACK_API_URL": ""}, "SLACK_API_URL")],
)
def test_slack_that_is_set_up_wrong_does_not_silence_mail(
    token: str, settings: dict[str, str], why: str
) -> None:
    outbox = Outbox(change("gateway"))
    made = edge(outbox, token, **settings)
    with pytest.raises(Untold, match=why) as raised:
        Notifier(made).tell(next(iter(outbox.rows)).removeprefix("head#"))
    assert "xoxb" not in str(raised.value)
    assert len(made.client("sns").sent) == 1
    (row,) = outbox.rows.values()
    assert "told_mail" in row and "told_slack" not in row
    assert row["lease_told_slack"] == {"N": "0"}


def test_a_row_that_cannot_be_read_delays_no_other() -> None:
    unreadable = change("runtime") | {"v": {"N": "99"}}
    outbox = Outbox(unreadable, change("gateway"))
    made = edge(outbox)
    with pytest.raises(ExceptionGroup, match="of version 99"):
        Tender(made)._outbox()
    assert [("told_mail" in marks) for marks in outbox.marks()] == [False, True]


def test_a_change_that_cannot_be_announced_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> bool:
        raise RuntimeError("no bus")

    monkeypatch.setattr(tending, "announce", refuse)
    rows_due = [change(kind) for kind in ("gateway", "runtime")]
    for row in rows_due:
        del row["announced"]
    outbox = Outbox(*rows_due)
    with pytest.raises(ExceptionGroup, match=r"no bus.*no bus"):
        Tender(edge(outbox))._outbox()
    assert all("told_mail" in marks for marks in outbox.marks())


def test_a_digest_that_one_channel_refuses_reaches_the_other_and_gives_its_rows_back() -> None:
    outbox = Outbox(*(change(f"kind-{n}") for n in range(MESSAGES_A_MINUTE + 1)))
    made = edge(outbox)
    with pytest.raises(ExceptionGroup, match="the Slack token"):
        Tender(made)._outbox()
    assert len(made.client("sns").sent) == 1
    assert outbox.marks() == [{"announced", "told_mail"}] * (MESSAGES_A_MINUTE + 1)
    assert all(row["lease_told_slack"] == {"N": "0"} for row in outbox.rows.values())


def test_no_exemption_is_over_while_the_policy_cannot_be_read() -> None:
    made, asked = edge(Outbox()), []

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
