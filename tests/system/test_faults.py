"""What must hold whatever goes wrong, one test for each promise, and a sample of all cases."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from embedded_account.queues import enqueue
from embedded_account.world import FunctionRan
from sentinel.moment import parse

from tests.system import invariants
from tests.system.faults import Fault, faults_at
from tests.system.harness import Case, Schedule, cases, play_all, recorded, schedules
from tests.system.invariants import counted
from tests.system.scenarios import (
    AUTHORIZER,
    COMMANDS_RUN,
    ENGINE_DROPPED,
    ENGINE_FLAPS,
    GATEWAY_COMES_AND_GOES,
    SCENARIOS,
    create_gateway,
    create_runtime,
    delete_gateway,
)
from tests.system.stage import REGION, Stage

LIVE = Schedule("live", live=True)
SECONDS = 10.0
AT_MOST = 3
"""Cases of one test: which ones rotates with the seed; `python -m benchmarks faults` plays all."""

SEED = int(os.environ.get("SENTINEL_SEED", "7"))
"""Another seed plays other cases: ``SENTINEL_SEED=12345 make test``."""
FOREIGN_IMAGE = "999988887777.dkr.ecr.eu-central-1.amazonaws.com/agent:1"
POISON = (
    "not json",
    "[" * 100_000,
    "[]",
    "null",
    "{}",
    '{"detail": 1, "detail-type": "AWS API Call via CloudTrail"}',
    '{"detail": {"eventSource": 7}, "detail-type": "AWS API Call via CloudTrail"}',
    '{"recheck": 1}',
)


def outcomes(stage: Stage, name: str) -> list[FunctionRan]:
    """The runs of a function in this copy of the world."""
    history = stage.account.world.history
    return [e for e in history if isinstance(e, FunctionRan) and e.function_arn.endswith(name)]


def heads(stage: Stage) -> list[dict[str, Any]]:
    """The findings, as they are stored."""
    return [json.loads(i["body"]) for i in stage.items("Findings") if i["sk"] == "head"]


def queue_arn(stage: Stage, name: str) -> str:
    """The ARN of a queue of the hub by the beginning of its logical name."""
    urls = stage.client("sqs", account=stage.hub).list_queues()["QueueUrls"]
    found = next(url.rpartition("/")[2] for url in urls if f"-{name}" in url)
    return f"arn:aws:sqs:{REGION}:{stage.hub}:{found}"


def event_of(stage: Stage, do: Callable[[Stage], Any]) -> dict[str, Any]:
    """The event that a call leaves, as it lies in a queue; it is not judged."""
    seen: list[dict[str, Any]] = []
    publish = stage.account.buses.publish

    def listen(account: str, region: str, bus: str, event: Any, **more: Any) -> Any:
        seen.append(event)

    stage.account.buses.publish = listen  # type: ignore[method-assign,assignment]
    try:
        do(stage)
        stage.drain()
    finally:
        stage.account.buses.publish = publish  # type: ignore[method-assign]
    return seen[-1]


def violations(stage: Stage, every: list[Case], at_most: int = AT_MOST) -> list[str]:
    """What some of the cases violate; the seed says which ones."""
    assert every
    chosen = random.Random(SEED).sample(every, min(len(every), at_most))
    until = time.monotonic() + SECONDS
    wrong = []
    for case, result in zip(chosen, play_all(stage, chosen), strict=True):
        wrong += [f"seed {SEED}, {case}: {violation}" for violation in result.violations]
        if time.monotonic() > until:
            break
    return wrong


def test_a_sample_of_all_cases_violates_nothing(stage: Stage) -> None:
    choice = random.Random(SEED)
    plain = [
        Case(scenario, choice.choice(schedules(len(scenario.steps)))) for scenario in SCENARIOS
    ]
    every = [
        case
        for one, result in zip(plain, play_all(stage, plain), strict=True)
        for case in cases(one.scenario, one.schedule, result.points)
    ]
    assert violations(stage, every, 6) == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_r0_nothing_goes_wrong_by_itself(stage: Stage, scenario: Any) -> None:
    assert recorded(stage, scenario, LIVE).violations == ()


@pytest.mark.parametrize("queue", ["ChangesQueue", "ActivitiesQueue"])
def test_r1_every_delivered_event_is_judged_skipped_or_dead(stage: Stage, queue: str) -> None:
    def part(copy: Stage) -> tuple[list[Any], int]:
        arn = queue_arn(copy, queue)
        for body in POISON:
            enqueue(arn, body, {})
        copy.drain()
        ran = outcomes(copy, "-evaluate")
        wrong = [(len(r.event["Records"]), counted(r.outcome.log)) for r in ran]
        lengths = invariants._lengths(copy)
        assert not any(length for name, length in lengths.items() if name != "dead")
        return wrong, lengths["dead"]

    runs, dead = stage.play(part)
    for records, numbers in runs:
        ended = sum(numbers.get(n, 0) for n in ("Judged", "Rechecked", "Skipped", "Failed"))
        assert records == numbers["Delivered"] == ended
    skipped = sum(numbers["Skipped"] for _, numbers in runs)
    assert skipped + dead == len(POISON)
    assert dead >= 4


def test_r2_a_second_delivery_changes_no_finding(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[list[Any], list[Any]]:
        event = event_of(copy, create_gateway)
        arn = queue_arn(copy, "ChangesQueue")
        enqueue(arn, json.dumps(event), {})
        copy.converge()
        before = [i for i in copy.items("Findings") if i["pk"].startswith("head#")]
        enqueue(arn, json.dumps(event), {})
        copy.converge()
        return before, [i for i in copy.items("Findings") if i["pk"].startswith("head#")]

    before, after = stage.play(part)
    told = [item for item in before if item["sk"] != "head"]
    assert told == [item for item in after if item["sk"] != "head"]
    assert len(told) == 2


def test_r3_every_order_of_four_events_comes_to_the_same_end(stage: Stage) -> None:
    every = [s for s in schedules(4) if "together" in s.name or "one by one" in s.name]
    chosen = [Case(ENGINE_FLAPS, schedule) for schedule in every]
    assert len(chosen) == 48
    assert violations(stage, chosen, 4) == []


def test_r3_what_came_and_went_in_one_second_is_over_at_the_first_recheck(stage: Stage) -> None:
    def part(copy: Stage) -> list[tuple[str, bool]]:
        create_gateway(copy)
        delete_gateway(copy)
        gone = copy.clock.now()
        copy.drain()
        changes = [i for i in copy.items("Findings") if i["sk"].startswith("change#")]
        return [(i["move"], parse(i["at"]) - gone < timedelta(seconds=20)) for i in changes]

    assert sorted(stage.play(part)) == [("opened", True), ("resolved", True)]


def test_r4_compliant_events_move_the_watermark(stage: Stage) -> None:
    def part(copy: Stage) -> list[str]:
        opened = event_of(copy, create_gateway)
        copy.clock.advance(5)
        closed = event_of(copy, delete_gateway)
        arn = queue_arn(copy, "ChangesQueue")
        for event in (closed, opened):
            enqueue(arn, json.dumps(event), {})
            for queue in copy.account.world.pending():
                if "ChangesQueue" in queue.label:
                    copy.clock.advance_to(queue.ready_at)
                    copy.account.world.step(queue)
        return [head["status"] for head in heads(copy)]

    assert stage.play(part) == []


def stale_reads(stage: Stage, scenario: Any) -> list[Case]:
    """Each read of the world that a recorded run made, answered with old news."""
    points = recorded(stage, scenario, LIVE).points
    return [
        Case(scenario, LIVE, fault, point)
        for point in points
        for fault in faults_at(point)
        if fault.kind == "stale" and "Role" not in point.operation
    ]


@pytest.mark.parametrize("scenario", [GATEWAY_COMES_AND_GOES, ENGINE_DROPPED], ids=lambda s: s.name)
def test_r5_a_stale_read_never_says_that_all_is_well(stage: Stage, scenario: Any) -> None:
    chosen = stale_reads(stage, scenario)
    assert violations(stage, chosen) == []


@pytest.mark.parametrize("position", [0, 5, 9])
def test_r6_one_poison_record_delays_no_other(stage: Stage, position: int) -> None:
    def part(copy: Stage) -> tuple[list[str], int]:
        event = event_of(copy, create_gateway)
        arn = queue_arn(copy, "ChangesQueue")
        for index in range(10):
            enqueue(arn, "poison" if index == position else json.dumps(event), {})
        queue = next(e for e in copy.account.world.pending() if "ChangesQueue" in e.label)
        copy.clock.advance_to(queue.ready_at)
        copy.account.world.step(queue)
        (ran,) = outcomes(copy, "-evaluate")[-1:]
        failures = ran.outcome.payload["batchItemFailures"]
        bodies = {r["messageId"]: r["body"] for r in ran.event["Records"]}
        return [bodies[f["itemIdentifier"]] for f in failures], ran.outcome.payload["judged"]

    assert stage.play(part) == (["poison"], 9)


def test_r7_a_rule_that_raises_silences_no_other(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[set[str], list[str]]:
        with copy.inside("evaluate"):
            import sentinel.catalog as catalog

            broken = catalog.rules()["jwt_authorizer_unpinned"]

            def judge(*_: Any, **__: Any) -> Any:
                raise RuntimeError("planted")

            judge.__name__ = broken.id
            object.__setattr__(broken, "judge", judge)
        create_gateway(copy)
        copy.clock.advance(3)
        copy.drain()
        return (
            {head["rule"] for head in heads(copy) if "rule" in head},
            [line for ran in outcomes(copy, "-evaluate") for line in ran.outcome.log],
        )

    rules, log = stage.play(part)
    assert AUTHORIZER in rules
    assert any("rule jwt_authorizer_unpinned on arn:" in line for line in log)


@pytest.mark.parametrize("kind", ["throttled", "denied", "broken", "lost"])
def test_r8_a_read_that_fails_never_says_that_all_is_well(stage: Stage, kind: str) -> None:
    points = recorded(stage, ENGINE_DROPPED, LIVE).points
    chosen = [
        Case(ENGINE_DROPPED, LIVE, Fault(kind, point.number), point)
        for point in points
        if point.service == "bedrock-agentcore-control"
    ]
    assert len(chosen) >= 3
    assert violations(stage, chosen) == []


def test_r9_dead_letters_come_back_and_are_judged_once(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[int, list[str], list[str]]:
        event = event_of(copy, create_gateway)
        with copy.inside("evaluate"):
            import sentinel.aws.store as store

            record = store.Store.record
            store.Store.record = _raise  # type: ignore[method-assign,assignment]
        enqueue(queue_arn(copy, "ChangesQueue"), json.dumps(event), {})
        copy.drain()
        with copy.inside("evaluate"):
            store.Store.record = record  # type: ignore[method-assign]
        dead = _length(copy, "ChangesDeadLetters")
        found = []
        for _ in range(2):
            _redrive(copy, "ChangesDeadLetters", "ChangesQueue")
            copy.converge()
            found.append([h["status"] for h in heads(copy)])
        return dead, *found

    dead, first, second = stage.play(part)
    assert dead == 1
    assert first == second == ["OPEN"]


def _raise(*_: Any) -> Any:
    raise RuntimeError("the table is gone")


def _length(stage: Stage, name: str) -> int:
    sqs = stage.client("sqs", account=stage.hub)
    url = next(url for url in sqs.list_queues()["QueueUrls"] if name in url)
    wanted = "ApproximateNumberOfMessages"
    return int(
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[wanted])["Attributes"][wanted]
    )


def _redrive(stage: Stage, source: str, target: str) -> None:
    sqs = stage.client("sqs", account=stage.hub)
    urls = sqs.list_queues()["QueueUrls"]
    url = next(url for url in urls if source in url)
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
        enqueue(queue_arn(stage, target), message["Body"], {})
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_r10_a_timeout_loses_nothing_and_repeats_no_effect(stage: Stage) -> None:
    schedule = Schedule("123 together", ((0, 1, 2),))
    points = recorded(stage, COMMANDS_RUN, schedule).points
    chosen = [Case(COMMANDS_RUN, schedule, Fault("slow", p.number), p) for p in points]
    assert violations(stage, chosen) == []


def test_r10_what_there_is_no_time_for_is_handed_back(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[int, int]:
        event = event_of(copy, create_gateway)
        records = [_record(copy, i, event) for i in range(3)]
        with copy.inside("evaluate"):
            import sentinel.aws.batch as batch
            from sentinel.aws.edge import Edge

            result = batch.judge_batch(Edge(), {"Records": records}, lambda: 4_000)
        return len(result.failed), result.counts()["Failed"]

    assert stage.play(part) == (3, 3)


def _record(stage: Stage, number: int, event: Any) -> dict[str, Any]:
    return {
        "messageId": str(number),
        "receiptHandle": "r",
        "body": json.dumps(event),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn(stage, "ChangesQueue"),
    }


@pytest.mark.parametrize("scenario", [GATEWAY_COMES_AND_GOES, COMMANDS_RUN], ids=lambda s: s.name)
def test_r13_no_write_race_breaks_a_life(stage: Stage, scenario: Any) -> None:
    points = recorded(stage, scenario, LIVE).points
    chosen = [
        Case(scenario, LIVE, Fault("conflict", p.number), p)
        for p in points
        if p.operation == "TransactWriteItems"
    ]
    assert violations(stage, chosen) == []


def test_r14_tend_tells_when_the_stream_is_dead(stage: Stage) -> None:
    def part(copy: Stage) -> tuple[int, int]:
        for mapping in _stream_mappings(copy):
            copy.client("lambda", account=copy.hub).update_event_source_mapping(
                UUID=mapping, Enabled=False
            )
        create_gateway(copy)
        copy.clock.advance(3)
        copy.drain()
        untold = len(copy.account.slack.messages)
        copy.converge()
        return untold, len(copy.account.slack.messages)

    assert stage.play(part) == (0, 1)


def _stream_mappings(stage: Stage) -> list[str]:
    found = stage.client("lambda", account=stage.hub).list_event_source_mappings()
    return [m["UUID"] for m in found["EventSourceMappings"] if ":dynamodb:" in m["EventSourceArn"]]


@pytest.mark.parametrize("kind", ["die before", "die after", "lost"])
def test_r15_a_crash_where_people_are_told_doubles_no_post(stage: Stage, kind: str) -> None:
    points = recorded(stage, GATEWAY_COMES_AND_GOES, LIVE).points
    chosen = [
        Case(GATEWAY_COMES_AND_GOES, LIVE, Fault(kind, p.number), p)
        for p in points
        if p.function.endswith("-notify")
    ]
    assert violations(stage, chosen) == []


def test_r16_a_critical_finding_is_told_at_once_among_many(stage: Stage) -> None:
    def part(copy: Stage) -> float:
        for number in range(8):
            create_gateway(copy, f"noise-{number}", authorizerType="AUTHENTICATE_ONLY")
        create_gateway(copy, "the-one")
        made = copy.clock.now()
        copy.clock.advance(1)
        copy.drain()
        posts = [m for m in copy.account.slack.messages if "the-one" in m.text]
        return float(posts[0].ts) - made.timestamp()

    assert stage.play(part) < 5


@pytest.mark.parametrize("kind", ["stale", "denied"])
def test_r17_nothing_is_resolved_by_what_was_not_seen(stage: Stage, kind: str) -> None:
    points = recorded(stage, ENGINE_FLAPS, LIVE).points
    chosen = [
        Case(ENGINE_FLAPS, LIVE, Fault(kind, p.number), p)
        for p in points
        if p.operation == "GetGateway"
    ]
    assert violations(stage, chosen) == []


def test_r18_an_exemption_hides_until_it_ends_and_no_longer(stage: Stage) -> None:
    def part(copy: Stage) -> list[Any]:
        ends = copy.clock.now() + timedelta(hours=1)
        exemption = {
            "rule": AUTHORIZER,
            "resource": "*",
            "owner": "platform",
            "reason": "a demonstration",
            "expires": ends.isoformat(),
        }
        copy.put_policy({"version": 1, "exemptions": [exemption]})
        create_gateway(copy)
        copy.clock.advance(3)
        copy.converge(1)
        seen: list[Any] = [(heads(copy)[0]["status"], len(copy.account.slack.messages))]
        copy.clock.advance_to(ends - timedelta(minutes=1))
        copy.invoke("tend")
        seen.append((heads(copy)[0]["status"], len(copy.account.slack.messages)))
        copy.clock.advance_to(ends)
        copy.converge(1)
        seen.append((heads(copy)[0]["status"], len(copy.account.slack.messages)))
        return seen

    assert stage.play(part) == [("SUPPRESSED", 0), ("SUPPRESSED", 0), ("OPEN", 1)]


HOSTILE = (
    "<!channel> <https://evil.example|Approve>",
    "x\r\nSubject: Closed",
    "\u202egnp.exe\x1b[2J",
    "=cmd|' /C calc'!A0",
    "a" * 5_000,
    "\ud7ff\u0000\ufffd*_~`>",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_r19_no_content_prevents_or_alters_a_notice(stage: Stage, text: str) -> None:
    def part(copy: Stage) -> tuple[list[Any], list[Any]]:
        event = event_of(copy, create_gateway)
        identity = event["detail"]["userIdentity"]
        identity["arn"] = f"arn:aws:sts::{copy.member}:assumed-role/r/{text}"
        event["detail"]["userAgent"] = text
        body = json.dumps(event)
        enqueue(queue_arn(copy, "ChangesQueue"), body, {})
        copy.converge()
        return copy.account.slack.messages, copy.account.mailbox.messages

    posts, mails = stage.play(part)
    assert (len(posts), len(mails)) == (1, 1)
    posted, mailed = json.dumps(posts[0].blocks) + posts[0].text, mails[0].subject + mails[0].body
    assert not any(harm in posted for harm in ("<!channel>", "<https://evil"))
    for harm in ("\x1b", "\u202e", "\r"):
        assert harm not in posted + mailed
    assert "\n" not in mails[0].subject


def test_r20_no_secret_reaches_a_table_a_person_or_a_log(stage: Stage) -> None:
    canary = "canary-7f3a"

    def part(copy: Stage) -> str:
        event = event_of(
            copy,
            lambda s: create_runtime(
                s,
                environmentVariables={"TOKEN": canary},
                agentRuntimeArtifact={"containerConfiguration": {"containerUri": FOREIGN_IMAGE}},
            ),
        )
        event["detail"]["requestParameters"]["environmentVariables"] = {"TOKEN": canary}
        enqueue(queue_arn(copy, "ChangesQueue"), json.dumps(event), {})
        copy.converge()
        assert heads(copy)
        stored = json.dumps([copy.items("Findings"), copy.items("Memory")])
        logs = [e.outcome.log for e in copy.account.world.history if isinstance(e, FunctionRan)]
        told = [copy.account.slack.messages, copy.account.mailbox.messages]
        return f"{stored}{logs}{told}"

    assert canary not in stage.play(part)


def test_r37_a_sweep_accounts_for_all_that_it_listed(stage: Stage) -> None:
    def part(copy: Stage) -> Any:
        for number in range(3):
            create_gateway(copy, f"swept-{number}")
        copy.clock.advance(3)
        return copy.invoke("sweep", {"kinds": ["gateway"], "regions": [REGION]}).payload

    summary = stage.play(part)
    assert summary["resources"] == 3 == summary["judged"] + summary["unread"]
    assert summary["unfinished"] == []


@pytest.mark.parametrize("operation", ["ListGateways", "GetGateway"])
def test_r37_a_list_or_read_that_fails_is_said(stage: Stage, operation: str) -> None:
    def part(copy: Stage) -> Any:
        create_gateway(copy)
        copy.drain()
        deny(copy, f"bedrock-agentcore:{operation}")
        answer = copy.invoke("sweep", {"kinds": ["gateway"], "regions": [REGION]}).payload
        copy.converge(1)
        return answer, [h for h in heads(copy) if "problem" not in h and h["status"] == "OPEN"]

    summary, gaps = stage.play(part)
    assert [gap["cause"] for gap in gaps] == [operation]
    assert summary["gaps"] or summary["unread"] == 1


def deny(stage: Stage, *actions: str) -> None:
    """Take rights from the read role of the watched account."""
    statement = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
    stage.client("iam").put_role_policy(
        RoleName="agentcore-sentinel-read",
        PolicyName="denied",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def test_r38_a_sweep_that_is_killed_goes_on_to_the_same_end(stage: Stage) -> None:
    def swept(copy: Stage, kill_after: int | None) -> list[tuple[str, str]]:
        for number in range(2):
            create_gateway(copy, f"swept-{number}")
        _forget_events(copy)
        if kill_after is not None:
            _kill_sweep_after(copy, kill_after)
        copy.invoke("sweep", {"kinds": ["gateway"]})
        copy.clock.advance(16 * 60)
        copy.converge(2)
        return sorted((h["rule"], h["status"]) for h in heads(copy))

    whole = stage.play(lambda copy: swept(copy, None))
    assert len(whole) == 2
    chosen = (9, 20)
    parts = [lambda copy, n=n: swept(copy, n) for n in chosen]
    assert list(stage.play_all(parts, 2)) == [whole] * len(chosen)


def _forget_events(stage: Stage) -> None:
    """What CloudTrail has to tell is lost."""
    for delivery in stage.account.world.pending():
        if delivery.kind == "cloudtrail":
            delivery.claim()


def _kill_sweep_after(stage: Stage, calls: int) -> None:
    from tests.system.faults import Watch

    Watch(stage, Fault("die before", calls)).begin()
