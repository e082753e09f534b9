"""The page of a rule: what it says, from its docstring, its settings and its pair of events."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from sentinel.rule import Rule

SECTIONS = (
    ("Risk", "Why it matters"),
    ("Fix", "What to do"),
    ("Silent", "When it is silent or less severe"),
    ("Blind", "What it cannot see"),
)


def page(rule: Rule, pair: Path) -> str:
    """The page in Markdown; *pair* is the folder of its events."""
    lines = [f"# {rule.id}", "", f"{rule.title}.", ""]
    kinds = ", ".join(kind.kind for kind in rule.subjects)
    lines += [f"{rule.severity.name}, where nothing below says otherwise. Judges: {kinds}.", ""]
    for section, heading in SECTIONS:
        if rule.sections.get(section):
            lines += [f"## {heading}", "", rule.sections[section], ""]
    lines += ["## How it is seen", "", rule.ways(), ""]
    if rule.settings:
        lines += ["## Settings", "", "| setting | default |", "| --- | --- |"]
        lines += [f"| `{s.name}` | `{s.shown()}` |" for s in rule.settings.values()]
        lines += [""]
    if rule.crosswalk:
        lines += ["## Also known as", "", ", ".join(f"`{c}`" for c in rule.crosswalk), ""]
    event = _event(pair / "violation.json")
    lines += ["## The event that it fires on", "", "```json", event, "```", ""]
    return "\n".join(lines)


def index(rules: Iterable[Rule]) -> str:
    """The list of all rules."""
    lines = ["# The rules", "", "| rule | severity | what is wrong |", "| --- | --- | --- |"]
    lines += [f"| [{r.id}]({r.id}.md) | {r.severity.name} | {r.title} |" for r in rules]
    return "\n".join(lines) + "\n"


def _event(path: Path) -> str:
    """The call itself; of several events the last, which is the violation."""
    document = json.loads(path.read_text())
    event = document[-1] if isinstance(document, list) else document
    detail = event.get("detail", event)
    shown = {
        name: detail[name]
        for name in ("eventSource", "eventName", "requestParameters")
        if name in detail
    }
    return json.dumps(shown, indent=2)
