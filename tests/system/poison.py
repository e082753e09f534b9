"""Poison: bodies that no queue should ever carry, and a judge must survive.

By hand what breaks parsers and envelopes; by rule whatever comes of an example event when the value
at one of its paths is of another JSON type.
"""

from __future__ import annotations

import copy
import functools
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

from tests.system.stage import ROOT

Path = tuple[str | int, ...]
MEBIBYTE = 1024 * 1024
DEEP = 100_000
EXAMPLE_ACCOUNT = "444455556666"
STRANGE_RULE, STRANGE_GATEWAY = "gateway_authorizer_none", "a1b2c3d4e5"
OTHER_TYPES: tuple[Any, ...] = (None, True, 7, 1e308, "", "***", [], [None], {}, {"a": [{}]})

NO_EVENTS: Mapping[str, str] = {
    "nothing": "",
    "a blank": " ",
    "a word": "not json",
    "an open object": "{",
    "an open array": "[",
    "an open text": '"unfinished',
    "a member without a value": '{"detail":',
    "a member without a name": '{"detail": {}, }',
    "a Python dictionary": "{'detail': {}}",
    "two documents": "{}{}",
    "lines": '{"detail": {}}\n{"detail": {}}',
    "a byte order mark": "\ufeff{}",
    "a control character": '{"detail": "\x01"}',
    "a comment": '{"detail": {}} // done',
    "XML": '<?xml version="1.0"?><Event/>',
    "YAML": "detail:\n  eventName: CreateGateway",
    "base64 of gzip": "H4sIAAAAAAAAA6tWSkktScwsUbKqBgBfJ0eNDwAAAA==",
    "half a number": "1e",
    "a minus": "-",
    "a number of 5,000 digits": "9" * 5_000,
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "true": "true",
    "null": "null",
    "zero": "0",
    "a text": '"text"',
    "an empty array": "[]",
    "an array of events": '[{"detail": {}}]',
    "an array without end, deep": "[" * DEEP,
    "an array, deep": "[" * DEEP + "]" * DEEP,
    "objects without end, deep": '{"detail":' * DEEP,
    "an object, deep": '{"a":' * DEEP + "1" + "}" * DEEP,
    "a mebibyte": "x" * MEBIBYTE,
    "a mebibyte of brackets": "[" * MEBIBYTE,
    "a mebibyte of digits": "1" * MEBIBYTE,
}
"""What is no JSON object: nobody can tell what it was to be, so it is kept as a dead letter."""

BAD_RECHECKS: Mapping[str, Any] = {
    "a recheck that is a number": 1,
    "a recheck that is null": None,
    "a recheck that is an array": [],
    "a recheck that is a text": "gateway",
    "a recheck of nothing": {},
    "a recheck without identity": {"kind": "gateway", "key": "arn:aws:x"},
    "a recheck with null for identity": {"identity": None},
    "a recheck with a text for identity": {"identity": "arn:aws:x"},
    "a recheck with half an identity": {"identity": {"kind": "gateway"}},
    "a recheck with too much identity": {"identity": {"kind": "gateway", "evil": "yes"}},
}
"""Only the sentinel itself may send rechecks: a wrong one is a bug, and kept as a dead letter."""

STRANGE_ENVELOPES: Mapping[str, Mapping[str, Any]] = {
    "an empty event": {"detail-type": None, "detail": None, "source": None},
    "detail null": {"detail": None},
    "detail a number": {"detail": 1},
    "detail a text": {"detail": "CreateGateway"},
    "detail an array": {"detail": []},
    "detail empty": {"detail": {}},
    "detail-type null": {"detail-type": None},
    "detail-type an array": {"detail-type": ["AWS API Call via CloudTrail"]},
    "detail-type an object": {"detail-type": {}},
    "detail-type of others": {"detail-type": "EC2 Instance State-change Notification"},
    "source null": {"source": None},
    "account a number": {"account": 444455556666},
    "account an object": {"account": {}},
    "region an array": {"region": []},
    "Records that are none": {"Records": [{}]},
    "Records null": {"Records": None},
    "a key that is empty": {"": {"": {"": []}}},
    "ten thousand members": {f"member{number}": number for number in range(10_000)},
}
"""Members of an event's envelope that are not what EventBridge sends."""

