"""Tests the matcher of IAM's wildcards against an obvious one, and against hostile patterns."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel.iam.glob import matches


def obviously_matches(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(obviously_matches(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and obviously_matches(pattern[1:], text[1:])


@given(st.text("ab*?[", max_size=8), st.text("ab*[", max_size=8))
def test_the_matcher_agrees_with_an_obvious_one(pattern: str, text: str) -> None:
    assert matches(pattern, text) is obviously_matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 200 + "b", "a" * 2_048),
        ("*" * 200 + "b", "a" * 2_048),
        ("*" * 200_000, "a"),
        ("*a?" * 100 + "b", "a" * 2_048),
        ("?" * 200_000, "a" * 2_048),
    ],
)
def test_a_hostile_pattern_is_answered_in_time(pattern: str, text: str) -> None:
    started = time.process_time()
    matches(pattern, text)
    assert time.process_time() - started < 1


def test_a_bracket_is_no_character_class() -> None:
    assert not matches("[ab]", "a")
    assert matches("[ab]*", "[ab]c")


def test_case_matters_and_a_star_runs_across_colons() -> None:
    assert not matches("A*", "ab")
    assert matches("arn:*", "arn:aws:bedrock:us-east-1::foundation-model/a.b-c")
