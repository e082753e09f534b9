"""Matching names and ARNs with the patterns of the policy's lists, in linear time."""

from __future__ import annotations

from collections.abc import Iterable

from sentinel.iam.glob import matches


def any_matches(patterns: Iterable[str], text: str) -> bool:
    """Whether *text* is one of the patterns or fits it; nothing fits an empty text."""
    return bool(text) and any(matches(pattern, text) for pattern in patterns)
