"""What fails is kept while the rest is done, and raised after it."""

from __future__ import annotations

import pytest
from sentinel.aws.failures import SHOWN, Failures


def test_the_rest_is_done_and_all_failures_are_raised_together() -> None:
    failures = Failures()
    done = []
    for number in range(3):
        with failures.kept(f"dividing by {number}"):
            done.append(6 // (number % 2))
    with pytest.raises(ExceptionGroup, match=r"sums: .*dividing by 0; .*dividing by 2") as raised:
        failures.raise_all("sums")
    assert done == [6]
    assert [type(e) for e in raised.value.exceptions] == [ZeroDivisionError] * 2


def test_what_ends_the_process_is_not_kept() -> None:
    with pytest.raises(KeyboardInterrupt), Failures().kept("waiting"):
        raise KeyboardInterrupt


def test_a_message_tells_the_first_of_very_many() -> None:
    failures = Failures()
    for number in range(SHOWN * 2):
        with failures.kept(f"trying no. {number}."):
            raise ValueError(number)
    with pytest.raises(ExceptionGroup) as raised:
        failures.raise_all("tries")
    assert str(raised.value).count("trying no.") == SHOWN
    assert len(raised.value.exceptions) == SHOWN * 2


def test_nothing_is_raised_where_nothing_failed() -> None:
    Failures().raise_all("nothing")
