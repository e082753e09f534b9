"""What people are told about one change of a finding or a gap, in words that no surface owns.

The sentences are written here once, as `Words`: plain text, values quoted from AWS, and moments.
Slack and mail only decide how each of the three looks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from sentinel import limits
from sentinel.finding import EvidenceLine, Severity
from sentinel.links import event_page
from sentinel.record import Actor

ARN_LENGTH = 700
"""Characters of an ARN that are shown: an IAM role's path alone may have 512."""

BLIND = "COULD NOT ASSESS"
_WORST_FIRST = (*(severity.name for severity in sorted(Severity, reverse=True)), BLIND)
_ARN = re.compile(r"arn:aws[a-z-]*:[\w+=,.@:/*-]*[\w*]")


class State(StrEnum):
    """What a notice says has become of the finding or the gap."""

    OPEN = "OPEN"
    CHANGED = "CHANGED"
    RAISED = "RAISED"
    REOPENED = "REOPENED"
    RESOLVED = "RESOLVED"
    SUPPRESSED = "SUPPRESSED"
    GAP_OPENED = "GAP_OPENED"
    GAP_CLOSED = "GAP_CLOSED"


@dataclass(frozen=True, slots=True)
class Telling:
    """How one state is told.

    *headline* is put before the title; *subject* begins a mail's subject. *first*: it may be the
    first message about a finding; otherwise it only edits one. *alone*: it is worth a message of
    its own where nothing can be edited (mail, incoming webhook). *reply*: a person must look
    again, so the edited Slack message gets a reply in its thread too. *ended*: nothing is left to
    do.
    """

    headline: str
    subject: str
    first: bool = True
    alone: bool = True
    reply: bool = False
    ended: bool = False


TELLING: Mapping[str, Telling] = {
    State.OPEN: Telling("{severity}", "OPEN"),
    State.CHANGED: Telling("{severity}", "CHANGED", alone=False),
    State.RAISED: Telling("{severity} now", "RAISED", reply=True),
    State.REOPENED: Telling("{severity} again", "REOPENED", reply=True),
    State.RESOLVED: Telling("RESOLVED {severity}", "RESOLVED", ended=True),
    State.SUPPRESSED: Telling(
        "SUPPRESSED {severity}", "SUPPRESSED", first=False, alone=False, ended=True
    ),
    State.GAP_OPENED: Telling(BLIND, BLIND),
    State.GAP_CLOSED: Telling("ASSESSED AGAIN", "ASSESSED AGAIN", ended=True),
}
"""One row for each state."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One change to tell: *id* is fingerprint, episode and number of the change, joined by dots.

    *event_category* is None when no event was seen (a sweep found it). *unread* are guards that
    could not be read. *gap* says what could not be seen and which right cures it. *count* is how
    often the problem was seen in this episode. Times are aware.
    """

    id: str
    fingerprint: str
    rule: str
    title: str
    severity: str
    state: str
    what: str
    so_what: str
    fix: str
    account: str
    region: str
    partition: str
    resource: str
    resource_name: str
    opened_at: datetime
    account_alias: str = ""
    actor: Actor | None = None
    event_name: str | None = None
    event_id: str | None = None
    event_category: Literal["Management", "Data"] | None = None
    event_time: datetime | None = None
    evidence: tuple[EvidenceLine, ...] = ()
    unread: tuple[str, ...] = ()
    gap: str | None = None
    count: int = 1
    episode: int = 1
    closed_at: datetime | None = None
    exemption: str | None = None

    @property
    def short_id(self) -> str:
        """The finding as people write it in a command."""
        return f"f-{self.fingerprint[:8]}"

    @property
    def telling(self) -> Telling:
        """How this notice's state is told; KeyError if nobody has written words for it."""
        return TELLING[self.state]

    @property
    def is_gap(self) -> bool:
        """Whether this is about something that could not be assessed, not about a finding."""
        return self.state in (State.GAP_OPENED, State.GAP_CLOSED)


