"""The live world: what rules need, read from AWS with the read role of the watched account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sentinel.arn import iam_region
from sentinel.aws import agentcore_reader, clock, iam_reader, trail_reader
from sentinel.aws.edge import Edge
from sentinel.aws.reading import ASSUME_ROLE, Reader, Refused
from sentinel.judge import CannotRead
from sentinel.rule import Account
from sentinel.subject import Activity, Identity, Resource
from sentinel.subjects import IamPolicy, IamTrust, ResourcePolicy, Trail

ACCOUNT_WIDE = "bucket"
"""The kind of what is listed of a whole account, whichever subject asked for it."""
ACCOUNT = "account"
"""The kind of what comes before every read in an account: without it nothing there is seen."""
SILENT_FOR = timedelta(seconds=30)
"""How long a service that did not answer is not asked again: as long as a batch may take."""
SILENT = frozenset({"ConnectTimeoutError", "EndpointConnectionError", "ReadTimeoutError"})
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation, or a rule, was tried for a kind of subject: what a gap is about."""

    partition: str
    account: str
    region: str
    kind: str
    operation: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What AWS answered, or the rule said, and of which resource; of none where none is named."""

    code: str
    of: str

    @property
    def is_denied(self) -> bool:
        """Whether a right is missing: trying again does not help."""
        return any(word in self.code for word in ("Denied", "Unauthorized", "NotAuthorized"))


class OwnAccount:
    """The account around a subject, read when asked."""

    def __init__(self, identity: Identity, buckets: Callable[[], frozenset[str]]) -> None:
        self._identity, self._buckets = identity, buckets

    @property
    def id(self) -> str:
        """The account's id."""
        return self._identity.account

    def owned_buckets(self) -> frozenset[str]:
        """The names of the account's buckets, in every Region."""
        return self._buckets()


