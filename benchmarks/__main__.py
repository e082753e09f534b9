"""Runs one benchmark: `python -m benchmarks NAME [ARGUMENTS]`, for example `replay --help`."""

from __future__ import annotations

import importlib
import sys

NAMES = ("cold", "faults", "replay")

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.exit(f"usage: python -m benchmarks {{{','.join(NAMES)}}} [ARGUMENTS]")
    sys.exit(importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:]))
