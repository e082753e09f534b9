"""Makes of an event what a target gets: the whole, a part, or a text with values put in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Event = Mapping[str, Any]

_PATH = re.compile(r"\$(?:\.[A-Za-z0-9_-]+|\[\d+\])*")
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")
_VARIABLE = re.compile(r'"?<([A-Za-z0-9_.-]+)>"?')


class InvalidPathError(ValueError):
    """The target names a JSON path that EventBridge does not take."""


def target_input(target: Mapping[str, Any], rule: Any, event: Event, now: datetime) -> str:
    """Return the JSON text that a target gets.

    It is Input, what InputPath or InputTransformer make of the event, or the whole event.
    Source: "Amazon EventBridge input transformation". A variable inside a JSON template is put in
    as JSON text, unless it stands inside a longer string; a path that finds nothing gives an empty
    value.
    """
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return compact(_at(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if transformer is None:
        return compact(event)
    values = {name: _at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": timestamp(now),
        "aws.events.event": event,
        "aws.events.event.json": event,
    }
    return _VARIABLE.sub(lambda found: _put_in(found, values), transformer["InputTemplate"])


def _put_in(found: re.Match[str], values: Mapping[str, Any]) -> str:
    if found[1] not in values:
        return found[0]
    value, text = values[found[1]], found[0]
    if text.startswith('"') and text.endswith(
        '"'
    ):  # "<variable>": the quotes are the variable's own
        return compact(value if isinstance(value, str) else compact(value))
    if text.startswith('"') or text.endswith('"') or isinstance(value, str):
        bare = value if isinstance(value, str) else compact(value)
        inside = json.dumps(bare, ensure_ascii=False)[1:-1]
        return text.replace(f"<{found[1]}>", inside)
    return compact(value)


def _at(event: Event, path: str) -> Any:
    if not _PATH.fullmatch(path):
        raise InvalidPathError(f"{path} is no JSON path that EventBridge takes")
    value: Any = event
    for name, index in _STEP.findall(path):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            return ""
    return value


def timestamp(moment: datetime) -> str:
    """Return a time as events carry it: UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(value: Any) -> str:
    """Return JSON without spaces, as EventBridge delivers it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
