"""Leaves Python's garbage collector aside while much is built that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_alone() -> Iterator[None]:
    """Collect nothing meanwhile, and never look again at what was built.

    Service models and a deployed account are some million objects without a cycle worth finding;
    the collector would walk them again and again, and make every process that forks copy them.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
