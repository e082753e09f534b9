"""The life of a finding as a model: small enough to be believed, and written without the product.

It says which moves are legal, and how a finding must stand once everything has come to rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEGAL: Mapping[str, Mapping[str, str]] = {
    "": {"opened": "OPEN", "suppressed": "SUPPRESSED"},
    "OPEN": {
        "changed": "OPEN",
        "raised": "OPEN",
        "suppressed": "SUPPRESSED",
        "resolved": "RESOLVED",
    },
    "SUPPRESSED": {
        "changed": "SUPPRESSED",
        "raised": "SUPPRESSED",
        "reopened": "OPEN",
        "resolved": "RESOLVED",
    },
    "RESOLVED": {"reopened": "OPEN", "suppressed": "SUPPRESSED"},
}
"""Where a move leads from where; a move that is not here never happens."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One change as it was stored."""

    number: int
    move: str
    status: str
    episode: int
    severity: str
    count: int = 1


def violations(changes: Iterable[Moved]) -> list[str]:
    """What is wrong with the changes of one finding, given in the order of their numbers."""
    wrong: list[str] = []
    status, episode, number = "", 0, 0
    seen: tuple[str, int] = ("", 0)
    for moved in changes:
        number += 1
        if moved.number != number:
            wrong.append(f"change {number} is missing: the next is {moved.number}")
        expected = LEGAL[status].get(moved.move)
        if expected is None:
            wrong.append(f"{moved.move} from {status or 'nothing'}")
        elif expected != moved.status:
            wrong.append(f"{moved.move} led to {moved.status}, not to {expected}")
        returns = status in ("", "RESOLVED")
        if moved.episode != episode + returns:
            wrong.append(f"{moved.move} from {status or 'nothing'} in episode {moved.episode}")
        if moved.move == "changed" and (moved.severity, moved.count) == seen:
            wrong.append("changed, and nothing did")
        if moved.move == "raised" and int(moved.severity) <= int(seen[0] or 0):
            wrong.append(f"raised from {seen[0]} to {moved.severity}")
        number = moved.number
        status, episode = moved.status, moved.episode
        seen = moved.severity, moved.count
    return wrong


def stands(severity: str | None) -> str | None:
    """The status of a finding at rest, when its problem is that severe or is gone."""
    return None if severity is None else "OPEN"
