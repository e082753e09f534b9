"""Replays the archive that comes with the demo, by the command that people would run."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

from sentinel_cli.demo.deployment import ROOT
from sentinel_cli.exit_codes import Exit

COMMAND = ("sentinel", "replay", "cli/sentinel_cli/demo/archive")
"""A day of the demo's own workload account, as its trail would deliver it."""
LONGEST_SECONDS = 120
_STARTED = (sys.executable, "-c", "from sentinel_cli.main import main; main()")
"""The command of this very installation, whatever PATH says."""


class ReplayFailedError(Exception):
    """The command failed; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the command said, how it ended, and how long it took."""

    text: str
    exit_code: int
    seconds: float
    command: str = " ".join(COMMAND)


def replay() -> Replayed:
    """Replay the sample. Raises ReplayFailedError when the command could not do it."""
    began = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - our own command, on our own files
            [*_STARTED, *COMMAND[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ReplayFailedError(f"the replay took more than {LONGEST_SECONDS} s") from None
    if done.returncode not in (Exit.CLEAN, Exit.FINDINGS, Exit.BLIND):
        raise ReplayFailedError(f"{' '.join(COMMAND)} failed: {done.stderr.strip()}")
    return Replayed(done.stdout, done.returncode, time.monotonic() - began)
