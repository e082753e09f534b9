"""The world owns the clock and lets what is under way happen, freely or step by step."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from embedded_account.account import HUB, EmbeddedAccount
from embedded_account.clock import VIRTUAL_START, VirtualClock, WallClock
from embedded_account.invocation import FunctionSpec, Outcome
from embedded_account.schedule import UnsupportedScheduleError, parse_schedule
from embedded_account.world import FunctionRan, NotDrainedError, World, WorldBrokeError
from hypothesis import given
from hypothesis import strategies as st


class Recorder:
    """Stands in for a runner: notes each event and answers nothing."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.called = threading.Event()

    def invoke(self, spec: FunctionSpec, event: Any) -> Outcome:
        self.events.append(event)
        self.called.set()
        return Outcome(None, None, None, (), 0.0, cold=False)

    def close(self) -> None:
        pass


def pipeline(account: EmbeddedAccount) -> None:
    """PutEvents -> rule -> queue -> function."""
    account.client("iam").create_role(RoleName="evaluate", AssumeRolePolicyDocument="{}")
    account.client("s3", region="us-east-1").create_bucket(Bucket="embedded-source-tree")
    account.client("s3", region="us-east-1").put_object(Bucket="embedded-source-tree", Key="code")
    account.client("lambda").create_function(
        FunctionName="evaluate",
        Role=f"arn:aws:iam::{HUB}:role/evaluate",
        Runtime="python3.13",
        Handler="app.handler",
        Code={"S3Bucket": "embedded-source-tree", "S3Key": "code"},
    )
    queue = f"arn:aws:sqs:eu-central-1:{HUB}:changes"
    account.client("sqs").create_queue(QueueName="changes")
    account.client("lambda").create_event_source_mapping(
        FunctionName="evaluate", EventSourceArn=queue
    )
    events = account.client("events")
    events.put_rule(Name="mine", EventPattern='{"source": ["mine"]}')
    events.put_targets(Rule="mine", Targets=[{"Id": "queue", "Arn": queue}])


def put(account: EmbeddedAccount, number: int = 0) -> None:
    entry = {"Source": "mine", "DetailType": "told", "Detail": json.dumps({"n": number})}
    account.client("events").put_events(Entries=[entry])


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def account(recorder: Recorder) -> Iterator[EmbeddedAccount]:
    with EmbeddedAccount(runner=lambda _: recorder, authorize=False) as account:
        pipeline(account)
        yield account


def test_nothing_moves_until_somebody_steps(account: EmbeddedAccount, recorder: Recorder) -> None:
    put(account)
    assert [delivery.kind for delivery in account.world.pending()] == ["event"]
    account.world.step(account.world.pending()[0])
    assert [delivery.kind for delivery in account.world.pending()] == ["queue"]
    assert recorder.events == []
    account.world.step(account.world.pending()[0])
    assert len(recorder.events) == 1
    assert account.world.pending() == []


def test_draining_lets_time_pass_to_the_next_that_is_due() -> None:
    world = World(VirtualClock())
    told: list[tuple[str, datetime]] = []

    def tell(name: str) -> None:
        told.append((name, world.clock.now()))

    for name, delay in (("late", 3600.0), ("soon", 60.0), ("now", 0.0)):
        world.later("event", name, partial(tell, name), delay=delay)
    assert world.drain() == 3
    assert [name for name, _ in told] == ["now", "soon", "late"]
    assert world.clock.now() - VIRTUAL_START == timedelta(hours=1)


def test_draining_names_what_never_ends() -> None:
    world = World(VirtualClock(), seed=5)

    def again() -> None:
        world.later("event", "for ever", again, delay=1)

    again()
    with pytest.raises(NotDrainedError, match=r"seed 5.*for ever"):
        world.drain(limit=20)


def test_a_delivery_that_is_taken_twice_happens_once() -> None:
    world, told = World(VirtualClock()), []
    delivery = world.later("event", "once", lambda: told.append(1))
    delivery.run()
    delivery.run()
    assert told == [1]


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_the_seed_decides_the_order_and_the_ids(seed: int, other: int) -> None:
    def order(seed: int) -> tuple[list[int], str]:
        world = World(VirtualClock(), seed=seed)
        told: list[int] = []
        for number in range(12):
            world.later("event", str(number), partial(told.append, number))
        world.drain(shuffle=True)
        return told, world.new_id()

    assert order(seed) == order(seed)
    assert (order(seed) == order(other)) is (seed == other)


def test_two_accounts_of_one_seed_give_the_same_events() -> None:
    def bodies() -> list[Any]:
        recorder = Recorder()
        with EmbeddedAccount(runner=lambda _: recorder, authorize=False, seed=7) as account:
            pipeline(account)
            put(account)
            account.world.drain()
            return list(recorder.events)

    assert bodies() == bodies()


def test_the_state_survives_a_fork_and_the_parent_keeps_its_own(
    account: EmbeddedAccount, recorder: Recorder
) -> None:
    put(account)
    for _ in range(3):
        child = os.fork()
        if child == 0:
            put(account, 2)
            account.world.drain()
            os._exit(len(recorder.events))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) in (1, 2)
    assert recorder.events == []
    account.world.drain()
    assert len(recorder.events) == 1