@dataclass(frozen=True, slots=True)
class DigestGroup:
    """The findings of one rule, or its gaps; *oldest* is when the first was opened."""

    severity: str
    rule: str
    count: int
    ended: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Digest:
    """Many notices told at once, worst first; each finding counts once, as it is now."""

    id: str
    groups: tuple[DigestGroup, ...]

    @property
    def severities(self) -> tuple[tuple[str, tuple[DigestGroup, ...]], ...]:
        """The groups by severity, worst first."""
        found = dict.fromkeys(group.severity for group in self.groups)
        return tuple((s, tuple(g for g in self.groups if g.severity == s)) for s in found)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A value as AWS or a caller wrote it; *limit* is how much of it is shown."""

    text: str
    limit: int = limits.EVIDENCE_VALUE.ours


Words = tuple[str | Quoted | datetime, ...]
"""A sentence: text of ours, values of others, and moments, which each surface writes in its way."""


def headline(notice: Notice) -> str:
    """The line that must do alone on a phone: state, severity, what, and which resource."""
    return f"{notice.telling.headline.format(severity=notice.severity)}: {subject_matter(notice)}"


def subject_matter(notice: Notice) -> str:
    """The title, with the resource's name if the title does not hold it."""
    title = notice.title.rstrip(". ")
    if notice.resource_name in title:
        return title
    return f"{title} ({notice.resource_name})"


def digest(digest_id: str, notices: Sequence[Notice]) -> Digest:
    """Gather *notices*, given in the order of the changes, into one digest with exact counts.

    What is not told on its own (suppressed findings) is not counted.
    """
    latest = {notice.fingerprint: notice for notice in notices}
    members: dict[tuple[str, str], list[Notice]] = {}
    for notice in latest.values():
        if notice.telling.first:
            severity = BLIND if notice.is_gap else notice.severity
            members.setdefault((severity, notice.rule), []).append(notice)
    groups = (
        DigestGroup(
            severity,
            rule,
            count=len(found),
            ended=sum(notice.telling.ended for notice in found),
            oldest=min(notice.opened_at for notice in found),
        )
        for (severity, rule), found in members.items()
    )
    return Digest(digest_id, tuple(sorted(groups, key=_worst_first)))


def digest_headline(digest: Digest) -> str:
    """The line of a digest that must do alone on a phone."""
    counts = ", ".join(
        counted(severity, sum(group.count for group in groups))
        for severity, groups in digest.severities
    )
    return counts or "0 more findings"


def counted(severity: str, count: int) -> str:
    """How many of a severity: ``12 more HIGH findings``."""
    return f"{count} more {severity}" + (
        "" if severity == BLIND else " finding" if count == 1 else " findings"
    )


def status(notice: Notice) -> tuple[str, Words]:
    """What became of it: the word that stands out, and the rest of the sentence."""
    since: Words = (" since ", notice.opened_at, _seen(notice))
    match notice.state:
        case State.OPEN:
            return "Open", since
        case State.CHANGED:
            return "Changed", (", open", *since)
        case State.RAISED:
            return f"Raised to {notice.severity}", (", open", *since)
        case State.REOPENED:
            who: Words = (" by ", Quoted(notice.actor.name)) if notice.actor else ()
            return "Opened again", (" at ", notice.opened_at, *who, f", episode {notice.episode}.")
        case State.RESOLVED:
            return "Closed", _closing(notice)
        case State.SUPPRESSED:
            reason = notice.exemption or "no reason is recorded"
            return "Suppressed", (" by an exemption: ", *prose(reason))
        case State.GAP_OPENED:
            return "Could not assess", (*since, " ", *prose(notice.gap or ""))
        case State.GAP_CLOSED:
            return "Could be read again", _closing(notice)
        case unknown:
            raise KeyError(f"state {unknown!r} of notice {notice.id} has no sentence")


def who(notice: Notice) -> Words:
    """Who called, and from where."""
    actor = notice.actor
    if actor is None:
        seen = (
            "the event names nobody" if notice.event_id else "seen in a live read, not in an event"
        )
        return (f"Not known: {seen}.",)
    words: Words = (Quoted(actor.name),)
    if actor.session and actor.session != actor.name:
        words += (", session ", Quoted(actor.session))
    if actor.source_ip:
        words += (", from ", Quoted(actor.source_ip))
    if actor.user_agent:
        words += (" with ", Quoted(actor.user_agent.strip("[").split(" ", 1)[0], 40))
    return words


