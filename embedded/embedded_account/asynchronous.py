"""Invokes functions later: twice again after an error, then a destination is told.

Source: "How Lambda handles errors and retries with asynchronous invocation".
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from moto.awslambda.models import LambdaBackend

from embedded_account.invocation import Outcome
from embedded_account.moto_repairs import Repair
from embedded_account.world import World

PAUSES = (60.0, 120.0)
"""Seconds: "one minute before the first retry and two minutes before the second"."""

MAXIMUM_AGE_SECONDS = 21_600

Invoke = Callable[[str, Any], Outcome]
SendToDestination = Callable[[str, str, str, str], None]
"""Takes the function's ARN, the destination's, the JSON text, and its key in a bucket."""


def response_context(outcome: Any) -> dict[str, Any]:
    """Return what a destination is told of how the invocation ended."""
    context = {"statusCode": 200, "executedVersion": "$LATEST"}
    return context if outcome.error_type is None else context | {"functionError": "Unhandled"}


def milliseconds(moment: datetime) -> str:
    """Return a time as Lambda writes it for destinations."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass(frozen=True, slots=True)
class Invocation:
    """An asynchronous invocation: accepted at *started*, tried *attempts* times."""

    function_arn: str
    event: Any
    request_id: str
    started: datetime
    attempts: int = 0


class AsynchronousInvocations:
    """All invocations that were accepted and have not ended."""

    def __init__(
        self,
        world: World,
        invoke: Invoke,
        settings: Callable[[str], Mapping[str, Any]],
        send_to_destination: SendToDestination,
    ) -> None:
        self._world = world
        self._invoke = invoke
        self._settings = settings
        self._send_to_destination = send_to_destination

    def accept(self, function_arn: str, event: Any) -> None:
        """Take an event for a function; the answer to the caller does not wait for it."""
        now = self._world.clock.now()
        self._wait(Invocation(function_arn, event, self._world.new_id(), now), 0.0)

    def _wait(self, invocation: Invocation, delay: float) -> None:
        label = invocation.function_arn.rpartition(":")[2]
        self._world.later("invoke", label, functools.partial(self._try, invocation), delay=delay)

    def _try(self, invocation: Invocation) -> None:
        outcome = self._invoke(invocation.function_arn, invocation.event)
        settings = self._settings(invocation.function_arn)
        tried = replace(invocation, attempts=invocation.attempts + 1)
        if outcome.error_type is None:
            self._tell(settings, "OnSuccess", "Success", tried, outcome)
            return
        age = (self._world.clock.now() - invocation.started).total_seconds()
        if tried.attempts > settings.get("MaximumRetryAttempts", len(PAUSES)):
            self._tell(settings, "OnFailure", "RetriesExhausted", tried, outcome)
        elif age > settings.get("MaximumEventAgeInSeconds", MAXIMUM_AGE_SECONDS):
            self._tell(settings, "OnFailure", "EventAgeExceeded", tried, outcome)
        else:
            self._wait(tried, PAUSES[tried.attempts - 1])

    def _tell(
        self,
        settings: Mapping[str, Any],
        which: str,
        condition: str,
        invocation: Invocation,
        outcome: Any,
    ) -> None:
        destination = settings.get("DestinationConfig", {}).get(which, {}).get("Destination")
        if not destination:
            return
        now = self._world.clock.now()
        told = {
            "version": "1.0",
            "timestamp": milliseconds(now),
            "requestContext": {
                "requestId": invocation.request_id,
                "functionArn": f"{invocation.function_arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": invocation.attempts,
            },
            "requestPayload": invocation.event,
            "responseContext": response_context(outcome),
            "responsePayload": outcome.payload,
        }
        key = f"aws/lambda/async/{invocation.request_id}"
        self._send_to_destination(invocation.function_arn, destination, json.dumps(told), key)


def invoke_repair(
    invoke: Callable[[Any, Any, Mapping[str, str], dict[str, str]], bytes],
) -> Repair:
    """Return what lets Lambda's Invoke run the function: moto answers the request's own body."""

    def run(
        backend: Any,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: dict[str, str],
    ) -> bytes:
        function = backend.get_function(function_name, qualifier)
        return invoke(function, body, headers, response_headers)

    return Repair(
        "moto runs functions in Docker only",
        LambdaBackend,
        "invoke",
        run,
        "708fb4c92029",
    )
