"""Which CloudTrail events reach EventBridge: the trails that log, and what their selectors select.

EventBridge receives "AWS API Call via CloudTrail" only while a trail logs the event in its account
and Region (EventBridge user guide, events via CloudTrail). The trails are moto's; `repair` closes
the gaps of moto's CloudTrail that would mislead a reader of DescribeTrails and GetEventSelectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import moto
from moto.cloudtrail import models
from moto.core.exceptions import JsonRESTError
from moto.organizations.models import organizations_backends

from .cloudtrail_record import GLOBAL_SERVICES

WRITTEN_FOR_MOTO = "5.2.5"

Selector = Mapping[str, Any]

# What a trail has before PutEventSelectors is called (CloudTrail API reference).
DEFAULT_SELECTORS: tuple[Selector, ...] = (
    {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [],
        "ExcludeManagementEventSources": [],
    },
)


@dataclass(frozen=True, slots=True)
class LoggingTrail:
    """A trail that is logging now, as a value: it can be kept from before a call to after it."""

    arn: str
    home_region: str
    multi_region: bool
    global_events: bool
    selectors: tuple[Selector, ...]
    advanced_selectors: tuple[Selector, ...]


def logging_trails(account: str) -> tuple[LoggingTrail, ...]:
    """Every trail that logs the account at this moment: its own and its organization's."""
    management = organizations_backends.master_accounts.get(account)
    of_organization = _logging(management[0], of_organization=True) if management else ()
    return (*_logging(account), *of_organization)


def _logging(account: str, *, of_organization: bool = False) -> tuple[LoggingTrail, ...]:
    return tuple(
        LoggingTrail(
            arn=trail.arn,
            home_region=trail.region_name,
            multi_region=bool(trail.is_multi_region),
            global_events=bool(trail.include_global_service_events),
            selectors=tuple(trail.event_selectors),
            advanced_selectors=tuple(trail.advanced_event_selectors),
        )
        for backend in list(models.cloudtrail_backends[account].values())
        for trail in list(backend.trails.values())
        if trail.status.is_logging and (trail.is_org_trail or not of_organization)
    )


def delivers(record: Mapping[str, Any], before: Sequence[LoggingTrail] = ()) -> bool:
    """Whether a trail of the record's account brings it to EventBridge.

    *before* are the trails that logged when the call began: StopLogging and DeleteTrail are still
    delivered by the trail that they silence, and StartLogging by the one that it starts.
    """
    account = str(record["recipientAccountId"])
    return any(selects(trail, record) for trail in (*before, *logging_trails(account)))


def selects(trail: LoggingTrail, record: Mapping[str, Any]) -> bool:
    """Whether the trail logs the record: Region, global services, then its event selectors."""
    if not trail.multi_region and trail.home_region != record["awsRegion"]:
        return False
    service = str(record["eventSource"]).removesuffix(".amazonaws.com")
    if service in GLOBAL_SERVICES and not trail.global_events:
        return False
    if trail.advanced_selectors:
        return any(_selected_by_fields(selector, record) for selector in trail.advanced_selectors)
    return any(_selected(selector, record) for selector in trail.selectors or DEFAULT_SELECTORS)


def _selected(selector: Selector, record: Mapping[str, Any]) -> bool:
    # Basic selectors know data events of S3, Lambda and DynamoDB only, none of AgentCore's.
    if not record["managementEvent"] or not selector.get("IncludeManagementEvents", True):
        return False
    if record["eventSource"] in selector.get("ExcludeManagementEventSources", ()):
        return False
    wanted = str(selector.get("ReadWriteType", "All"))
    return wanted == "All" or wanted == ("ReadOnly" if record["readOnly"] else "WriteOnly")


def _selected_by_fields(selector: Selector, record: Mapping[str, Any]) -> bool:
    """All field selectors match; those on resources match on one and the same resource."""
    return any(
        all(_field_matches(field, record, resource) for field in selector["FieldSelectors"])
        for resource in record.get("resources") or [{}]
    )


