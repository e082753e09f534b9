"""Matches IAM's `*` and `?` against text, in time that hostile patterns cannot stretch.

Neither `re` nor `fnmatch` sees a pattern: the first backtracks for hours on forty stars, the
second reads `[` as the start of a character class, which IAM does not.
"""

from __future__ import annotations

from collections.abc import Iterable


def has_wildcard(pattern: str) -> bool:
    """Say whether a pattern can match more than one text."""
    return "*" in pattern or "?" in pattern


def any_matches(patterns: Iterable[str], text: str) -> bool:
    """Say whether a text fits one of the patterns; nothing fits an empty text."""
    return bool(text) and any(matches(pattern, text) for pattern in patterns)


def without_repeated_stars(pattern: str) -> str:
    """Return the pattern with every row of stars as one, which matches the same texts."""
    while "**" in pattern:
        pattern = pattern.replace("**", "*")
    return pattern


def matches(pattern: str, text: str) -> bool:
    """Say whether a pattern matches a whole text, where `*` is any run and `?` any one character.

    Matching is case-sensitive and knows no separators: in an ARN a `*` runs across colons and
    slashes. Two pointers: only the last star is ever retried, so time is at most the product of
    the two lengths, and a pattern with more literals than the text has characters costs nothing.
    """
    if not has_wildcard(pattern):
        return pattern == text
    if len(pattern) - pattern.count("*") > len(text):
        return False
    pattern = without_repeated_stars(pattern)
    at = position = retry_position = 0
    last_star = -1
    while position < len(text):
        symbol = pattern[at] if at < len(pattern) else ""
        if symbol == "*":
            last_star, retry_position = at, position
            at += 1
        elif symbol in ("?", text[position]):
            at += 1
            position += 1
        elif last_star >= 0:
            retry_position += 1
            at, position = last_star + 1, retry_position
        else:
            return False
    return pattern[at:] in ("", "*")
