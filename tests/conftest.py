"""What every test may ask for: the root of the project, and the test data beside it."""

from __future__ import annotations

import os
from collections.abc import Generator
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


LONGEST = "test_rights_in_use.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files whose tests play on the stage come last: no other account may live beside it.

    The longest of them begins, so that no worker is left alone with it in the end.
    """
    on_stage = {item.path for item in items if "stage" in getattr(item, "fixturenames", ())}

    def turn(item: pytest.Item) -> int:
        return 0 if item.path not in on_stage else 1 if item.path.name == LONGEST else 2

    items.sort(key=turn)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI is set, a skip is a failure: there everything is installed that a test may need."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI must run everything: {report.longrepr}"
    return report
