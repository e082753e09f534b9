"""What Slack refuses in a message's blocks, worded as Slack words it.

Limits: the pages of Block Kit's reference (blocks, elements, composition objects) and
python-slack-sdk ``models/blocks``; the sum over all blocks is documented nowhere, see weight_of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

Block = Mapping[str, Any]

MAXIMUM_BLOCKS = 50
MAXIMUM_WEIGHT = 13_200
WEIGHT_OF_A_BLOCK = 50


def weight_of(blocks: Sequence[Block]) -> int:
    """How heavy a message is; above MAXIMUM_WEIGHT Slack answers ``msg_blocks_too_long``.

    All texts together, and a share for each block that holds them. Nobody but Slack knows the
    formula. This one refuses everything that a report says was refused: slackapi/bolt-js#2509
    (about 13,200 characters in 2 to 4 blocks, "12,000 text characters with a buffer for block
    containers") and #2867 (11,341 characters in 45 blocks); it admits what #2867 says was admitted
    (9,597 in 50).
    """
    return sum(map(_characters, blocks)) + WEIGHT_OF_A_BLOCK * len(blocks)


def _characters(value: object) -> int:
    if isinstance(value, Mapping):
        text = value.get("text")
        own = len(text) if isinstance(text, str) else 0
        return own + sum(map(_characters, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_characters, value))
    return 0


def block_errors(blocks: Sequence[object]) -> tuple[str, ...]:
    """Why Slack would answer ``invalid_blocks``; nothing when it would take them."""
    return tuple(_errors(blocks))


def _errors(blocks: Sequence[object]) -> Iterator[str]:
    if len(blocks) > MAXIMUM_BLOCKS:
        yield f"no more than {MAXIMUM_BLOCKS} items allowed [json-pointer:/blocks]"
    for index, block in enumerate(blocks):
        at = f"/blocks/{index}"
        if not isinstance(block, Mapping):
            yield f"must be an object [json-pointer:{at}]"
            continue
        check = _CHECKS.get(str(block.get("type")))
        if check is None:
            yield f"unsupported type: {block.get('type')} [json-pointer:{at}/type]"
            continue
        yield from _length(block, "block_id", 255, at)
        yield from check(block, at)
    yield from _twice(blocks, "block_id", "/blocks")


def _header(block: Block, at: str) -> Iterator[str]:
    yield from _members(block, {"text", "level"}, at)
    yield from _text(block.get("text"), 150, f"{at}/text", kinds=("plain_text",))


def _section(block: Block, at: str) -> Iterator[str]:
    yield from _members(block, {"text", "fields", "accessory", "expand"}, at)
    if "text" not in block and "fields" not in block:
        yield f"missing required field: text or fields [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], 3000, f"{at}/text")
    if "fields" in block:
        for field, place in _items(block, "fields", 10, at):
            yield from _text(field, 2000, place)
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _context(block: Block, at: str) -> Iterator[str]:
    yield from _members(block, {"elements"}, at)
    for element, place in _items(block, "elements", 10, at):
        if isinstance(element, Mapping) and element.get("type") == "image":
            yield from _image(element, place)
        else:
            yield from _text(element, 3000, place)


def _actions(block: Block, at: str) -> Iterator[str]:
    yield from _members(block, {"elements"}, at)
    for element, place in _items(block, "elements", 25, at):
        yield from _element(element, place)
    elements = block.get("elements")
    if isinstance(elements, list):
        yield from _twice(elements, "action_id", f"{at}/elements")


def _divider(block: Block, at: str) -> Iterator[str]:
    yield from _members(block, set(), at)


def _image(block: Block, at: str) -> Iterator[str]:
    yield from _members(block, {"image_url", "alt_text", "title", "slack_file"}, at)
    if "image_url" not in block and "slack_file" not in block:
        yield f"missing required field: image_url [json-pointer:{at}]"
    yield from _length(block, "image_url", 3000, at)
    if not block.get("alt_text"):
        yield f"missing required field: alt_text [json-pointer:{at}]"
    yield from _length(block, "alt_text", 2000, at)


def _markdown(block: Block, at: str) -> Iterator[str]:
    yield from _members(block, {"text"}, at)
    if not block.get("text"):
        yield f"missing required field: text [json-pointer:{at}]"
    yield from _length(block, "text", 12_000, at)


def _rich_text(block: Block, at: str) -> Iterator[str]:
    yield from _members(block, {"elements"}, at)
    if not isinstance(block.get("elements"), list):
        yield f"missing required field: elements [json-pointer:{at}]"


_CHECKS: Mapping[str, Callable[[Block, str], Iterator[str]]] = {
    "actions": _actions,
    "context": _context,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
}


def _element(element: object, at: str) -> Iterator[str]:
    """A button; other elements are let through, since nothing here sends them."""
    if not isinstance(element, Mapping):
        yield f"must be an object [json-pointer:{at}]"
        return
    yield from _length(element, "action_id", 255, at)
    if element.get("type") != "button":
        return
    known = {"action_id", "text", "value", "url", "style", "confirm", "accessibility_label"}
    yield from _members(element, known, at)
    yield from _text(element.get("text"), 75, f"{at}/text", kinds=("plain_text",))
    yield from _length(element, "value", 2000, at)
    yield from _length(element, "url", 3000, at)
    if element.get("style", "primary") not in {"primary", "danger"}:
        yield f"must be a valid enum value [json-pointer:{at}/style]"
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")


def _confirm(confirm: object, at: str) -> Iterator[str]:
    if not isinstance(confirm, Mapping):
        yield f"must be an object [json-pointer:{at}]"
        return
    yield from _members(confirm, {"title", "text", "confirm", "deny", "style"}, at)
    for name, most in (("title", 100), ("confirm", 30), ("deny", 30)):
        yield from _text(confirm.get(name), most, f"{at}/{name}", kinds=("plain_text",))
    yield from _text(confirm.get("text"), 300, f"{at}/text")


def _text(
    value: object, most: int, at: str, *, kinds: Sequence[str] = ("plain_text", "mrkdwn")
) -> Iterator[str]:
    """A text object of at least one and at most *most* characters."""
    if not isinstance(value, Mapping):
        yield f"missing required field: text [json-pointer:{at}]"
        return
    if value.get("type") not in kinds:
        yield f"unsupported type: {value.get('type')} [json-pointer:{at}/type]"
    yield from _members(value, {"text", "emoji", "verbatim"}, at)
    if "emoji" in value and value.get("type") == "mrkdwn":
        yield f"invalid additional property: emoji [json-pointer:{at}]"
    text = value.get("text")
    if not isinstance(text, str) or not text:
        yield f"must be more than 0 characters [json-pointer:{at}/text]"
    yield from _length(value, "text", most, at)


def _members(value: Block, known: set[str], at: str) -> Iterator[str]:
    for name in sorted(value.keys() - known - {"type", "block_id"}):
        yield f"invalid additional property: {name} [json-pointer:{at}]"


def _items(value: Block, name: str, most: int, at: str) -> Iterator[tuple[object, str]]:
    """The items of a list of 1 to *most*; for a wrong list one None, which every check refuses."""
    items = value.get(name)
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        yield None, f"{at}/{name}"
        return
    for index, item in enumerate(items):
        yield item, f"{at}/{name}/{index}"


def _length(value: Block, name: str, most: int, at: str) -> Iterator[str]:
    text = value.get(name)
    if isinstance(text, str) and len(text) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}/{name}]"


def _twice(items: Sequence[object], name: str, at: str) -> Iterator[str]:
    values = sorted(
        str(item[name]) for item in items if isinstance(item, Mapping) and item.get(name)
    )
    for value in {first for first, second in pairwise(values) if first == second}:
        yield f"{name} already exists: {value} [json-pointer:{at}]"