def where(notice: Notice) -> Words:
    """Account, Region and resource."""
    alias = f" {notice.account_alias[:50]}" if notice.account_alias else ""
    place: Words = (Quoted(notice.account), f"{alias}, ", Quoted(notice.region))
    return (*place, ", ", Quoted(notice.resource, ARN_LENGTH))


def when(notice: Notice) -> Words:
    """The time of the call, or else of the look that found it."""
    if notice.event_time is None:
        return (notice.opened_at, ", when it was first seen")
    return (
        (notice.event_time, ", ", Quoted(notice.event_name))
        if notice.event_name
        else (notice.event_time,)
    )


def unseen(notice: Notice) -> Words:
    """What could not be read and so lowered nothing; empty when everything was read."""
    words: Words = ()
    if notice.unread:
        names = [w for guard in notice.unread[:10] for w in (", ", Quoted(guard))][1:]
        more = f" and {len(notice.unread) - 10} more" if len(notice.unread) > 10 else ""
        words = ("Not read, so it lowered nothing: ", *names, f"{more}.")
    if notice.gap and not notice.is_gap:
        words += (" " if words else "", "Not assessed: ", *prose(notice.gap))
    return words


def shown(value: object) -> str:
    """A value of evidence as JSON, or why it cannot be written so."""
    if value is None:
        return "(absent)"
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        return f"(a {type(value).__name__} that cannot be shown: {error})"


def commands(notice: Notice) -> tuple[tuple[str, str], ...]:
    """What a person can type now, each with what it is good for."""
    explain = (f"sentinel explain {notice.short_id}", "shows all that is known")
    if notice.telling.ended:
        return (explain,)
    if notice.is_gap:
        return (explain, ("sentinel sweep", "looks again once it can be read"))
    return (explain, (f"sentinel accept {notice.short_id}", "if it is meant to be so"))


def event_link(notice: Notice) -> str | None:
    """The call in the console's Event history, which holds management events only."""
    if notice.event_category != "Management" or not notice.event_id:
        return None
    link = event_page(notice.event_id, partition=notice.partition, region=notice.region)
    return link if link and len(link) <= limits.SLACK_URL.ours // 2 else None


def data_event(notice: Notice) -> Words:
    """The id of a data event, and that the console's Event history does not hold it."""
    if notice.event_category != "Data" or not notice.event_id:
        return ()
    held = "; Event history in the console does not hold it."
    return ("Data event ", Quoted(notice.event_id), held)


def prose(text: str) -> Words:
    """Read a text whose values stand between backticks; ARNs count as values too."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        pieces[-2:] = ["'".join(pieces[-2:])]
    return tuple(_prose(pieces))


def span(length: timedelta) -> str:
    """A length of time in its two largest units."""
    minutes, seconds = divmod(max(0, int(length.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join([f"{amount} {unit}" for amount, unit in units if amount][:2]) or "0 s"


def _prose(pieces: Sequence[str]) -> Iterator[str | Quoted]:
    for index, piece in enumerate(pieces):
        if index % 2:
            if piece.strip():
                yield Quoted(piece, ARN_LENGTH if piece.startswith("arn:") else Quoted("").limit)
            continue
        end = 0
        for match in _ARN.finditer(piece):
            yield piece[end : match.start()]
            yield Quoted(match[0], ARN_LENGTH)
            end = match.end()
        yield piece[end:]


def _worst_first(group: DigestGroup) -> tuple[int, int, str]:
    order = _WORST_FIRST.index(group.severity) if group.severity in _WORST_FIRST else -1
    return order, -group.count, group.rule


def _seen(notice: Notice) -> str:
    return f", seen {notice.count} times." if notice.count > 1 else "."


def _closing(notice: Notice) -> Words:
    if notice.closed_at is None:
        return (".",)
    open_for = span(notice.closed_at - notice.opened_at)
    return (" at ", notice.closed_at, f", {open_for} after it was opened.")
