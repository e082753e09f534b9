"""`sentinel policy check|show|push`: the team's decisions, from git to the functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sentinel_cli import output, terminal
from sentinel_cli.failure import Failure
from sentinel_cli.options import STACK, RegionOption, StackOption, flag

policy = typer.Typer(
    help="Check, show or push the team's policy.yaml.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
FileArgument = Annotated[Path, typer.Argument(help="The team's policy.yaml.")]


@policy.command()
def check(file: FileArgument) -> None:
    """Check a policy, and name the line of every mistake."""
    from sentinel.aws import clock
    from sentinel.policy import unread

    from sentinel_cli.policy_file import read
    from sentinel_cli.text import counted

    found = read(file)
    now = clock.now()
    ended = sum(exemption.ends <= now for exemption in found.exemptions)
    members, exemptions = len(found.members), len(found.exemptions)
    told = f"{file}: good: {counted(members, 'member')}, {counted(exemptions, 'exemption')}"
    for entry in unread(found):
        terminal.tell(f"warning: {entry}")
    terminal.write([f"{told}{f', {ended} of them expired' if ended else ''}\n"])


@policy.command()
def show(
    file: Annotated[Path | None, typer.Argument(help="A file; without it, the hub's copy.")] = None,
    stack: StackOption = STACK,
    region: RegionOption = "",
) -> None:
    """Show a policy as the functions read it: the hub's copy, or a file with all defaults."""
    if file is not None:
        from sentinel_cli.policy_file import read

        document = read(file).document()
    else:
        from sentinel_cli import hub

        copy = hub.find(stack, region).edge.policy_copy
        document = copy.at_best().document()
        if copy.problem:
            raise Failure(f"the hub's copy cannot be used: {copy.problem}; push a good one")
        terminal.tell(f"version {copy.version}")
    terminal.write([output.json_text(json.loads(document)) + "\n"])


@policy.command()
def push(
    file: FileArgument,
    dry_run: Annotated[bool, flag("--dry-run", "Show what would change.")] = False,
    stack: StackOption = STACK,
    region: RegionOption = "",
) -> None:
    """Check a policy, show which open findings it changes, and give it to the functions."""
    from sentinel_cli import hub, pushing
    from sentinel_cli.policy_file import read

    wanted = read(file)
    where = hub.find(stack, region)
    present = pushing.present(where)
    terminal.write(f"{line}\n" for line in pushing.effects(where, present.policy, wanted))
    if dry_run or (present.etag and present.policy == wanted):
        terminal.write(["Nothing was pushed.\n"])
        return
    version = pushing.push(where, wanted, present)
    terminal.write(
        [
            f"Pushed version {version}. Functions use it within a minute;\n",
            "findings move at the next look, those whose exemption ended within minutes.\n",
        ]
    )
