"""Reading trails: whether each logs, and whether it takes the changes that rules watch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sentinel import catalog
from sentinel.aws.reading import Absent, Reader, Refused
from sentinel.subject import Identity, Resource
from sentinel.subjects import Trail


def read(reader: Reader, of: Identity) -> Trail:
    """A trail as it is now; one that is gone is a trail that was deleted and does not log.

    Nobody can tell any more what a deleted trail recorded.
    """
    try:
        found = reader.call("cloudtrail", "DescribeTrails", trailNameList=[of.key])
        described = next((one for one in found["trailList"] if one["TrailARN"] == of.key), None)
        if described is not None:
            return _trail(reader, of, described)
    except Absent:
        pass
    deleted = {"TrailARN": of.key, "IsLogging": False, "deleted": True}
    return Trail.seen(of, deleted, complete=False)


def listed(reader: Reader, *, shadows: bool) -> Iterator[Trail]:
    """The trails of a Region; *shadows* adds those of other Regions that record here too."""
    found = reader.call("cloudtrail", "DescribeTrails", includeShadowTrails=shadows)
    for described in found["trailList"]:
        of = Trail.by_arn(described["TrailARN"])
        try:
            yield _trail(reader, of, described)
        except Absent:
            if of.account != reader.place.account:
                yield _described(of, described)
        except Refused:
            if of.account == reader.place.account:
                raise
            yield _described(of, described)


def _described(of: Identity, described: Mapping[str, Any]) -> Trail:
    """A trail of another account of the organization, which need not let its members look at it.

    Whether it logs, and what, was not seen.
    """
    return Trail.seen(of, _as_described(of, described), complete=False)


def _as_described(of: Identity, described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "TrailARN": of.key,
        "IsMultiRegionTrail": described.get("IsMultiRegionTrail", False),
        "IncludeGlobalServiceEvents": described.get("IncludeGlobalServiceEvents", False),
    }


def _trail(reader: Reader, of: Identity, described: Mapping[str, Any]) -> Trail:
    status = reader.call("cloudtrail", "GetTrailStatus", Name=of.key)
    selectors = reader.call("cloudtrail", "GetEventSelectors", TrailName=of.key)
    looked_at = {"IsLogging": status["IsLogging"], "recordsWrites": records_writes(selectors)}
    return Trail.seen(of, _as_described(of, described) | looked_at)


def records_writes(selectors: Mapping[str, Any]) -> bool:
    """Whether selectors take every change that a rule watches (CloudTrail API: PutEventSelectors).

    A selector that is narrowed by what a call alone cannot tell, such as who made it, takes none.
    """
    advanced = selectors.get("AdvancedEventSelectors") or ()
    basic = selectors.get("EventSelectors") or ()
    return all(
        any(_takes(selector["FieldSelectors"], *call) for selector in advanced)
        or any(_basic_takes(selector, source=call[0]) for selector in basic)
        for call in _watched_changes()
    )


def _watched_changes() -> Iterator[tuple[str, str]]:
    """Source and name of every call that changes a resource of which a rule wants to know."""
    for source, names in catalog.watched().items():
        for name, kinds in names.items():
            if any(issubclass(kind, Resource) for kind in kinds):
                yield source, name


def _basic_takes(selector: Mapping[str, Any], source: str) -> bool:
    return (
        selector.get("IncludeManagementEvents", True)
        and selector.get("ReadWriteType", "All") != "ReadOnly"
        and source not in (selector.get("ExcludeManagementEventSources") or ())
    )


def _takes(fields: Sequence[Mapping[str, Any]], source: str, name: str) -> bool:
    """Whether all of a selector's fields let a change pass; one that is not there lets all pass."""
    told = {
        "eventCategory": "Management",
        "eventName": name,
        "eventSource": source,
        "eventType": "AwsApiCall",
        "readOnly": "false",
    }
    categories = [field for field in fields if field["Field"] == "eventCategory"]
    return bool(categories) and all(
        field["Field"] in told and _passes(field, told[field["Field"]]) for field in fields
    )


def _passes(field: Mapping[str, Any], value: str) -> bool:
    return all(test(value, tuple(field[name])) for name, test in TESTS.items() if field.get(name))


TESTS: Mapping[str, Callable[[str, tuple[str, ...]], bool]] = {
    "Equals": lambda value, given: value in given,
    "StartsWith": lambda value, given: value.startswith(given),
    "EndsWith": lambda value, given: value.endswith(given),
    "NotEquals": lambda value, given: value not in given,
    "NotStartsWith": lambda value, given: not value.startswith(given),
    "NotEndsWith": lambda value, given: not value.endswith(given),
}
"""What the operators of an advanced event selector let pass."""
