"""`sentinel sweep`: everything that exists, now, with the caller's rights or with the hub's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_cli import archives, output, terminal
from sentinel_cli.exit_codes import FailOn, of_counts
from sentinel_cli.failure import Failure
from sentinel_cli.options import (
    STACK,
    AllowBlindOption,
    ColorOption,
    FailOnOption,
    OutOption,
    OutputOption,
    PolicyOption,
    StackOption,
)
from sentinel_cli.output import Format
from sentinel_cli.terminal import Color

if TYPE_CHECKING:
    from sentinel.policy import Policy
    from sentinel.sweep import Request

LONGEST = 910
"""Seconds to wait for the sweep function, which has 900."""

Names = list[str]


def sweep(
    accounts: Annotated[Names | None, typer.Option("--account", help="Sweep this account.")] = None,
    regions: Annotated[Names | None, typer.Option("--region", help="Sweep this Region.")] = None,
    kinds: Annotated[Names | None, typer.Option("--kind", help="Sweep this kind only.")] = None,
    rules: Annotated[
        Names | None, typer.Option("--rule", help="Judge with this rule only.")
    ] = None,
    by_hub: Annotated[bool, typer.Option("--hub", help="Let the hub sweep, and store it.")] = False,
    stack: StackOption = STACK,
    read_role: Annotated[
        str, typer.Option("--read-role", help="The role to read other accounts with.")
    ] = "agentcore-sentinel-read",
    form: OutputOption = Format.TEXT,
    out: OutOption = None,
    fail_on: FailOnOption = FailOn.LOW,
    allow_blind: AllowBlindOption = False,
    policy: PolicyOption = None,
    color: ColorOption = Color.AUTO,
) -> None:
    """Read everything that exists now and judge it, with your own rights or by the hub."""
    from sentinel.sweep import BadRequest, Request

    from sentinel_cli.policy_file import load

    chosen = {"accounts": accounts, "regions": regions, "kinds": kinds, "rules": rules}
    asked = {name: value for name, value in chosen.items() if value}
    try:
        request = Request.parse(asked)
        if by_hub:
            _by_hub(asked, stack, form, fail_on, allow_blind=allow_blind)
        report, table = _own(request, load(policy), read_role)
    except BadRequest as error:
        raise Failure(str(error)) from None
    archives.finish(report, form, out, fail_on, color, allow_blind=allow_blind, table=table)


def _own(request: Request, policy: Policy, role: str) -> tuple[Any, Iterator[str]]:
    from dataclasses import replace

    from sentinel_cli import hub, own_rights, sweeping

    edge = hub.edge(request.regions[0] if request.regions else "")
    caller = hub.caller(edge)
    of = sweeping.wanted(policy, request.accounts, request.regions, caller.account, edge.region)
    everywhere = replace(request, accounts=(), regions=())
    reading = own_rights.reading(edge, caller, role)
    with terminal.progress("sweeping") as done:
        swept = sweeping.sweep(reading, of, everywhere, caller.account, done)
    return swept.report, sweeping.table(swept)


def _by_hub(
    asked: dict[str, Any], stack: str, form: Format, fail_on: FailOn, *, allow_blind: bool
) -> None:
    """Invoke the sweep function, print its summary, and end the command."""
    if form not in (Format.TEXT, Format.JSON):
        raise Failure("--hub prints its summary as text or json; the findings are in its table")
    summary = _invoked(asked, stack)
    blind = int(summary.get("unread", 0)) + len(summary.get("gaps", ()))
    blind += len(summary.get("unfinished", ()))
    code, ending = of_counts(
        summary.get("severities", {}),
        blind,
        fail_on,
        allow_blind=allow_blind,
        failed=len(summary.get("errors", ())),
    )
    if form is Format.JSON:
        terminal.write([output.json_text(summary) + "\n"])
        terminal.tell(ending)
    else:
        terminal.write(f"{line}\n" for line in (*_summary(summary), ending))
    raise typer.Exit(code)


def _invoked(asked: dict[str, Any], stack: str) -> dict[str, Any]:
    from botocore.config import Config

    from sentinel_cli import hub

    where = hub.find(stack, "")
    client = where.edge.session.client(
        "lambda", config=Config(read_timeout=LONGEST, retries={"total_max_attempts": 1})
    )
    answer = client.invoke(
        FunctionName=where.output("SweepFunctionName"), Payload=json.dumps(asked).encode()
    )
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        what = f"{told.get('errorType', 'error')}: {told.get('errorMessage', '')}"
        raise Failure(f"the sweep function failed: {what}")
    return told


def _summary(summary: dict[str, Any]) -> Iterator[str]:
    from sentinel_cli.text import clean

    yield f"Sweep {clean(str(summary.get('sweep', '')))}: {summary.get('slices', 0)} slices."
    told = ", ".join(f"{name} {summary.get(name, 0)}" for name in ("resources", "judged", "unread"))
    yield f"{told}, gone {summary.get('gone', 0)}."
    severities = summary.get("severities", {})
    if severities:
        yield "  " + "   ".join(f"{clean(name)} {count}" for name, count in severities.items())
    for gap in summary.get("gaps", ()):
        yield f"Blind: {clean(str(gap))}"
    for error in summary.get("errors", ()):
        yield f"Failed: {clean(str(error))}"
    unfinished = summary.get("unfinished", ())
    if unfinished:
        yield f"{len(unfinished)} slices are unfinished; the hub goes on with them by itself."
