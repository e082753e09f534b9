"""From a finding or a gap, as it was at a change, to the notice that people get."""

from __future__ import annotations

from typing import Literal

from sentinel import catalog
from sentinel.finding import EvidenceLine, Problem
from sentinel.gap import STALE_READ, Gap
from sentinel.life import Finding, Move, Status
from sentinel.notice import Notice, State, shown
from sentinel.policy import Policy

STATE_OF = {
    Move.OPENED: State.OPEN,
    Move.REOPENED: State.REOPENED,
    Move.CHANGED: State.CHANGED,
    Move.RAISED: State.RAISED,
    Move.SUPPRESSED: State.SUPPRESSED,
    Move.RESOLVED: State.RESOLVED,
}
ALARM = "alarm"
"""The kind of a gap that is an alarm of the sentinel itself."""
CURES = {
    ALARM: "Mend what the alarm names; the logs of the sentinel's functions say more. It closes"
    " when the alarm is over.",
    "account": "Deploy member.yaml in the account, or mend the trust policy of the read role there:"
    " nothing of the account can be read until the sentinel may assume it.",
    "event": "Events that contradict themselves, or come from accounts and Regions that the policy"
    " does not name, are not judged. Find out who sent them, and add the account to policy.yaml if"
    " it is yours.",
}
RISKS = {ALARM: "Until then changes may be judged or told late, or not at all."}
UNJUDGED = (
    "What the rule could not judge is named above: look at it yourself. If AWS has given resources"
    " of this kind something new, install a version of the sentinel that knows it."
)
STALE = (
    "AWS goes on answering with an old state. Look at the resource yourself; the next sweep judges"
    " what AWS then says."
)


def notice_of_finding(move: Move, finding: Finding, change_id: str, policy: Policy) -> Notice:
    """What people are told of a change of a finding."""
    sections = _sections(finding.rule)
    cause, subject = finding.cause, finding.subject
    return Notice(
        id=change_id,
        fingerprint=finding.fingerprint,
        rule=finding.rule,
        title=sections.get("title", finding.rule),
        severity=finding.severity.name,
        state=STATE_OF[move],
        what=_what(finding.problem),
        so_what=sections.get("Risk", ""),
        fix=sections.get("Fix", ""),
        account=subject.account,
        account_alias=policy.alias(subject.account),
        region=subject.region,
        partition=subject.partition,
        resource=subject.key,
        resource_name=subject.name,
        opened_at=finding.opened_at,
        closed_at=finding.closed_at,
        actor=cause.actor if cause.event_id else None,
        event_name=cause.event_name or None,
        event_id=cause.event_id or None,
        event_category=_category(cause.category),
        event_time=cause.event_time,
        evidence=finding.problem.evidence,
        unread=finding.unread,
        count=finding.problem.count,
        episode=finding.episode,
        exemption=_exemption(finding),
    )


def notice_of_gap(move: Move, gap: Gap, change_id: str, policy: Policy) -> Notice:
    """What people are told of a change of a gap."""
    closed = move is Move.RESOLVED
    title, of, cure = _of_gap(gap)
    what = f"{gap.cause} on {of}: {gap.reason}"
    return Notice(
        id=change_id,
        fingerprint=gap.id,
        rule=f"{gap.kind} {gap.cause}",
        title=title,
        severity="INFORMATIONAL",
        state=State.GAP_CLOSED if closed else State.GAP_OPENED,
        what=what,
        so_what=RISKS.get(
            gap.kind, "Until then rules on it cannot be judged; findings that are open stay open."
        ),
        fix=cure,
        account=gap.account,
        account_alias=policy.alias(gap.account),
        region=gap.region,
        partition=gap.partition,
        resource=f"{gap.account} {gap.region} {gap.kind}",
        resource_name=f"{gap.kind} {gap.cause}",
        opened_at=gap.opened_at,
        closed_at=gap.closed_at,
        gap=what,
        episode=gap.episode,
    )


def rings(head: Finding | Gap) -> bool:
    """Whether it is an alarm that rings, which CloudWatch mails without the sentinel."""
    return isinstance(head, Gap) and head.kind == ALARM and head.status is Status.OPEN


def _of_gap(gap: Gap) -> tuple[str, str, str]:
    """What a gap is called, what it is of, and what cures it."""
    if gap.kind == ALARM:
        return "An alarm of the sentinel itself rings", "the sentinel", CURES[ALARM]
    if gap.kind == "event":
        return "Events were not judged", gap.kind, CURES[gap.kind]
    if gap.cause in catalog.rules():
        return f"A rule could not judge a {gap.kind}", gap.example, UNJUDGED
    if gap.cause == STALE_READ:
        return f"A {gap.kind} is read as it was before its last change", gap.example, STALE
    right = f"Grant the read role of the account the right to {gap.cause}."
    return f"{gap.kind} cannot be read", gap.kind, CURES.get(gap.kind, right)


def _sections(rule: str) -> dict[str, str]:
    """A rule that this version no longer has is still told, by its name."""
    found = catalog.rules().get(rule)
    return dict(found.sections) if found else {}


def _what(problem: Problem) -> str:
    return "; ".join(_line(line) for line in problem.evidence[:3])


def _line(line: EvidenceLine) -> str:
    before = f", was `{shown(line.before)}`" if line.before is not None else ""
    return f"`{line.path}` is `{shown(line.value)}`{before}"


def _category(text: str) -> Literal["Management", "Data"] | None:
    if text == "Management":
        return "Management"
    return "Data" if text == "Data" else None


def _exemption(finding: Finding) -> str | None:
    held = finding.exemption
    return f"{held.reason} ({held.owner}, until {held.ends:%Y-%m-%d})" if held else None
