"""Tests the judgement of policies on 1,599 documents that others wrote and labelled."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sentinel.iam import Grade, InvalidDocumentError, bedrock_grants, parse, unscoped_services

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason=f"{DATA} is absent: shared test data is not part of the repository"
)
TRUST_SERVICES = ("sagemaker.amazonaws.com",)


def lines(path: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.splitlines()]


@cache
def documents() -> dict[str, Any]:
    paths = sorted((DATA / "iam").glob("*.jsonl.gz"))
    return {record["id"]: record["document"] for path in paths for record in lines(path)}


@cache
def labels() -> list[dict[str, Any]]:
    return lines(DATA / "oracle" / "iam_labels.jsonl")


def outcome(source: object) -> str:
    """Return what a rule would say: FIRE, LOW, SILENT or INVALID."""
    try:
        grants = bedrock_grants(parse(source))
    except InvalidDocumentError:
        return "INVALID"
    if not grants:
        return "SILENT"
    return "LOW" if max(grant.grade for grant in grants) is Grade.CONDITIONED else "FIRE"


def outcomes(label: str, kind: str) -> Counter[str]:
    """Count the outcomes of the documents with a label, each as a dict and as text."""
    counts: Counter[str] = Counter()
    for record in labels():
        if (record["label"], record["kind"]) == (label, kind):
            document = documents()[record["id"]]
            judged = outcome(document)
            assert outcome(json.dumps(document)) == judged, record["id"]
            counts[judged] += 1
    return counts


def test_every_document_that_must_fire_fires_at_the_labelled_statements() -> None:
    assert outcomes("MUST_FIRE", "identity") == {"FIRE": 76}
    for record in labels():
        if record["label"] == "MUST_FIRE":
            grants = bedrock_grants(parse(documents()[record["id"]]))
            statements = {g.statement for g in grants if g.grade is not Grade.CONDITIONED}
            assert statements == set(record["fire_on"]), record["id"]


def test_no_document_that_must_be_silent_fires() -> None:
    # Two have a Version or a Condition that IAM would not store; six a Resource, with a Principal.
    assert outcomes("MUST_SILENT", "identity") == {"SILENT": 981, "INVALID": 2}
    assert outcomes("MUST_SILENT", "resource") == {"SILENT": 246, "INVALID": 6}


def test_no_invalid_document_is_ever_clean() -> None:
    assert outcomes("INVALID", "identity") == {"INVALID": 14}
    assert outcomes("INVALID", "resource") == {"INVALID": 5}


def test_grey_documents_come_out_as_the_catalogue_decides() -> None:
    for record in labels():
        if record["label"] != "GREY" or record["kind"] != "identity":
            continue
        judged, why = outcome(documents()[record["id"]]), record["why"] or ""
        if record["id"] == "cfn-lint:5ec2e977e6d79a2a":
            assert judged == "INVALID"  # its Condition has a string where an operator's keys belong
        elif "Condition" in why:
            assert judged in ("LOW", "FIRE"), record["id"]
        elif "no Resource" in why:
            assert judged == "INVALID", record["id"]
        elif "not in ARN form" in why:  # silent where the statement is about identity tokens only
            assert judged in ("INVALID", "SILENT"), record["id"]
        elif record["id"] == "aws-managed:AmazonDataZoneFullAccess":
            assert judged == "FIRE"  # it creates and deletes profiles where any tag value will do
        else:
            assert judged == "SILENT", record["id"]


def test_trust_policies_come_out_as_labelled() -> None:
    seen: Counter[object] = Counter()
    for record in labels():
        if record["kind"] != "trust":
            continue
        try:
            found = unscoped_services(parse(documents()[record["id"]]))
        except InvalidDocumentError:
            assert record["trust"] == "N/A", record["id"]
            continue
        agentcore = any(entry.service.startswith("bedrock-agentcore.") for entry in found)
        assert agentcore is (record["trust_agentcore_unconfined"] is True), record["id"]
        assert not found or record["trust"] == "UNCONFINED", record["id"]
        seen[agentcore] += 1
    assert seen == {True: 14, False: 95}


def test_the_hard_identity_policies_come_out_as_labelled() -> None:
    cases = lines(DATA / "oracle" / "tricky_identity.jsonl")
    assert len(cases) == 64
    for case in cases:
        judged = outcome(case["raw"] if "raw" in case else case["document"])
        if case["expect"] == "GREY":  # the catalogue: conditioned is low, what is no ARN is unknown
            tag = case["tags"][0]
            assert judged == {"condition": "LOW", "shape": "INVALID", "whitespace": "INVALID"}.get(
                tag, "SILENT"
            ), case["id"]
        else:
            assert judged == case["expect"].removeprefix("MUST_"), case["id"]


def test_the_hard_trust_policies_come_out_as_labelled() -> None:
    cases = lines(DATA / "oracle" / "trust_cases.jsonl")
    assert len(cases) == 35
    for case in cases:
        found = unscoped_services(parse(case["document"]), TRUST_SERVICES)
        assert bool(found) is (case["expect"] == "UNCONFINED"), case["id"]


def test_every_policy_of_the_account_exports_is_judged() -> None:
    judged = 0
    for path in sorted((DATA / "iam" / "account-authorization-details").rglob("*.json*")):
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        details = json.loads(text)
        for policy in details.get("Policies", ()):
            for version in policy["PolicyVersionList"]:
                if isinstance(version.get("Document"), dict | str):
                    assert outcome(version["Document"]) in ("FIRE", "LOW", "SILENT")
                    judged += 1
    assert judged > 0