def _field_matches(field: Selector, record: Mapping[str, Any], resource: Mapping[str, Any]) -> bool:
    name = field["Field"]
    read = _FIELDS.get(name)
    if read is None:
        raise ValueError(
            f"AdvancedEventSelectors: the field {name!r} is not simulated; known are "
            f"{', '.join(sorted(_FIELDS))}"
        )
    value = read(record, resource)
    return all(
        test(value, field[operator]) for operator, test in _OPERATORS.items() if field.get(operator)
    )


_FIELDS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]] = {
    "eventCategory": lambda record, _: str(record["eventCategory"]),
    "eventName": lambda record, _: str(record["eventName"]),
    "eventSource": lambda record, _: str(record["eventSource"]),
    "eventType": lambda record, _: str(record["eventType"]),
    "readOnly": lambda record, _: str(record["readOnly"]).lower(),
    "resources.ARN": lambda _, resource: str(resource.get("ARN", "")),
    "resources.type": lambda _, resource: str(resource.get("type", "")),
    "userIdentity.arn": lambda record, _: str(record["userIdentity"].get("arn", "")),
}

_OPERATORS: Mapping[str, Callable[[str, Iterable[str]], bool]] = {
    "Equals": lambda value, given: value in given,
    "StartsWith": lambda value, given: value.startswith(tuple(given)),
    "EndsWith": lambda value, given: value.endswith(tuple(given)),
    "NotEquals": lambda value, given: value not in given,
    "NotStartsWith": lambda value, given: not value.startswith(tuple(given)),
    "NotEndsWith": lambda value, given: not value.endswith(tuple(given)),
}


def repair() -> None:
    """Close five gaps of moto 5.2.5's CloudTrail. May be called again.

    1. PutEventSelectors with basic selectors keeps the former advanced ones; AWS overwrites them.
    2. GetEventSelectors of a new trail answers nothing; AWS answers the default selector.
    3. DescribeTrails never says HasCustomEventSelectors.
    4. DeleteTrail ignores an ARN, and succeeds on a trail that does not exist.
    5. CreateTrail replaces a trail of the same name, and so stops it; AWS refuses.
    """
    if moto.__version__ != WRITTEN_FOR_MOTO:
        raise RuntimeError(
            f"the CloudTrail repairs were written for moto {WRITTEN_FOR_MOTO}, this is "
            f"{moto.__version__}: compare moto/cloudtrail/models.py, then raise the version"
        )
    if models.Trail.get_event_selectors is _get_event_selectors:
        return
    original_description = models.Trail.description
    original_creation = models.CloudTrailBackend.create_trail

    def description(trail: Any, include_region: bool = False) -> dict[str, Any]:
        described: dict[str, Any] = original_description(trail, include_region)
        custom = bool(trail.event_selectors or trail.advanced_event_selectors)
        return described | {"HasCustomEventSelectors": custom}

    def create_trail(backend: Any, name: str, *arguments: Any, **named: Any) -> Any:
        if name in backend.trails:
            where = f"{backend.region_name}:{backend.account_id}"
            raise JsonRESTError(
                "TrailAlreadyExistsException",
                f"Trail arn:{backend.partition}:cloudtrail:{where}:trail/{name} already exists "
                f"for customer: {backend.account_id}",
            )
        return original_creation(backend, name, *arguments, **named)

    models.Trail.description = description
    models.Trail.put_event_selectors = _put_event_selectors
    models.Trail.get_event_selectors = _get_event_selectors
    models.CloudTrailBackend.create_trail = create_trail
    models.CloudTrailBackend.delete_trail = _delete_trail


def _put_event_selectors(
    trail: Any, event_selectors: list[Any] | None, advanced_event_selectors: list[Any] | None
) -> None:
    trail.event_selectors = event_selectors or []
    trail.advanced_event_selectors = [] if event_selectors else advanced_event_selectors or []


def _get_event_selectors(trail: Any) -> tuple[list[Any] | None, list[Any] | None]:
    if trail.advanced_event_selectors:
        return None, trail.advanced_event_selectors
    return trail.event_selectors or [dict(s) for s in DEFAULT_SELECTORS], None


def _delete_trail(backend: Any, name: str) -> None:
    del backend.trails[backend.get_trail(name).trail_name]
