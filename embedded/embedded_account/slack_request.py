"""What a request to Slack carries, and why Slack would refuse it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from embedded_account.slack_blocks import MAXIMUM_WEIGHT, Block, block_errors, weight_of


class Refused(Exception):
    """Slack's answer ``ok: false`` with *error*, its name for the reason, and what else it says."""

    def __init__(self, error: str, **details: Any) -> None:
        super().__init__(error)
        self.error = error
        self.details = details


def api_arguments(
    method: str, query: str, headers: Mapping[str, str], body: bytes, *, reads_json: bool
) -> Mapping[str, Any]:
    """A method's arguments: from a form, the query, or a JSON body where the method reads one."""
    content_type = headers.get("content-type", "").partition(";")[0].strip()
    arguments: dict[str, Any] = dict(parse_qsl(query))
    if method == "GET" or not body:
        return arguments
    if content_type == "application/json":
        if not reads_json:
            raise Refused("invalid_arguments")
        found = _loaded(body, "invalid_json")
        if not isinstance(found, dict):
            raise Refused("json_not_object")
        return {**arguments, **found}
    if content_type != "application/x-www-form-urlencoded":
        raise Refused("invalid_post_type")
    arguments |= dict(parse_qsl(body.decode("utf-8", "replace")))
    for name in arguments.keys() & {"blocks", "metadata"}:
        arguments[name] = _loaded(arguments[name], f"invalid_{name}_format")
    return arguments


def webhook_arguments(headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    content: bytes | str = body
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        content = dict(parse_qsl(body.decode("utf-8", "replace"))).get("payload", "")
    found = _loaded(content, "invalid_payload")
    if not isinstance(found, dict):
        raise Refused("invalid_payload")
    return found


def _loaded(content: bytes | str, error: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise Refused(error) from None


def checked_content(
    arguments: Mapping[str, Any], most: int
) -> tuple[str, tuple[Block, ...] | None]:
    """The text and the blocks, None when there is no member ``blocks``; refuses as Slack does."""
    text, blocks = arguments.get("text") or "", arguments.get("blocks")
    if not isinstance(text, str) or (not text and not blocks):
        raise Refused("no_text")
    if len(text) > most:
        raise Refused("msg_too_long")
    if blocks is None:
        return text, None
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    if errors := block_errors(blocks):
        messages = [f"[ERROR] {error}" for error in errors]
        details = {"errors": list(errors), "response_metadata": {"messages": messages}}
        raise Refused("invalid_blocks", **details)
    if weight_of(blocks) > MAXIMUM_WEIGHT:
        raise Refused("msg_blocks_too_long")
    return text, tuple(blocks)


def checked_metadata(metadata: Any) -> Mapping[str, Any] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or {"event_type", "event_payload"} - metadata.keys():
        raise Refused("invalid_metadata_format")
    return metadata
