"""SARIF: what is written fits the OASIS schema, and says what the report says."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sentinel import limits
from sentinel.policy import parse
from sentinel_cli import sarif
from sentinel_cli.judging import judge
from sentinel_cli.report import Report

ROOT = Path(__file__).parents[2]


@cache
def schema() -> Any:
    return json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text())


@cache
def report() -> Report:
    """Every rule's violation, one of them exempted, and an input that does not exist."""
    exemption = {
        "rule": "trail_stopped",
        "resource": "*",
        "owner": "platform",
        "reason": "moved to another trail",
        "expires": "2027-01-01",
    }
    violations = sorted(map(str, ROOT.glob("events/*/violation.json")))
    return judge([*violations, "no-such-file"], parse({"exemptions": [exemption]}))


def run_of(judged: Report) -> dict[str, Any]:
    document = sarif.document(judged)
    jsonschema.Draft7Validator(schema()).validate(document)
    run: dict[str, Any] = document["runs"][0]
    return run


def test_the_log_fits_the_schema_and_every_finding_is_a_result() -> None:
    results = run_of(report())["results"]
    found = report().ordered()
    assert [r["partialFingerprints"]["sentinel/v1"] for r in results] == [
        f["fingerprint"] for f in found
    ]
    assert {r["level"] for r in results} == {"error", "warning", "none"}


def test_what_could_not_be_assessed_is_open_and_a_notification() -> None:
    run = run_of(report())
    blind = [r for r in run["results"] if r["kind"] == "open"]
    assert blind
    assert all(r["level"] == "none" for r in blind)
    told = [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
    assert all(any(r["ruleId"] in text for text in told) for r in blind)


def test_an_unreadable_input_makes_the_run_unsuccessful() -> None:
    invocation = run_of(report())["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert "no-such-file" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_an_exemption_is_a_suppression_with_its_reason() -> None:
    results = run_of(report())["results"]
    suppressed = [r for r in results if "suppressions" in r]
    assert {r["ruleId"] for r in suppressed} == {"trail_stopped"}
    assert "moved to another trail" in suppressed[0]["suppressions"][0]["justification"]


def test_the_file_and_line_are_the_location_and_the_resource_its_logical_one(
    tmp_path: Path,
) -> None:
    event = json.loads((ROOT / "events/gateway_authorizer_none/violation.json").read_text())
    path = tmp_path / "with space.jsonl"
    path.write_text(json.dumps(event) + "\n")
    location = run_of(judge([str(path)], parse({})))["results"][0]["locations"][0]
    assert location["physicalLocation"]["artifactLocation"]["uri"].endswith("with%20space.jsonl")
    assert location["physicalLocation"]["region"] == {"startLine": 1}
    assert location["logicalLocations"][0]["fullyQualifiedName"].startswith("arn:aws:")


def uri_of(path: Path) -> tuple[str, object]:
    """How a file of this name is named, and with which line."""
    path.write_bytes((ROOT / "events/gateway_authorizer_none/violation.json").read_bytes())
    place = run_of(judge([str(path)], parse({})))["results"][0]["locations"][0]
    physical = place["physicalLocation"]
    return physical["artifactLocation"]["uri"], physical.get("region")


def test_a_file_whose_name_is_not_utf_8_is_named_by_its_bytes(tmp_path: Path) -> None:
    uri, _ = uri_of(tmp_path / os.fsdecode(b"caf\xe9.json"))
    assert uri.endswith("/caf%E9.json")


def test_a_name_that_ends_like_a_line_is_no_line(tmp_path: Path) -> None:
    uri, line = uri_of(tmp_path / "a:7")
    assert (uri.endswith("/a%3A7"), line) == (True, None)


def test_results_over_githubs_limit_are_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SARIF_RESULTS", limits.Limit("test", 2, 2))
    run = run_of(report())
    assert len(run["results"]) == 2
    told = run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]
    assert f"{len(report().ordered()) - 2} results more" in told
