"""What every test may ask for: the root of the project, and the test data beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of test data; a test that needs it skips without."""
    if not DATA.exists():
        pytest.skip(f"no test data at {DATA.relative_to(ROOT.parent)} beside the project")
    return DATA
