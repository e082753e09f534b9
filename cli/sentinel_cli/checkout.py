"""`sentinel generate` and `sentinel demo`: what needs a checkout of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_cli import terminal
from sentinel_cli.exit_codes import Exit
from sentinel_cli.failure import Failure
from sentinel_cli.options import flag


def root() -> Path:
    """The project's root. Raises Failure where the command was installed from a wheel."""
    found = Path(__file__).resolve().parents[2]
    if not (found / "template.yaml").exists():
        raise Failure("this needs a checkout of the project; clone it and run make setup")
    return found


def generate(
    check: Annotated[bool, flag("--check", "Only say what is stale.")] = False,
) -> None:
    """Write what follows from the rules: patterns, rights, rule pages, the policy's schema."""
    from sentinel_cli import generate as generator

    top = root()
    changed = generator.stale(top) if check else generator.write(top)
    for path in changed:
        terminal.write([f"{'stale' if check else 'written'}: {path.relative_to(top)}\n"])
    if check and changed:
        terminal.tell("run: .venv/bin/sentinel generate")
        raise typer.Exit(Exit.FINDINGS)


def demo(
    once: Annotated[bool, flag("--once", "Play the story, check it, and end.")] = False,
    port: Annotated[int, typer.Option("--port", help="The page's port; 0 takes a free one.")] = 0,
    no_page: Annotated[bool, flag("--no-page", "Play without the page.")] = False,
) -> None:
    """Run the whole system on this machine, and show what people would get."""
    root()
    from sentinel_cli.demo import run

    raise typer.Exit(run(once=once, port=port, page=not no_page))
