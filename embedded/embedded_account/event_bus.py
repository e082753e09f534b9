"""Takes events from PutEvents, finds the rules that match, and delivers to their targets.

Buses, rules, targets and policies stay moto's. Matching, permissions, input transformation, retries
and dead-letter queues are ours ("How EventBridge retries delivering events", "Using dead-letter
queues to process undelivered events" in the EventBridge User Guide).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from moto.events.exceptions import InvalidEventPatternException, ValidationException
from moto.events.models import EventPatternParser, EventsBackend, Rule, events_backends
from moto.events.responses import EventsHandler

from embedded_account.event_entries import check_request, entry_error, event_of_entry
from embedded_account.event_input import Event, InvalidPathError, compact, target_input
from embedded_account.event_pattern import InvalidPatternError, Pattern, compile_pattern
from embedded_account.moto_repairs import Repair
from embedded_account.world import EventDelivered, EventFailed, World

SERVICE = "events.amazonaws.com"
LISTENS_TO_READS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
MAXIMUM_ATTEMPTS = 185  # "EventBridge retries sending the event for 24 hours and up to 185 times"
MAXIMUM_AGE_SECONDS = 86_400
LONGEST_PAUSE_SECONDS = 600.0


class TargetFailedError(Exception):
    """A target did not accept an event. *code* is one of EventBridge's ERROR_CODE values."""

    def __init__(self, code: str, message: str, *, retriable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retriable = retriable


class Permissions(Protocol):
    """Says what EventBridge may do to a target; None means it may, a text says why not."""

    def service_may(
        self, principal: str, action: str, resource: str, *, source_arn: str
    ) -> str | None:
        """Whether *resource*'s own policy lets the service *principal* act for *source_arn*."""
        ...

    def role_may(
        self, role_arn: str, action: str, resource: str, *, service: str, source_arn: str | None
    ) -> str | None:
        """Whether *service* may assume the role, and the role may do *action* on *resource*."""
        ...


@dataclass(frozen=True, slots=True)
class Targets:
    """How an event gets into each kind of target; each raises LookupError when it is gone."""

    send_message: Callable[[str, str, Mapping[str, str]], None]  # ARN, body, attributes
    invoke_later: Callable[[str, Any], None]  # ARN, event
    publish: Callable[[str, str], None]  # ARN, message
    start_execution: Callable[[str, str, str], None]  # ARN, role's ARN, input


@dataclass(frozen=True, slots=True)
class Attempt:
    """One event on its way to one target: tried *number* times so far, since *started*."""

    rule: Any
    target: Mapping[str, Any]
    event: Event
    forwarded: bool
    started: datetime
    number: int = 0

    @property
    def label(self) -> str:
        """From where to where."""
        return f"{self.rule.arn} -> {self.target['Arn']}"


class EventBuses:
    """All event buses of all accounts and Regions."""

    def __init__(self, world: World, permissions: Permissions, targets: Targets) -> None:
        self._world = world
        self._permissions = permissions
        self._targets = targets
        self.faults: list[Callable[[Attempt], None]] = []

    def put_events(
        self, account: str, region: str, entries: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, str]]:
        """Accept what a customer puts; answer an id or an error for each entry."""
        check_request(entries)
        return [self._put_event(account, region, entry) for entry in entries]

    def _put_event(self, account: str, region: str, entry: Mapping[str, Any]) -> dict[str, str]:
        error = entry_error(entry)
        if error is not None:
            return error
        name = entry.get("EventBusName") or "default"
        if name.startswith("arn:"):
            _, _, _, region, account, _ = name.split(":", 5)
        event_id, now = self._world.new_id(), self._world.clock.now()
        event = event_of_entry(entry, event_id=event_id, account=account, region=region, now=now)
        self.publish(account, region, name.rpartition("/")[2], event)
        return {"EventId": event["id"]}

    def publish(
        self, account: str, region: str, bus: str, event: Event, *, forwarded: bool = False
    ) -> None:
        """Let *event* arrive on a bus: it waits for delivery to each target of each matching rule.

        AWS services publish here directly. An event on a bus that does not exist is lost, as on
        AWS.
        """
        found = events_backends[account][region].event_buses.get(bus)
        if found is None:
            return
        _archive(events_backends[account][region], found, event)
        for rule in tuple(found.rules.values()):
            if not rule.scheduled_expression and _listens(rule, event):
                self.deliver(rule, event, forwarded=forwarded)

    def hears_reads(self, account: str, region: str) -> bool:
        """Whether a rule of the default bus wants CloudTrail's read-only management events, too."""
        rules = events_backends[account][region].event_buses["default"].rules
        return any(rule.state == LISTENS_TO_READS for rule in tuple(rules.values()))

    def deliver(self, rule: Any, event: Event, *, forwarded: bool = False) -> None:
        """Put *event* on its way to each target of *rule*."""
        for target in tuple(rule.targets):
            if not target["Arn"].endswith(":::"):  # an archive's own rule; see _archive
                started = self._world.clock.now()
                self._wait(Attempt(rule, dict(target), event, forwarded, started))

    def _wait(self, attempt: Attempt, delay: float = 0.0) -> None:
        attempt_once = functools.partial(self._try, attempt)
        self._world.later("event", attempt.label, attempt_once, delay=delay)

    def _try(self, attempt: Attempt) -> None:
        try:
            for fault in tuple(self.faults):
                fault(attempt)
            self._hand_over(attempt)
        except TargetFailedError as failure:
            self._failed(attempt, failure)
            return
        self._world.record(
            EventDelivered(
                self._world.clock.now(), attempt.rule.arn, attempt.target["Arn"], attempt.event
            )
        )

    def _failed(self, attempt: Attempt, failure: TargetFailedError) -> None:
        exhausted = _exhausted(attempt, self._world.clock.now())
        final = not failure.retriable or exhausted is not None
        self._world.record(
            EventFailed(
                self._world.clock.now(),
                attempt.rule.arn,
                attempt.target["Arn"],
                failure.code,
                failure.message,
                final,
            )
        )
        if not final:
            pause = min(2.0**attempt.number, LONGEST_PAUSE_SECONDS)
            self._wait(replace(attempt, number=attempt.number + 1), pause)
            return
        queue = attempt.target.get("DeadLetterConfig", {}).get("Arn")
        if queue:
            self._bury(queue, attempt, failure, exhausted)

    def _bury(
        self, queue: str, attempt: Attempt, failure: TargetFailedError, exhausted: str | None
    ) -> None:
        rule_arn = attempt.rule.arn
        refused = self._permissions.service_may(
            SERVICE, "sqs:SendMessage", queue, source_arn=rule_arn
        )
        attributes = {
            "RULE_ARN": rule_arn,
            "TARGET_ARN": attempt.target["Arn"],
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.message,
            "RETRY_ATTEMPTS": str(attempt.number),
        }
        if exhausted is not None:
            attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
        if refused is None:
            try:
                self._targets.send_message(queue, compact(attempt.event), attributes)
            except LookupError as gone:
                refused = str(gone)
        if refused is not None:  # the event is lost, and EventBridge only counts it in a metric
            lost = EventFailed(
                self._world.clock.now(), rule_arn, queue, "NO_PERMISSIONS", refused, final=True
            )
            self._world.record(lost)

    def _hand_over(self, attempt: Attempt) -> None:
        arn = attempt.target["Arn"]
        _, _, service, region, account, resource = arn.split(":", 5)
        if service == "events" and resource.startswith("event-bus/"):
            self._forward(attempt, region, account, resource.removeprefix("event-bus/"))
            return
        if region != attempt.rule.region_name:
            raise TargetFailedError(
                "INVALID_PARAMETER", f"{arn} is in another Region than the rule"
            )
        now = self._world.clock.now()
        try:
            body = target_input(attempt.target, attempt.rule, attempt.event, now)
        except InvalidPathError as invalid:
            raise TargetFailedError("INVALID_PARAMETER", str(invalid)) from invalid
        self._check(attempt, service)
        try:
            if service == "sqs":
                self._targets.send_message(arn, body, {})
            elif service == "lambda":
                self._targets.invoke_later(arn, json.loads(body))
            elif service == "sns":
                self._targets.publish(arn, body)
            elif service == "states":
                self._targets.start_execution(arn, attempt.target["RoleArn"], body)
            else:
                raise NotImplementedError(f"the embedded account delivers no events to {arn}")
        except LookupError as gone:
            raise TargetFailedError("NO_RESOURCE", str(gone)) from gone

    def _check(self, attempt: Attempt, service: str) -> None:
        arn, rule_arn = attempt.target["Arn"], attempt.rule.arn
        action = {
            "sqs": "sqs:SendMessage",
            "lambda": "lambda:InvokeFunction",
            "sns": "sns:Publish",
            "states": "states:StartExecution",
        }.get(service)
        role = attempt.target.get("RoleArn")
        if action is None:
            return
        if role is not None:
            refused = self._permissions.role_may(
                role, action, arn, service=SERVICE, source_arn=rule_arn
            )
        elif service == "states":
            refused = "a state machine as target needs a RoleArn"
        else:
            refused = self._permissions.service_may(SERVICE, action, arn, source_arn=rule_arn)
        if refused is not None:
            raise TargetFailedError("NO_PERMISSIONS", refused)

    def _forward(self, attempt: Attempt, region: str, account: str, bus: str) -> None:
        rule, arn = attempt.rule, attempt.target["Arn"]
        crosses_account = account != rule.account_id
        if attempt.forwarded:  # "the event is not sent to the third account"
            code = "THIRD_ACCOUNT_HOP_DETECTED" if crosses_account else "THIRD_REGION_HOP_DETECTED"
            raise TargetFailedError(code, "an event that was forwarded is not forwarded again")
        role = attempt.target.get("RoleArn")
        if role is not None:
            refused = self._permissions.role_may(
                role, "events:PutEvents", arn, service=SERVICE, source_arn=rule.arn
            )
        elif crosses_account or region != rule.region_name:
            refused = "a bus of another account or Region as target needs a RoleArn"
        else:
            refused = None
        if refused is not None:
            raise TargetFailedError("NO_PERMISSIONS", refused)
        if bus not in events_backends[account][region].event_buses:
            raise TargetFailedError("NO_RESOURCE", f"event bus {arn} does not exist")
        self.publish(account, region, bus, attempt.event, forwarded=True)

    def repairs(self) -> tuple[Repair, ...]:
        """Return what hands moto's events over to these buses."""

        def put_events(backend: Any, events: list[dict[str, Any]]) -> list[dict[str, str]]:
            return self.put_events(backend.account_id, backend.region_name, events)

        def send_to_targets(rule: Any, original_event: Any, transform_input: bool = True) -> None:
            if _listens(rule, original_event):
                self.deliver(rule, original_event)

        return (
            Repair(
                "moto matches unknown operators, delivers inside PutEvents, knows no Lambda, SNS "
                "or Step Functions target, no retry, no DLQ, and accepts sources like aws.iam",
                EventsBackend,
                "put_events",
                put_events,
                "c56f6ac1f932",
            ),
            Repair("as put_events", Rule, "send_to_targets", send_to_targets, "472e002e2dab"),
            Repair(
                "moto accepts event patterns that PutRule refuses",
                EventPatternParser,
                "parse",
                _parse_pattern,
                "2681906d428c",
            ),
            Repair(
                "moto's TestEventPattern answers nothing",
                EventsHandler,
                "test_event_pattern",
                _test_event_pattern,
                "945d9dc74b3a",
            ),
        )


