"""The `sentinel` command: its sub-commands, and how each of them ends."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sentinel_cli import (
    archives,
    checkout,
    findings,
    policy_command,
    redrive,
    rules,
    sweep_command,
    terminal,
)
from sentinel_cli.exit_codes import Exit
from sentinel_cli.failure import known
from sentinel_cli.options import flag
from sentinel_cli.terminal import ClosedPipe

DEBUG = "--debug"

app = typer.Typer(
    help="Finds open doors of Amazon Bedrock AgentCore: in archives, in policies, in accounts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    archives.replay,
    archives.judge,
    sweep_command.sweep,
    findings.findings,
    rules.explain,
    findings.accept,
    rules.rules,
    redrive.redrive,
    checkout.generate,
    checkout.demo,
):
    app.command()(command)
app.add_typer(policy_command.policy, name="policy")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        terminal.write([f"sentinel {version('agentcore-sentinel')}\n"])
        raise typer.Exit


@app.callback()
def about(
    debug: Annotated[bool, flag(DEBUG, "Show where an error comes from.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", is_eager=True, callback=_version, help="Show the version."
        ),
    ] = False,
) -> None:
    """Finds open doors of Amazon Bedrock AgentCore: in archives, in policies, in accounts."""


def main() -> None:
    """Run the command: errors become words and an exit code, tracebacks only with --debug."""
    terminal.prepare()
    debug = DEBUG in sys.argv
    sys.exit(_run([word for word in sys.argv[1:] if word != DEBUG], debug=debug))


def _run(words: list[str], *, debug: bool) -> int:
    try:
        app(words, prog_name="sentinel")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except ClosedPipe:
        terminal.forget_everything()
        return Exit.CLOSED_PIPE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError):
            terminal.forget_output()
        if debug:
            raise
        return _failed(error)
    return Exit.CLEAN


def _failed(error: Exception) -> int:
    found = known(error)
    advice = "" if found else "; this is a bug: run it again with --debug and report what it prints"
    from sentinel import escape

    words = str(found) if found else f"{type(error).__name__}: {error}"
    shown = "\n".join(escape.terminal(line) for line in words.splitlines())
    try:
        terminal.tell(f"error: {shown}{advice}")
        terminal.tell(f"exit {Exit.FAILED.value}: the command failed")
    except ClosedPipe:
        terminal.forget_everything()
    return Exit.FAILED
