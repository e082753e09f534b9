"""What a rule says: severity, evidence, the verdict on a subject, a problem's fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from sentinel.record import Actor
from sentinel.subject import Identity


class Severity(IntEnum):
    """Harm that can be reached now, from posture to an open door."""

    INFORMATIONAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


@dataclass(frozen=True, slots=True)
class Guard:
    """Something in place that makes a problem less severe, and where it was seen."""

    severity: Severity
    path: str
    value: object


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which member makes a rule fire, and its value.

    *severity*: None is the rule's own. *key* separates two problems of one rule on one subject, and
    is part of the fingerprint. *guarded_by* answers with the guard that lowers the severity, if
    there is one; when it raises NotKnown nothing is lowered and the unread guard is named.
    """

    path: str
    value: object
    severity: Severity | None = None
    key: str = ""
    before: object = None
    guarded_by: Callable[[], Guard | None] | None = field(default=None, compare=False)


Findings = Iterator[Evidence]
"""What a rule yields: nothing means that it is silent."""


class Outcome(StrEnum):
    """The ways in which a judgement ends."""

    VIOLATION = "VIOLATION"
    COMPLIANT = "COMPLIANT"
    COULD_NOT_ASSESS = "COULD_NOT_ASSESS"
    NO_BASELINE = "NO_BASELINE"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Cause:
    """The call that a verdict or a problem is first known by; empty when a sweep found it."""

    event_id: str = ""
    event_name: str = ""
    event_source: str = ""
    event_time: datetime | None = None
    category: str = ""
    request_id: str = ""
    actor: Actor = field(default_factory=Actor)


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """A piece of evidence as it is kept and shown: a member, its value, and its value before."""

    path: str
    value: Any
    before: Any = None


MOST_LINES = 20
MOST_VALUES = 10
LONGEST_TEXT = 1000


def kept(found: Sequence[Evidence]) -> tuple[EvidenceLine, ...]:
    """The evidence of a problem in a size that can be stored and told.

    A policy may give as many lines as it has resources: of too many the worst are kept, and what is
    left out is counted.
    """
    shown = found
    if len(found) > MOST_LINES:
        shown = sorted(found, key=lambda e: -(e.severity or 0))[:MOST_LINES]
    lines = [EvidenceLine(e.path, _bounded(e.value), _bounded(e.before)) for e in shown]
    if len(found) > MOST_LINES:
        lines.append(EvidenceLine("more", f"{len(found) - MOST_LINES} more pieces of evidence"))
    return tuple(lines)


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        cut = len(value) - LONGEST_TEXT
        return value if cut <= 0 else f"{value[:LONGEST_TEXT]}... ({cut} more characters)"
    if isinstance(value, Mapping):
        return {str(key)[:100]: _bounded(inner) for key, inner in list(value.items())[:MOST_VALUES]}
    if isinstance(value, list | tuple):
        more = len(value) - MOST_VALUES
        shown = [_bounded(element) for element in value[:MOST_VALUES]]
        return shown if more <= 0 else [*shown, f"and {more} more"]
    return value


@dataclass(frozen=True, slots=True)
class Problem:
    """One violation of one rule on one subject: the evidence that shares a key.

    *count* is how often an activity happened; a state is there once.
    """

    key: str
    severity: Severity
    evidence: tuple[EvidenceLine, ...]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said of one subject, *as_of* a time.

    *from_read*: the subject was read live, so that a silent verdict may close a finding. *gap*:
    what could not be seen; problems found before it are kept, and none is closed. *unread*: guards
    that could not be read and so lowered nothing. *activity*: the subject is a call, not a state.
    """

    rule: str
    subject: Identity
    as_of: datetime
    problems: tuple[Problem, ...] = ()
    gap: str = ""
    unread: tuple[str, ...] = ()
    from_read: bool = False
    gone: bool = False
    no_baseline: bool = False
    activity: bool = False
    cause: Cause = field(default_factory=Cause)

    @property
    def outcome(self) -> Outcome:
        """How the judgement ended; a violation that was seen outweighs what was not."""
        if self.problems:
            return Outcome.VIOLATION
        if self.gap:
            return Outcome.COULD_NOT_ASSESS
        if self.gone:
            return Outcome.GONE
        return Outcome.NO_BASELINE if self.no_baseline else Outcome.COMPLIANT

    @property
    def severity(self) -> Severity:
        """The worst of the problems."""
        return max((p.severity for p in self.problems), default=Severity.INFORMATIONAL)


def fingerprint(rule: str, subject: Identity, evidence_key: str) -> str:
    """The name of a problem: the same whichever way it is seen, and whenever. 32 hex digits."""
    parts = (subject.partition, subject.account, subject.region, rule, subject.key, evidence_key)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def short(fingerprint: str) -> str:
    """A fingerprint as people write it: ``f-`` and eight digits."""
    return f"f-{fingerprint[:8]}"
