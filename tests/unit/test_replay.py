"""Replay and judge: what is read, what is judged, and in which order."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel import catalog
from sentinel.policy import Policy, parse
from sentinel_cli import handed_in
from sentinel_cli.judging import judge
from sentinel_cli.offline import OfflineJudge, Place
from sentinel_cli.replay import replay
from sentinel_cli.report import Report

EVENTS = Path(__file__).parents[2] / "events"
each_rule = pytest.mark.parametrize("rule", catalog.rules())


def events(rule: str, name: str) -> list[dict[str, Any]]:
    document = json.loads((EVENTS / rule / f"{name}.json").read_text())
    return document if isinstance(document, list) else [document]


def replayed(
    path: Path, policy: Policy | None = None, *, strict: bool = False, jobs: int = 1
) -> Report:
    return replay([str(path)], policy or Policy(), strict=strict, jobs=jobs)


def archive(path: Path, found: list[dict[str, Any]]) -> Path:
    """A log file as CloudTrail writes it, with the records of some events."""
    path.write_bytes(gzip.compress(json.dumps({"Records": [e["detail"] for e in found]}).encode()))
    return path


@each_rule
def test_a_rule_fires_on_its_violation_from_file_archive_and_event(
    rule: str, tmp_path: Path
) -> None:
    violation = EVENTS / rule / "violation.json"
    packed = archive(tmp_path / "trail.json.gz", events(rule, "violation"))
    fingerprints = [
        {f["fingerprint"] for f in report.ordered() if f["rule"] == rule}
        for report in (replayed(violation), judge([str(violation)], Policy()), replayed(packed))
    ]
    assert fingerprints[0]
    assert fingerprints.count(fingerprints[0]) == 3


@each_rule
def test_a_rule_is_no_violation_on_its_compliant_twin(rule: str) -> None:
    for report in (
        replayed(EVENTS / rule / "compliant.json"),
        judge([str(EVENTS / rule / "compliant.json")], Policy()),
    ):
        worst = [f["severity"] for f in report.ordered() if f["rule"] == rule and f["evidence"]]
        assert not {"CRITICAL", "HIGH"} & {*worst}


def test_a_change_is_compared_with_earlier_records_whatever_file_they_lie_in(
    tmp_path: Path,
) -> None:
    first, second = events("gateway_enforcement_dropped", "violation")
    archive(tmp_path / "a-later.json.gz", [second])
    archive(tmp_path / "b-earlier.json.gz", [first])
    found = replayed(tmp_path, jobs=2).ordered()
    assert [f["rule"] for f in found if f["severity"] == "CRITICAL"] == [
        "gateway_enforcement_dropped"
    ]


def test_strict_and_many_processes_give_the_same_document(tmp_path: Path) -> None:
    for rule in catalog.rules():
        archive(tmp_path / f"{rule}.json.gz", events(rule, "violation"))
    documents = [
        replayed(tmp_path, strict=strict, jobs=jobs).document()
        for strict in (False, True)
        for jobs in (1, 2)
    ]
    assert documents.count(documents[0]) == 4
    assert len({f["rule"] for f in documents[0]["findings"]}) == len(catalog.rules())


def test_every_record_is_judged_unwatched_or_skipped(tmp_path: Path) -> None:
    violation = events("gateway_authorizer_none", "violation")[0]["detail"]
    failed = violation | {"errorCode": "AccessDenied"}
    other = {"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventVersion": "1.0"}
    malformed = violation | {"eventTime": "yesterday"}
    path = tmp_path / "records.jsonl"
    records = [violation, failed, other, malformed, "no record"]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    for report in (replayed(path), judge([str(path)], Policy())):
        summary = report.summary()
        assert (summary["records"], summary["judged"], summary["unwatched"]) == (5, 1, 1)
        assert summary["skipped"] == {"failed-call": 1, "malformed": 1, "not-a-record": 1}
        assert [f["source"] for f in report.ordered()] == [f"{path}:1"]


def test_one_event_delivered_in_two_files_is_one_finding(tmp_path: Path) -> None:
    found = events("gateway_authorizer_none", "violation")
    archive(tmp_path / "a.json.gz", found)
    archive(tmp_path / "b.json.gz", found)
    report = replayed(tmp_path)
    assert report.judged == 2
    assert [f["source"] for f in report.ordered()] == [str(tmp_path / "a.json.gz")]


def test_what_would_need_a_live_read_could_not_be_assessed(tmp_path: Path) -> None:
    event = events("gateway_authorizer_none", "violation")[0]
    event["detail"]["requestParameters"] = None
    event["detail"]["responseElements"] = None
    found = replayed(archive(tmp_path / "cut.json.gz", [event])).ordered()
    told = {f["rule"]: f for f in found}["gateway_authorizer_none"]
    assert told["verdict"] == "COULD_NOT_ASSESS"
    assert "nothing is read live offline" in told["gap"]


def test_a_rule_that_breaks_silences_no_other_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = catalog.rules()["gateway_authenticate_only_unguarded"]

    def breaks(*needs: Any, **settings: Any) -> Any:
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr("sentinel.judge._look", _look_breaking(broken, breaks))
    report = replayed(EVENTS / "gateway_authorizer_none" / "violation.json")
    assert report.failures == 1
    assert "broken on purpose" in report.errors[0].message
    assert "gateway_authorizer_none" in {f["rule"] for f in report.ordered()}


def _look_breaking(broken: Any, breaks: Any) -> Any:
    from sentinel import judge as module

    look = module._look
    return lambda rule, *rest: breaks() if rule is broken else look(rule, *rest)


def test_an_exemption_keeps_the_finding_and_excuses_it() -> None:
    policy = parse(
        {
            "exemptions": [
                {
                    "rule": "gateway_authorizer_none",
                    "resource": "*",
                    "owner": "platform",
                    "reason": "public by design",
                    "expires": "2027-01-01",
                }
            ]
        }
    )
    found = replayed(EVENTS / "gateway_authorizer_none" / "violation.json", policy).ordered()
    excused = [f for f in found if f["rule"] == "gateway_authorizer_none"]
    assert excused[0]["suppressed"] == {
        "reason": "public by design",
        "owner": "platform",
        "expires": "2027-01-01",
    }


WIDE = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"},
}


def judged(tmp_path: Path, text: str) -> Report:
    path = tmp_path / "handed-in.json"
    path.write_text(text)
    return judge([str(path)], Policy())


def test_a_bare_policy_is_keyed_by_its_content_however_it_is_spelled(tmp_path: Path) -> None:
    from urllib.parse import quote

    compact, spaced = json.dumps(WIDE, separators=(",", ":")), json.dumps(WIDE, indent=4)
    version = json.dumps({"PolicyVersion": {"Document": WIDE, "VersionId": "v1"}})
    encoded = json.dumps({"PolicyDocument": quote(compact)})
    spellings = (compact, spaced, quote(compact), json.dumps(compact), version, encoded)
    keys = [[f["resource"] for f in judged(tmp_path, text).ordered()] for text in spellings]
    assert keys[0][0].startswith("document/")
    assert len(keys[0][0]) == len("document/") + 64
    assert keys.count(keys[0]) == len(spellings)


def test_a_policy_with_a_key_twice_is_never_clean(tmp_path: Path) -> None:
    twice = '"Action": "bedrock:*", "Resource": "*", "Resource": "a"'
    text = f'{{"Statement": {{"Effect": "Allow", {twice}}}}}'
    found = judged(tmp_path, text).ordered()
    assert [f["verdict"] for f in found] == ["COULD_NOT_ASSESS"]
    assert "same key twice" in found[0]["gap"]


def test_a_trust_in_an_export_is_judged_with_the_policies_of_its_role(tmp_path: Path) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = {
        "RoleName": "agent",
        "Arn": "arn:aws:iam::444455556666:role/agent",
        "AssumeRolePolicyDocument": trust,
        "RolePolicyList": [{"PolicyName": "wide", "PolicyDocument": WIDE}],
        "AttachedManagedPolicies": [],
    }
    report = judged(tmp_path, json.dumps({"RoleDetailList": [role]}))
    found = {f["rule"]: f for f in report.ordered()}
    assert found["agent_trust_unscoped"]["severity"] == "HIGH"
    assert "gap" not in found["agent_trust_unscoped"]
    assert found["iam_bedrock_wildcard"]["account"] == "444455556666"
    key = "aws/444455556666/us-east-1/inline-policy/role/agent/wide"
    assert found["iam_bedrock_wildcard"]["resource"] == key


ARN = "arn:aws:bedrock-agentcore:eu-central-1:444455556666"
GATEWAY = {"gatewayArn": f"{ARN}:gateway/g-1", "gatewayId": "g-1", "authorizerType": "NONE"}
RUNTIME = {
    "agentRuntimeArn": f"{ARN}:runtime/r-1",
    "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": "docker.io/x/y"}},
}
HARNESS = {
    "harness": {"arn": f"{ARN}:harness/h-1", "environmentArtifact": RUNTIME["agentRuntimeArtifact"]}
}


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (GATEWAY, "gateway_authorizer_none"),
        (RUNTIME, "agent_artifact_foreign"),
        (HARNESS, "agent_artifact_foreign"),
    ],
)
def test_the_answer_of_a_get_call_is_judged_as_it_was_read(
    document: dict[str, Any], rule: str, tmp_path: Path
) -> None:
    found = [f for f in judged(tmp_path, json.dumps(document)).ordered() if f["rule"] == rule]
    assert [f["verdict"] for f in found] == ["VIOLATION"]
    assert found[0]["account"] == "444455556666"


def test_json_lines_of_many_kinds_are_judged_each_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    event = events("gateway_authorizer_none", "violation")[0]
    path.write_text("".join(json.dumps(one) + "\n" for one in (WIDE, GATEWAY, event, {"a": 1})))
    report = judge([str(path)], Policy())
    worst = Counter(f["source"] for f in report.ordered() if f["severity"] == "CRITICAL")
    assert worst == {f"{path}:{line}": 1 for line in (1, 2, 3)}
    assert report.summary()["skipped"] == {"not-a-record": 1}


def test_what_is_nothing_of_all_this_is_an_unreadable_input(tmp_path: Path) -> None:
    report = judged(tmp_path, '{"hello": "world"}')
    assert report.unreadable == 1
    assert report.document()["summary"]["errors"]


NAMES = st.sampled_from(
    [
        "Statement",
        "PolicyDocument",
        "Policies",
        "RoleDetailList",
        "RolePolicyList",
        "AttachedManagedPolicies",
        "AssumeRolePolicyDocument",
        "PolicyVersionList",
        "Arn",
        "gatewayArn",
        "harness",
        "eventSource",
        "detail-type",
        "detail",
        "Records",
        "Principal",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just(f"{ARN}:gateway/g")
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_nothing_that_is_handed_in_breaks_the_judging(content: Any) -> None:
    document = handed_in.read(content, "", "file.json")
    offline = OfflineJudge(Policy())
    for subject in document.subjects if document else ():
        offline.subject(subject, datetime(2026, 9, 22, tzinfo=UTC), Place("file.json"))
    assert offline.result.failures == []
