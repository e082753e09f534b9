"""Turns the ScheduleExpression of EventBridge rules into ticks.

A free world ticks by its clock; in a stepped one a test calls `Schedule.tick`. Expressions:
``rate(5 minutes)`` and ``cron(minutes hours day-of-month month day-of-week year)`` in UTC, with
``* ? , - /`` and names; ``L``, ``W`` and ``#`` are refused by name ("Cron and rate expressions").
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from moto.events.models import events_backends

from embedded_account.world import Delivery, Work, World

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_LAST_YEAR = 2199


class UnsupportedScheduleError(ValueError):
    """An expression that EventBridge refuses, or that the embedded account does not know."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many seconds, counted from the rule's creation."""

    seconds: int

    def next_after(self, moment: datetime, origin: datetime) -> datetime:
        """Return the first tick after *moment*."""
        ticks = (moment - origin) // timedelta(seconds=self.seconds)
        return origin + timedelta(seconds=self.seconds * (ticks + 1))


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes, hours, days, months and years at which a rule ticks; None stands for ``?``."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_of_month: frozenset[int] | None
    months: frozenset[int]
    days_of_week: frozenset[int] | None
    years: frozenset[int]

    def next_after(self, moment: datetime, origin: datetime) -> datetime:
        """Return the first tick after *moment*. Raises UnsupportedScheduleError when none comes."""
        day = moment.date()
        while day.year <= max(self.years):
            if self._ticks_on(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        tick = datetime.combine(day, time(hour, minute), UTC)
                        if tick > moment:
                            return tick
            day += timedelta(days=1)
        raise UnsupportedScheduleError(f"{self} never ticks after {moment.isoformat()}")

    def _ticks_on(self, day: date) -> bool:
        return (
            day.year in self.years
            and day.month in self.months
            and (self.days_of_month is None or day.day in self.days_of_month)
            and (self.days_of_week is None or day.isoweekday() % 7 + 1 in self.days_of_week)
        )


def parse_schedule(expression: str) -> Rate | Cron:
    """Read a ScheduleExpression. Raises UnsupportedScheduleError, naming the part that is wrong."""
    rate = _RATE.fullmatch(expression)
    if rate:
        if int(rate[1]) == 0:
            raise UnsupportedScheduleError(f"{expression}: a rate is a positive number")
        return Rate(int(rate[1]) * _SECONDS[rate[2]])
    fields = expression.removeprefix("cron(").removesuffix(")").split()
    if not expression.startswith("cron(") or len(fields) != 6:
        raise UnsupportedScheduleError(f"{expression} is neither rate(n unit) nor cron(six fields)")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise UnsupportedScheduleError(
            f"{expression}: exactly one of day-of-month and day-of-week is ?"
        )
    return Cron(
        minutes=tuple(sorted(_values(fields[0], 0, 59))),
        hours=tuple(sorted(_values(fields[1], 0, 23))),
        days_of_month=None if fields[2] == "?" else _values(fields[2], 1, 31),
        months=_values(fields[3], 1, 12, _MONTHS),
        days_of_week=None if fields[4] == "?" else _values(fields[4], 1, 7, _DAYS),
        years=_values(fields[5], 1970, _LAST_YEAR),
    )


def _values(field: str, lowest: int, highest: int, names: Iterable[str] = ()) -> frozenset[int]:
    numbers = {name: number for number, name in enumerate(names, start=lowest)}

    def number(text: str) -> int:
        value = numbers.get(text.upper(), int(text) if text.isdigit() else -1)
        if not lowest <= value <= highest:
            raise UnsupportedScheduleError(
                f"cron field {field!r}: {text!r} is not {lowest}-{highest}"
            )
        return value

    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            start, end = lowest, highest
        else:
            start = number(first)
            end = number(last) if last else (highest if step else start)
        values.update(range(start, end + 1, number(step) if step else 1))
    return frozenset(values)


class Schedule:
    """All rules with a ScheduleExpression, in all accounts and Regions."""

    def __init__(self, world: World, deliver: Callable[[Any, dict[str, Any]], None]) -> None:
        self._world = world
        self._deliver = deliver
        self._seen: dict[tuple[str, str], tuple[datetime, datetime]] = {}

    def deliveries(self) -> Iterator[Delivery]:
        """Return the next tick of each enabled rule, in a free world only."""
        if not self._world.is_free:
            return
        for rule in self._rules():
            origin, last = self._seen.setdefault(_key(rule), (self._world.clock.now(),) * 2)
            ready_at = parse_schedule(rule.scheduled_expression).next_after(last, origin)
            claim = functools.partial(self._claim, rule, origin, ready_at)
            yield Delivery("schedule", rule.arn, ready_at, claim)

    def tick(self, rule_name: str, account: str | None = None, region: str | None = None) -> None:
        """Let the named rule tick now; raises LookupError unless there is exactly one."""
        found = [
            rule
            for rule in self._rules()
            if rule.name == rule_name
            and account in (None, rule.account_id)
            and region in (None, rule.region_name)
        ]
        if len(found) != 1:
            arns = [rule.arn for rule in self._rules()]
            raise LookupError(f"{len(found)} enabled schedules named {rule_name}; there are {arns}")
        self._tick(found[0], self._world.clock.now())

    def _claim(self, rule: Any, origin: datetime, moment: datetime) -> Work | None:
        if self._seen[_key(rule)][1] >= moment:
            return None
        # ticks that were missed, because the machine slept, are not made up for
        self._seen[_key(rule)] = (origin, max(moment, self._world.clock.now()))
        return functools.partial(self._tick, rule, moment)

    def _tick(self, rule: Any, moment: datetime) -> None:
        self._deliver(
            rule,
            {
                "version": "0",
                "id": self._world.new_id(),
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": rule.account_id,
                "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": rule.region_name,
                "resources": [rule.arn],
                "detail": {},
            },
        )

    def _rules(self) -> Iterator[Any]:
        for account in tuple(events_backends.values()):
            for backend in tuple(account.values()):
                for rule in tuple(backend.event_buses["default"].rules.values()):
                    if rule.scheduled_expression and rule.state != "DISABLED":
                        yield rule


def _key(rule: Any) -> tuple[str, str]:
    return rule.arn, rule.scheduled_expression
