"""Alarms of the sentinel itself: what rings is told as a gap, which ends when it rings no more.

An event says that one has changed. What counts is the state that is read then, so an event that is
lost, late or delivered twice does no harm.
"""

from __future__ import annotations

from sentinel.arn import partition_of
from sentinel.aws import clock
from sentinel.aws.edge import Edge
from sentinel.gap import Gap
from sentinel.life import Status
from sentinel.telling import ALARM

REASON_LENGTH = 500


def look(edge: Edge) -> int:
    """Tell of each alarm that rings, and close those that are over or gone; how many changed.

    One whose state is not known stays as it was told.
    """
    states: dict[str, str] = {}
    changed = 0
    pages = edge.client("cloudwatch").get_paginator("describe_alarms")
    asked = {"AlarmNamePrefix": edge.settings.text("ALARM_PREFIX"), "AlarmTypes": ["MetricAlarm"]}
    for page in pages.paginate(**asked):
        for alarm in page["MetricAlarms"]:
            states[alarm["AlarmName"]] = alarm["StateValue"]
            if alarm["StateValue"] == "ALARM":
                why = f"{alarm.get('AlarmDescription', '')} {alarm.get('StateReason', '')}".strip()
                changed += edge.store.meet(_gap(edge, alarm["AlarmName"], why)) is not None
    for told in list(edge.store.gaps(Status.OPEN)):
        if told.kind == ALARM and states.get(told.cause, "OK") == "OK":
            changed += edge.store.cure(told.id) is not None
    return changed


def _gap(edge: Edge, name: str, why: str) -> Gap:
    now, region = clock.now(), edge.region
    account = edge.settings.text("HUB_ACCOUNT_ID")
    reason = why[:REASON_LENGTH]
    return Gap(partition_of(region), account, region, ALARM, name, now, now, reason=reason)
