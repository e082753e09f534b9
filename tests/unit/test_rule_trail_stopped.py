"""The cases of trail_stopped: which darkness is total, and what lights up again."""

from __future__ import annotations

from typing import Any

import pytest
from sentinel import Severity, cloudtrail
from sentinel.finding import Outcome
from sentinel.record import Skip, Unreadable
from sentinel.rules.trail_stopped import trail_stopped as rule
from sentinel.subjects import Trail

from tests.unit.worlds import ACCOUNT, REGION, World, event, judged, read, recorded, seen_in, told

ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/audit"
ELSEWHERE = f"arn:aws:cloudtrail:us-west-2:{ACCOUNT}:trail/organization"
IN_IAMS_REGION = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/global"
EVERYWHERE: dict[str, Any] = {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": True}
IAM_TOO: dict[str, Any] = {"IncludeGlobalServiceEvents": True}
SOURCE: dict[str, Any] = {"eventSource": "cloudtrail.amazonaws.com"}


def trail(arn: str = ARN, *, logs: bool = True, **members: Any) -> Trail:
    return Trail.seen(Trail.by_arn(arn), {"TrailARN": arn, "IsLogging": logs} | members)


def beside(*others: Trail) -> World:
    return World(children={Trail: list(others)})


def severity(world: World, subject: Trail | None = None) -> Severity | None:
    verdict = read(rule, subject or trail(logs=False), world)
    return verdict.severity if verdict.problems else None


def test_a_trail_that_logs_is_silent_without_looking_at_others() -> None:
    assert read(rule, trail(), World()).outcome is Outcome.COMPLIANT


def test_the_last_trail_that_stops_is_critical() -> None:
    assert severity(beside()) is Severity.CRITICAL
    assert severity(beside(trail(logs=False))) is Severity.CRITICAL


@pytest.mark.parametrize(
    "other, expected",
    [
        (trail(ARN + "-2"), Severity.HIGH),
        (trail(ARN + "-2", logs=False), Severity.CRITICAL),
        (trail(ARN + "-2", recordsWrites=False), Severity.CRITICAL),
        (trail(ELSEWHERE), Severity.CRITICAL),
        (trail(ELSEWHERE, IsMultiRegionTrail=True), Severity.HIGH),
        (trail(ELSEWHERE, IsMultiRegionTrail=True, logs=False), Severity.CRITICAL),
    ],
)
def test_another_trail_guards_if_it_logs_writes_in_the_region(
    other: Trail, expected: Severity
) -> None:
    assert severity(beside(other)) is expected


@pytest.mark.parametrize(
    "stopped, other, expected",
    [
        (trail(logs=False, **EVERYWHERE), trail(ARN + "-2", **IAM_TOO), Severity.CRITICAL),
        (trail(logs=False, **EVERYWHERE), trail(ELSEWHERE, **EVERYWHERE), Severity.HIGH),
        (
            trail(logs=False, **EVERYWHERE),
            trail(ELSEWHERE, IsMultiRegionTrail=True),
            Severity.CRITICAL,
        ),
        (
            trail(logs=False, IsMultiRegionTrail=True),
            trail(ELSEWHERE, IsMultiRegionTrail=True),
            Severity.HIGH,
        ),
        (trail(logs=False, **IAM_TOO), trail(ARN + "-2"), Severity.HIGH),
        (
            trail(IN_IAMS_REGION, logs=False, **IAM_TOO),
            trail(IN_IAMS_REGION + "-2"),
            Severity.CRITICAL,
        ),
        (
            trail(IN_IAMS_REGION, logs=False, **IAM_TOO),
            trail(IN_IAMS_REGION + "-2", **IAM_TOO),
            Severity.HIGH,
        ),
    ],
)
def test_another_trail_guards_if_it_records_wherever_the_stopped_one_did(
    stopped: Trail, other: Trail, expected: Severity
) -> None:
    assert severity(beside(trail(ELSEWHERE + "-3"), other), stopped) is expected


def test_a_deleted_trail_is_replaced_only_by_one_that_records_everywhere() -> None:
    gone = {"TrailARN": ARN, "IsLogging": False, "deleted": True}
    deleted = Trail.seen(Trail.by_arn(ARN), gone, complete=False)
    verdict = read(rule, deleted, beside(trail(ARN + "-2")))
    assert (verdict.severity, verdict.unread) == (
        Severity.CRITICAL,
        ("IsMultiRegionTrail: was not seen",),
    )
    assert severity(beside(trail(ELSEWHERE, **EVERYWHERE)), deleted) is Severity.HIGH


def test_a_trail_of_which_nobody_could_see_whether_it_records_guards_nothing_and_is_named() -> None:
    of = f"arn:aws:cloudtrail:{REGION}:999988887777:trail/organization"
    unseen = Trail.seen(Trail.by_arn(of), {"TrailARN": of} | EVERYWHERE, complete=False)
    verdict = read(rule, trail(logs=False), beside(unseen, trail(ARN + "-2", logs=False)))
    assert (verdict.severity, verdict.unread) == (
        Severity.CRITICAL,
        (f"{of}: IsLogging: was not seen",),
    )
    for others in ((unseen, trail(ARN + "-2")), (trail(ARN + "-2"), unseen)):
        verdict = read(rule, trail(logs=False), beside(*others))
        assert (verdict.severity, verdict.unread) == (Severity.HIGH, ())


def test_the_trail_itself_in_the_list_is_no_other() -> None:
    assert severity(beside(trail())) is Severity.CRITICAL


def test_other_trails_that_cannot_be_listed_lower_nothing_and_are_named() -> None:
    verdict = read(rule, trail(logs=False), World())
    assert verdict.severity is Severity.CRITICAL
    assert verdict.unread == ("List trail: AccessDenied",)


@pytest.mark.parametrize("name", ["audit", ARN])
def test_a_stop_is_judged_by_its_event_by_name_and_by_arn(name: str) -> None:
    world = beside()
    subject = seen_in(Trail, recorded("StopLogging", {"name": name}, **SOURCE))
    verdict = judged(rule, subject, world)
    assert told(verdict) == [("IsLogging", False, "CRITICAL")]
    assert (verdict.subject.key, world.reads) == (ARN, [])


def test_a_deleted_trail_is_a_state_and_says_so() -> None:
    subject = seen_in(Trail, recorded("DeleteTrail", {"name": ARN}, **SOURCE))
    assert told(judged(rule, subject, beside())) == [("deleted", True, "CRITICAL")]
    assert not Trail.absence_resolves


def test_a_start_is_silent() -> None:
    subject = seen_in(Trail, recorded("StartLogging", {"name": ARN}, **SOURCE))
    assert judged(rule, subject).outcome is Outcome.COMPLIANT


def test_a_multi_region_trail_stopped_from_another_region_is_the_same_trail() -> None:
    elsewhere = recorded("StopLogging", {"name": ARN}, awsRegion="us-west-2", **SOURCE)
    assert seen_in(Trail, elsewhere).identity.region == REGION


@pytest.mark.parametrize("name", ["UpdateTrail", "PutEventSelectors", "CreateTrail"])
def test_any_other_change_is_decided_by_a_read(name: str) -> None:
    subject = seen_in(Trail, recorded(name, {"name": ARN, "trailName": ARN}, **SOURCE))
    world = beside()
    world.live["trail", ARN] = trail(logs=False)
    assert judged(rule, subject, world).severity is Severity.CRITICAL
    world.live["trail", ARN] = trail()
    assert judged(rule, subject, world).outcome is Outcome.COMPLIANT


def test_a_failed_stop_is_a_failed_call() -> None:
    with pytest.raises(Unreadable) as caught:
        cloudtrail.sightings(
            cloudtrail.opened(
                event("StopLogging", {"name": ARN}, errorCode="AccessDenied", **SOURCE)
            )
        )
    assert caught.value.skip is Skip.FAILED_CALL
