"""The rules on data that others wrote and labelled: from archives, from events, from policies."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sentinel import catalog
from sentinel.policy import Policy
from sentinel.subjects import IamPolicy, IamTrust, Trail
from sentinel_cli.judging import judge
from sentinel_cli.replay import replay
from sentinel_cli.report import Report

ACCOUNT = "111122223333"
RULE_OF = {"wildcard_bedrock": "iam_bedrock_wildcard", "trust_unscoped": "agent_trust_unscoped"}
AGENTCORE_RULES = {
    rule.id
    for rule in catalog.rules().values()
    if not {IamPolicy, IamTrust, Trail} & {*rule.subjects}
}
Found = Mapping[str, Any]


def lines(path: Path) -> list[dict[str, Any]]:
    opened = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in opened.splitlines()]


def replayed(*paths: Path, strict: bool = False) -> Report:
    return replay([str(path) for path in paths], Policy(), strict=strict, jobs=1)


def by_event(report: Report) -> Mapping[str, Mapping[str, Found]]:
    found: dict[str, dict[str, Found]] = defaultdict(dict)
    for one in report.ordered():
        found[one["eventID"]][one["rule"]] = one
    return found


def outcome(found: Found | None) -> str:
    if found is None:
        return "SILENT"
    return "FIRE" if found["verdict"] == "VIOLATION" else "BLIND"


def balanced(report: Report) -> bool:
    summary = report.summary()
    accounted = summary["judged"] + summary["unwatched"] + sum(summary["skipped"].values())
    return bool(summary["records"] == accounted)


def real_archives(data: Path) -> list[Path]:
    """Every file of records that nobody derived, without those that hold labels."""
    folders = data / "cloudtrail"
    return [
        path
        for path in sorted(folders.rglob("*.json*"))
        if path.parent != folders and "derived" not in path.parent.name
    ]


@pytest.fixture(scope="module")
def panther(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rule tests of panther, which wrap each record in `event`, as JSON Lines of records."""
    path = tmp_path_factory.mktemp("panther") / "records.jsonl"
    cases = lines(data / "cloudtrail/panther/rule_tests.jsonl")
    path.write_text("".join(json.dumps(case["event"]) + "\n" for case in cases))
    return path


def test_no_record_of_others_raises_and_every_one_is_accounted_for(
    data: Path, panther: Path
) -> None:
    fast, strict = (replayed(*real_archives(data), panther, strict=s) for s in (False, True))
    assert fast.failures == 0
    assert balanced(fast)
    assert fast.records == 1_876 + 185
    assert fast.document() == strict.document()


def test_rules_on_agentcore_are_silent_on_records_that_nobody_derived(
    data: Path, panther: Path
) -> None:
    rules = Counter(f["rule"] for f in replayed(*real_archives(data), panther).ordered())
    assert not AGENTCORE_RULES & rules.keys()
    assert rules["trail_stopped"] >= 3


def test_real_logs_give_what_their_labels_say(data: Path, panther: Path) -> None:
    found = by_event(replayed(*real_archives(data), panther))
    labels = lines(data / "cloudtrail/real_log_labels.jsonl")
    judged = [row for row in labels if row["expect"] == "SILENT" and "rule" in row]
    assert len(judged) == 16
    for row in judged:
        assert outcome(found[row["eventID"]].get(RULE_OF[row["rule"]])) == "SILENT", row["eventID"]


@pytest.mark.parametrize("folder", ["derived-agentcore", "derived-iam"])
def test_file_and_eventbridge_form_give_the_same_findings(data: Path, folder: str) -> None:
    forms = ("records.json.gz", "eventbridge.jsonl.gz")
    reports = [
        replayed(data / "cloudtrail" / folder / form, strict=strict)
        for form in forms
        for strict in (False, True)
    ]
    assert all(balanced(report) and not report.failures for report in reports)
    findings = [
        [
            {k: v for k, v in f.items() if k not in ("source", "record", "line")}
            for f in report.ordered()
        ]
        for report in reports
    ]
    assert findings.count(findings[0]) == 4
    assert [r.summary() for r in reports].count(reports[0].summary()) == 4


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (
            "derived-agentcore",
            {
                ("gateway_authorizer_none", "FIRE", "FIRE"): 2,
                ("gateway_authorizer_none", "SILENT", "SILENT"): 265,
                ("runtime_shell_command", "FIRE", "FIRE"): 39,
                ("runtime_shell_command", "SILENT", "SILENT"): 228,
                ("iam_bedrock_wildcard", "SILENT", "SILENT"): 267,
                ("agent_trust_unscoped", "SILENT", "SILENT"): 267,
            },
        ),
        (
            "derived-iam",
            {
                ("iam_bedrock_wildcard", "FIRE", "FIRE"): 71,
                ("iam_bedrock_wildcard", "SILENT", "SILENT"): 79,
                # IAM would not store these four: a Condition or a Principal that is no object.
                ("iam_bedrock_wildcard", "SILENT", "BLIND"): 1,
                ("agent_trust_unscoped", "SILENT", "BLIND"): 3,
                ("iam_bedrock_wildcard", "INVALID", "BLIND"): 5,
                ("agent_trust_unscoped", "FIRE", "FIRE"): 14,
                ("agent_trust_unscoped", "SILENT", "SILENT"): 95,
            },
        ),
    ],
)
def test_derived_labels_are_met_exactly(
    data: Path, folder: str, expected: dict[tuple[str, str, str], int]
) -> None:
    found = by_event(replayed(data / "cloudtrail" / folder / "records.json.gz"))
    met: Counter[tuple[str, str, str]] = Counter()
    for label in lines(data / "cloudtrail" / folder / "labels.jsonl"):
        for name, wanted in (label.get("rules") or {label["rule"]: label["expect"]}).items():
            rule = RULE_OF.get(name, name)
            if rule in catalog.rules() and wanted in ("FIRE", "SILENT", "INVALID"):
                met[rule, wanted, outcome(found[label["eventID"]].get(rule))] += 1
    assert met == expected


