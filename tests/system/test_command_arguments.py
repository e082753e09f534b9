"""What is asked of the command is looked at before AWS is, and nothing of it is passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.command import VIOLATION, run

NOBODY = {
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "COLUMNS": "200",
}
MEANT = ("--reason", "r", "--owner", "o")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sweep", "--account", "12"), "'12' is no account id: expected 12 digits"),
        (("sweep", "--region", "Frankfurt"), "'Frankfurt' is no Region"),
        (("sweep", "--kind", "gatway"), "there is no 'gatway'"),
        (("sweep", "--rule", "nothing"), "there is no 'nothing'"),
        (("sweep", "--hub", "--policy", "policy.yaml"), "--policy does not go with --hub"),
        (("sweep", "--hub", "--read-role", "mine"), "--read-role does not go with --hub"),
        (("sweep", "--hub", "-o", "csv"), "as text or json"),
        (("sweep", "--hub", "--hub-region", "x/y"), "'x/y' is no Region"),
        (("sweep", "--hub-region", "eu-central-1"), "--hub-region is for --hub"),
        (("sweep", "--stack", "mine"), "--stack is for --hub"),
        (("findings", "--region", "evil.example/#"), "'evil.example/#' is no Region"),
        (("explain", "f-123"), "'f-123' is no finding"),
        (("accept", "f-123", *MEANT), "'f-123' is no finding"),
        (("accept", "f-12345678", "--reason", " ", "--owner", "o"), "must say something"),
        (("judge", str(VIOLATION), "--jobs", "2"), "No such option"),
        (("judge", str(VIOLATION), "--strict"), "No such option"),
    ],
)
def test_what_cannot_be_meant_is_said_without_asking_aws(words: tuple[str, ...], told: str) -> None:
    done = run(*words, **NOBODY)
    said = " ".join(done.stderr.decode().replace("│", " ").split())
    assert done.returncode == 2, said
    assert told in said
    assert "credentials" not in said


def test_a_policy_is_checked_with_what_no_rule_reads(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("lists:\n  issuers: [login.example]\nmembers:\n  - account: '444455556666'\n")
    done = run("policy", "check", path)
    assert done.stdout.decode() == f"{path}: good: 1 member, 0 exemptions\n"
    assert done.stderr == b"warning: lists.issuers: no rule of this version reads it\n"
    assert done.returncode == 0


def test_the_help_names_no_type_where_there_is_no_value_and_severities_as_they_are_told() -> None:
    told = run("sweep", "--help", COLUMNS="200").stdout.decode()
    assert "<bool>" not in told.replace(next(x for x in told.splitlines() if "--help" in x), "")
    assert "CRITICAL|HIGH|MEDIUM|LOW|INFORMATIONAL|never" in told
