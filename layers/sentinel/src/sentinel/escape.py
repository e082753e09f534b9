"""Makes text from AWS harmless, with one function for each surface that people read it on.

Names, descriptions and policy texts are chosen by whoever made the call, so they may hold terminal
sequences, mentions of a whole channel, spreadsheet formulas, markup or characters that turn the
reading direction. Every function here takes any `str` (lone surrogates too), never raises, answers
with one line, and shows what it disarms as ``\\x1b`` or ``\\u202e`` instead of hiding it: two names
that differ must not look the same.
"""

from __future__ import annotations

import html as _html
import re
import unicodedata
from collections.abc import Callable
from typing import Any

Surface = Callable[[str], str]
"""A cleaning function of this module."""

CUT = "…"
"""Marks the place where text was left out."""

CUT_ASCII = "..."

_MARKS_ON_ONE_LETTER = 3
_FIRST_BYTES_OF_A_FORMULA = "=+-@＝＋－＠"  # noqa: RUF001 - spreadsheets read the wide forms alike

# Not controls by Unicode's categories, yet nothing is seen: fillers, joiners, variation selectors.
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))

# Slack has no escape for its formatting characters, so they become the sign that looks like them.
_SLACK_LOOKALIKES = str.maketrans({"*": "∗", "~": "∼", "`": "'"})  # noqa: RUF001
_SLACK_LONE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_SLACK_SHORTCODE = re.compile(r":(?=[^\s:]+:)")
_SLACK_MENTION = re.compile(r"@(?=(?:here|channel|everyone)\b)", re.IGNORECASE)


def terminal(text: str) -> str:
    """Clean *text* for a terminal; print it as literal text, never as a library's markup."""
    return _visible(text)


def log_line(text: str) -> str:
    """Clean *text* for one line of a log."""
    return _visible(text)


def html(text: str) -> str:
    """Clean *text* for an HTML element or a quoted attribute."""
    return _html.escape(_visible(text), quote=True)


def csv_cell(text: str) -> str:
    """Clean *text* for a CSV cell; write every cell quoted, or ``;`` may begin a new one.

    A cell that a spreadsheet would compute gets a leading apostrophe (OWASP, "CSV Injection").
    """
    cell = _visible(text)
    return f"'{cell}" if cell.lstrip()[:1] in tuple(_FIRST_BYTES_OF_A_FORMULA) else cell


def slack_mrkdwn(text: str) -> str:
    """Clean *text* for Slack prose: no mention, link, emoji or formatting of its own.

    The text object must say ``verbatim``, or Slack turns bare addresses into links (Slack, "Text
    object").
    """
    prose = _slack_entities(_without_shortcodes(_visible(text).translate(_SLACK_LOOKALIKES)))
    prose = _SLACK_LONE_UNDERSCORE.sub("＿", prose)  # noqa: RUF001
    prose = _SLACK_MENTION.sub("＠", prose)  # noqa: RUF001
    start = prose.lstrip()
    return "›" + start.removeprefix("&gt;") if start.startswith("&gt;") else prose  # noqa: RUF001


def slack_code(text: str) -> str:
    """Clean *text* for the inside of a Slack code span or block: it cannot end there."""
    return _slack_entities(_visible(text).replace("`", "'"))


def slack_plain(text: str) -> str:
    """Clean *text* for a Slack ``plain_text`` object, such as a header.

    Angle brackets become the quotation marks that look like them, because Slack's pages do not say
    whether entities are decoded there.
    """
    return _without_shortcodes(_visible(text)).replace("<", "‹").replace(">", "›")  # noqa: RUF001


def mail_header(text: str) -> str:
    """Clean *text* for a mail's subject: printable ASCII that no reader decodes."""
    return _ascii(text).replace("=?", "= ?").strip()


def mail_line(text: str) -> str:
    """Clean *text* for a line of a plain-text mail: ASCII, and addresses that are no links."""
    line = _ascii(text).replace("://", "[:]//")
    return re.sub(r"(?i)\b(www)\.|\b(mailto):", _defanged, line)


def whole_characters(content: Any) -> Any:
    """Replace lone surrogates in JSON, which can spell what no encoder takes, by U+FFFD."""
    if isinstance(content, str):
        return content.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(content, list):
        return [whole_characters(part) for part in content]
    if isinstance(content, dict):
        return {whole_characters(key): whole_characters(part) for key, part in content.items()}
    return content


def cut_middle(text: str, limit: int, mark: str = CUT) -> str:
    """Shorten *text* to *limit* characters, keeping both ends, with *mark* where it was cut."""
    if len(text) <= limit:
        return text
    kept = limit - len(mark)
    if kept <= 0:
        return mark[: max(limit, 0)]
    tail = kept // 2
    return text[: kept - tail] + mark + text[len(text) - tail :]


def fitted(text: str, limit: int, surface: Surface, mark: str = CUT) -> str:
    """Clean *text* with *surface* so that the result has at most *limit* characters.

    The text is cut before it is cleaned, so that no entity or escape is cut in two.
    """
    text = cut_middle(text, 4 * limit, mark)
    cleaned = surface(text)
    if len(cleaned) <= limit:
        return cleaned
    low, high = 0, min(limit, len(text) - 1)
    while low < high:
        middle = (low + high + 1) // 2
        if len(surface(cut_middle(text, middle, mark))) <= limit:
            low = middle
        else:
            high = middle - 1
    return surface(cut_middle(text, low, mark))


def _visible(text: str) -> str:
    """Write what acts on a screen or cannot be seen as its code, and every blank as a space."""
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character.isspace():
            shown.append(" ")
        elif category[0] == "C" or character in _UNSEEN or marks > _MARKS_ON_ONE_LETTER:
            shown.append(_code(character))
        else:
            shown.append(character)
    return "".join(shown)


def _code(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _ascii(text: str) -> str:
    """Write *text* in ASCII: accents dropped, other scripts as their codes."""
    visible = _visible(text)
    if visible.isascii():
        return visible
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", visible)
        if not "\u0300" <= character <= "\u036f"
    )
    return _visible(plain).encode("ascii", "backslashreplace").decode("ascii")


def _slack_entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _without_shortcodes(text: str) -> str:
    return _SLACK_SHORTCODE.sub("∶", text)  # noqa: RUF001


def _defanged(match: re.Match[str]) -> str:
    return f"{match[1]}[.]" if match[1] else f"{match[2]}[:]"
