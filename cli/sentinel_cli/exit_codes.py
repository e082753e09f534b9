"""With which code a command ends, and the line that says why."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentinel_cli.report import Report


class Exit(IntEnum):
    """What a shell or a pipeline learns of a command."""

    CLEAN = 0
    FINDINGS = 1
    FAILED = 2
    BLIND = 3
    INTERRUPTED = 130
    CLOSED_PIPE = 141


class FailOn(StrEnum):
    """From which severity on a finding makes a command end with 1."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFORMATIONAL = "INFORMATIONAL"
    NEVER = "never"


def of_report(report: Report, fail_on: FailOn, *, allow_blind: bool) -> tuple[Exit, str]:
    """The code of a report, and the line that names everything that applies."""
    from sentinel_cli.report import unknown

    found = report.ordered()
    failing = sum(_fails(f["severity"], fail_on) for f in found if _counts(f))
    blind, partly = unknown(found)
    reasons = [
        (Exit.FAILED, report.unreadable, "input{s} could not be read"),
        (Exit.FAILED, report.failures, "rule{s} broke"),
        (Exit.FINDINGS, failing, f"finding{{s}} at {fail_on} or above"),
        (Exit.BLIND, blind, "could not be assessed"),
        (Exit.BLIND, partly, "finding{s} with an unknown part"),
        (Exit.BLIND, report.partly, "part{s} of the input could not be read"),
    ]
    return _ending(reasons, f"no finding at {fail_on} or above", fail_on, allow_blind=allow_blind)


def of_counts(
    severities: dict[str, int],
    blind: int,
    fail_on: FailOn,
    *,
    allow_blind: bool,
    failed: int = 0,
) -> tuple[Exit, str]:
    """The code of a sweep that the hub did, from its counts."""
    failing = sum(count for name, count in severities.items() if _fails(name, fail_on))
    reasons = [
        (Exit.FAILED, failed, "part{s} of the sweep failed"),
        (Exit.FINDINGS, failing, f"finding{{s}} at {fail_on} or above"),
        (Exit.BLIND, blind, "could not be assessed"),
    ]
    return _ending(reasons, f"no finding at {fail_on} or above", fail_on, allow_blind=allow_blind)


def _ending(
    reasons: list[tuple[Exit, int, str]], clean: str, fail_on: FailOn, *, allow_blind: bool
) -> tuple[Exit, str]:
    met = [(code, count, words) for code, count, words in reasons if count]
    codes = [code for code, _, _ in met if not (code is Exit.BLIND and allow_blind)]
    code = codes[0] if codes else Exit.CLEAN
    texts = [f"{count} {words.format(s='' if count == 1 else 's')}" for _, count, words in met]
    if not texts or fail_on is FailOn.NEVER:
        texts.insert(0, "findings do not count" if fail_on is FailOn.NEVER else clean)
    return code, f"exit {code.value}: {'; '.join(texts)}"


def _counts(found: dict[str, object]) -> bool:
    return found["verdict"] == "VIOLATION" and "suppressed" not in found


def _fails(severity: str, fail_on: FailOn) -> bool:
    if fail_on is FailOn.NEVER:
        return False
    from sentinel.finding import Severity

    return Severity[severity] >= Severity[fail_on.value]
