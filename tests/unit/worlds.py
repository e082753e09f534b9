"""A world of dictionaries, and records with sane defaults, for tests of the pure core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sentinel.judge import CannotRead
from sentinel.subject import Activity, Identity, Resource

NOW = datetime(2026, 9, 22, 10, 11, 20, tzinfo=UTC)
ACCOUNT = "444455556666"
REGION = "eu-central-1"


@dataclass
class Account:
    """An account with the buckets that a test gives it."""

    id: str = ACCOUNT
    buckets: frozenset[str] | None = frozenset()

    def owned_buckets(self) -> frozenset[str]:
        if self.buckets is None:
            raise CannotRead("ListBuckets", "AccessDenied")
        return self.buckets


@dataclass
class World:
    """Answers from dictionaries and remembers what was read. A missing entry cannot be read."""

    live: dict[tuple[str, str], Resource | None] = field(default_factory=dict)
    children: dict[type[Resource], Sequence[Resource] | None] = field(default_factory=dict)
    baselines: dict[str, Resource] = field(default_factory=dict)
    past: Sequence[Activity] = ()
    own: Account = field(default_factory=Account)
    reads: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        return NOW

    def read(self, kind: type[Resource], identity: Identity) -> Resource | None:
        return self.lookup(kind, identity.key, identity)

    def lookup(self, kind: type[Resource], key: str, beside: Identity) -> Resource | None:
        self.reads.append(key)
        if (kind.kind, key) not in self.live:
            raise CannotRead(f"Get {kind.kind}", "AccessDenied")
        return self.live[kind.kind, key]

    def each(self, kind: type[Resource], beside: Identity) -> Sequence[Resource]:
        found = self.children.get(kind)
        if found is None:
            raise CannotRead(f"List {kind.kind}", "AccessDenied")
        return found

    def before(self, kind: type[Resource], identity: Identity) -> Resource | None:
        return self.baselines.get(identity.key)

    def earlier(
        self, kind: type[Activity], like: Activity, span: timedelta
    ) -> Sequence[Activity]:
        return [a for a in self.past if a.event_id != like.event_id and like.at - a.at <= span]

    def account(self, identity: Identity) -> Account:
        return self.own


def identity(kind: type[Resource], name: str = "orders-mcp-a1b2c3d4e5") -> Identity:
    """Where a resource of a kind would be."""
    key = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:{kind.segment}/{name}"
    return Identity("aws", ACCOUNT, REGION, kind.kind, key, name)


def make(kind: type[Resource], members: Mapping[str, Any], *, complete: bool = True) -> Any:
    """A resource of a kind with some members."""
    return kind.seen(identity(kind), members, complete=complete)
