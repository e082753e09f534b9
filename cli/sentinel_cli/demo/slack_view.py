"""Draws a Slack message from its Block Kit JSON, as HTML that cannot carry anything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

LIMITS = {"header": 150, "section": 3000, "field": 2000, "blocks": 50, "together": 13_200}
"""What Slack takes, in characters and blocks (docs.slack.dev, Block Kit reference)."""

_TOKEN = re.compile(
    r"```(?P<block>.*?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|(?<![\w*])\*(?P<bold>[^*\n]+)\*(?![\w*])"
    r"|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)"
    r"|<!date\^(?P<epoch>\d+)\^[^|>]*\|(?P<date>[^>]*)>"
    r"|<(?P<url>https?://[^|>]+)(?:\|(?P<label>[^>]*))?>"
    r"|(?P<newline>\n)",
    re.S,
)


def mrkdwn(text: str) -> Markup:
    """Slack's markup as HTML: bold, italic, code, dates and links to http(s), all else as text."""
    made, end = Markup(), 0
    for match in _TOKEN.finditer(text):
        made += _plain(text[end : match.start()]) + _drawn(match)
        end = match.end()
    return made + _plain(text[end:])


def _drawn(match: re.Match[str]) -> Markup:
    kind, found = str(match.lastgroup), match.groupdict()
    if kind == "block":
        return Markup("<pre tabindex=0>{}</pre>").format(_plain(found["block"].strip("\n")))
    if kind == "code":
        return Markup("<code>{}</code>").format(_plain(found["code"]))
    if kind in ("bold", "italic"):
        shape = Markup("<b>{}</b>") if kind == "bold" else Markup("<i>{}</i>")
        return shape.format(mrkdwn(found[kind]))
    if found["date"] is not None:
        return Markup("<time>{}</time>").format(_plain(found["date"]))
    if found["url"] is not None:
        url, label = _unescaped(found["url"]), found["label"] or found["url"]
        return Markup('<a href="{}" rel="noreferrer" target="_blank">{}</a>').format(
            url, _plain(label)
        )
    return Markup("<br>")


def _plain(text: str) -> Markup:
    return escape(_unescaped(text))


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def measures(message: Any) -> list[tuple[str, int, int]]:
    """What of a message is limited: name, length, limit."""
    blocks = [block for block in message.blocks if isinstance(block, Mapping)]
    headers = [len(_text(b)) for b in blocks if b["type"] == "header"]
    sections = [len(_text(b)) for b in blocks if b["type"] == "section"]
    fields = [len(f["text"]) for b in blocks for f in b.get("fields", ())]
    context = [
        len(e.get("text", ""))
        for b in blocks
        for e in b.get("elements", ())
        if isinstance(e.get("text"), str)
    ]
    lengths = {
        "header": max(headers, default=0),
        "section": max(sections, default=0),
        "field": max(fields, default=0),
        "blocks": len(blocks),
        "together": sum((*headers, *sections, *fields, *context)),
    }
    return [(name, length, LIMITS[name]) for name, length in lengths.items()]


def _text(block: Mapping[str, Any]) -> str:
    return str((block.get("text") or {}).get("text", ""))