def documents(data: Path) -> dict[str, Any]:
    paths = sorted((data / "iam").glob("*.jsonl.gz"))
    return {record["id"]: record["document"] for path in paths for record in lines(path)}


def labelled(data: Path, *kinds: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """The labels of policies of some kinds, each with its document."""
    known = documents(data)
    for label in lines(data / "oracle/iam_labels.jsonl"):
        if label["kind"] in kinds:
            yield label, known[label["id"]]


def worst(found: Sequence[Found]) -> str:
    """What a report says of one policy: LOW is what a condition confines."""
    violations = [f for f in found if f["verdict"] == "VIOLATION"]
    if violations:
        return "LOW" if all(f["severity"] == "LOW" for f in violations) else "FIRE"
    return "BLIND" if found else "SILENT"


def judged_lines(tmp_path: Path, policies: list[Any]) -> list[str]:
    """What `judge` says of each policy in a file with one a line."""
    path = tmp_path / "policies.jsonl"
    path.write_text("".join(json.dumps(policy) + "\n" for policy in policies))
    report = judge([str(path)], Policy())
    assert report.failures == 0
    assert report.judged == len(policies)
    assert balanced(report)
    found: dict[str, list[Found]] = defaultdict(list)
    for one in report.findings:
        found[one["source"]].append(one)
    return [worst(found[f"{path}:{number}"]) for number in range(1, len(policies) + 1)]


def judged_export(tmp_path: Path, policies: list[Any]) -> list[str]:
    """What `judge` says of each policy, in the export of an account that holds them all."""
    exported = {
        "Policies": [
            {
                "PolicyName": f"p{number}",
                "Arn": f"arn:aws:iam::{ACCOUNT}:policy/p{number}",
                "AttachmentCount": 1,
                "PolicyVersionList": [
                    {"VersionId": "v1", "IsDefaultVersion": True, "Document": policy}
                ],
            }
            for number, policy in enumerate(policies)
        ]
    }
    path = tmp_path / "details.json"
    path.write_text(json.dumps(exported))
    report = judge([str(path)], Policy())
    assert report.judged == len(policies)
    found: dict[str, list[Found]] = defaultdict(list)
    for one in report.ordered():
        found[one["resourceName"]].append(one)
    return [worst(found[f"p{number}"]) for number in range(len(policies))]


@pytest.mark.parametrize("way", [judged_lines, judged_export])
def test_policies_come_out_as_labelled_from_a_file_and_from_an_export(
    data: Path, tmp_path: Path, way: Any
) -> None:
    rows = list(labelled(data, "identity"))
    said = way(tmp_path, [document for _, document in rows])
    met = Counter((label["label"], outcome) for (label, _), outcome in zip(rows, said, strict=True))
    assert {key: n for key, n in met.items() if key[0] != "GREY"} == {
        ("MUST_FIRE", "FIRE"): 76,
        ("MUST_SILENT", "SILENT"): 981,
        ("MUST_SILENT", "BLIND"): 2,
        ("INVALID", "BLIND"): 14,
    }


def test_resource_policies_never_fire_and_invalid_ones_are_never_clean(
    data: Path, tmp_path: Path
) -> None:
    rows = list(labelled(data, "resource"))
    said = judged_lines(tmp_path, [document for _, document in rows])
    met = Counter((row["label"], outcome) for (row, _), outcome in zip(rows, said, strict=True))
    assert met["INVALID", "BLIND"] == 5
    assert met["INVALID", "SILENT"] == met["INVALID", "FIRE"] == 0
    assert met["MUST_SILENT", "FIRE"] == met["MUST_SILENT", "LOW"] == 0


def test_trust_policies_come_out_as_labelled(data: Path, tmp_path: Path) -> None:
    rows = list(labelled(data, "trust"))
    said = judged_lines(tmp_path, [document for _, document in rows])
    for (label, _), outcome in zip(rows, said, strict=True):
        if label["trust_agentcore_unconfined"] is True:
            assert outcome == "FIRE", label["id"]
        else:
            assert outcome in ("SILENT", "BLIND") or label["trust"] == "UNCONFINED", label["id"]
    assert Counter(said)["FIRE"] >= 14


def test_hard_policies_come_out_as_labelled_from_their_text(data: Path, tmp_path: Path) -> None:
    for case in lines(data / "oracle/tricky_identity.jsonl"):
        if case["expect"] == "GREY" or "ambiguous" in case["tags"]:
            continue
        path = tmp_path / "policy.json"
        path.write_text(case["raw"] if "raw" in case else json.dumps(case["document"]))
        report = judge([str(path)], Policy())
        said = worst(report.ordered())
        said = "INVALID" if said == "BLIND" or report.unreadable else said
        assert said == case["expect"].removeprefix("MUST_"), case["id"]


def test_every_policy_of_the_account_exports_is_judged(data: Path) -> None:
    exports = sorted((data / "iam/account-authorization-details").glob("*.json"))
    assert len(exports) == 2
    for path in exports:
        report = judge([str(path)], Policy())
        assert report.failures == report.unreadable == 0
        assert balanced(report)
        assert (
            report.judged
            == {"example-authz-details.json": 41, "example_authz_v2.json": 6}[path.name]
        )