class LiveWorld:
    """Reads what rules ask for, and remembers what was refused and what was not.

    *refused* maps where an operation failed to what AWS said of each resource, *succeeded* maps
    where one did not to the resources that it was asked of: the makings of gaps and of their cures.
    The last word on a resource counts.
    """

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self.refused: dict[Place, dict[str, Refusal]] = {}
        self.succeeded: dict[Place, set[str]] = {}
        self._told: set[str] = set()
        self._silent: dict[tuple[str, str, str], tuple[datetime, str]] = {}

    def fell_silent(self, account: str, region: str, service: str, code: str) -> None:
        """Remember that a service did not answer, so that nobody waits for it again at once."""
        self._silent[account, region, service] = (clock.now() + SILENT_FOR, code)

    def silence(self, account: str, region: str, service: str) -> str:
        """Why a service is not to be asked now, or nothing."""
        until, code = self._silent.get((account, region, service), (None, ""))
        return code if until and clock.now() < until else ""

    def failed(self, where: Place, refusal: Refusal) -> None:
        """Remember that something failed there."""
        self.refused.setdefault(where, {})[refusal.of] = refusal
        self.succeeded.get(where, set()).discard(refusal.of)

    def went(self, where: Place, of: str) -> None:
        """Remember that something went well there."""
        self.succeeded.setdefault(where, set()).add(of)
        self.refused.get(where, {}).pop(of, None)

    def excuse(self, of: str) -> None:
        """Forget what may have passed when the resource is read again: all but a lack of rights."""
        for refusals in self.refused.values():
            for asked in (of, ""):
                if asked in refusals and not refusals[asked].is_denied:
                    del refusals[asked]

    def explains(self, gap: str) -> bool:
        """Whether a verdict's gap comes from a refused call, which is a gap of its own."""
        return any(said in gap for said in self._told)

    def refuse(self, where: Place, refusal: Refusal) -> CannotRead:
        """Remember that AWS refused a call; gives what to tell the rule that wanted it."""
        self.failed(where, refusal)
        why = f"{refusal.code} in {where.account} {where.region}"
        refused = CannotRead(where.operation, why)
        self._told.add(str(refused))
        return refused

    def forget(self) -> None:
        """Begin anew, once what is remembered was stored."""
        self.refused.clear()
        self.succeeded.clear()
        self._told.clear()

    def now(self) -> datetime:
        """The present."""
        return clock.now()

    def read(self, kind: type[Resource], identity: Identity) -> Resource | None:
        """The resource as it is now, None when it does not exist."""
        reader = self._reader(kind, identity)
        if kind is Trail:
            return reader.run(lambda: trail_reader.read(reader, identity))
        if kind is IamPolicy:
            return reader.run(lambda: iam_reader.read_policy(reader, identity))
        if kind is IamTrust:
            return reader.run(lambda: iam_reader.read_trust(reader, identity))
        if kind is ResourcePolicy:
            return reader.run(lambda: agentcore_reader.read_policy(reader, identity))
        return reader.run(lambda: agentcore_reader.read(reader, kind, identity))

    def lookup(self, kind: type[Resource], key: str, beside: Identity) -> Resource | None:
        """Another resource by its ARN."""
        if kind is ResourcePolicy:
            return self.read(kind, ResourcePolicy.guarding(key))
        found = agentcore_reader.identity(kind, key)
        if found is None:
            raise CannotRead(kind.kind, f"{key} does not name one")
        return self.read(kind, found)

    def each(self, kind: type[Resource], beside: Identity) -> Sequence[Resource]:
        """The children of a resource; all trails beside one; the policies of a role."""
        reader = self._reader(kind, beside)
        if kind is Trail:
            return reader.run(lambda: list(trail_reader.listed(reader, shadows=True)))
        if kind is IamPolicy:
            return reader.run(lambda: list(iam_reader.policies_of_role(reader, beside)))
        return reader.run(lambda: list(agentcore_reader.children(reader, kind, beside)))

    def listed(self, kind: type[Resource], place: Identity) -> Iterator[Resource | Unread]:
        """Every resource of a kind in an account and Region, each as it is now.

        A resource that is listed and cannot be read comes as `Unread`. Raises CannotRead when the
        list itself cannot be had.
        """
        reader = self._reader(kind, place)
        if kind is Trail:
            yield from reader.run(lambda: list(trail_reader.listed(reader, shadows=False)))
        elif kind is IamPolicy:
            yield from reader.run(lambda: list(iam_reader.policies(reader)))
        elif kind is IamTrust:
            yield from reader.run(lambda: list(iam_reader.trusts(reader)))
        else:
            for identity in reader.run(lambda: list(agentcore_reader.listed(reader, kind))):
                yield from self._each_read(kind, identity)

    def _each_read(self, kind: type[Resource], identity: Identity) -> Iterator[Resource | Unread]:
        try:
            found = self.read(kind, identity)
        except CannotRead as refused:
            yield Unread(identity, str(refused))
            return
        if found is not None:
            yield found

    def before(self, kind: type[Resource], identity: Identity) -> Resource | None:
        """The baseline; without one the former version, where AWS keeps versions.

        The former version becomes the baseline: after the next update it is no longer the former.
        """
        kept = self._edge.memory.baseline(kind, identity)
        if kept is not None or kind.reading is None or not kind.reading.version:
            return kept
        reader = self._reader(kind, identity)
        former = reader.run(lambda: agentcore_reader.former(reader, kind, identity))
        if former is not None and former.updated_at is not None:
            self._edge.memory.accept(former, former.updated_at, by="the former version")
        return former

    def earlier(self, kind: type[Activity], like: Activity, span: timedelta) -> Sequence[Activity]:
        """Past activities on the same subject, from the memory."""
        return self._edge.memory.earlier(kind, like, span)

    def account(self, identity: Identity) -> Account:
        """The account around a subject."""
        reader = self._reader(Resource, identity)
        return OwnAccount(identity, lambda: reader.run(lambda: agentcore_reader.buckets(reader)))

    def _reader(self, kind: type[Resource], identity: Identity) -> _Accounted:
        name = getattr(kind, "kind", ACCOUNT_WIDE)
        return _Accounted(self._edge, identity, name, self)


@dataclass(frozen=True, slots=True)
class Unread:
    """A resource that is there and could not be read, and why."""

    identity: Identity
    reason: str


class _Accounted(Reader):
    """A reader that tells its world how each operation went."""

    def __init__(self, edge: Edge, place: Identity, kind: str, world: LiveWorld) -> None:
        super().__init__(
            lambda service: edge.reader(service, place.partition, place.account, place.region),
            place,
        )
        self._kind, self._world = kind, world

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """The answer of one call, unless the service did not answer just before."""
        at = (self.place.account, self.place.region, service)
        code = self._world.silence(*at)
        if code:
            raise Refused(operation, code)
        try:
            return super().call(service, operation, **request)
        except Refused as refused:
            if refused.code in SILENT:
                self._world.fell_silent(*at, refused.code)
            raise

    def _where(self, operation: str) -> Place:
        """Where an operation is tried; the read role is one, whatever is read with it."""
        place = self.place
        if operation == ASSUME_ROLE:
            home = iam_region(place.partition)
            return Place(place.partition, place.account, home, ACCOUNT, operation)
        return Place(place.partition, place.account, place.region, self._kind, operation)

    def went(self, operation: str) -> None:
        self._world.went(self._where(operation), self._of(operation))

    def _of(self, operation: str) -> str:
        of_account = self._kind == ACCOUNT_WIDE or operation == ASSUME_ROLE
        return "" if of_account else self.place.key

    def run(self, reading: Callable[[], T]) -> T:
        """Run a reading; what AWS refused is remembered and raised as CannotRead."""
        try:
            return reading()
        except Refused as refused:
            refusal = Refusal(refused.code, self._of(refused.operation))
            raise self._world.refuse(self._where(refused.operation), refusal) from None
