"""Times are read as AWS writes them, and written so that texts sort as times do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel import moment

INSTANT = datetime(2026, 9, 22, 10, 11, 12, 500_000, tzinfo=UTC)
moments = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-22T10:11:12.5Z",
        "2026-09-22 10:11:12.500000+00:00",
        "2026-09-22T10:11:12.500000999Z",
        "2026-09-22T12:11:12.500+02:00",
        "2026-09-22T10:11:12.500",
        " 2026-09-22T10:11:12.5Z\n",
    ],
)
def test_a_time_is_read_however_aws_writes_it(text: str) -> None:
    assert moment.parse(text) == INSTANT
    assert moment.parse(text).tzinfo is UTC


def test_fractions_beyond_a_microsecond_are_cut_not_rounded() -> None:
    assert moment.parse("2025-07-14T02:47:38.302834963Z").microsecond == 302_834


@pytest.mark.parametrize(
    "text",
    ["", "now", "1700000000", "2026-13-01T00:00:00Z", "2026-09-22T10:11:12.5ZZ", "2026-09-22T10:"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        moment.parse(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_utc_cannot_tell_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time that UTC can tell"):
        moment.parse(text)


@given(st.text(max_size=40))
def test_a_hostile_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        found = moment.parse(text)
    except ValueError:
        return
    assert found.tzinfo is UTC


@given(moments, moments)
def test_texts_sort_as_times_do(one: datetime, other: datetime) -> None:
    assert (moment.text(one) < moment.text(other)) == (one < other)


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_what_is_written_is_read_again_whatever_its_zone(at: datetime, offset: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    try:
        local = at.astimezone(zone)
    except OverflowError:
        return
    assert moment.parse(moment.text(local)) == at
