"""The command's streams: closed, full or without colours; nothing of that is called a bug."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.system.command import CLEAN, SENTINEL, VIOLATION, on_a_terminal, run


def shell(words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of a line with the command in it."""
    return subprocess.run(
        ["bash", "-c", words.replace("sentinel", str(SENTINEL), 1)],
        env={**CLEAN, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (f"sentinel replay {VIOLATION} > /dev/full", "cannot write the result: No space left"),
        (f"sentinel replay {VIOLATION} -o json > /dev/full", "cannot write the result: No space"),
        ("sentinel --help > /dev/full", "No space left on device"),
        (f"sentinel replay {VIOLATION} >&-", "standard output is closed"),
        ("sentinel replay - <&-", "standard input is closed"),
        ("sentinel judge - <&-", "standard input is closed"),
    ],
)
def test_a_stream_that_does_not_work_fails_in_words_and_is_no_bug(words: str, told: str) -> None:
    done = shell(words)
    written = done.stdout + done.stderr
    assert told in written
    assert done.returncode == 2, written
    assert "bug" not in written and "Exception ignored" not in written


def test_a_command_without_standard_error_keeps_its_result_clean(tmp_path: Path) -> None:
    done = shell(f"sentinel replay {VIOLATION} -o json 2>&-")
    assert done.returncode == 1
    assert done.stdout.endswith("}\n")


@pytest.mark.parametrize("words", ["--help", "replay --help", "rules", "--version"])
def test_a_reader_that_goes_away_early_ends_every_output_with_141(words: str) -> None:
    done = shell(f"sentinel {words} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout.split(), done.stderr) == (["141"], "")


def test_a_terminal_that_knows_no_colours_gets_none() -> None:
    assert b"\x1b" not in on_a_terminal("replay", VIOLATION, TERM="dumb")
    assert b"\x1b" not in run("replay", VIOLATION, FORCE_COLOR="0").stdout
    assert b"\x1b" in run("replay", VIOLATION, FORCE_COLOR="1").stdout
    assert b"\x1b" in on_a_terminal("replay", VIOLATION, TERM="dumb", FORCE_COLOR="1")


def test_the_version_is_told() -> None:
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, b"")
    assert f'version = "{done.stdout.decode().split()[1]}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("option", "offered"), [("--rule", "gateway_authorizer_none"), ("--kind", "iam-policy")]
)
def test_what_a_sweep_is_asked_for_is_completed(option: str, offered: str) -> None:
    line = f"sentinel sweep {option} "
    done = run(_SENTINEL_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD="3")
    assert offered in done.stdout.decode().split()
