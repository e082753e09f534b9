"""Options that several commands share, so that each is spelled and explained once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from sentinel_cli.exit_codes import FailOn
from sentinel_cli.output import Format
from sentinel_cli.terminal import Color

Paths = Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for standard input.")]
OutputOption = Annotated[Format, typer.Option("--output", "-o", help="How to write the result.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write the result to this file, not to the screen.")
]
FailOnOption = Annotated[
    FailOn,
    typer.Option(
        "--fail-on",
        case_sensitive=False,
        metavar="|".join(FailOn),
        help="End with 1 from this severity on.",
    ),
]


def flag(name: str, says: str) -> Any:
    """An option that takes no value; the help names none either."""
    return typer.Option(name, metavar="", help=says)


def account_ids(values: list[str] | None) -> list[str] | None:
    """Account ids as they are. Raises BadParameter for what cannot be one, without asking AWS."""
    for value in values or ():
        if not re.fullmatch("[0-9]{12}", value, re.ASCII):
            raise typer.BadParameter(f"{value!r} is no account id: expected 12 digits")
    return values


def region_name(value: str | None) -> str | None:
    """A Region's name as it is. Raises BadParameter for what cannot be one, without asking AWS."""
    from sentinel.links import is_region

    if value and not is_region(value):
        raise typer.BadParameter(f"{value!r} is no Region: expected one such as eu-central-1")
    return value


def region_names(values: list[str] | None) -> list[str] | None:
    """Names of Regions as they are. Raises BadParameter for what cannot be one."""
    for value in values or ():
        region_name(value)
    return values


AllowBlindOption = Annotated[
    bool, flag("--allow-blind", "Do not end with 3 for what could not be assessed.")
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="The team's policy.yaml: exemptions, settings, lists."),
]
ColorOption = Annotated[Color, typer.Option("--color", help="When to colour words.")]
StackOption = Annotated[str, typer.Option("--stack", help="The name of the hub's stack.")]
RegionOption = Annotated[
    str,
    typer.Option(
        "--region",
        callback=region_name,
        help="The hub's Region; else the one of your AWS settings.",
    ),
]
STACK = "agentcore-sentinel"
READ_ROLE = "agentcore-sentinel-read"
"""The read role that member.yaml makes, unless it was told another name."""


def rule_names() -> list[str]:
    """The rules, for completion."""
    from sentinel import catalog

    return list(catalog.rules())


def kind_names() -> list[str]:
    """The kinds of resource that a sweep lists, for completion."""
    from sentinel import catalog

    return [kind.kind for kind in catalog.resources()]
