"""Options that several commands share, so that each is spelled and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    typer.Option("--fail-on", case_sensitive=False, help="End with 1 from this severity on."),
]
AllowBlindOption = Annotated[
    bool, typer.Option("--allow-blind", help="Do not end with 3 for what could not be assessed.")
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="The team's policy.yaml: exemptions, settings, lists."),
]
ColorOption = Annotated[Color, typer.Option("--color", help="When to colour words.")]
StackOption = Annotated[str, typer.Option("--stack", help="The name of the hub's stack.")]
RegionOption = Annotated[
    str, typer.Option("--region", help="The hub's Region; else the one of your AWS settings.")
]
STACK = "agentcore-sentinel"
