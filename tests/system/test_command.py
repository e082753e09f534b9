"""The `sentinel` command as people and pipelines run it: a process, its streams, its exit code."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.system.command import CLEAN, SENTINEL, VIOLATION, event, on_a_terminal, run

HOSTILE = '\x1b[2J[red]<!channel>"><script>'


def test_help_is_quick_and_imports_neither_boto3_nor_the_embedded_account() -> None:
    code = (
        "import sys; sys.argv = ['sentinel', '--help']\n"
        "from sentinel_cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('boto3', 'embedded_account', 'pydantic') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_clean_archive_ends_with_0_and_says_how_much_was_read(tmp_path: Path) -> None:
    record = event(eventSource="s3.amazonaws.com")["detail"]
    (tmp_path / "trail.json").write_text(json.dumps({"Records": [record]}))
    done = run("replay", tmp_path)
    assert done.returncode == 0
    assert b"Read 1 file, 1 record." in done.stdout
    assert done.stdout.splitlines()[-1] == b"exit 0: no finding at LOW or above"


def test_a_violation_ends_with_1_unless_nothing_shall_fail() -> None:
    assert run("replay", VIOLATION).returncode == 1
    assert run("replay", VIOLATION, "--fail-on", "never").returncode == 0
    assert run("judge", VIOLATION, "--fail-on", "critical").returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        ("replay", "no-such-file"),
        ("replay", "--no-such-flag", "x"),
        ("replya", "x"),
        ("replay", str(VIOLATION), "--policy", "no-such-policy"),
        ("replay", str(VIOLATION), "--out", "/no/such/folder/report.json"),
        ("explain", "no_such_rule"),
        ("findings",),
    ],
)
def test_what_fails_ends_with_2_and_without_a_traceback(words: tuple[str, ...]) -> None:
    done = run(
        *words,
        AWS_REGION="eu-central-1",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr + done.stdout
    assert done.stderr or b"error:" in done.stdout


def test_a_bug_ends_with_2_and_shows_its_traceback_only_when_asked() -> None:
    code = (
        "import sys; sys.argv = ['sentinel', *sys.argv[1:]]\n"
        "import sentinel_cli.replay as broken\n"
        "def bug(*a, **k): raise ZeroDivisionError('forced')\n"
        "broken.replay = bug\n"
        "from sentinel_cli.main import main; main()\n"
    )
    words = [sys.executable, "-c", code, "replay", str(VIOLATION)]
    quiet = subprocess.run(words, capture_output=True, timeout=60)
    assert quiet.returncode == 2
    assert b"Traceback" not in quiet.stderr
    assert b"--debug" in quiet.stderr
    loud = subprocess.run([*words, "--debug"], capture_output=True, timeout=60)
    assert b"Traceback" in loud.stderr


def test_a_typing_error_is_answered_with_the_right_command() -> None:
    assert b"'replay'" in run("replya", "x").stderr


def test_what_was_cut_off_ends_with_3_and_is_named(tmp_path: Path) -> None:
    cut = event(requestParameters=None, responseElements=None)
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(cut))
    done = run("replay", path)
    assert done.returncode == 3
    assert b"COULD NOT ASSESS  gateway_authorizer_none" in done.stdout
    assert run("replay", path, "--allow-blind").returncode == 0


def test_a_bad_file_hides_nothing_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("<html>")
    (tmp_path / "b.json").write_text(VIOLATION.read_text())
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(b"{}" * 100)[:20])
    done = run("replay", tmp_path, "-o", "json")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert len(found["summary"]["errors"]) == 2
    assert {f["rule"] for f in found["findings"]} >= {"gateway_authorizer_none"}
    last = done.stderr.splitlines()[-1]
    assert last.startswith(b"exit 2: 2 inputs could not be read; 1 finding at LOW or above")


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "sarif", "text"])
def test_two_runs_give_the_same_bytes_on_standard_output_alone(form: str) -> None:
    first, second = (run("replay", ROOT / "events", "-o", form, "--jobs", "2") for _ in range(2))
    assert first.stdout == second.stdout
    assert first.returncode == 1
    if form in ("json", "sarif"):
        json.loads(first.stdout)


def test_standard_input_gives_the_same_findings_plain_and_gzipped() -> None:
    text = VIOLATION.read_bytes()
    from_file = json.loads(run("replay", VIOLATION, "-o", "json").stdout)["findings"]
    for stdin in (text, gzip.compress(text)):
        for command in ("replay", "judge"):
            found = json.loads(run(command, "-", "-o", "json", stdin=stdin).stdout)["findings"]
            assert [f["fingerprint"] for f in found] == [f["fingerprint"] for f in from_file]


def test_a_closed_pipe_is_quiet_and_ends_with_141(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    lines = [json.dumps(event(eventID=f"e-{n}", responseElements=None)) for n in range(3_000)]
    path.write_text("\n".join(lines))
    script = f'"{SENTINEL}" replay "{path}" -o jsonl | head -1; echo "${{PIPESTATUS[0]}}" >&2'
    done = subprocess.run(["bash", "-c", script], env=CLEAN, capture_output=True, timeout=60)
    assert done.stderr.split() == [b"141"]


def test_an_interrupted_command_ends_with_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [SENTINEL, "replay", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
    )
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    _, told = process.communicate()
    assert b"Traceback" not in told


def test_ascii_output_does_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "name.json"
    path.write_text(json.dumps(event(userAgent="Ünïcode \ud800 \U0001f600")))
    for form in ("text", "json", "csv"):
        done = run("replay", path, "-o", form, LC_ALL="C", PYTHONIOENCODING="ascii")
        assert done.returncode == 1
        assert done.stdout.isascii()


def test_hostile_names_are_harmless_on_the_terminal(tmp_path: Path) -> None:
    arn = f"arn:aws:sts::444455556666:assumed-role/{HOSTILE}/session"
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps(event(userIdentity={"type": "AssumedRole", "arn": arn})))
    for form in ("text", "csv"):
        done = run("replay", path, "-o", form)
        assert b"\x1b" not in done.stdout
        assert b"\\x1b[2J[red]<!channel>" in done.stdout


def test_colour_is_for_terminals_unless_told_otherwise() -> None:
    assert b"\x1b" not in run("replay", VIOLATION).stdout
    assert b"\x1b[1;31mCRITICAL" in run("replay", VIOLATION, "--color", "always").stdout
    assert b"\x1b[1;31mCRITICAL" in on_a_terminal("replay", VIOLATION)
    assert b"\x1b" not in on_a_terminal("replay", VIOLATION, NO_COLOR="1")
    assert b"\x1b" in on_a_terminal("replay", VIOLATION, "--color", "always", NO_COLOR="1")


def test_nothing_is_cut_where_no_terminal_says_how_wide_it_is() -> None:
    written = run("replay", ROOT / "events", COLUMNS="20").stdout.decode()
    assert "gateway_authenticate_only_unguarded" in written
    assert "…" not in written
    assert all(len(line) <= 98 or "arn:" in line or "/" in line for line in written.splitlines())


def test_the_result_can_go_to_a_file_and_the_talk_stays(tmp_path: Path) -> None:
    out = tmp_path / "report.sarif"
    done = run("replay", VIOLATION, "-o", "sarif", "--out", out)
    assert done.stdout == b""
    assert json.loads(out.read_text())["version"] == "2.1.0"
    assert done.stderr.splitlines()[-1].startswith(b"exit 1: ")
    assert [path.name for path in tmp_path.iterdir()] == ["report.sarif"]


def test_every_rule_is_listed_and_explained() -> None:
    listed = json.loads(run("rules", "-o", "json").stdout)
    assert len(listed) == 10
    settings = {rule["rule"]: rule["settings"] for rule in listed}
    assert settings["jwt_authorizer_unpinned"] == {"shared_issuers": []}
    explained = run("explain", listed[0]["rule"].replace("_", "-")).stdout
    for question in (b"What ", b"So what ", b"What now ", b"Unknown "):
        assert question in explained


def test_completion_is_offered_for_each_shell() -> None:
    for shell in ("bash", "zsh", "fish"):
        done = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
        assert done.returncode == 0 and b"sentinel" in done.stdout


def test_generated_files_are_what_the_rules_make_of_them() -> None:
    done = run("generate", "--check")
    assert (done.returncode, done.stdout) == (0, b"")
