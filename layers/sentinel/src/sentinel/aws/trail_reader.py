"""Reading trails: whether each logs, and whether it takes write events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sentinel.aws.reading import Absent, Reader
from sentinel.subject import Identity
from sentinel.subjects import Trail


def read(reader: Reader, of: Identity) -> Trail:
    """A trail as it is now; one that is gone is a trail that was deleted and does not log."""
    try:
        found = reader.call("cloudtrail", "DescribeTrails", trailNameList=[of.key])
        described = next(iter(found["trailList"]), None)
        if described is not None:
            return _trail(reader, of, described)
    except Absent:
        pass
    return Trail.seen(of, {"TrailARN": of.key, "IsLogging": False, "deleted": True})


def listed(reader: Reader, *, shadows: bool) -> Iterator[Trail]:
    """The trails of a Region; *shadows* adds those of other Regions that record here too."""
    found = reader.call("cloudtrail", "DescribeTrails", includeShadowTrails=shadows)
    for described in found["trailList"]:
        of = Trail.by_arn(described["TrailARN"])
        try:
            yield _trail(reader, of, described)
        except Absent:
            continue


def _trail(reader: Reader, of: Identity, described: Mapping[str, Any]) -> Trail:
    status = reader.call("cloudtrail", "GetTrailStatus", Name=of.key)
    selectors = reader.call("cloudtrail", "GetEventSelectors", TrailName=of.key)
    return Trail.seen(
        of,
        {
            "TrailARN": of.key,
            "IsLogging": status["IsLogging"],
            "IsMultiRegionTrail": described.get("IsMultiRegionTrail", False),
            "recordsWrites": records_writes(selectors),
        },
    )


def records_writes(selectors: Mapping[str, Any]) -> bool:
    """Whether selectors take write management events (CloudTrail API: PutEventSelectors)."""
    advanced = selectors.get("AdvancedEventSelectors") or ()
    if advanced:
        return any(_takes_writes(selector["FieldSelectors"]) for selector in advanced)
    return any(
        selector.get("IncludeManagementEvents", True)
        and selector.get("ReadWriteType", "All") != "ReadOnly"
        for selector in selectors.get("EventSelectors") or ()
    )


def _takes_writes(fields: list[Mapping[str, Any]]) -> bool:
    chosen = {field["Field"]: field for field in fields}
    if "Management" not in chosen.get("eventCategory", {}).get("Equals", ()):
        return False
    read_only = chosen.get("readOnly", {}).get("Equals", ("false",))
    return "false" in read_only
