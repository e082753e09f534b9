"""`sentinel rules` and `sentinel explain`: what is judged, and what is known of one finding."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sentinel_cli import output, terminal
from sentinel_cli.failure import Failure
from sentinel_cli.findings import Form
from sentinel_cli.options import STACK, ColorOption, RegionOption, StackOption, rule_names
from sentinel_cli.terminal import Color


def rules(
    form: Annotated[
        Form, typer.Option("--output", "-o", help="How to write the list.")
    ] = Form.TEXT,
    color: ColorOption = Color.AUTO,
) -> None:
    """List the rules."""
    from sentinel import catalog

    every = sorted(catalog.rules().values(), key=lambda rule: (-rule.severity, rule.id))
    if form is Form.JSON:
        listed = [
            {
                "rule": rule.id,
                "severity": rule.severity.name,
                "title": rule.title,
                "subjects": [kind.kind for kind in rule.subjects],
                "settings": {name: s.as_json() for name, s in rule.settings.items()},
                "crosswalk": list(rule.crosswalk),
            }
            for rule in every
        ]
        terminal.write([output.json_text(listed) + "\n"])
        return
    paint = terminal.paint(color, sys.stdout)
    for rule in every:
        word = rule.severity.name
        padding = " " * (15 - len(word))
        terminal.write([f"{paint.word(word)}{padding}{rule.id}\n{'':15}{rule.title}.\n"])


def explain(
    what: Annotated[
        str,
        typer.Argument(
            help="A finding (f-12345678) or the name of a rule.", autocompletion=rule_names
        ),
    ],
    stack: StackOption = STACK,
    region: RegionOption = "",
    color: ColorOption = Color.AUTO,
) -> None:
    """Explain a rule, or all that the hub knows of a finding."""
    from sentinel import catalog

    from sentinel_cli import explaining

    name = what.replace("-", "_")
    paint = terminal.paint(color, sys.stdout)
    if name in catalog.rules():
        terminal.write(f"{line}\n" for line in explaining.rule(catalog.rules()[name], paint))
        return
    if not what.lower().startswith("f-") and set(what.lower()) - set("0123456789abcdef"):
        names = ", ".join(catalog.rules())
        raise Failure(f"{what!r} is neither a finding (f- and 8 digits) nor a rule ({names})")
    from sentinel.gap import Gap

    from sentinel_cli import hub
    from sentinel_cli.findings import accepted_note, digits, known

    digits(what)
    where = hub.find(stack, region)
    found = known(where, what)
    policy = where.edge.policy_copy.at_best()
    if isinstance(found, Gap):
        lines = explaining.gap(found, policy, paint)
    else:
        accepted = accepted_note(where, found.fingerprint)
        lines = explaining.finding(found, policy, accepted, paint)
    terminal.write(f"{line}\n" for line in lines)
