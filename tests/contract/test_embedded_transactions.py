"""DynamoDB transactions of the embedded account: all or nothing, in the table and in its stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_account import streams, transactions
from embedded_account.account import HUB, EmbeddedAccount
from moto.dynamodb.models import dynamodb_backends

REGION = "eu-central-1"


@pytest.fixture(scope="module")
def account() -> Iterator[EmbeddedAccount]:
    with EmbeddedAccount() as account:
        yield account


@pytest.fixture(params=["pk", "pk sk"])
def table(account: EmbeddedAccount, request: pytest.FixtureRequest) -> Iterator[Table]:
    """An empty table with a stream, its key of one part or of two."""
    made = Table(account, request.param.split())
    yield made
    made.client.delete_table(TableName="T")


class Table:
    def __init__(self, account: EmbeddedAccount, names: list[str]) -> None:
        self.names = names
        self.client = account.client("dynamodb")
        kinds = zip(names, ("HASH", "RANGE"), strict=False)
        self.client.create_table(
            TableName="T",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in kinds],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )

    def key(self, value: str) -> dict[str, Any]:
        return {name: {"S": value} for name in self.names}

    def put(self, value: str, count: int, **more: Any) -> dict[str, Any]:
        return {"Put": {"TableName": "T", "Item": self.key(value) | _count(count), **more}}

    def update(self, value: str, count: int) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": "T",
                "Key": self.key(value),
                "UpdateExpression": "SET #c = :c",
                "ExpressionAttributeNames": {"#c": "count"},
                "ExpressionAttributeValues": {":c": {"N": str(count)}},
            }
        }

    def delete(self, value: str) -> dict[str, Any]:
        return {"Delete": {"TableName": "T", "Key": self.key(value)}}

    def write(self, *items: dict[str, Any]) -> None:
        self.client.transact_write_items(TransactItems=list(items))

    @property
    def counts(self) -> dict[str, int]:
        items = self.client.scan(TableName="T")["Items"]
        return {item["pk"]["S"]: int(item["count"]["N"]) for item in items}

    @property
    def changes(self) -> list[tuple[str, str]]:
        """The stream: what happened to which item, in order."""
        shard = dynamodb_backends[HUB][REGION].tables["T"].stream_shard
        records = [item.to_json() for item in shard.items]
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
        first = shard.starting_sequence_number
        assert numbers == list(range(first, first + len(numbers)))
        return [(each["eventName"], each["dynamodb"]["Keys"]["pk"]["S"]) for each in records]


def _count(count: int) -> dict[str, Any]:
    return {"count": {"N": str(count)}}


def test_everything_that_a_transaction_writes_is_in_the_table_and_in_the_stream(
    table: Table,
) -> None:
    table.write(table.put("a", 1), table.put("b", 1))
    table.write(table.update("a", 2), table.delete("b"), table.put("c", 3))

    assert table.counts == {"a": 2, "c": 3}
    assert table.changes == [
        ("INSERT", "a"),
        ("INSERT", "b"),
        ("MODIFY", "a"),
        ("REMOVE", "b"),
        ("INSERT", "c"),
    ]


def test_a_transaction_that_fails_at_its_end_has_changed_nothing(table: Table) -> None:
    table.write(table.put("a", 1), table.put("b", 1))
    refused = table.put("d", 4, ConditionExpression="attribute_exists(pk)")

    with pytest.raises(ClientError, match="TransactionCanceledException"):
        table.write(table.update("a", 2), table.delete("b"), table.put("c", 3), refused)

    assert table.counts == {"a": 1, "b": 1}
    assert table.changes == [("INSERT", "a"), ("INSERT", "b")]


def test_an_item_may_be_named_only_once_in_a_transaction(table: Table) -> None:
    table.write(table.put("a", 1))

    with pytest.raises(ClientError, match="multiple operations on one item"):
        table.write(table.update("a", 2), table.delete("a"))

    assert table.counts == {"a": 1}


def test_who_reads_the_stream_during_a_transaction_sees_the_table_s_own(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.client.put_item(TableName="T", Item=table.key("a") | _count(1))
    stream = table.client.describe_table(TableName="T")["Table"]["LatestStreamArn"]
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.append(len(streams._shard_of(stream).items)))
    transact = transactions._moto_transact

    def while_somebody_reads(backend: Any, items: Any) -> None:
        reader.start()
        reader.join(timeout=0.2)
        transact(backend, items)

    monkeypatch.setattr(transactions, "_moto_transact", while_somebody_reads)
    table.client.transact_write_items(TransactItems=[table.put("b", 1)])
    reader.join()
    assert seen in ([1], [2])
