"""The deployed system for the tests that play in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.stage import Stage, opened


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Hub and members, deployed once; a test plays in a forked copy of it."""
    with opened() as deployed:
        yield deployed
