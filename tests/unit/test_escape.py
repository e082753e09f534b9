"""No text from AWS does anything on any surface, and people can still read it."""

from __future__ import annotations

import csv
import html.parser
import io
import re
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text
from sentinel import escape
from sentinel.escape import Surface

SURFACES: dict[str, Surface] = {
    surface.__name__: surface
    for surface in (
        escape.terminal,
        escape.log_line,
        escape.html,
        escape.csv_cell,
        escape.slack_mrkdwn,
        escape.slack_code,
        escape.slack_plain,
        escape.mail_header,
        escape.mail_line,
    )
}

ATTACKS = (
    "<!channel>",
    "<!here> @here @Channel @everyone",
    "<https://evil.example|Approve>",
    "https://evil.example/?a=1&b=2",
    "www.evil.example mailto:eve@evil.example",
    "&lt;!channel&gt; &amp;lt;",
    "> quoted",
    "*bold* _italic_ ~gone~ `code` ```block``` :white_check_mark: a:b:c",
    "\x1b[2J\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x9b31m\x9d0;title\x07",
    "[red]rich[/red] [/nothing]",
    "admin\u202egnp.exe\u2066 \u200b\u200d\ufeff\u00ad\u061c",
    "\U000e0041\U000e0042 hidden tags, selectors \ufe0f\U000e0101, fillers \u3164\u115f\u2800",
    "name\r\nBcc: eve@evil.example\n\n.\nFrom eve\u2028\u2029\x85\x0b\x0c",
    "=?utf-8?b?PHNjcmlwdD4=?= \uff1d\uff1futf-8?q?x?=",
    '=HYPERLINK("https://evil.example") +1 -1 @SUM(A1)',
    "\t=1+1",
    "＝1+1",  # noqa: RUF001
    "\"><script>alert(1)</script><img src=x onerror='x'>",
    "Z" + "\u0335\u0301\u0489" * 40,
    "\ud800 lone \udfff",
    "\ufe64!channel\ufe65",
    "",
)

any_text = st.text(alphabet=st.characters())
hostile_text = st.lists(st.one_of(st.sampled_from(ATTACKS), any_text), max_size=6).map("".join)
every_surface = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES.keys())


def unsafe_anywhere(text: str) -> list[str]:
    """Characters that act on a screen, or that nobody sees."""
    return [
        c for c in text if not c.isprintable() or unicodedata.bidirectional(c) in ("RLO", "LRO")
    ]


def test_every_character_of_unicode_is_printable_after_cleaning() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert unsafe_anywhere(escape.terminal(everything)) == []


@every_surface
@given(text=hostile_text)
def test_hostile_text_stays_one_printable_line(surface: Surface, text: str) -> None:
    cleaned = surface(text)
    assert unsafe_anywhere(cleaned) == []
    cleaned.encode()


@every_surface
@given(text=hostile_text)
def test_letters_and_digits_stay_readable_in_their_order(surface: Surface, text: str) -> None:
    wanted = [c for c in text if c.isascii() and c.isalnum()]
    found = iter(surface(text))
    assert all(c in found for c in wanted)


@every_surface
def test_a_usual_name_is_left_alone(surface: Surface) -> None:
    assert surface("orders_mcp-a1b2.c3 (prod), 10 of 12") == "orders_mcp-a1b2.c3 (prod), 10 of 12"


@every_surface
def test_two_names_that_differ_by_an_unseen_character_do_not_look_the_same(
    surface: Surface,
) -> None:
    assert surface("ad\u200bmin") != surface("admin")
    assert surface("ad\ufe0fmin") != surface("admin")


@given(text=hostile_text)
def test_slack_prose_holds_no_token_emoji_mention_or_format(text: str) -> None:
    cleaned = escape.slack_mrkdwn(text)
    assert not re.search(r"[<>*~`]", cleaned)
    assert not re.search(r"&(?!amp;|lt;|gt;)", cleaned)
    assert not re.search(r":[^\s:]+:", cleaned)
    assert not re.search(r"@(here|channel|everyone)\b", cleaned, re.IGNORECASE)
    assert not re.search(r"(?<![^\W_])_|_(?![^\W_])", cleaned)
    assert not cleaned.lstrip().startswith("&gt;")


@given(text=hostile_text)
def test_slack_code_cannot_leave_its_span(text: str) -> None:
    cleaned = escape.slack_code(text)
    assert not re.search(r"[<>`]", cleaned)
    assert not re.search(r"&(?!amp;|lt;|gt;)", cleaned)


@given(text=hostile_text)
def test_a_slack_header_holds_no_token_and_no_emoji(text: str) -> None:
    cleaned = escape.slack_plain(text)
    assert not re.search(r"[<>]", cleaned)
    assert not re.search(r":[^\s:]+:", cleaned)