STRANGE_MEMBERS: Mapping[str, str] = {
    "NaN inside": "NaN",
    "Infinity inside": "-Infinity",
    "a number that is too large": "1e999",
    "an integer of 4,000 digits": "9" * 4_000,
    "a negative zero": "-0.0",
    "a lone surrogate": r'"\ud800"',
    "a lone surrogate as key": r'{"\udfff": "\udc00\ud800"}',
    "a pair the wrong way round": r'"\ude00\ud83d"',
    "a NUL": r'"\u0000"',
    "all controls": json.dumps("".join(map(chr, range(32)))),
    "a hundred kibibytes": json.dumps("x" * 100 * 1024),
    "nested 300 levels": "[" * 300 + "]" * 300,
    "nested 500 levels": '{"a":' * 500 + "1" + "}" * 500,
}
"""JSON that a value of an event may be, and that some parser, encoder or table does not take."""

STRANGE_PATHS = (
    ("eventID",),
    ("userAgent",),
    ("userIdentity", "arn"),
    ("requestParameters", "name"),
    ("requestParameters", "description"),
    ("responseElements", "gatewayId"),
    ("responseElements", "gatewayArn"),
)
"""Where strange values lie in the event of a gateway: in what is told, and in what is not."""

MARK = "this is where the strange value comes"


def no_events() -> Iterator[tuple[str, str]]:
    """Bodies that end as dead letters, by name."""
    yield from NO_EVENTS.items()
    for name, recheck in BAD_RECHECKS.items():
        yield name, json.dumps({"recheck": recheck})


def strange_events(account: str) -> Iterator[tuple[str, str]]:
    """Events that must end as judged or skipped, by name, each of another gateway.

    *account* is one that is watched.
    """
    for number, (name, body) in enumerate(_strange_events(example(STRANGE_RULE, account))):
        yield name, body.replace(STRANGE_GATEWAY, f"{number:010}")


def _strange_events(event: Any) -> Iterator[tuple[str, str]]:
    text = json.dumps(event)
    yield "an empty object", "{}"
    for name, members in STRANGE_ENVELOPES.items():
        yield name, json.dumps({**event, **members})
    for name in event:
        yield f"without {name}", json.dumps({k: v for k, v in event.items() if k != name})
    for path in STRANGE_PATHS:
        marked = json.dumps(_with(event, ("detail", *path), MARK))
        for name, value in STRANGE_MEMBERS.items():
            yield f"{name} as {'.'.join(path)}", marked.replace(json.dumps(MARK), value)
    yield "detail twice", text[:-1] + ', "detail": null}'
    yield "detail twice, the other way round", '{"detail": null, ' + text[1:]
    yield "eventSource twice", text.replace('"eventSource"', '"eventSource": 7, "eventSource"', 1)


def of_other_types(rule: str, account: str, seed: int) -> Iterator[tuple[str, str]]:
    """The example event of a rule, each of its paths in turn with a value of another JSON type.

    The seed chooses which type. Each is later than the one before, so that each is news.
    """
    event = example(rule, account)
    choice = random.Random(seed)
    for number, path in enumerate(_paths(event)):
        event["detail"]["eventTime"] = f"2026-09-22T{number // 60 + 11}:{number % 60:02}:00Z"
        former = _at(event, path)
        other = choice.choice([o for o in OTHER_TYPES if type(o) is not type(former)])
        name = f"{rule}: {'.'.join(map(str, path))} is {other!r}"
        yield name, json.dumps(_with(event, path, other))


def example(rule: str, account: str) -> Any:
    """The last event of a rule's example of a violation, in an account that is watched."""
    text = (ROOT / "events" / rule / "violation.json").read_text()
    found = json.loads(text.replace(EXAMPLE_ACCOUNT, account))
    return found[-1] if isinstance(found, list) else found


def _at(event: Any, path: Path) -> Any:
    return functools.reduce(lambda inner, part: inner[part], path, event)


def _with(event: Any, path: Path, value: Any) -> Any:
    """A copy of an event with another value at a path."""
    changed = copy.deepcopy(event)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _paths(value: Any) -> Iterator[Path]:
    """Every path into a JSON value."""
    members: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    for name, inner in members:
        yield (name,)
        yield from ((name, *path) for path in _paths(inner))
