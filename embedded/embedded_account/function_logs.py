"""What functions print, kept in CloudWatch Logs as far as their roles may write there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.logs.models import logs_backends
from moto.utilities.utils import get_partition

from embedded_account.invocation import FunctionSpec, Outcome
from embedded_account.moto_repairs import Repair

MayWrite = Callable[[str, str, str], bool]
"""Whether a role (its ARN) may do an action on a resource."""


class FunctionLogs:
    """Writes as Lambda does: with the function's role, and what it may not write is lost.

    A group that is not there is not made: Lambda would with a right that none of ours should have.
    """

    def __init__(self, now: Callable[[], datetime], may_write: MayWrite) -> None:
        self._now = now
        self._may_write = may_write
        self._lock = threading.Lock()

    def keep(self, spec: FunctionSpec, outcome: Outcome) -> None:
        """Write the lines of an invocation, and a report of it, into the stream of the day."""
        stream = f"{self._now():%Y/%m/%d}/[$LATEST]embedded"
        groups = logs_backends[spec.account][spec.region].groups
        place = f"{get_partition(spec.region)}:logs:{spec.region}:{spec.account}"
        resource = f"arn:{place}:log-group:{spec.logs_to}:log-stream:{stream}"
        with self._lock:
            group = groups.get(spec.logs_to)
            if group is None:
                return
            if stream not in group.streams:
                if not self._may_write(spec.role_arn, "logs:CreateLogStream", resource):
                    return
                group.create_log_stream(stream)
            if self._may_write(spec.role_arn, "logs:PutLogEvents", resource):
                group.put_log_events(stream, self._events(spec, outcome))

    def _events(self, spec: FunctionSpec, outcome: Outcome) -> list[dict[str, Any]]:
        report = f"REPORT Duration: {outcome.duration_ms:.2f} ms Memory Size: {spec.memory_mb} MB"
        milliseconds = int(self._now().timestamp() * 1000)
        lines = (*outcome.log, report)
        return [{"timestamp": milliseconds, "message": line} for line in lines]


_moto_init = LambdaFunction.__init__
_moto_update_configuration = LambdaFunction.update_configuration


def _init(function: Any, account_id: str, spec: dict[str, Any], *args: Any, **more: Any) -> None:
    _moto_init(function, account_id, spec, *args, **more)
    function.logging_config = spec.get("LoggingConfig", {})


def _update_configuration(function: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
    if "LoggingConfig" in config_updates:
        function.logging_config = config_updates["LoggingConfig"]
    answer: dict[str, Any] = _moto_update_configuration(function, config_updates)
    return answer


def log_group_of(function: Any) -> str:
    """The log group that a function's configuration names, or nothing."""
    return str(function.logging_config.get("LogGroup", ""))


def logging_repairs() -> tuple[Repair, ...]:
    """Return what keeps a function's LoggingConfig."""
    gap = "moto forgets LoggingConfig, so a function's lines would go to a group of its name"
    return (
        Repair(gap, LambdaFunction, "__init__", _init, "70a285222b4a"),
        Repair(gap, LambdaFunction, "update_configuration", _update_configuration, "eca1cdec066f"),
    )
