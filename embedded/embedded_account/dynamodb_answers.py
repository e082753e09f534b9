"""DynamoDB's queries and answers without moto's detours: the same, in a fraction of the time.

For a query moto sorts the whole table several times, and of each value in an answer it asks for
every member under four names and two spellings: with ten thousand rows that takes longer than
everything else in the account.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.table import Table

from embedded_account.moto_repairs import Repair

_AS_THEY_ARE = ("S", "N")


def _query(
    table: Any,
    hash_key: Any,
    range_comparison: str | None,
    range_values: list[Any],
    limit: int | None,
    start: Any,
    forward: bool,
    projection: Any = None,
    index_name: str | None = None,
    *others: Any,
    **named: Any,
) -> Any:
    shown = table
    if index_name is None and hash_key is not None and table.range_key_attr:
        rows = table.items.get(hash_key, {})
        if start is None:
            rows = dict(_first(rows, range_comparison, range_values, limit, forward))
        shown = copy.copy(table)
        shown.items = {hash_key: rows}
    return _moto_query(
        shown,
        hash_key,
        range_comparison,
        range_values,
        limit,
        start,
        forward,
        projection,
        index_name,
        *others,
        **named,
    )


def _first(
    rows: Mapping[Any, Any],
    range_comparison: str | None,
    range_values: list[Any],
    limit: int | None,
    forward: bool,
) -> Iterator[tuple[Any, Any]]:
    """Give the rows that the query is about, one more than its limit: moto tells then that more
    follow.
    """
    found = 0
    for key in sorted(rows, key=lambda key: key.cast_value, reverse=forward is False):
        if range_comparison and not key.compare(range_comparison, range_values):
            continue
        yield key, rows[key]
        found += 1
        if limit is not None and found > limit:
            return


def _serialize_type_structure(
    serializer: Any, serialized: Any, value: Any, shape: Any, key: str
) -> None:
    if key and shape.name == "AttributeValue" and isinstance(value, Mapping) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind in _AS_THEY_ARE and type(content) is str:
            serialized[serializer.get_serialized_name(shape, key)] = {kind: content}
            return
    _moto_serialize_type_structure(serializer, serialized, value, shape, key)


_moto_query = Table.query
_moto_serialize_type_structure = BaseJSONSerializer._serialize_type_structure


def answer_repairs() -> tuple[Repair, ...]:
    """Return what spares moto its detours."""
    return (
        Repair(
            "moto sorts and compares every row of a table for a query of one key",
            Table,
            "query",
            _query,
            "002b4d00be6d",
        ),
        Repair(
            "moto looks for aliases of the members of DynamoDB's values, which have none",
            BaseJSONSerializer,
            "_serialize_type_structure",
            _serialize_type_structure,
            "36873909cd0a",
        ),
    )