def _listens(rule: Any, event: Event) -> bool:
    if rule.state == "DISABLED" or rule.event_pattern.dump() is None:
        return False
    detail = event.get("detail", {})
    is_read = event.get("detail-type") == "AWS API Call via CloudTrail" and detail.get("readOnly")
    if is_read and detail.get("managementEvent") and rule.state != LISTENS_TO_READS:
        return False
    return _pattern(rule.event_pattern.dump()).matches(event)


@functools.lru_cache(maxsize=1024)
def _pattern(text: str) -> Pattern:
    return compile_pattern(text)


def _parse_pattern(parser: Any) -> Any:
    if not parser.pattern:
        return {}
    try:
        compile_pattern(parser.pattern)
    except InvalidPatternError as invalid:
        raise InvalidEventPatternException(reason=str(invalid)) from invalid
    return json.loads(parser.pattern)


def _test_event_pattern(handler: Any) -> str:
    try:
        pattern = compile_pattern(handler._get_param("EventPattern"))
    except InvalidPatternError as invalid:
        raise InvalidEventPatternException(reason=str(invalid)) from invalid
    event = json.loads(handler._get_param("Event"))
    required = ("id", "account", "source", "time", "region", "resources", "detail-type")
    missing = [name for name in required if name not in event]
    if missing:
        raise ValidationException(f"Parameter Event is not valid. Reason: {missing} missing")
    return json.dumps({"Result": pattern.matches(event)})


def _archive(backend: Any, bus: Any, event: Event) -> None:
    for archive in backend.archives.values():
        if archive.source_arn == bus.arn:
            pattern = archive.event_pattern.dump()
            if pattern is None or _pattern(pattern).matches(event):
                archive.events.append(dict(event))


def _exhausted(attempt: Attempt, now: datetime) -> str | None:
    policy = attempt.target.get("RetryPolicy", {})
    age = timedelta(seconds=policy.get("MaximumEventAgeInSeconds", MAXIMUM_AGE_SECONDS))
    if now - attempt.started >= age:
        return "MaximumEventAgeInSeconds"
    if attempt.number >= policy.get("MaximumRetryAttempts", MAXIMUM_ATTEMPTS):
        return "MaximumRetryAttempts"
    return None
