"""From an event to the subjects that it tells of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sentinel import catalog, record
from sentinel.finding import Cause
from sentinel.record import Record, Skip, Unreadable
from sentinel.subject import Activity, Effect, Identity, Resource, Subject


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a record tells of one subject; *subject* is None when it was deleted.

    *touched*: the call changed something that hangs on the subject, and not the subject itself.
    """

    kind: type[Subject]
    identity: Identity
    subject: Subject | None
    touched: bool = False


def opened(event: Mapping[str, Any]) -> Record:
    """The record in an EventBridge event, or a bare record.

    Raises `Unreadable` when it is none, or when envelope and record contradict each other: account,
    Region, source and type must agree, or somebody forged it (PutEvents takes any detail).
    """
    if "detail-type" not in event and "detail" not in event:
        return record.read(event)
    detail = event.get("detail")
    detail_type = event.get("detail-type")
    if not isinstance(detail_type, str) or detail_type not in record.EVENT_TYPE_OF:
        raise Unreadable(Skip.NOT_A_RECORD, f"detail-type {detail_type!r}")
    found = record.read(detail)
    for name, told, expected in (
        ("source", event.get("source"), f"aws.{found.source.split('.', 1)[0]}"),
        ("account", event.get("account"), found.account),
        ("region", event.get("region"), found.region),
        ("detail-type", record.EVENT_TYPE_OF[detail_type], found.type),
    ):
        if told != expected:
            raise Unreadable(Skip.INCONSISTENT, f"{name} is {told!r}, the record says {expected!r}")
    return found


def is_watched(found: Record) -> bool:
    """Whether any rule has to do with the call."""
    return found.name in catalog.watched().get(found.source, {})


def sightings(found: Record) -> tuple[Sighting, ...]:
    """The subjects that a record tells of.

    Raises `Unreadable` when no rule has to do with the call, when it failed, or when the record
    does not say what it is about.
    """
    if not is_watched(found):
        raise Unreadable(Skip.UNWATCHED, f"{found.source} {found.name}")
    if found.error_code:
        raise Unreadable(Skip.FAILED_CALL, found.error_code)
    kinds = catalog.watched()[found.source][found.name]
    seen: dict[Identity, Sighting] = {}
    for sighting in (s for kind in kinds for s in _sightings(kind, found)):
        if sighting.identity not in seen or not sighting.touched:
            seen[sighting.identity] = sighting
    if not seen:
        raise Unreadable(Skip.NO_SUBJECT, f"{found.name} {found.event_id}")
    return tuple(seen.values())


def _sightings(kind: type[Subject], found: Record) -> Iterator[Sighting]:
    if issubclass(kind, Activity):
        identity = kind.identify(found)
        yield Sighting(kind, identity, kind.called(identity, found))
        return
    if not issubclass(kind, Resource):
        raise TypeError(f"{kind.__name__} is neither a resource nor an activity")
    own = kind.identify(found) if catalog.rules_for(kind) else None
    if own:
        yield Sighting(kind, own, _subject(kind, own, found))
    for parent in catalog.touched_by(kind):
        above = kind.parent_in(found)
        if above:
            yield Sighting(parent, above, parent.seen(above, {}, complete=False), touched=True)


def _subject(kind: type[Resource], identity: Identity, found: Record) -> Resource | None:
    effect = kind.events[found.name]
    if effect is Effect.DELETES:
        return None
    members = {} if effect is Effect.TOUCHES else kind.members(found)
    whole = effect in (Effect.CREATES, Effect.REPLACES) and not found.truncated
    return kind.seen(identity, members, complete=whole)


def cause(found: Record) -> Cause:
    """The call as a finding names it."""
    return Cause(
        event_id=found.event_id,
        event_name=found.name,
        event_source=found.source,
        event_time=found.time,
        category=found.category,
        request_id=found.request_id,
        actor=found.actor,
    )
