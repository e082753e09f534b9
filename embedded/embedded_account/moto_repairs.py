"""Puts our code in the place of moto's where moto does otherwise than AWS.

A repair says which gap it closes, and names what it replaces by the digest of its source text:
when moto changes, the repair is refused.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import moto

MOTO_VERSION = "5.2.5"
ABSENT = "absent"


class MotoChangedError(Exception):
    """moto is not the one that a repair was written for: read its source, adapt the repair."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that moto does otherwise than AWS, and what takes its place.

    *source* is the first twelve hex digits of the SHA-256 of the replaced source text, or `ABSENT`
    where moto has nothing, so that a repair of something else than it was written for is refused.
    """

    gap: str
    owner: Any
    attribute: str
    replacement: Any
    source: str


@contextmanager
def repaired(repairs: Sequence[Repair]) -> Iterator[None]:
    """Keep *repairs* in force while the context lasts.

    Raises `MotoChangedError` when moto's version or the source of a repaired attribute is another
    one.
    """
    if moto.__version__ != MOTO_VERSION:
        raise MotoChangedError(
            f"the repairs were written for moto {MOTO_VERSION}, this is {moto.__version__}"
        )
    with ExitStack() as undo:
        for repair in repairs:
            undo.callback(_apply(repair))
        yield


def _apply(repair: Repair) -> Callable[[], None]:
    found = ABSENT
    if repair.attribute in vars(repair.owner):
        original = vars(repair.owner)[repair.attribute]
        found = source_digest(getattr(repair.owner, repair.attribute))
    if found != repair.source:
        raise MotoChangedError(
            f"{repair.owner.__name__}.{repair.attribute} has source {found}, expected "
            f"{repair.source}; the repair closes this gap: {repair.gap}"
        )
    setattr(repair.owner, repair.attribute, repair.replacement)
    if found == ABSENT:
        return lambda: delattr(repair.owner, repair.attribute)
    return lambda: setattr(repair.owner, repair.attribute, original)


def source_digest(thing: Any) -> str:
    """Return what identifies the source text of a function, method or property of moto."""
    function: Any = thing.fget if isinstance(thing, property) else thing
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]
