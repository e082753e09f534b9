"""`sentinel findings` and `sentinel accept`: what the hub has found, and what a person says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_cli import output, terminal
from sentinel_cli.failure import Failure
from sentinel_cli.options import STACK, ColorOption, RegionOption, StackOption
from sentinel_cli.terminal import Color, Paint

if TYPE_CHECKING:
    from sentinel.gap import Gap
    from sentinel.life import Finding

    from sentinel_cli.hub import Hub

SHORTEST = 8


class Chosen(StrEnum):
    """Which findings are listed."""

    OPEN = "OPEN"
    SUPPRESSED = "SUPPRESSED"
    RESOLVED = "RESOLVED"
    ALL = "ALL"


class Form(StrEnum):
    """How the list is written."""

    TEXT = "text"
    JSON = "json"


def findings(
    status: Annotated[Chosen, typer.Option("--status", case_sensitive=False)] = Chosen.OPEN,
    form: Annotated[
        Form, typer.Option("--output", "-o", help="How to write the list.")
    ] = Form.TEXT,
    stack: StackOption = STACK,
    region: RegionOption = "",
    color: ColorOption = Color.AUTO,
) -> None:
    """List the findings and gaps of the hub, worst first."""
    from sentinel_cli import hub

    found = listed(hub.find(stack, region), status)
    if form is Form.JSON:
        terminal.write([output.json_text([document(one) for one in found]) + "\n"])
        return
    terminal.write(f"{line}\n" for line in _lines(found, terminal.paint(color, sys.stdout)))
    terminal.write([f"{len(found)} {'of any status' if status is Chosen.ALL else status.value}\n"])


def listed(hub: Hub, status: Chosen) -> list[Finding | Gap]:
    """The findings and gaps with a status, worst first, gaps last."""
    from sentinel.life import Finding, Status

    chosen = list(Status) if status is Chosen.ALL else [Status(status.value)]
    found = [one for each in chosen for one in hub.edge.store.by_status(each)]

    def order(one: Finding | Gap) -> tuple[Any, ...]:
        if not isinstance(one, Finding):
            return (1, 0, one.account, one.region, one.kind, one.cause)
        place = one.subject
        return (0, -one.severity, place.account, place.region, place.key, one.fingerprint)

    return sorted(found, key=order)


def document(one: Finding | Gap) -> dict[str, Any]:
    """A finding or gap as JSON, with what it is."""
    from pydantic import TypeAdapter
    from sentinel.finding import short
    from sentinel.life import Finding

    kind = Finding if isinstance(one, Finding) else type(one)
    made: dict[str, Any] = TypeAdapter(kind).dump_python(one, mode="json")
    if isinstance(one, Finding):
        severity = {"severity": one.severity.name, "id": short(one.fingerprint)}
        return {"what": "finding", **severity, **made}
    return {"what": "gap", "id": short(one.id), **made}


def _lines(found: list[Finding | Gap], paint: Paint) -> Iterator[str]:
    from sentinel.finding import short
    from sentinel.life import Finding

    from sentinel_cli.text import clean, moment_text

    for one in found:
        since = moment_text(one.opened_at)
        if isinstance(one, Finding):
            word, place = one.severity.name, one.subject
            name = f"{place.kind}/{place.name}"
            head = f"{short(one.fingerprint)}  {paint.word(word)}{' ' * (15 - len(word))}{one.rule}"
            where = f"{place.account}  {place.region}"
        else:
            word = "COULD NOT ASSESS"
            name, where = f"{one.kind} {one.cause}: {one.reason}", f"{one.account}  {one.region}"
            head = f"{short(one.id)}  {paint.word(word)}"
        yield head
        yield f"            {clean(name)}   {clean(where)}   {one.status} since {since}"


def accept(
    finding: Annotated[str, typer.Argument(help="f-12345678, or the whole fingerprint.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is meant to be so.")],
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")],
    stack: StackOption = STACK,
    region: RegionOption = "",
) -> None:
    """Take the present state as good, or say that an activity was meant; close the finding."""
    from sentinel_cli import accepting, hub

    where = hub.find(stack, region)
    told = accepting.accept(where, named(where, finding), reason.strip(), owner.strip())
    terminal.write([f"{told}\n"])


def named(hub: Hub, name: str) -> Finding:
    """The finding that a person names. Raises Failure when it is none, or more than one."""
    digits = name.lower().removeprefix("f-")
    if len(digits) < SHORTEST or set(digits) - set("0123456789abcdef"):
        raise Failure(f"{name!r} is no finding: expected f- and 8 digits, or a fingerprint of 32")
    if len(digits) == 32:
        exact = hub.edge.store.finding(digits)
        if exact is None:
            raise Failure(f"there is no finding {digits}; `sentinel findings` lists them")
        return exact
    from sentinel.life import Finding

    found = [
        one
        for one in listed(hub, Chosen.ALL)
        if isinstance(one, Finding) and one.fingerprint.startswith(digits)
    ]
    if not found:
        raise Failure(f"there is no finding {name}; `sentinel findings --status all` lists them")
    if len(found) > 1:
        all_of_them = ", ".join(one.fingerprint for one in found)
        raise Failure(f"{name} names {len(found)} findings; use one of {all_of_them}")
    return found[0]


def accepted_note(hub: Hub, fingerprint: str) -> dict[str, str]:
    """Who accepted a finding, when and why; empty if nobody did."""
    kept = hub.edge.store.remembered(fingerprint, "accepted")
    note: dict[str, str] = json.loads(kept) if kept else {}
    return note
