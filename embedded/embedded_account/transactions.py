"""Lets a DynamoDB transaction copy the items that it names, and no others.

moto copies whole tables with their streams before every TransactWriteItems, to restore them after a
failure: the more a table remembers, the slower it gets.
"""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType

from embedded_account.moto_repairs import Repair

Key = tuple[Any, Any]
"""A hash key and a range key, None where the table has none."""

TABLES = threading.RLock()
"""Held while drafts stand in the place of tables; whoever looks at a table beside it holds it."""

_moto_transact = DynamoDBBackend.transact_write_items


def transaction_repair() -> Repair:
    """Return what makes a transaction cost what it touches."""
    return Repair(
        "moto copies whole tables and their streams for every transaction",
        DynamoDBBackend,
        "transact_write_items",
        _transact_write_items,
        "81db2cb7d94e",
    )


def _transact_write_items(backend: Any, transact_items: Sequence[Mapping[str, Any]]) -> None:
    """Let moto work on drafts of the tables; keep what it wrote if it raised nothing."""
    with TABLES:
        _transact_on_drafts(backend, transact_items)


def _transact_on_drafts(backend: Any, transact_items: Sequence[Mapping[str, Any]]) -> None:
    keys: defaultdict[str, set[Key]] = defaultdict(set)
    for name, operation in _operations(transact_items):
        if name in backend.tables:
            keys[name].update(_keys(backend.tables[name], operation))
    tables = {name: backend.tables[name] for name in keys}
    drafts = {name: _draft(table, keys[name]) for name, table in tables.items()}
    backend.tables.update(drafts)
    try:
        _moto_transact(backend, transact_items)
    finally:
        backend.tables.update(tables)
    for name, table in tables.items():
        _keep(table, drafts[name], keys[name])


def _operations(
    transact_items: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in transact_items:
        for operation in item.values():
            yield operation.get("TableName", ""), operation


def _keys(table: Any, operation: Mapping[str, Any]) -> Iterator[Key]:
    attributes = operation.get("Key") or operation.get("Item") or {}
    names = (table.hash_key_attr, table.range_key_attr)
    if all(name in attributes for name in names if name is not None):  # moto refuses the others
        hash_key, range_key = (
            DynamoType(attributes[name]) if name is not None else None for name in names
        )
        yield hash_key, range_key


def _draft(table: Any, keys: set[Key]) -> Any:
    draft = copy.copy(table)
    draft.__deepcopy__ = lambda _: draft  # it is thrown away after a failure: no need of another
    draft.items = defaultdict(dict)
    for key in keys:
        _put(draft, key, copy.deepcopy(_get(table, key)))
    if table.stream_shard is not None:
        draft.stream_shard = copy.copy(table.stream_shard)
        draft.stream_shard.table = draft
        draft.stream_shard.starting_sequence_number += len(table.stream_shard.items)
        draft.stream_shard.items = []
    return draft


def _keep(table: Any, draft: Any, keys: set[Key]) -> None:
    for key in keys:
        _put(table, key, _get(draft, key))
    if table.stream_shard is not None:
        table.stream_shard.items += draft.stream_shard.items


def _get(table: Any, key: Key) -> Any:
    hash_key, range_key = key
    if hash_key not in table.items:
        return None
    found = table.items[hash_key]
    return found if range_key is None else found.get(range_key)


def _put(table: Any, key: Key, item: Any) -> None:
    """Put *item* where moto looks for it, or take away what lies there when it is None."""
    hash_key, range_key = key
    if range_key is None:
        if item is None:
            table.items.pop(hash_key, None)
        else:
            table.items[hash_key] = item
    elif item is not None:
        table.items[hash_key][range_key] = item
    elif hash_key in table.items:
        table.items[hash_key].pop(range_key, None)
