"""Lays a notice out as a Slack message: the header, the four answers, what to do now, the proof.

Over a limit Slack drops the whole message, so a notice is laid out in less and less room until it
fits; the header and the four answers are shortened, never dropped, and the message says that it was
cut and which command shows the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sentinel import limits
from sentinel.escape import CUT, fitted, slack_code, slack_mrkdwn, slack_plain
from sentinel.finding import EvidenceLine
from sentinel.notice import (
    Digest,
    DigestGroup,
    Notice,
    Quoted,
    Words,
    commands,
    counted,
    data_event,
    digest_headline,
    event_link,
    headline,
    prose,
    shown,
    status,
    unseen,
    when,
    where,
    who,
)

Block = dict[str, Any]
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Room:
    """How much of each part is shown: characters, and for evidence the number of values."""

    header: int
    answer: int
    section: int
    quoted: int
    evidence: int


_EVERYTHING = _Room(10**6, 10**6, 10**6, 10**6, 10**6)
_ROOMS = (
    _Room(
        limits.SLACK_HEADER.ours,
        limits.SLACK_FIELD.ours - 20,
        limits.SLACK_SECTION.ours,
        limits.EVIDENCE_VALUE.ours,
        limits.EVIDENCE_LINES.ours,
    ),
    _Room(limits.SLACK_HEADER.ours, 900, 1_400, limits.EVIDENCE_VALUE.ours, 8),
    _Room(limits.SLACK_HEADER.ours, 400, 600, 100, 2),
    _Room(limits.SLACK_HEADER.ours, 180, 300, 60, 0),
)
"""From the room that a usual notice needs to the room in which any notice fits."""

_ID_AND_MARK = limits.SLACK_BLOCK_ID.ours + 100
_TIME_AND_CALL = 320
_PLACE = 150


def slack_message(notice: Notice) -> Message:
    """The message about a finding or a gap, for posting and for editing.

    Its last block carries the notice's id as ``block_id`` (`notice_block_id`), by which a message
    that was perhaps already posted is found again.
    """
    layout = partial(_layout, notice)
    return _message(headline(notice), notice.id, _place(notice), layout)


def slack_reply(notice: Notice) -> Message:
    """The reply in the thread of an edited message, when a person must look again."""
    return _message(headline(notice), notice.id, _place(notice), partial(_reply, notice))


def slack_digest(digest: Digest) -> Message:
    """One message for many notices: exact counts by severity and rule."""
    return _message(digest_headline(digest), digest.id, "", partial(_digest, digest))


def notice_block_id(notice_id: str) -> str:
    """The ``block_id`` of the block that carries a notice's id."""
    return f"notice:{notice_id}"[: limits.SLACK_BLOCK_ID.ours]


def size(blocks: list[Block]) -> int:
    """The bytes of all blocks as they are sent: no less than the characters that Slack counts."""
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")).encode())


