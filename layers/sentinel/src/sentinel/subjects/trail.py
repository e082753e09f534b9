"""A CloudTrail trail: what tells the sentinel of everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from sentinel.arn import Arn, is_arn
from sentinel.record import Record
from sentinel.seen import Member
from sentinel.subject import Effect, Identity, Resource


class Trail(Resource):
    """A CloudTrail trail: what tells the sentinel of everything else.

    A trail that was deleted is a state to be judged, not a cure: its absence resolves nothing.
    *records_writes* says whether its selectors take write management events.
    """

    kind: ClassVar[str] = "trail"
    sources: ClassVar[tuple[str, ...]] = ("cloudtrail.amazonaws.com",)
    events: ClassVar[dict[str, Effect]] = {
        "StopLogging": Effect.PATCHES,
        "StartLogging": Effect.PATCHES,
        "CreateTrail": Effect.TOUCHES,
        "UpdateTrail": Effect.TOUCHES,
        "PutEventSelectors": Effect.TOUCHES,
        "DeleteTrail": Effect.PATCHES,
    }
    absence_resolves: ClassVar[bool] = False
    actions: ClassVar[frozenset[str]] = frozenset(
        {
            "cloudtrail:DescribeTrails",
            "cloudtrail:GetTrailStatus",
            "cloudtrail:GetEventSelectors",
        }
    )

    trail_arn: Annotated[str, Member("TrailARN")]
    is_logging: Annotated[bool, Member("IsLogging")]
    is_multi_region_trail: Annotated[bool, Member("IsMultiRegionTrail")] = False
    records_writes: bool = True
    deleted: bool = False

    @classmethod
    def identify(cls, record: Record) -> Identity | None:
        """The trail's ARN; a bare name is a trail of the Region that was called."""
        name = record.request.get("name", record.request.get("trailName"))
        for text in (name, *record.resource_arns()):
            if isinstance(text, str) and is_arn(text):
                found = cls.by_arn(text)
                return found if found.account == record.account else None
        if not isinstance(name, str) or not name:
            return None
        place = f"arn:{record.partition}:cloudtrail:{record.region}:{record.account}"
        return cls.by_arn(f"{place}:trail/{name}")

    @classmethod
    def members(cls, record: Record) -> Mapping[str, Any]:
        """What the call itself did to the trail; the rest is read."""
        done = {
            "StopLogging": {"IsLogging": False, "deleted": False},
            "StartLogging": {"IsLogging": True, "deleted": False},
            "DeleteTrail": {"IsLogging": False, "deleted": True},
        }
        return done.get(record.name, {})

    @classmethod
    def by_arn(cls, text: str) -> Identity:
        """The identity of a trail by its ARN, which names its home Region."""
        arn = Arn.parse(text)
        name = arn.resource.rsplit("/", 1)[-1]
        return Identity(arn.partition, arn.account, arn.region, cls.kind, text, name)
