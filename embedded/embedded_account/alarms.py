"""Lets an alarm ring: a state that SetAlarmState changes is told to EventBridge and to topics.

No alarm looks at its metric here. The event is that of "Alarm events and EventBridge" in the
CloudWatch User Guide; actions follow a change of state, not a call that leaves it as it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.sns.models import sns_backends
from moto.utilities.utils import get_partition

from embedded_account.calls import Answer, Call
from embedded_account.event_bus import EventBuses
from embedded_account.event_input import timestamp
from embedded_account.world import World

MAXIMUM_SUBJECT = 99
"""Characters of a mail's subject (SNS API Reference, Publish: "less than 100 characters")."""

State = Mapping[str, str]


class Alarms:
    """Watches the calls that change an alarm's state, and tells of the change."""

    def __init__(self, world: World, buses: EventBuses) -> None:
        self._world = world
        self._buses = buses

    def before(self, call: Call) -> Callable[[Answer], None]:
        """Remember the state before a call; what is returned tells of it once it has changed."""
        if (call.service, call.operation) != ("cloudwatch", "SetAlarmState"):
            return lambda answer: None
        alarm = _alarm(call)
        return functools.partial(self._after, call, None if alarm is None else _state(alarm))

    def _after(self, call: Call, before: State | None, answer: Answer) -> None:
        alarm = _alarm(call)
        if answer.error_code is not None or alarm is None or before is None:
            return
        if before["value"] == alarm.state_value:
            return
        event = _event(call, alarm, before, self._world.new_id(), self._world.clock.now())
        publish = functools.partial(
            self._buses.publish, call.account, call.region, "default", event
        )
        self._world.later("alarm", f"{alarm.name} is {alarm.state_value}", publish)
        for topic in _actions(alarm):
            mail = functools.partial(_publish, topic, alarm)
            self._world.later("alarm", f"{alarm.name} -> {topic}", mail)


def _alarm(call: Call) -> Any:
    return cloudwatch_backends[call.account][call.region].alarms.get(call.parameters["AlarmName"])


def _state(alarm: Any) -> State:
    return {
        "value": alarm.state_value,
        "reason": alarm.state_reason,
        "timestamp": alarm.state_updated_timestamp.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
    }


def _event(call: Call, alarm: Any, before: State, event_id: str, now: datetime) -> dict[str, Any]:
    dimensions = {one.name: one.value for one in alarm.dimensions}
    metric = {"namespace": alarm.namespace, "name": alarm.metric_name, "dimensions": dimensions}
    stat = {"metric": metric, "period": int(alarm.period), "stat": alarm.statistic}
    configuration = {
        "description": alarm.description,
        "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}],
    }
    partition = get_partition(call.region)
    arn = f"arn:{partition}:cloudwatch:{call.region}:{call.account}:alarm:{alarm.name}"
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": call.account,
        "time": timestamp(now),
        "region": call.region,
        "resources": [arn],
        "detail": {
            "alarmName": alarm.name,
            "configuration": configuration,
            "previousState": dict(before),
            "state": dict(_state(alarm)),
        },
    }


def _actions(alarm: Any) -> list[str]:
    of_state = {
        "ALARM": alarm.alarm_actions,
        "OK": alarm.ok_actions,
        "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
    }
    if not alarm.actions_enabled:
        return []
    actions = [str(action) for action in of_state[alarm.state_value] or ()]
    for action in actions:
        if action.split(":")[2] != "sns":
            raise NotImplementedError(f"the embedded account knows no alarm action {action}")
    return actions


def _publish(topic: str, alarm: Any) -> None:
    """Mail as CloudWatch does; a topic that is gone hears nothing."""
    _, _, _, region, account, _ = topic.split(":", 5)
    backend = sns_backends[account][region]
    if topic in backend.topics:
        subject = f'{alarm.state_value}: "{alarm.name}" in {region}'[:MAXIMUM_SUBJECT]
        words = f"{alarm.description}\n\n{alarm.state_reason}"
        backend.publish(message=words, arn=topic, subject=subject)
