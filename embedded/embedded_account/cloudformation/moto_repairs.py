"""Closes the gaps of moto without which a stack could be made but not used."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket


def repair_composite_alarms() -> None:
    """Give moto the operation PutCompositeAlarm, which its 5.2.5 lacks though it keeps such alarms.

    Its handler of PutMetricAlarm already reads AlarmRule and DescribeAlarms tells the two apart.
    Raises RuntimeError when moto has the operation by itself.
    """
    repaired = getattr(CloudWatchResponse, "put_composite_alarm", None)
    if repaired is None:
        CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm
    elif repaired is not CloudWatchResponse.put_metric_alarm:
        raise RuntimeError("moto has PutCompositeAlarm now: remove repair_composite_alarms()")


def repair_bucket_policies() -> None:
    """Let moto store bucket policies without judging by them: the account's own doorway judges.

    moto takes a statement whose Condition does not hold for a refusal, whatever its Effect, so the
    usual ``Deny`` of requests without ``aws:SecureTransport`` would refuse every call.
    Raises RuntimeError when moto no longer asks FakeBucket.get_permission.
    """
    if not callable(getattr(FakeBucket, "get_permission", None)):
        raise RuntimeError("moto judges bucket policies elsewhere: adapt repair_bucket_policies()")
    FakeBucket.get_permission = _undecided


def _undecided(bucket: Any, action: str, resource: str) -> Any:
    return PermissionResult.NEUTRAL
