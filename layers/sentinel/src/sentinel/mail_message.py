"""Lays a notice out as a plain-text mail: ASCII, 72 columns, and no link that decides anything.

Scanners open every link of a mail, and SNS sends all subscribers the same one, so a mail carries
commands; its only address is a console page that shows the call.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sentinel import limits
from sentinel.escape import CUT_ASCII, cut_middle, fitted, mail_header, mail_line
from sentinel.finding import EvidenceLine
from sentinel.notice import (
    Digest,
    Notice,
    Quoted,
    Words,
    commands,
    counted,
    data_event,
    digest_headline,
    event_link,
    prose,
    shown,
    status,
    subject_matter,
    unseen,
    when,
    where,
    who,
)

_LABEL = 10
_PLACE_IN_SUBJECT = 20


@dataclass(frozen=True, slots=True)
class Mail:
    """A subject of at most 99 ASCII characters without a line break, and a body."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Sender:
    """What every mail says of its reader's side: the hub's account, and the team's zone."""

    account: str
    zone: ZoneInfo | None = None


def mail_message(notice: Notice, sender: Sender) -> Mail:
    """The mail about a finding or a gap.

    The subject begins with the state, then the severity, so that a list sorts; the mails about one
    finding differ in these first words only.
    """
    parts = [
        *_answers(notice, sender),
        *_what_now(notice, sender),
        *_evidence(notice),
        *_where_recorded(notice, sender),
        f"Finding {_line(notice.short_id)}, rule {_line(notice.rule)}",
        *_signature(sender),
    ]
    return Mail(_subject(notice), "\n".join(parts) + "\n")


def mail_digest(digest: Digest, sender: Sender) -> Mail:
    """One mail for many notices: exact counts by severity and rule."""
    parts: list[str] = []
    rows = limits.DIGEST_GROUPS.ours
    for severity, groups in digest.severities:
        oldest = _moment(min(group.oldest for group in groups), sender.zone)
        total = counted(severity, sum(group.count for group in groups))
        parts.append(_wrapped("", f"{_line(total)}, oldest {oldest}", indent=0))
        for group in groups[:rows]:
            ended = f", {group.ended} of them closed again" if group.ended else ""
            parts.append(_wrapped("", f"{group.count} {_line(group.rule)}{ended}", indent=2))
        if left := groups[rows:]:
            total_left = sum(group.count for group in left)
            parts.append(f"  {CUT_ASCII} {len(left)} more rules, {total_left} findings")
        rows = max(0, rows - len(groups))
        parts.append("")
    parts += ["All of them:  sentinel findings", "", *_signature(sender)]
    subject = fitted(f"DIGEST {digest_headline(digest)}", limits.MAIL_SUBJECT.ours, mail_header)
    return Mail(subject, "\n".join(parts) + "\n")


def _subject(notice: Notice) -> str:
    severity = "" if notice.is_gap else f" {notice.severity}"
    place = notice.account_alias or notice.account
    start = fitted(
        f"{notice.telling.subject}{severity} "
        f"{cut_middle(place, _PLACE_IN_SUBJECT, CUT_ASCII)} {notice.region}: ",
        limits.MAIL_SUBJECT.ours // 2 + _PLACE_IN_SUBJECT,
        mail_header,
        CUT_ASCII,
    )
    room = limits.MAIL_SUBJECT.ours - len(start) - 1
    return mail_header(f"{start} {fitted(subject_matter(notice), room, mail_header, CUT_ASCII)}")


def _answers(notice: Notice, sender: Sender) -> Iterator[str]:
    label, rest = status(notice)
    yield _labelled("STATE", f"{label}{_words(rest, sender)}")
    yield _labelled("WHAT", _words(prose(notice.what), sender))
    yield _labelled("WHO", _words(who(notice), sender))
    yield _labelled("WHEN", _words(when(notice), sender))
    yield _labelled("WHERE", _words(where(notice), sender))
    yield _labelled("SO WHAT", _words(prose(notice.so_what), sender))
    if missing := unseen(notice):
        yield _labelled("UNKNOWN", _words(missing, sender))
    yield ""


def _what_now(notice: Notice, sender: Sender) -> Iterator[str]:
    if not notice.telling.ended:
        yield _labelled("WHAT NOW", _words(prose(notice.fix), sender))
        yield ""
    for command, use in commands(notice):
        yield f"  {_line(command):<28}  {use}"
    yield ""


def _evidence(notice: Notice) -> Iterator[str]:
    if notice.telling.ended or not notice.evidence:
        return
    yield "EVIDENCE, quoted as recorded"
    for line in notice.evidence[: limits.EVIDENCE_LINES.ours]:
        yield from _evidence_line(line)
    left = len(notice.evidence) - limits.EVIDENCE_LINES.ours
    if left > 0:
        yield f"  {CUT_ASCII} {left} more values: sentinel explain {_line(notice.short_id)}"
    yield ""


def _evidence_line(line: EvidenceLine) -> Iterator[str]:
    yield _wrapped("", _line(line.path), indent=2)
    if line.before is None:
        yield _wrapped("", f"= {_line(shown(line.value))}", indent=4)
    else:
        yield _wrapped("", f"- {_line(shown(line.before))}", indent=4)
        yield _wrapped("", f"+ {_line(shown(line.value))}", indent=4)


def _where_recorded(notice: Notice, sender: Sender) -> Iterator[str]:
    if link := event_link(notice):
        yield "CloudTrail event (shows after some minutes):"
        yield link
        yield ""
    if kept := data_event(notice):
        yield _wrapped("", _words(kept, sender), indent=2)
        yield ""


def _signature(sender: Sender) -> tuple[str, str]:
    return (
        f"Sent by AgentCore Sentinel, account {_line(sender.account)}.",
        "This mail cannot approve anything.",
    )


def _labelled(label: str, text: str) -> str:
    return _wrapped(label, cut_middle(text, limits.PROSE.ours, CUT_ASCII), indent=_LABEL)


def _wrapped(label: str, text: str, *, indent: int) -> str:
    """Fill lines of 72 columns; only a value without a blank (an ARN) may be longer, uncut.

    Every line after the first is indented, so that no value can pass for a line of ours.
    """
    return textwrap.fill(
        " ".join(text.split()),
        limits.MAIL_COLUMNS.ours,
        initial_indent=label.ljust(indent),
        subsequent_indent=" " * max(indent, 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _words(words: Words, sender: Sender) -> str:
    return "".join(
        _moment(word, sender.zone)
        if isinstance(word, datetime)
        else fitted(word.text, word.limit, mail_line, CUT_ASCII)
        if isinstance(word, Quoted)
        else mail_line(word)
        for word in words
    )


def _moment(moment: datetime, zone: ZoneInfo | None) -> str:
    """A time in UTC, and beside it in the team's zone."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return text if zone is None else f"{text} ({moment.astimezone(zone):%H:%M:%S} {zone.key})"


def _line(text: str) -> str:
    return fitted(text, limits.EVIDENCE_VALUE.ours, mail_line, CUT_ASCII)
