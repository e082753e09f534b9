"""The Makefile says in its first line what a machine lacks, and uses none of the caller's AWS."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make with a copy of the Makefile in an empty folder."""
    shutil.copy(ROOT / "Makefile", folder)
    for needed in ("requirements/dev.txt", "pyproject.toml"):
        (folder / needed).parent.mkdir(exist_ok=True)
        (folder / needed).touch()
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_python_that_fits_the_first_line_says_so(tmp_path: Path) -> None:
    made = make(tmp_path, "setup", "PYTHON=")
    assert made.returncode != 0
    assert made.stdout.splitlines()[0].startswith("missing: Python 3.11, 3.12 or 3.13.")


def test_without_venv_the_first_line_says_what_to_install(tmp_path: Path) -> None:
    bare = tmp_path / "python-without-venv"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    made = make(tmp_path, "setup", f"PYTHON={bare}")
    assert made.returncode != 0
    assert "apt-get install python3-venv" in made.stdout.splitlines()[0]


def test_tests_see_no_aws_variable_of_the_caller(tmp_path: Path) -> None:
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nenv\n")
    python.chmod(0o755)
    (tmp_path / ".venv/.ready").touch()
    ready = ("-o", ".venv/.ready")
    made = make(tmp_path, *ready, "test", AWS_PROFILE="mine", AWS_ENDPOINT_URL_S3="http://mine")
    seen = {line for line in made.stdout.splitlines() if line.startswith("AWS_")}
    assert seen == {
        "AWS_CONFIG_FILE=/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
        "AWS_EC2_METADATA_DISABLED=true",
    }


def test_a_build_without_python_3_13_says_so_before_sam_is_asked(tmp_path: Path) -> None:
    sam = tmp_path / ".tools/sam"
    (sam / "bin").mkdir(parents=True)
    (sam / "bin/sam").write_text("#!/bin/sh\necho built\n")
    (sam / "bin/sam").chmod(0o755)
    (sam / ".ready").touch()
    ready = ("-o", ".venv/.ready", "-o", ".tools/sam/.ready", "build")
    made = make(tmp_path, *ready, "PYTHON_3_13=")
    assert made.returncode != 0
    assert made.stdout.splitlines()[0].startswith("missing: Python 3.13, for which")
    assert "PYTHON_3_13=/path/to/python3.13" in made.stdout
    assert "built" not in made.stdout.splitlines()
    named = make(tmp_path, *ready, "PYTHON_3_13=/usr/bin/python3.13")
    assert named.stdout.splitlines()[-1] == "built"
