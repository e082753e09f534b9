"""Reading AgentCore's resources, as their subjects declare it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sentinel.agentcore import from_arn, from_id
from sentinel.aws.reading import Absent, Reader
from sentinel.judge import CannotRead
from sentinel.subject import Identity, Reading, Resource
from sentinel.subjects import GatewayTarget, ResourcePolicy

CONTROL = "bedrock-agentcore-control"


def identity(kind: type[Resource], arn: str) -> Identity | None:
    """The identity of the resource that an ARN names, None if it is of another kind."""
    return from_arn(kind.kind, kind.segment, arn) if kind.segment else None


def read(reader: Reader, kind: type[Resource], of: Identity) -> Resource | None:
    """A resource as it is now, None when it does not exist.

    Raises CannotRead where only an event is known of it: no call can ask, so none is refused.
    """
    how = _reading(kind)
    if "/event/" in of.key:
        raise CannotRead(how.get, "the event does not name the resource")
    try:
        return _got(reader, kind, of)
    except Absent:
        return None


def former(reader: Reader, kind: type[Resource], of: Identity) -> Resource | None:
    """The version before the present one, None when there is none."""
    how = _reading(kind)
    try:
        answer = reader.call(how.service, how.get, **{how.get_id: of.name})
        version = str(_unwrapped(how, answer).get(how.version, ""))
        if not version.isdigit() or int(version) < 2:
            return None
        return _got(reader, kind, of, **{how.version: str(int(version) - 1)})
    except Absent:
        return None


def listed(reader: Reader, kind: type[Resource]) -> Iterator[Identity]:
    """The resources of a kind in an account and Region, paced to a part of the service's quota."""
    how, place = _reading(kind), reader.place
    for item in _items(reader, how):
        reader.pause(1 / how.calls_per_second)
        named = str(item[how.listed_id])
        yield from_id(place.partition, place.account, place.region, kind.kind, kind.segment, named)


def children(reader: Reader, kind: type[Resource], parent: Identity) -> Iterator[Resource]:
    """The children of a resource, each as it is now. Raises CannotRead as `read` does."""
    how = _reading(kind)
    if "/event/" in parent.key:
        raise CannotRead(how.list, "the event does not name the resource")
    try:
        for item in _items(reader, how, **{how.parent_id: parent.name}):
            child = GatewayTarget.of_gateway(parent, str(item[how.listed_id]))
            try:
                yield _got(reader, kind, child, **{how.parent_id: parent.name})
            except Absent:
                continue
    except Absent:
        return


def read_policy(reader: Reader, of: Identity) -> ResourcePolicy | None:
    """The resource policy of the resource with this ARN, None when it has none."""
    try:
        answer = reader.call(CONTROL, "GetResourcePolicy", resourceArn=of.key)
    except Absent:
        return None
    return ResourcePolicy.seen(of, {"policy": answer.get("policy")})


def buckets(reader: Reader) -> frozenset[str]:
    """The names of all buckets that the account owns."""
    names = [
        bucket["Name"]
        for page in reader.pages("s3", "ListBuckets", continued_by="ContinuationToken")
        for bucket in page.get("Buckets", ())
    ]
    return frozenset(names)


def _got(reader: Reader, kind: type[Resource], of: Identity, **more: str) -> Resource:
    how = _reading(kind)
    answer = reader.call(how.service, how.get, **{how.get_id: of.name}, **more)
    return kind.seen(of, _unwrapped(how, answer))


def _items(reader: Reader, how: Reading, **request: Any) -> Iterator[dict[str, Any]]:
    for page in reader.pages(how.service, how.list, maxResults=how.page_size, **request):
        yield from next(value for value in page.values() if isinstance(value, list))


def _unwrapped(how: Reading, answer: dict[str, Any]) -> dict[str, Any]:
    state = dict(answer[how.wrapper] if how.wrapper else answer)
    state.pop("ResponseMetadata", None)
    return state


def _reading(kind: type[Resource]) -> Reading:
    if kind.reading is None:
        raise TypeError(f"{kind.__name__} does not declare how it is read")
    return kind.reading