def test_a_fault_observes_only_the_step_that_it_is_given_to(account: EmbeddedAccount) -> None:
    class Watcher:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def before(self, call: Any) -> None:
            self.seen.append(call.operation)

        def after(self, call: Any, answer: Any) -> None:
            pass

    watcher = Watcher()
    list_queues = account.client("sqs").list_queues
    delivery = account.world.later("event", "a call", list_queues)
    account.world.step(delivery, faults=[watcher])
    account.client("sqs").list_queues()
    assert watcher.seen == ["ListQueues"]


def test_subscribers_hear_every_entry_in_order(account: EmbeddedAccount) -> None:
    heard: list[str] = []
    account.world.subscribe(lambda entry: heard.append(type(entry).__name__))
    put(account)
    account.world.drain()
    assert heard == ["CallMade", "EventDelivered", "FunctionRan"]


def test_every_event_reaches_its_function_in_a_free_world() -> None:
    recorder = Recorder()
    with EmbeddedAccount(runner=lambda _: recorder, authorize=False, clock=WallClock()) as account:
        pipeline(account)
        account.world.run_freely()
        for number in range(20):
            recorder.called.clear()
            put(account, number)
            assert recorder.called.wait(20)
        assert len(recorder.events) == 20


def test_a_delivery_that_breaks_in_a_free_world_is_raised_when_it_stops() -> None:
    world = World(WallClock())
    world.run_freely()

    def break_down() -> None:
        raise KeyError("broken on purpose")

    world.later("event", "breaks", break_down)
    done = threading.Event()
    world.later("event", "goes on", done.set, delay=0.02)
    assert done.wait(2)
    with pytest.raises(WorldBrokeError, match="broken on purpose"):
        world.stop()


def test_only_the_fitting_clock_is_accepted() -> None:
    with pytest.raises(TypeError, match="WallClock"):
        World(VirtualClock()).run_freely()
    with pytest.raises(TypeError, match="VirtualClock"):
        World(WallClock()).drain()
    with pytest.raises(ValueError, match="forward"):
        VirtualClock().advance(-1)


def test_motos_own_times_follow_the_virtual_clock(account: EmbeddedAccount) -> None:
    sqs, clock = account.client("sqs"), account.world.clock
    url = sqs.create_queue(QueueName="delayed", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert isinstance(clock, VirtualClock)
    clock.advance(61)
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    clock.advance(31)
    again = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])
    assert again["Messages"][0]["Attributes"]["ApproximateReceiveCount"] == "2"


def test_long_polling_of_an_empty_queue_lets_virtual_time_pass(account: EmbeddedAccount) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="empty")["QueueUrl"]
    before = account.world.clock.now()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)
    assert account.world.clock.now() - before >= timedelta(seconds=5)


def test_a_schedule_ticks_on_demand_in_a_stepped_world(
    account: EmbeddedAccount, recorder: Recorder
) -> None:
    events = account.client("events")
    events.put_rule(Name="tend", ScheduleExpression="rate(5 minutes)")
    target = {"Id": "1", "Arn": f"arn:aws:lambda:eu-central-1:{HUB}:function:evaluate"}
    events.put_targets(Rule="tend", Targets=[target])
    assert account.world.drain() == 0
    account.schedule.tick("tend")
    account.world.drain()
    event = recorder.events[-1]
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == [f"arn:aws:events:eu-central-1:{HUB}:rule/tend"]
    events.disable_rule(Name="tend")
    with pytest.raises(LookupError, match="0 enabled schedules named tend"):
        account.schedule.tick("tend")


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        ("rate(5 minutes)", "2026-01-01T00:04:59", "2026-01-01T00:05:00"),
        ("rate(5 minutes)", "2026-01-01T00:05:00", "2026-01-01T00:10:00"),
        ("cron(0 10 * * ? *)", "2026-01-01T10:00:00", "2026-01-02T10:00:00"),
        ("cron(15 12 ? * MON-FRI *)", "2026-01-02T12:15:00", "2026-01-05T12:15:00"),
        ("cron(0/15 * * * ? *)", "2026-01-01T00:16:00", "2026-01-01T00:30:00"),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("cron(5 8-17/3 ? JAN,JUL SUN 2026-2027)", "2026-02-01T00:00:00", "2026-07-05T08:05:00"),
    ],
)
def test_the_next_tick_of_a_schedule(expression: str, moment: str, expected: str) -> None:
    origin = datetime(2026, 1, 1, tzinfo=UTC)
    after = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    tick = parse_schedule(expression).next_after(after, origin)
    assert tick == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 minutes)",
        "cron(0 0 * * * *)",
        "cron(0 0 L * ? *)",
        "cron(61 0 * * ? *)",
        "every day",
    ],
)
def test_a_schedule_that_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(UnsupportedScheduleError):
        parse_schedule(expression)


def test_the_history_tells_what_a_function_was_given_and_said(account: EmbeddedAccount) -> None:
    put(account, 3)
    account.world.drain()
    (ran,) = [entry for entry in account.world.history if isinstance(entry, FunctionRan)]
    assert json.loads(ran.event["Records"][0]["body"])["detail"] == {"n": 3}
    assert ran.outcome.error_type is None
