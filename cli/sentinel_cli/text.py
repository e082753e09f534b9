"""A report as people read it: each finding, then what was read, judged, and could not be.

Lines have at most `WIDTH` columns; only ARNs, addresses and paths may be longer, and are never cut.
Text from AWS is made harmless by `escape.terminal` before it is laid out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sentinel import catalog, escape, limits
from sentinel.finding import Severity

from sentinel_cli.report import Report, unknown
from sentinel_cli.terminal import Paint

WIDTH = 98
LABEL = 9
SEVERITY = 15
BLIND = "COULD NOT ASSESS"
Found = Mapping[str, Any]


def pieces(report: Report, paint: Paint, table: Iterable[str] | None = None) -> Iterator[str]:
    """The findings and the summary, piece by piece; a sweep has a table in its place."""
    found = report.ordered()
    for one in found:
        yield "\n".join(finding(one, report.policy.alias(one["account"]), paint)) + "\n\n"
    closing = summary(report, found, paint) if table is None else (*table, *counts(found, paint))
    yield "\n".join(closing) + "\n"


def finding(found: Found, alias: str, paint: Paint) -> Iterator[str]:
    """One finding, or one thing that could not be assessed."""
    blind = found["verdict"] == "COULD_NOT_ASSESS"
    yield _heading(BLIND if blind else found["severity"], found["rule"], found["id"], paint)
    yield "  " + _place(found, alias)
    if not blind:
        yield from wrapped("", found["title"] + ".")
    if found["eventName"]:
        yield from wrapped("when", f"{_when(found['eventTime'])}   {clean(found['eventName'])}")
        caller = (found[n] for n in ("actor", "session", "sourceIPAddress", "userAgent"))
        yield from wrapped("who", who(*caller))
    for line in found["evidence"][: limits.EVIDENCE_LINES.ours]:
        yield from wrapped("proof", _proof(line))
    if "gap" in found:
        yield from wrapped("unknown", clean(found["gap"]))
    for unread in found.get("unread", ()):
        yield from wrapped("unknown", f"{clean(unread)}; so it lowered nothing")
    if "suppressed" in found:
        held = found["suppressed"]
        excuse = f"by {held['owner']} until {held['expires']}: {held['reason']}"
        yield from wrapped("excused", clean(excuse))
    record = f"  record {found['record']}" if "record" in found else ""
    yield from wrapped("where", clean(found["source"]) + record)
    yield from wrapped("next", f"sentinel explain {found['rule']}")


def _heading(word: str, rule: str, identifier: str, paint: Paint) -> str:
    column = max(SEVERITY, len(word) + 2)
    left = f"{word:<{column}}{rule}"
    colored = paint.word(word) + left[len(word) :]
    return colored + identifier.rjust(max(2 + len(identifier), WIDTH - len(left)))


def _place(found: Found, alias: str) -> str:
    account = clean(found["account"] or "no account") + (f" ({clean(alias)})" if alias else "")
    name = clean(f"{found['kind']}/{found['resourceName']}")
    return f"{name}   {account}  {clean(found['region'] or 'no Region')}"


def _when(time: str) -> str:
    return clean(time).replace("T", " ").replace("Z", " UTC")


def who(actor: str, session: str, source_ip: str, user_agent: str) -> str:
    """The role or user, its session, from where: as far as the record tells."""
    told = clean(actor or "not told")
    session = clean(session)
    if session and told.endswith(f"/{session}"):
        told = f"{told.removesuffix(f'/{session}')}, session {session}"
    agent = clean(user_agent.strip("[]").split(" ", 1)[0])
    where = f" from {clean(source_ip)}" if source_ip else ""
    return f"{told}{where}" + (f" ({agent})" if agent else "")


def _proof(line: Mapping[str, Any]) -> str:
    before = f"   before: {value(line['before'])}" if "before" in line else ""
    return f"{clean(line['path'])} = {value(line['value'])}{before}"


def value(shown: object) -> str:
    """A value of evidence as JSON, harmless, and cut in the middle unless it names something."""
    if shown is None:
        return "(absent)"
    text = clean(json.dumps(shown, ensure_ascii=False, default=str))
    return text if "arn:" in text else escape.cut_middle(text, limits.EVIDENCE_VALUE.ours, "...")


def clean(text: str) -> str:
    """Text from AWS, harmless on a terminal."""
    return escape.terminal(text)


def wrapped(label: str, text: str, *, indent: int = 2, column: int = LABEL) -> Iterator[str]:
    """A text under its label; words that name something stay whole, others may be broken."""
    start = " " * indent + (f"{label:<{column}}" if label else "")
    room = WIDTH - len(start)
    line = ""
    for word in _words(text, room):
        if line and len(line) + 1 + len(word) > room:
            yield (start + line).rstrip()
            start, line = " " * len(start), ""
        line = f"{line} {word}" if line else word
    yield (start + line).rstrip()


def _words(text: str, room: int) -> Iterator[str]:
    for word in text.split(" "):
        names = "arn:" in word or "/" in word
        if names or len(word) <= room:
            yield word
            continue
        yield from (word[start : start + room] for start in range(0, len(word), room))


def summary(report: Report, found: list[dict[str, Any]], paint: Paint) -> Iterator[str]:
    """What was read and judged, how much of what was found, and what could not be seen."""
    yield f"Read {counted(report.files, 'file')}, {counted(report.records, 'record')}."
    rules = len(catalog.rules()) - len(report.policy.disabled)
    yield f"Judged {report.judged:,} of them with {counted(rules, 'rule')}."
    if report.unwatched:
        yield f"No rule has to do with {report.unwatched:,}."
    if report.skipped:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.skipped.items())
        yield f"Passed over {sum(report.skipped.values()):,}: {reasons}."
    yield from counts(found, paint)
    if report.no_baseline:
        yield f"  no baseline {report.no_baseline:,} (rules that compare with an earlier state)"
    idle = report.idle_rules()
    if idle and report.judged:
        yield from wrapped("", f"  nothing to judge for: {', '.join(idle)}", indent=0)
    for error in report.errors:
        yield from wrapped("", f"error: {clean(error.source)}: {clean(error.message)}", indent=0)


def counts(found: list[dict[str, Any]], paint: Paint) -> Iterator[str]:
    """How many findings of each severity, how many are excused, and what could not be assessed."""
    told = [one for one in found if "suppressed" not in one]
    number = Counter(one["severity"] for one in told if one["verdict"] == "VIOLATION")
    words = [f"{paint.word(s.name)} {number[s.name]}" for s in sorted(Severity, reverse=True)]
    excused = len(found) - len(told)
    yield "  " + "   ".join(words) + (f"      suppressed {excused}" if excused else "")
    blind, partly = unknown(found)
    if blind:
        yield f"  could not assess {blind}"
    if partly:
        yield f"  {counted(partly, 'finding')} with an unknown part"


def counted(count: int, noun: str) -> str:
    """A number and its noun: ``1 file``, ``12 files``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def moment_text(time: datetime) -> str:
    """A time as people read it, in UTC and saying so."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
