"""Findings as SARIF 2.1.0, which code hosts and editors show.

A finding is a result in the archive's file; what could not be assessed is an open result and a
notification; an exemption is a suppression (OASIS SARIF 2.1.0; GitHub, "SARIF support for code
scanning").
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from sentinel import catalog, limits
from sentinel.finding import Severity
from sentinel.rule import Rule

from sentinel_cli.report import Report

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVEL = {"CRITICAL": "error", "HIGH": "error", "MEDIUM": "warning"}
SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFORMATIONAL: "0.0",
}
Found = Mapping[str, Any]


def document(report: Report) -> dict[str, Any]:
    """The report as one SARIF log with one run."""
    found = report.ordered()
    shown = found[: limits.SARIF_RESULTS.ours]
    rules = list(catalog.rules().values())
    index = {rule.id: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "AgentCore Sentinel",
                "semanticVersion": version("agentcore-sentinel"),
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [_invocation(report, found)],
        "results": [_result(one, index[one["rule"]]) for one in shown],
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.sections["Risk"]},
        "help": {"text": rule.sections["Fix"]},
        "defaultConfiguration": {"level": LEVEL.get(rule.severity.name, "note")},
        "properties": {
            "security-severity": SECURITY_SEVERITY[rule.severity],
            "tags": ["security", *rule.crosswalk][:10],
        },
    }


def _result(found: Found, rule: int) -> dict[str, Any]:
    blind = found["verdict"] == "COULD_NOT_ASSESS"
    level = "none" if blind else LEVEL.get(found["severity"], "note")
    result: dict[str, Any] = {
        "ruleId": found["rule"],
        "ruleIndex": rule,
        "kind": "open" if blind else "fail",
        "level": level,
        "message": {"text": _message(found)},
        "locations": [_location(found)],
        "partialFingerprints": {"sentinel/v1": found["fingerprint"]},
        "properties": {
            "severity": found["severity"],
            "security-severity": SECURITY_SEVERITY[Severity[found["severity"]]],
            **{
                name: found[name] for name in ("account", "region", "eventID", "eventTime", "actor")
            },
            "evidence": found["evidence"],
        },
    }
    if "suppressed" in found:
        held = found["suppressed"]
        justification = f"{held['reason']} ({held['owner']}, until {held['expires']})"
        result["suppressions"] = [{"kind": "external", "justification": justification}]
    return result


def _message(found: Found) -> str:
    name = f"{found['kind']} {found['resourceName']}"
    if found["verdict"] == "COULD_NOT_ASSESS":
        return f"Could not assess {name}: {found['gap']}"
    return f"{found['title']}: {name}"


def _location(found: Found) -> dict[str, Any]:
    path, line = found["source"], found.get("line")
    physical: dict[str, Any] = {}
    if line:
        path = path.removesuffix(f":{line}")
        physical["region"] = {"startLine": line}
    # A file's name may be no UTF-8; a URI is made of its bytes.
    physical["artifactLocation"] = {"uri": quote(os.fsencode(path), safe="/")}
    return {
        "physicalLocation": physical,
        "logicalLocations": [{"fullyQualifiedName": found["resource"], "kind": "resource"}],
    }


def _invocation(report: Report, found: list[dict[str, Any]]) -> dict[str, Any]:
    told = [
        _notification("error", f"cannot read {error.source}: {error.message}")
        for error in report.errors
    ]
    told += [
        _notification("warning", f"{one['rule']} on {one['resource']}: {one['gap']}")
        for one in found
        if "gap" in one
    ]
    most = limits.SARIF_RESULTS.ours
    if len(found) > most:
        text = f"{len(found) - most:,} results more than the {most:,} of a run were left out"
        told.append(_notification("error", text))
    return {
        "executionSuccessful": not report.unreadable and not report.failures,
        "toolExecutionNotifications": told,
    }


def _notification(level: str, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": text}}
