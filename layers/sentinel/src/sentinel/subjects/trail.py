"""A CloudTrail trail: what tells the sentinel of everything else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from sentinel.arn import Arn, iam_region, is_arn
from sentinel.record import Record
from sentinel.seen import Member
from sentinel.subject import Effect, Identity, Resource


class Trail(Resource):
    """A CloudTrail trail: what tells the sentinel of everything else.

    A trail that was deleted is a state to be judged, not a cure: its absence resolves nothing.
    *records_writes* says whether its selectors take every change that a rule watches.
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
    settles_after: ClassVar[timedelta] = timedelta(seconds=10)
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
    include_global_service_events: Annotated[bool, Member("IncludeGlobalServiceEvents")] = False
    records_writes: bool = True
    deleted: bool = False

    @property
    def reaches_iam(self) -> bool:
        """Whether it is where IAM's calls are recorded: in their one Region, or in every Region.

        CloudTrail User Guide, "Enabling and disabling global service event logging".
        """
        home = self.identity.region == iam_region(self.identity.partition)
        return self.include_global_service_events and (home or self.is_multi_region_trail)

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
