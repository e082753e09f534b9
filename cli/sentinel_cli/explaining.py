"""What is known of a rule or of a finding, laid out under the questions that people ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sentinel import catalog, notice, telling
from sentinel.finding import EvidenceLine, short
from sentinel.gap import Gap
from sentinel.life import Finding, Move, Status
from sentinel.policy import Policy
from sentinel.rule import Rule

from sentinel_cli.terminal import Paint
from sentinel_cli.text import clean, moment_text, value, who, wrapped

COLUMN = 11
MOVE_OF = {
    Status.OPEN: Move.OPENED,
    Status.SUPPRESSED: Move.SUPPRESSED,
    Status.RESOLVED: Move.RESOLVED,
}


def rule(explained: Rule, paint: Paint) -> Iterator[str]:
    """What a rule finds, why it matters, what to do, and what it cannot see."""
    yield f"{explained.id}  {paint.word(explained.severity.name)}"
    sections = explained.sections
    yield from _answer("What", f"{explained.title}.")
    yield from _answer("So what", sections["Risk"])
    yield from _answer("What now", sections["Fix"])
    yield from _answer("Silent", sections.get("Silent", ""))
    yield from _answer("Unknown", sections.get("Blind", ""))
    yield from _answer("Known by", explained.ways())
    for name, setting in explained.settings.items():
        yield from _answer("Setting", f"{name} = {setting.shown()}")
    yield from _answer("Also", ", ".join(explained.crosswalk))


def finding(
    found: Finding, policy: Policy, accepted: Mapping[str, str], paint: Paint
) -> Iterator[str]:
    """All that the hub knows of a finding."""
    told = telling.notice_of_finding(MOVE_OF[found.status], found, found.fingerprint, policy)
    since = f"{found.status} since {moment_text(found.closed_at or found.opened_at)}"
    episode = f", episode {found.episode}" if found.episode > 1 else ""
    name = short(found.fingerprint)
    yield f"{found.rule}  {paint.word(found.severity.name)}  {name}  {since}{episode}"
    yield from _answer("What", f"{told.title}.")
    yield from _answer("Where", _where(found, policy))
    yield from _answer("Who", _who(found))
    yield from _answer("So what", told.so_what)
    yield from _answer("Known by", _known_by(found))
    for line in found.problem.evidence:
        yield from _answer("Evidence", _evidence(line))
    for unknown in _unknown(found):
        yield from _answer("Unknown", unknown)
    yield from _answer("Excused", clean(told.exemption or ""))
    if accepted:
        at = f"{accepted['by']} at {accepted['at']}"
        yield from _answer("Accepted", clean(f"{at} for {accepted['owner']}: {accepted['reason']}"))
    yield from _answer("What now", told.fix)
    for command, use in notice.commands(told):
        yield from _answer("", f"{command}   {use}")
    yield from _answer("Console", notice.event_link(told) or "")


def gap(found: Gap, policy: Policy, paint: Paint) -> Iterator[str]:
    """All that the hub knows of something that could not be seen."""
    told = telling.notice_of_gap(MOVE_OF[found.status], found, found.id, policy)
    since = f"{found.status} since {moment_text(found.closed_at or found.opened_at)}"
    yield f"{paint.word('COULD NOT ASSESS')}  {short(found.id)}  {since}"
    yield from _answer("What", f"{clean(told.title)}.")
    yield from _answer("Where", clean(f"{found.account}  {found.region}"))
    yield from _answer("So what", told.so_what)
    yield from _answer("Unknown", clean(found.kind))
    yield from _answer("Why", clean(told.what))
    yield from _answer("What now", clean(told.fix))


def _answer(question: str, answer: str) -> Iterator[str]:
    if answer:
        yield from wrapped(question or " ", answer, indent=0, column=COLUMN)


def _where(found: Finding, policy: Policy) -> str:
    alias = policy.alias(found.subject.account)
    account = f"{found.subject.account} ({alias})" if alias else found.subject.account
    return clean(f"{found.subject.key}   {account}  {found.subject.region}")


def _who(found: Finding) -> str:
    actor = found.cause.actor
    if not found.cause.event_id:
        return "not known: seen in a live read, not in an event"
    return who(actor.arn or actor.principal, actor.session, actor.source_ip, actor.user_agent)


def _known_by(found: Finding) -> str:
    cause = found.cause
    looked = f"last judged by what was known at {moment_text(found.as_of)}"
    if not cause.event_id or cause.event_time is None:
        return looked
    event = f"{cause.event_name} at {moment_text(cause.event_time)}, event {cause.event_id}"
    return clean(f"{event}; {looked}")


def _evidence(line: EvidenceLine) -> str:
    before = f"   before: {value(line.before)}" if line.before is not None else ""
    return f"{clean(line.path)} = {value(line.value)}{before}"


def _unknown(found: Finding) -> Iterator[str]:
    """What nobody could see, or what the rule says it never sees."""
    for unread in found.unread:
        yield f"{clean(unread)}; so it lowered nothing"
    known = catalog.rules().get(found.rule)
    yield (known.sections.get("Blind", "") if known else "") or "Nothing that the rule asks for."
