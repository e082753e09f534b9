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
    status: Annotated[
        Chosen,
        typer.Option(
            "--status", case_sensitive=False, metavar="|".join(Chosen), help="Which are listed."
        ),
    ] = Chosen.OPEN,
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
    store = hub.edge.store
    found: list[Finding | Gap] = []
    for each in chosen:
        found += store.findings(each)
        found += store.gaps(each)

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

    from sentinel_cli.text import WIDTH, clean, moment_text

    for one in found:
        status = f"{one.status} {moment_text(one.closed_at or one.opened_at)}"
        if isinstance(one, Finding):
            word, name, place = one.severity.name, one.rule, one.subject
            what = f"{place.kind}/{place.name}   {place.account}  {place.region}"
            identifier = short(one.fingerprint)
        else:
            word, name = "COULD NOT ASSESS", ""
            what = f"{one.kind} {one.cause}: {one.reason}   {one.account}  {one.region}"
            identifier = short(one.id)
        left = f"{identifier}  {word:<15}{name}"
        yield left.replace(word, paint.word(word), 1) + status.rjust(WIDTH - len(left))
        yield f"{'':12}{clean(what)}"


def accept(
    finding: Annotated[str, typer.Argument(help="f-12345678, or the whole fingerprint.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is meant to be so.")],
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")],
    stack: StackOption = STACK,
    region: RegionOption = "",
) -> None:
    """Take the present state as good, or say that an activity was meant; close the finding."""
    from sentinel_cli import accepting, hub

    digits(finding)
    if not reason.strip() or not owner.strip():
        raise Failure("--reason and --owner must say something: they are kept with the finding")
    where = hub.find(stack, region)
    told = accepting.accept(where, named(where, finding), reason.strip(), owner.strip())
    terminal.write([f"{told}\n"])


def named(hub: Hub, name: str) -> Finding:
    """The finding that a person names. Raises Failure when it is none, or more than one."""
    from sentinel.life import Finding

    found = known(hub, name)
    if not isinstance(found, Finding):
        raise Failure(f"{name} is a gap: it closes by itself once {found.cause} can be done again")
    return found


def digits(name: str) -> str:
    """The digits of a finding's name. Raises Failure for what cannot be one, without asking AWS."""
    found = name.lower().removeprefix("f-")
    if len(found) < SHORTEST or set(found) - set("0123456789abcdef"):
        raise Failure(f"{name!r} is no finding: expected f- and 8 digits, or a fingerprint of 32")
    return found


def known(hub: Hub, name: str) -> Finding | Gap:
    """The finding or gap that a person names. Raises Failure when it is none, or more than one."""
    start = digits(name)
    found = {}
    if len(start) == 32:
        exact = hub.edge.store.finding(start) or hub.edge.store.gap(start)
        found = {start: exact} if exact else {}
    else:
        every = {identifier(one): one for one in listed(hub, Chosen.ALL)}
        found = {key: one for key, one in every.items() if key.startswith(start)}
    if not found:
        raise Failure(f"there is no finding {name}; `sentinel findings --status all` lists them")
    if len(found) > 1:
        raise Failure(f"{name} names {len(found)} findings; use one of {', '.join(found)}")
    return next(iter(found.values()))


def identifier(one: Finding | Gap) -> str:
    """The fingerprint of a finding, the id of a gap."""
    from sentinel.gap import Gap

    return one.id if isinstance(one, Gap) else one.fingerprint


def accepted_note(hub: Hub, fingerprint: str) -> dict[str, str]:
    """Who accepted a finding, when and why; empty if nobody did."""
    kept = hub.edge.store.remembered(fingerprint, "accepted")
    note: dict[str, str] = json.loads(kept) if kept else {}
    return note