def _message(line: str, notice_id: str, place: str, layout: partial[list[Block]]) -> Message:
    for room in _ROOMS:
        blocks = layout(room)
        if size(blocks) <= limits.SLACK_ALL_BLOCKS.ours - _ID_AND_MARK:
            break
    if blocks != layout(_EVERYTHING):
        blocks[-1]["elements"].append(_mrkdwn("Shortened to fit."))
    blocks[-1]["block_id"] = notice_block_id(notice_id)
    return {
        "text": fitted(f"{line}{place}", limits.SLACK_TEXT.ours, slack_mrkdwn),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _layout(notice: Notice, room: _Room) -> list[Block]:
    label, rest = status(notice)
    answers = (
        ("What", _words(prose(notice.what), room, room.answer)),
        ("Who", _words(who(notice), room, room.answer)),
        ("So what", _words(prose(notice.so_what), room, room.answer)),
        ("Where, when", _where_and_when(notice, room)),
    )
    blocks = [
        _header(headline(notice), room),
        _section(f"*{label}*{_words(rest, room, room.section - 30)}", room),
        {
            "type": "section",
            "fields": [_mrkdwn(f"*{question}*\n{answer}") for question, answer in answers],
        },
    ]
    if not notice.telling.ended:
        blocks.append(_section(_what_now(notice, room), room))
        blocks += _evidence(notice, room)
    if missing := unseen(notice):
        blocks.append(_section(_words(missing, room, room.section), room))
    return [*blocks, _context(notice, room)]


def _where_and_when(notice: Notice, room: _Room) -> str:
    time = _words(when(notice), room, _TIME_AND_CALL)
    place = _words(where(notice), room, max(room.answer - _TIME_AND_CALL, _PLACE))
    return f"{place}\n{time}"


def _what_now(notice: Notice, room: _Room) -> str:
    typed = "\n".join(f"`{slack_code(command)}` {use}" for command, use in commands(notice))
    fix = _words(prose(notice.fix), room, room.section - len(typed) - 20)
    return f"*What now*\n{fix}\n{typed}"


def _evidence(notice: Notice, room: _Room) -> Iterator[Block]:
    """The values that made the rule fire, quoted; what does not fit is counted."""
    if not notice.evidence:
        return
    lines: list[str] = []
    taken = 0
    for line in notice.evidence[: room.evidence]:
        text = _evidence_line(line, room)
        if sum(map(len, lines)) + len(lines) + len(text) > room.section - 150:
            break
        lines.append(text)
        taken += 1
    label = "*Evidence*, quoted as recorded"
    quoted = "```" + "\n".join(lines) + "```" if lines else ""
    left = len(notice.evidence) - taken
    more = f"… {left} more values: `sentinel explain {slack_code(notice.short_id)}`" if left else ""
    yield _section("\n".join(part for part in (label, quoted, more) if part), room)


def _evidence_line(line: EvidenceLine, room: _Room) -> str:
    code = partial(fitted, limit=room.quoted, surface=slack_code)
    if line.before is None:
        return f"{code(line.path)} = {code(shown(line.value))}"
    return f"{code(line.path)}\n-   {code(shown(line.before))}\n+   {code(shown(line.value))}"


def _context(notice: Notice, room: _Room) -> Block:
    identity = f"`{slack_code(notice.short_id)}` {fitted(notice.rule, room.quoted, slack_mrkdwn)}"
    elements = [_mrkdwn(identity)]
    link = event_link(notice)
    if link and room.evidence:
        target = link.replace("&", "&amp;")
        elements.append(_mrkdwn(f"<{target}|CloudTrail event> (shows after some minutes)"))
    if kept := data_event(notice):
        elements.append(_mrkdwn(_words(kept, room, room.section)))
    elements.append(_mrkdwn(f"`sentinel explain {slack_code(notice.short_id)}`"))
    return {"type": "context", "elements": elements}


def _reply(notice: Notice, room: _Room) -> list[Block]:
    label, rest = status(notice)
    half = room.section // 2
    line = fitted(headline(notice), half - 1, slack_mrkdwn)
    command = f"`sentinel explain {slack_code(notice.short_id)}`"
    return [
        _section(f"*{label}*{_words(rest, room, half - 30)}\n{line}", room),
        {"type": "context", "elements": [_mrkdwn(command)]},
    ]


def _digest(digest: Digest, room: _Room) -> list[Block]:
    blocks = [_header(digest_headline(digest), room)]
    rows = limits.DIGEST_GROUPS.ours if room is not _EVERYTHING else room.evidence
    for severity, groups in digest.severities[: limits.SLACK_BLOCKS.ours - 2]:
        oldest = min(group.oldest for group in groups)
        count = counted(severity, sum(group.count for group in groups))
        title = fitted(count, room.quoted, slack_mrkdwn)
        lines = [f"*{title}*, oldest {_moment(oldest, '{time}', '%H:%M UTC')}"]
        lines += [_group(group, room) for group in groups[:rows]]
        if left := groups[rows:]:
            lines.append(f"… {len(left)} more rules, {sum(g.count for g in left)} findings")
        rows = max(0, rows - len(groups))
        blocks.append(_section(_whole_lines(lines, room), room))
    command = _mrkdwn("`sentinel findings` lists them all")
    return [*blocks, {"type": "context", "elements": [command]}]


def _group(group: DigestGroup, room: _Room) -> str:
    ended = f", {group.ended} of them closed again" if group.ended else ""
    return f"• `{fitted(group.rule, room.quoted, slack_code)}` {group.count}{ended}"


def _whole_lines(lines: list[str], room: _Room) -> str:
    """As many lines as there is room for; the number of the others."""
    kept = list(lines)
    while len(kept) > 1 and sum(map(len, kept)) + len(kept) > room.section - 50:
        kept.pop()
    left = len(lines) - len(kept)
    return "\n".join([*kept, f"… {left} more lines"] if left else kept)


def _header(text: str, room: _Room) -> Block:
    plain = fitted(text, room.header, slack_plain)
    return {"type": "header", "text": {"type": "plain_text", "emoji": False, "text": plain}}


def _section(text: str, room: _Room) -> Block:
    if len(text) > room.section:
        raise ValueError(f"a section of {len(text)} characters was laid out, not {room.section}")
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _words(words: Words, room: _Room, limit: int) -> str:
    """A sentence in at most *limit* characters; a piece that does not fit ends it with a mark."""
    pieces: list[str] = []
    left = limit - len(CUT)
    for word in words:
        if isinstance(word, str):
            piece = fitted(word, left, slack_mrkdwn)
        elif isinstance(word, Quoted):
            shortest = min(word.limit, room.quoted) if room is not _EVERYTHING else room.quoted
            piece = f"`{fitted(word.text, shortest, slack_code)}`"
        else:
            piece = _moment(word, "{date_short_pretty} {time_secs}", "%Y-%m-%d %H:%M:%S UTC")
        if len(piece) > left:
            return "".join([*pieces, CUT])
        pieces.append(piece)
        left -= len(piece)
    return "".join(pieces)


def _moment(moment: datetime, form: str, fallback: str) -> str:
    """A time that Slack shows in the reader's zone (Slack, "Formatting text", date formatting)."""
    return f"<!date^{int(moment.timestamp())}^{form}|{moment.astimezone(UTC).strftime(fallback)}>"


def _place(notice: Notice) -> str:
    by = f" By {notice.actor.name}." if notice.actor else ""
    return f" ({notice.account_alias or notice.account}, {notice.region}).{by}"
