"""`sentinel sweep`: everything that exists, now, with the caller's rights or with the hub's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_cli import archives, output, terminal
from sentinel_cli.exit_codes import FailOn, of_counts
from sentinel_cli.failure import Failure
from sentinel_cli.options import (
    READ_ROLE,
    STACK,
    AllowBlindOption,
    ColorOption,
    FailOnOption,
    OutOption,
    OutputOption,
    PolicyOption,
    account_ids,
    flag,
    kind_names,
    region_name,
    region_names,
    rule_names,
)
from sentinel_cli.output import Format
from sentinel_cli.terminal import Color, Paint

if TYPE_CHECKING:
    from sentinel.policy import Policy
    from sentinel.sweep import Request

LONGEST = 910
"""Seconds to wait for the sweep function, which has 900."""

Names = list[str]


AccountsOption = Annotated[
    Names | None, typer.Option("--account", callback=account_ids, help="Sweep this account.")
]
RegionsOption = Annotated[
    Names | None, typer.Option("--region", callback=region_names, help="Sweep this Region.")
]
KindsOption = Annotated[
    Names | None, typer.Option("--kind", help="Sweep this kind only.", autocompletion=kind_names)
]
RulesOption = Annotated[
    Names | None,
    typer.Option("--rule", help="Judge with this rule only.", autocompletion=rule_names),
]
HubStackOption = Annotated[
    str | None, typer.Option("--stack", help=f"With --hub: the name of its stack, or {STACK}.")
]
HubRegionOption = Annotated[
    str | None,
    typer.Option(
        "--hub-region",
        callback=region_name,
        help="With --hub: its Region; else that of your settings.",
    ),
]
ReadRoleOption = Annotated[
    str | None,
    typer.Option("--read-role", help=f"The role to read other accounts with, or {READ_ROLE}."),
]


def sweep(
    accounts: AccountsOption = None,
    regions: RegionsOption = None,
    kinds: KindsOption = None,
    rules: RulesOption = None,
    by_hub: Annotated[bool, flag("--hub", "Let the hub sweep, and store it.")] = False,
    stack: HubStackOption = None,
    hub_region: HubRegionOption = None,
    read_role: ReadRoleOption = None,
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
    for_hub = {"--stack": stack, "--hub-region": hub_region}
    for_own = {"--policy": policy, "--read-role": read_role}
    _refuse(for_own if by_hub else for_hub, by_hub=by_hub)
    try:
        request = Request.parse(asked)
        if by_hub:
            summary = _invoked(asked, stack or STACK, hub_region or "", form)
            _finish(summary, form, out, fail_on, color, allow_blind=allow_blind)
        report, table = _own(request, load(policy), read_role or READ_ROLE)
    except BadRequest as error:
        raise Failure(str(error)) from None
    archives.finish(report, form, out, fail_on, color, allow_blind=allow_blind, table=table)


def _refuse(options: Mapping[str, object], *, by_hub: bool) -> None:
    """Raises Failure for options that say nothing to this kind of sweep."""
    given = [name for name, value in options.items() if value is not None]
    if given and by_hub:
        raise Failure(
            f"{given[0]} does not go with --hub, which reads by its own role and judges by the"
            " policy that `sentinel policy push` gave it"
        )
    if given:
        raise Failure(f"{given[0]} is for --hub; a sweep with your own rights needs no hub")


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


def _finish(
    summary: dict[str, Any],
    form: Format,
    out: Path | None,
    fail_on: FailOn,
    color: Color,
    *,
    allow_blind: bool,
) -> None:
    """Write the summary of the hub's sweep, say how the command ends, and end it."""
    blind = int(summary.get("unread", 0))
    blind += sum(_total(summary, name) for name in ("gaps", "unfinished"))
    code, ending = of_counts(
        summary.get("severities", {}),
        blind,
        fail_on,
        allow_blind=allow_blind,
        failed=_total(summary, "errors"),
    )
    paint = terminal.paint(color if out is None else Color.NEVER, sys.stdout)
    is_text = form is Format.TEXT
    lines = (*told(summary, paint), ending) if is_text else (output.json_text(summary),)
    output.deliver((f"{line}\n" for line in lines), out)
    if out is not None or not is_text:
        terminal.tell(ending)
    raise typer.Exit(code)


def _invoked(asked: dict[str, Any], stack: str, region: str, form: Format) -> dict[str, Any]:
    """What the sweep function answers. Raises Failure when it failed."""
    if form not in (Format.TEXT, Format.JSON):
        raise Failure("--hub prints its summary as text or json; the findings are in its table")
    from botocore.config import Config

    from sentinel_cli import hub

    where = hub.find(stack, region, option="--hub-region")
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


def _total(summary: dict[str, Any], name: str) -> int:
    """How many texts of a kind there are; the summary holds the first of them only."""
    return int(summary.get("totals", {}).get(name, len(summary.get(name, ()))))


def told(summary: dict[str, Any], paint: Paint) -> Iterator[str]:
    """What the hub's sweep saw and could not see, as people read it."""
    from sentinel_cli.text import clean, counted

    slices = counted(summary.get("slices", 0), "slice")
    yield f"Sweep {clean(str(summary.get('sweep', '')))}: {slices}."
    seen = ", ".join(f"{name} {summary.get(name, 0)}" for name in ("resources", "judged", "unread"))
    yield f"{seen}, gone {summary.get('gone', 0)}."
    if summary.get("regions"):
        yield f"Swept: {clean(', '.join(summary['regions']))}."
    severities = summary.get("severities", {})
    if severities:
        words = (f"{paint.word(clean(name))} {count}" for name, count in severities.items())
        yield "  " + "   ".join(words)
    for name, word in (("gaps", "Blind"), ("not_swept", "Not swept"), ("errors", "Failed")):
        shown = summary.get(name, ())
        yield from (f"{word}: {clean(str(text))}" for text in shown)
        more = _total(summary, name) - len(shown)
        if more > 0:
            yield f"{word}: {more:,} more"
    unfinished = _total(summary, "unfinished")
    if unfinished:
        be = "is" if unfinished == 1 else "are"
        goes_on = f"{be} unfinished; the hub goes on by itself"
        yield f"{counted(unfinished, 'slice')} {goes_on}."
