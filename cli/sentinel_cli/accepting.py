"""Accepting a finding: a person says that it is meant to be so, and that is written down."""

from __future__ import annotations

import json
from datetime import timedelta

from sentinel import catalog, life, moment
from sentinel.aws import clock
from sentinel.aws.live import LiveWorld
from sentinel.finding import short
from sentinel.judge import CannotRead
from sentinel.life import Change, Finding, Status
from sentinel.rule import Rule
from sentinel.subject import Activity, Resource

from sentinel_cli import own_rights
from sentinel_cli.failure import Failure
from sentinel_cli.hub import Hub

EXEMPT_FOR = timedelta(days=90)
"""How long the exemption lasts that is proposed where a state cannot be accepted."""


def accept(hub: Hub, finding: Finding, reason: str, owner: str) -> str:
    """Accept a finding, and say what that did. Raises Failure when its rule judges a state.

    The baseline is moved before the finding is closed, so that a command that dies can be repeated.
    """
    rule = catalog.rules().get(finding.rule)
    kind = catalog.subjects().get(finding.subject.kind)
    if rule is None or kind is None:
        raise Failure(f"this version has no rule {finding.rule}; use the version that found it")
    accepted = f"{short(finding.fingerprint)} accepted by {hub.caller.arn}"
    if issubclass(kind, Activity) or _is_for_good(finding):
        _close(hub, finding, reason, owner)
        return f"{accepted}: closed"
    if not issubclass(kind, Resource):
        raise TypeError(f"{kind.__name__} is neither a resource nor an activity")
    if not rule.compares:
        raise Failure(_exemption(rule, finding, reason, owner))
    _accept_state(hub, kind, finding, reason, owner)
    _close(hub, finding, reason, owner)
    return f"{accepted}: the present state is the baseline now"


def _is_for_good(finding: Finding) -> bool:
    """Whether what was found has no state any more that could change: a trail was deleted."""
    return any(line.path == "deleted" for line in finding.problem.evidence)


def _accept_state(
    hub: Hub, kind: type[Resource], finding: Finding, reason: str, owner: str
) -> None:
    world = LiveWorld(own_rights.reading(hub.edge, hub.caller))
    started = clock.now()
    try:
        resource = world.read(kind, finding.subject)
    except CannotRead as refused:
        raise Failure(
            f"{finding.subject.key} cannot be read, so its state cannot be accepted: {refused}."
            " Use credentials that may read it, or the read role"
        ) from None
    if resource is None:
        raise Failure(f"{finding.subject.key} is gone; the next sweep closes the finding")
    by = json.dumps({"by": hub.caller.arn, "owner": owner, "reason": reason})
    if not hub.edge.memory.accept(resource, started, by):
        raise Failure(f"a newer state of {finding.subject.key} was accepted meanwhile; look again")


def _close(hub: Hub, finding: Finding, reason: str, owner: str) -> None:
    now = clock.now()
    note = {"by": hub.caller.arn, "owner": owner, "reason": reason, "at": moment.text(now)}
    hub.edge.store.remember(finding.fingerprint, "accepted", json.dumps(note))

    def closing(stored: Finding) -> Change | None:
        return None if stored.status is Status.RESOLVED else life.closed_unread(stored, now)

    hub.edge.store.move(finding.fingerprint, closing)


def _exemption(rule: Rule, finding: Finding, reason: str, owner: str) -> str:
    """Why a state is not accepted, and the exemption to copy instead."""
    lines = [
        f"{rule.id} judges the state itself, so there is nothing to compare with.",
        "Add this to policy.yaml, then run `sentinel policy push policy.yaml`:",
        "exemptions:",
        f"  - rule: {rule.id}",
        f"    resource: {json.dumps(finding.subject.key)}",
        f'    account: "{finding.subject.account}"',
        f"    owner: {json.dumps(owner)}",
        f"    reason: {json.dumps(reason)}",
        f'    expires: "{(clock.now() + EXEMPT_FOR).date()}"',
    ]
    return "\n".join(lines)
