"""Failures that stop nothing: each is kept while the rest is done, then all are raised together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

SHOWN = 10


class Failures:
    """What went wrong so far."""

    def __init__(self) -> None:
        self._errors: list[Exception] = []

    def first(self) -> list[Exception]:
        """The first of them, for a log."""
        return self._errors[:SHOWN]

    @contextmanager
    def kept(self, doing: str) -> Iterator[None]:
        """Go on after the block, whatever it raises: the error is kept, with what was *doing*."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the rest is done, then it is raised
            error.add_note(f"while {doing}")
            self._errors.append(error)

    def texts(self) -> list[str]:
        """Each failure in one line: what it is, what it says, and what was being done."""
        return [_line(error) for error in self._errors]

    def raise_all(self, what: str) -> None:
        """Raise what was kept, if anything was, as one ExceptionGroup.

        Its message tells the first of them: Lambda logs that, and not what is in the group.
        """
        if self._errors:
            raise ExceptionGroup(f"{what}: {'; '.join(self.texts()[:SHOWN])}", self._errors)


def _line(error: Exception) -> str:
    """An error, what is in it where it is a group, and what was being done."""
    says = f"{type(error).__name__}: {error}"
    if isinstance(error, ExceptionGroup):
        within = "; ".join(_line(one) for one in error.exceptions[:SHOWN])
        says = f"{error.message}: {within}"
    return " ".join((says, *getattr(error, "__notes__", ())))