@given(text=hostile_text)
def test_a_mail_header_is_ascii_without_encoded_words(text: str) -> None:
    cleaned = escape.mail_header(text)
    assert cleaned.isascii()
    assert "=?" not in cleaned
    assert cleaned == cleaned.strip()


@given(text=hostile_text)
def test_a_mail_line_is_ascii_and_holds_no_address_that_becomes_a_link(text: str) -> None:
    cleaned = escape.mail_line(text)
    assert cleaned.isascii()
    assert not re.search(r"(?i)://|\bwww\.|\bmailto:", cleaned)


@given(text=hostile_text)
def test_a_csv_cell_is_never_computed_and_survives_the_csv_module(text: str) -> None:
    cell = escape.csv_cell(text)
    assert cell.lstrip()[:1] not in tuple("=+-@＝＋－＠")  # noqa: RUF001
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow([cell, "next"])
    assert next(csv.reader([buffer.getvalue()])) == [cell, "next"]


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))


@given(text=hostile_text)
def test_html_text_opens_no_element_and_leaves_no_attribute(text: str) -> None:
    cleaned = escape.html(text)
    parser = _Tags()
    parser.feed(f"<p title=\"{cleaned}\" lang='{cleaned}'>{cleaned}</p>")
    parser.close()
    assert parser.tags == [("p", ["title", "lang"])]


@given(text=hostile_text)
def test_no_escape_reaches_a_terminal_through_rich(text: str) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=10_000)
    console.print(Text(escape.terminal(text)), soft_wrap=True)
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    ("surface", "text", "expected"),
    [
        (escape.terminal, "\x1b[2J\x9b31m", "\\x1b[2J\\x9b31m"),
        (escape.terminal, "a\tb\r\nc", "a b  c"),
        (escape.terminal, "abc\u202etxt", "abc\\u202etxt"),
        (escape.terminal, "\U000e0041\ud800", "\\U000e0041\\ud800"),
        (escape.terminal, "ad\ufe0fmin\u3164", "ad\\ufe0fmin\\u3164"),
        (escape.terminal, "Z" + "\u0301" * 5, "Z\u0301\u0301\u0301\\u0301\\u0301"),
        (escape.html, "<b a='\"'>&", "&lt;b a=&#x27;&quot;&#x27;&gt;&amp;"),
        (escape.csv_cell, "=1+1", "'=1+1"),
        (escape.csv_cell, "\t@x", "' @x"),
        (escape.slack_mrkdwn, "<!channel> & *b*", "&lt;!channel&gt; &amp; ∗b∗"),  # noqa: RUF001
        (escape.slack_mrkdwn, ":warning: a:b", "∶warning: a:b"),  # noqa: RUF001
        (escape.slack_code, "`<a>`", "'&lt;a&gt;'"),
        (escape.slack_plain, "<!here> R&D", "‹!here› R&D"),  # noqa: RUF001
        (escape.mail_header, "Müller\r\nBcc: x", "Muller  Bcc: x"),
        (escape.mail_line, "https://evil.example www.x", "https[:]//evil.example www[.]x"),
        (escape.mail_line, "日本", "\\u65e5\\u672c"),
    ],
)
def test_a_disarmed_text_looks_like_this(surface: Surface, text: str, expected: str) -> None:
    assert surface(text) == expected


@given(text=st.text(alphabet="abc 123"), limit=st.integers(0, 60))
def test_a_cut_keeps_both_ends_and_shows_its_mark(text: str, limit: int) -> None:
    cut = escape.cut_middle(text, limit)
    assert len(cut) <= limit
    if len(text) <= limit:
        assert cut == text
    elif limit:
        head, mark, tail = cut.partition(escape.CUT)
        assert mark
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) - len(tail) in (0, 1)


@every_surface
@given(text=hostile_text, limit=st.integers(0, 80))
def test_a_fitted_text_is_as_clean_and_no_longer_than_allowed(
    surface: Surface, text: str, limit: int
) -> None:
    fitted = escape.fitted(text, limit, surface, escape.CUT_ASCII)
    assert len(fitted) <= limit
    assert unsafe_anywhere(fitted) == []


def test_a_text_is_never_cut_inside_an_entity() -> None:
    for limit in range(1, 60):
        fitted = escape.fitted("&" * 100, limit, escape.slack_code)
        assert re.fullmatch(r"(&amp;)*…?(&amp;)*", fitted)


def test_a_huge_text_is_fitted_quickly() -> None:
    huge = "\u202e<`*:a:" * 200_000
    start = time.process_time()
    for surface in SURFACES.values():
        assert len(escape.fitted(huge, 140, surface)) <= 140
    assert time.process_time() - start < 1
