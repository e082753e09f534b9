"""The report's text, CSV and exit codes: what a person and a pipeline learn of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel.finding import Severity
from sentinel.policy import Policy
from sentinel_cli import csv_output, output, text
from sentinel_cli.archive import SourceError
from sentinel_cli.exit_codes import Exit, FailOn, of_report
from sentinel_cli.failure import Failure, of_aws
from sentinel_cli.judging import judge
from sentinel_cli.policy_file import read
from sentinel_cli.report import Report
from sentinel_cli.terminal import Paint

EVENTS = Path(__file__).parents[2] / "events"
HOSTILE = '\x1b[2J[red]<!channel>"><script>\u202e=cmd()'


def found(**changed: Any) -> dict[str, Any]:
    """A finding as a report has it."""
    return {
        "id": "f-01234567",
        "rule": "gateway_authorizer_none",
        "severity": "CRITICAL",
        "verdict": "VIOLATION",
        "title": "Gateway answers callers that it has not authenticated",
        "fingerprint": "0" * 32,
        "resource": "arn:aws:bedrock-agentcore:eu-central-1:444455556666:gateway/g-1",
        "resourceName": "g-1",
        "kind": "gateway",
        "account": "444455556666",
        "region": "eu-central-1",
        "eventID": "e-1",
        "eventName": "CreateGateway",
        "eventTime": "2026-09-22T10:11:12Z",
        "actor": "arn:aws:sts::444455556666:assumed-role/ci/gh-1",
        "session": "gh-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.31 md/x",
        "evidence": [{"path": "authorizerType", "value": "NONE"}],
        "source": "trail.json",
        **changed,
    }


def report(*findings: dict[str, Any]) -> Report:
    return Report(Policy(), files=1, records=1, judged=1, findings=list(findings))


def shown(*findings: dict[str, Any], color: bool = False) -> str:
    return "".join(text.pieces(report(*findings), Paint(color)))


def test_a_finding_says_what_when_who_and_where() -> None:
    lines = shown(found()).splitlines()
    assert lines[0].startswith("CRITICAL       gateway_authorizer_none ")
    assert lines[0].endswith(" f-01234567")
    assert lines[1:8] == [
        "  gateway/g-1   444455556666  eu-central-1",
        "  Gateway answers callers that it has not authenticated.",
        "  when     2026-09-22 10:11:12 UTC   CreateGateway",
        "  who      arn:aws:sts::444455556666:assumed-role/ci, session gh-1 from 198.51.100.7",
        "           (aws-cli/2.31)",
        '  proof    authorizerType = "NONE"',
        "  where    trail.json",
    ]


def test_no_line_is_wider_than_it_may_be_and_no_arn_is_cut() -> None:
    arn = "arn:aws:iam::444455556666:role/" + "x" * 200
    evidence = [{"path": "p", "value": arn}, {"path": "q", "value": "word " * 100 + "y" * 300}]
    lines = shown(found(evidence=evidence)).splitlines()
    assert any(arn in line for line in lines)
    assert all(len(line) <= text.WIDTH for line in lines if "arn:" not in line)


@given(st.lists(st.text(max_size=300), max_size=3))
def test_wrapping_keeps_every_character_and_the_width(words: list[str]) -> None:
    told = text.clean(" ".join(words)).strip()
    lines = list(text.wrapped("label", told))
    assert all(len(line) <= text.WIDTH or "/" in line or "arn:" in line for line in lines)
    kept = "".join(lines)[11:] if told else ""
    assert kept.replace(" ", "") == told.replace(" ", "")


def test_hostile_text_is_harmless_in_text_and_csv() -> None:
    hostile = found(
        resourceName=HOSTILE,
        actor=HOSTILE,
        userAgent=HOSTILE,
        evidence=[{"path": HOSTILE, "value": HOSTILE}],
    )
    for written in (shown(hostile), "".join(csv_output.pieces(report(hostile)))):
        assert "\x1b" not in written
        assert "\u202e" not in written
        assert "\\x1b[2J" in written


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r="])
def test_no_cell_begins_as_a_formula(start: str) -> None:
    written = "".join(csv_output.pieces(report(found(actor=f"{start}cmd()"))))
    row = next(csv.DictReader(io.StringIO(written, newline="")))
    assert row["actor"][0] in ("'", "\\", " ")
    assert row["actor"].lstrip()[0] in ("'", "\\")


def test_colour_repeats_the_word_and_nothing_else() -> None:
    plain, colored = shown(found()), shown(found(), color=True)
    assert "\x1b[1;31mCRITICAL\x1b[0m" in colored
    assert "\x1b" not in plain
    import re

    assert re.sub("\x1b\\[[0-9;]*m", "", colored) == plain


def test_findings_are_ordered_by_severity_then_place_and_blind_ones_are_last() -> None:
    blind = found(verdict="COULD_NOT_ASSESS", severity="INFORMATIONAL", gap="x", evidence=[])
    low = found(severity="LOW", eventID="e-2")
    other = found(account="111122223333", eventID="e-3")
    ordered = report(blind, low, found(), other).ordered()
    assert [f["eventID"] for f in ordered] == ["e-3", "e-1", "e-2", "e-1"]
    assert ordered[-1]["verdict"] == "COULD_NOT_ASSESS"


def code(judged: Report, fail_on: FailOn = FailOn.LOW, *, allow_blind: bool = False) -> Exit:
    return of_report(judged, fail_on, allow_blind=allow_blind)[0]


BLIND = found(verdict="COULD_NOT_ASSESS", severity="INFORMATIONAL", gap="x", evidence=[])


def test_the_exit_code_is_that_of_the_worst_and_the_line_names_everything() -> None:
    assert code(report()) is Exit.CLEAN
    assert code(report(found())) is Exit.FINDINGS
    assert code(report(BLIND)) is Exit.BLIND
    assert code(report(BLIND), allow_blind=True) is Exit.CLEAN
    assert code(report(found(), BLIND)) is Exit.FINDINGS
    unreadable = report(found(), BLIND)
    unreadable.add_errors([SourceError("a", "b")], whole=True)
    ending = "exit 2: 1 input could not be read; 1 finding at LOW or above; 1 could not be assessed"
    assert of_report(unreadable, FailOn.LOW, allow_blind=False) == (Exit.FAILED, ending)


def test_a_finding_of_which_something_is_unknown_is_not_counted_as_not_assessed() -> None:
    partly = report(found(gap="x"), BLIND)
    told = list(text.counts(partly.findings, Paint()))[1:]
    assert told == ["  could not assess 1", "  1 finding with an unknown part"]
    ending = (
        "exit 1: 1 finding at LOW or above; 1 could not be assessed; 1 finding with an unknown part"
    )
    assert of_report(partly, FailOn.LOW, allow_blind=False) == (Exit.FINDINGS, ending)
    assert code(report(found(gap="x")), FailOn.NEVER) is Exit.BLIND


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("fail_on", FailOn)
def test_fail_on_decides_from_which_severity_on_findings_count(
    severity: Severity, fail_on: FailOn
) -> None:
    fails = fail_on is not FailOn.NEVER and severity >= Severity[fail_on.value]
    assert code(report(found(severity=severity.name)), fail_on) is Exit(int(fails))


def test_an_excused_finding_fails_nothing_and_is_counted() -> None:
    excused = found(suppressed={"reason": "r", "owner": "o", "expires": "2027-01-01"})
    assert code(report(excused)) is Exit.CLEAN
    assert "suppressed 1" in shown(excused)


def test_a_bad_line_of_an_input_is_blind_and_not_failed() -> None:
    partly = report()
    partly.add_errors([SourceError("a:3", "not JSON")], whole=False)
    assert code(partly) is Exit.BLIND


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    def breaks() -> Any:
        yield "half"
        raise OSError(28, "No space left on device")

    with pytest.raises(Failure, match="No space left"):
        output.deliver(breaks(), tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_every_format_tells_the_same_fingerprints() -> None:
    judged = judge([str(EVENTS / "gateway_authorizer_none/violation.json")], Policy())
    told = {}
    for form in output.Format:
        told[form] = "".join(output.pieces(judged, form, Paint(), "exit 1"))
    name = judged.ordered()[0]["fingerprint"]
    for form in (output.Format.JSON, output.Format.JSONL, output.Format.CSV, output.Format.SARIF):
        assert name in told[form], form
    assert f"f-{name[:8]}" in told[output.Format.TEXT]
    assert json.loads(told[output.Format.JSON])["findings"][0]["fingerprint"] == name


@pytest.mark.parametrize(
    ("policy", "line", "words"),
    [
        ("members: [", 1, "it is not YAML"),
        ("disabled: []\nsettings: {}\ndisabled: []\n", 3, "'disabled' is there twice"),
        ("modes:\n  rules:\n    no_such_rule: off\n", 2, "no rule 'no_such_rule'"),
        ("exemptions:\n  - rule: trail_stopped\n    resource: x\n", 2, "owner: is missing"),
        ("members:\n  - account: 12\n", 2, "expected a text"),
        ("unknown: 1\n", 1, "no such entry"),
    ],
)
def test_a_mistake_in_the_policy_is_told_with_its_line(
    policy: str, line: int, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy)
    with pytest.raises(Failure) as failure:
        read(path)
    told = [each for each in str(failure.value).splitlines() if words in each]
    assert told
    assert f"policy.yaml:{line}:" in told[0]


def test_what_aws_refuses_is_told_in_words() -> None:
    from botocore.exceptions import ClientError, NoCredentialsError

    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStacks")
    assert str(of_aws(refused)).startswith("AWS refused DescribeStacks: AccessDenied: no; ask")
    assert "aws sso login" in str(of_aws(NoCredentialsError()))
    assert of_aws(ValueError("ours")) is None
