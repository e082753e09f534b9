"""`sentinel replay` and `sentinel judge`: judging what lies in files, without AWS."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_cli import output, terminal
from sentinel_cli.exit_codes import FailOn, of_report
from sentinel_cli.options import (
    AllowBlindOption,
    ColorOption,
    FailOnOption,
    OutOption,
    OutputOption,
    Paths,
    PolicyOption,
    flag,
)
from sentinel_cli.output import Format
from sentinel_cli.terminal import Color

if TYPE_CHECKING:
    from sentinel_cli.report import Report

PROCESSORS = os.cpu_count() or 1
JobsOption = Annotated[int, typer.Option("--jobs", min=1, help="How many processes read files.")]


def replay(
    paths: Paths,
    form: OutputOption = Format.TEXT,
    out: OutOption = None,
    strict: Annotated[
        bool,
        flag(
            "--strict",
            "Parse every record: the same result, later. On files that AWS did not write it "
            "also sees damage inside records that no rule watches.",
        ),
    ] = False,
    jobs: JobsOption = PROCESSORS,
    fail_on: FailOnOption = FailOn.LOW,
    allow_blind: AllowBlindOption = False,
    policy: PolicyOption = None,
    color: ColorOption = Color.AUTO,
) -> None:
    """Judge CloudTrail archives: files, folders, globs, or standard input."""
    from sentinel_cli.policy_file import load
    from sentinel_cli.replay import replay as replayed

    with terminal.progress("reading") as read:
        report = replayed(paths, load(policy), strict=strict, jobs=jobs, read=read)
    finish(report, form, out, fail_on, color, allow_blind=allow_blind)


def judge(
    paths: Paths,
    form: OutputOption = Format.TEXT,
    out: OutOption = None,
    fail_on: FailOnOption = FailOn.LOW,
    allow_blind: AllowBlindOption = False,
    policy: PolicyOption = None,
    color: ColorOption = Color.AUTO,
) -> None:
    """Judge what you have: an event, a policy, an account's export, a resource as it was read."""
    from sentinel_cli.judging import judge as judged
    from sentinel_cli.policy_file import load

    report = judged(paths, load(policy))
    finish(report, form, out, fail_on, color, allow_blind=allow_blind)


def finish(
    report: Report,
    form: Format,
    out: Path | None,
    fail_on: FailOn,
    color: Color,
    *,
    allow_blind: bool,
    table: Iterable[str] | None = None,
) -> None:
    """Write a report, say how the command ends, and end it."""
    code, ending = of_report(report, fail_on, allow_blind=allow_blind)
    paint = terminal.paint(color if out is None else Color.NEVER, sys.stdout)
    output.deliver(output.pieces(report, form, paint, ending, table), out)
    if out is not None or form is not Format.TEXT:
        from sentinel import escape

        for error in report.errors:
            terminal.tell(escape.terminal(f"error: {error.source}: {error.message}"))
        terminal.tell(ending)
    raise typer.Exit(code)
