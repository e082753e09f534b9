"""The life of a finding: every allowed move, and that order and repetition do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel import gap, life
from sentinel.finding import Cause, EvidenceLine, Problem, Severity, Verdict, fingerprint
from sentinel.gap import Gap
from sentinel.life import Change, Finding, Move, Standing, Status
from sentinel.policy import Exemption
from sentinel.subjects import Gateway

from tests.unit.worlds import NOW, identity

OF = identity(Gateway)
RULE = "gateway_authorizer_none"
START = datetime(2026, 9, 22, 10, 0, tzinfo=UTC)
EXEMPTION = Exemption(
    rule=RULE, resource="*", owner="platform", reason="demo", expires=START + timedelta(days=1)
)
HIGH, MEDIUM, CRITICAL = Severity.HIGH, Severity.MEDIUM, Severity.CRITICAL


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def said(
    seconds: float, *severities: Severity, key: str = "", read: bool = False, **more: Any
) -> Verdict:
    """A verdict at a time, with a problem of each severity."""
    problems = tuple(
        Problem(key or str(n or ""), severity, (EvidenceLine("authorizerType", "NONE"),))
        for n, severity in enumerate(severities)
    )
    return Verdict(RULE, OF, at(seconds), problems, from_read=read, **more)


def look(seconds: float, *severities: Severity, **more: Any) -> Verdict:
    """The same from a live read."""
    return said(seconds, *severities, read=True, **more)


@dataclass
class Book:
    """What a store holds of one rule on one subject, and every change that it was told."""

    standing: Standing | None = None
    findings: dict[str, Finding] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    exemption: Exemption | None = None

    def apply(self, *verdicts: Verdict, now: datetime = NOW) -> Book:
        for verdict in verdicts:
            standing = None if verdict.activity else self.standing
            keys = {p.key for p in verdict.problems} | set(standing.open if standing else ())
            known = {k: f for k, f in self.findings.items() if k in keys}
            moved = life.apply(standing, known, verdict, lambda *_: self.exemption, now)
            if moved is None:
                continue
            self.standing = moved.standing
            self.findings |= {f.problem.key: f for f in moved.findings}
            self.changes += moved.changes
        return self

    @property
    def moves(self) -> list[str]:
        return [change.move.value for change in self.changes]

    @property
    def open(self) -> dict[str, Severity]:
        return {k: f.severity for k, f in self.findings.items() if f.status is Status.OPEN}


@pytest.mark.parametrize(
    "verdicts, moves, status",
    [
        ([said(1, HIGH)], ["opened"], Status.OPEN),
        ([said(1, HIGH), said(2, HIGH)], ["opened"], Status.OPEN),
        ([said(1, HIGH), said(2, CRITICAL)], ["opened", "raised"], Status.OPEN),
        ([said(1, HIGH), said(2, MEDIUM)], ["opened"], Status.OPEN),
        ([said(1, HIGH), look(2, MEDIUM)], ["opened", "changed"], Status.OPEN),
        ([said(1, HIGH), said(2)], ["opened"], Status.OPEN),
        ([said(1, HIGH), look(2)], ["opened", "resolved"], Status.RESOLVED),
        ([said(1, HIGH), look(2, gone=True)], ["opened", "resolved"], Status.RESOLVED),
        ([said(1, HIGH), said(2, gone=True)], ["opened"], Status.OPEN),
        ([said(1, HIGH), look(2, gap="refused")], ["opened"], Status.OPEN),
        ([said(1, HIGH), look(2, no_baseline=True)], ["opened"], Status.OPEN),
        ([look(1, HIGH), look(2), said(3, HIGH)], ["opened", "resolved", "reopened"], Status.OPEN),
        ([look(2), said(1, HIGH)], [], None),
        ([look(2, HIGH), look(1)], ["opened"], Status.OPEN),
        ([said(2), said(1, HIGH)], [], None),
    ],
)
def test_a_finding_moves_only_as_it_may(
    verdicts: list[Verdict], moves: list[str], status: Status | None
) -> None:
    book = Book().apply(*verdicts)
    assert book.moves == moves
    assert (book.findings[""].status if book.findings else None) is status


def test_the_same_event_twice_changes_nothing() -> None:
    book = Book().apply(said(1, HIGH))
    before = (book.standing, dict(book.findings))
    assert (book.apply(said(1, HIGH)).standing, book.findings) == before


def test_an_event_in_the_second_of_a_look_is_a_tie_that_the_look_wins() -> None:
    assert Book().apply(look(2), said(2, HIGH)).moves == []
    assert Book().apply(look(2, HIGH), said(2)).moves == ["opened"]


def test_an_event_in_the_second_before_a_look_inside_that_second_is_older() -> None:
    assert Book().apply(look(2.4), said(2, HIGH)).moves == []


def test_a_blind_look_moves_no_watermark() -> None:
    book = Book().apply(look(5, gap="refused"), said(3, HIGH))
    assert book.moves == ["opened"]


def test_a_blind_look_keeps_what_was_found_before_it_went_blind() -> None:
    book = Book().apply(look(1, HIGH, CRITICAL), look(2, HIGH, gap="refused"))
    assert book.open == {"": HIGH, "1": CRITICAL}


def test_a_blind_look_lowers_nothing_and_may_raise() -> None:
    book = Book().apply(look(1, CRITICAL), look(2, MEDIUM, gap="GetResourcePolicy: throttled"))
    assert (book.moves, book.open) == (["opened"], {"": CRITICAL})
    book = Book().apply(look(1, MEDIUM), look(2, CRITICAL, gap="GetResourcePolicy: throttled"))
    assert (book.moves, book.open) == (["opened", "raised"], {"": CRITICAL})


def test_a_look_closes_only_what_it_no_longer_sees() -> None:
    book = Book().apply(look(1, HIGH, CRITICAL), look(2, HIGH))
    assert book.open == {"": HIGH}
    assert book.findings["1"].closed_at == at(2)


def test_an_episode_counts_how_often_a_finding_was_opened() -> None:
    book = Book().apply(look(1, HIGH), look(2), look(3, HIGH), look(4), said(5, HIGH))
    assert book.findings[""].episode == 3
    assert [c.finding.change for c in book.changes] == [1, 2, 3, 4, 5]
    assert len({change.id for change in book.changes}) == 5
    assert book.findings[""].closed_at is None


def test_the_first_cause_is_kept_through_an_episode_and_a_new_one_begins_the_next() -> None:
    first, second = Cause(event_id="1"), Cause(event_id="2")
    book = Book().apply(said(1, HIGH, cause=first), said(2, HIGH, cause=second))
    assert book.findings[""].cause == first
    book.apply(look(3), said(4, HIGH, cause=second))
    assert book.findings[""].cause == second


def test_an_exempted_problem_is_kept_and_suppressed() -> None:
    book = Book(exemption=EXEMPTION).apply(said(1, HIGH))
    assert book.moves == ["suppressed"]
    assert book.findings[""].exemption == EXEMPTION


def test_an_exemption_suppresses_an_open_finding_and_its_end_opens_it_again() -> None:
    book = Book().apply(said(1, HIGH))
    book.exemption = EXEMPTION
    book.apply(said(2, HIGH))
    book.exemption = None
    book.apply(look(3, HIGH))
    assert book.moves == ["opened", "suppressed", "reopened"]
    assert book.findings[""].exemption is None
    assert book.findings[""].episode == 1


def test_a_suppressed_finding_is_resolved_by_a_look_like_any_other() -> None:
    book = Book(exemption=EXEMPTION).apply(said(1, HIGH), look(2))
    assert book.moves == ["suppressed", "resolved"]


def test_what_an_expired_exemption_hid_is_uncovered() -> None:
    book = Book(exemption=EXEMPTION).apply(said(1, HIGH))
    change = life.uncovered(book.findings[""], NOW)
    assert (change.move, change.finding.status) == (Move.REOPENED, Status.OPEN)
    assert change.finding.exemption is None
    assert change.finding.change == 2


def activity(seconds: float, count: int, key: str = "ann/10") -> Verdict:
    problem = Problem(key, HIGH, (EvidenceLine("count", count),), count)
    return Verdict(RULE, OF, at(seconds), (problem,), activity=True)


def test_activities_add_up_in_any_order_and_are_told_once() -> None:
    book = Book().apply(activity(2, 1), activity(1, 2), activity(2, 1))
    assert book.moves == ["opened"]
    assert book.findings["ann/10"].problem.count == 2
    assert book.findings["ann/10"].as_of == at(2)


def test_a_silent_activity_changes_nothing() -> None:
    assert Book().apply(Verdict(RULE, OF, at(1), activity=True)).standing is None


def test_an_activity_that_goes_on_after_it_was_closed_is_a_new_episode() -> None:
    book = Book().apply(activity(1, 1))
    closed = life.closed_unread(book.findings["ann/10"], NOW)
    assert (closed.move, closed.finding.closed_at) == (Move.RESOLVED, NOW)
    book.findings["ann/10"] = closed.finding
    book.apply(activity(1, 1))
    assert book.moves == ["opened"]
    book.apply(activity(2, 2))
    assert book.moves == ["opened", "reopened"]
    assert book.findings["ann/10"].episode == 2
    assert book.findings["ann/10"].closed_at is None


def test_the_count_of_an_activity_that_goes_on_is_told_by_a_change() -> None:
    book = Book().apply(activity(1, 1), activity(2, 7))
    grown = book.findings["ann/10"]
    assert (grown.problem.count, grown.told, grown.change) == (7, 1, 1)
    change = life.recounted(grown, NOW)
    assert (change.move, change.finding.told, change.finding.change) == (Move.CHANGED, 7, 2)


def test_a_fingerprint_depends_on_what_a_sweep_can_compute_and_nothing_else() -> None:
    name = fingerprint(RULE, OF, "")
    assert name == Book().apply(said(1, HIGH)).findings[""].fingerprint
    assert name == Book().apply(look(9, CRITICAL)).findings[""].fingerprint
    assert len(name) == 32
    others = (
        fingerprint("other", OF, ""),
        fingerprint(RULE, OF, "key"),
        *(fingerprint(RULE, replace(OF, **{part: "other"}), "") for part in PLACE),
    )
    assert len({name, *others}) == len(others) + 1
    assert fingerprint(RULE, replace(OF, name="other", kind="other"), "") == name


PLACE = ("partition", "account", "region", "key")

severities = st.sampled_from([Severity.LOW, MEDIUM, HIGH, CRITICAL])
problem_sets = st.dictionaries(st.sampled_from(["", "a", "b"]), severities, max_size=3)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Verdict], Verdict]:
    """Verdicts of different times, and the newest of all: a complete look."""
    verdicts = []
    for seconds in range(1, draw(st.integers(1, 6))):
        read = draw(st.booleans())
        verdict = replace(
            said(seconds, read=read),
            problems=_problems(draw(problem_sets)),
            gap=draw(st.sampled_from(["", "", "refused"])),
            gone=False,
        )
        verdicts.append(verdict)
    last = replace(look(100), problems=_problems(draw(problem_sets)))
    return verdicts, last


def _problems(found: dict[str, Severity]) -> tuple[Problem, ...]:
    return tuple(Problem(k, s, (EvidenceLine("x", 1),)) for k, s in sorted(found.items()))


def shuffled(draw: Any, verdicts: Iterable[Verdict]) -> list[Verdict]:
    twice = [v for verdict in verdicts for v in [verdict] * draw(st.integers(1, 2))]
    return list(draw(st.permutations(twice)))


@given(histories(), st.data())
def test_any_order_and_repetition_ends_as_the_newest_look_says(
    history: tuple[list[Verdict], Verdict], data: st.DataObject
) -> None:
    verdicts, last = history
    book = Book().apply(*shuffled(data.draw, [*verdicts, last]))
    assert book.open == {p.key: p.severity for p in last.problems}
    told = len(book.changes)
    book.apply(*verdicts, last)
    assert len(book.changes) == told


@given(histories(), st.data())
def test_each_change_is_a_legal_move_with_a_name_of_its_own(
    history: tuple[list[Verdict], Verdict], data: st.DataObject
) -> None:
    verdicts, last = history
    book = Book().apply(*shuffled(data.draw, [*verdicts, last]))
    assert len({change.id for change in book.changes}) == len(book.changes)
    for key in book.findings:
        told = [c for c in book.changes if c.finding.problem.key == key]
        assert told[0].move is Move.OPENED
        for before, after in _pairs(told):
            assert after.finding.change == before.finding.change + 1
            assert after.finding.episode - before.finding.episode in (0, 1)
            assert after.move in LEGAL[before.finding.status]
            if after.move is Move.REOPENED:
                assert after.finding.episode == before.finding.episode + 1


LEGAL = {
    Status.OPEN: (Move.CHANGED, Move.RAISED, Move.RESOLVED, Move.SUPPRESSED),
    Status.SUPPRESSED: (Move.REOPENED, Move.RESOLVED),
    Status.RESOLVED: (Move.REOPENED, Move.SUPPRESSED),
}


def _pairs(changes: Sequence[Change]) -> Iterator[tuple[Change, Change]]:
    return pairwise(changes)


@given(histories())
def test_events_alone_never_lower_and_never_close(
    history: tuple[list[Verdict], Verdict],
) -> None:
    book = Book()
    for verdict in history[0]:
        before = book.open
        book.apply(replace(verdict, from_read=False))
        assert all(book.open[key] >= severity for key, severity in before.items())


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.data())
def test_counts_of_activities_end_at_the_largest_whatever_the_order(
    counts: list[int], data: st.DataObject
) -> None:
    verdicts = [activity(n, count) for n, count in enumerate(counts)]
    book = Book().apply(*shuffled(data.draw, verdicts))
    assert book.findings["ann/10"].problem.count == max(counts)
    assert book.moves == ["opened"]


BLIND = Gap("aws", "444455556666", "eu-central-1", "gateway", "GetGateway", START, START)


def test_a_gap_is_opened_once_closed_when_cured_and_opened_again_as_a_new_episode() -> None:
    opened = gap.met(None, BLIND)
    assert opened is not None and opened.move is Move.OPENED
    assert gap.met(opened.gap, BLIND) is None
    closed = gap.cured(opened.gap, NOW)
    assert (closed.move, closed.gap.status, closed.gap.closed_at) == (
        Move.RESOLVED,
        Status.RESOLVED,
        NOW,
    )
    again = gap.met(closed.gap, replace(BLIND, opened_at=NOW))
    assert again is not None and again.move is Move.REOPENED
    assert (again.gap.episode, again.gap.change, again.gap.closed_at) == (2, 3, None)
    assert len({change.id for change in (opened, closed, again)}) == 3


def test_a_gap_is_one_for_a_cause_however_many_resources_it_hides() -> None:
    assert replace(BLIND, reason="x", example="y").id == BLIND.id
    assert replace(BLIND, region="us-east-1").id != BLIND.id
