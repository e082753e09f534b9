"""A world of dictionaries, and records with sane defaults, for tests of the pure core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sentinel import cloudtrail, record
from sentinel.finding import Verdict
from sentinel.judge import CannotRead, judge
from sentinel.record import Actor, Record
from sentinel.rule import Rule
from sentinel.subject import Activity, Identity, Resource, Subject
from sentinel.subjects import CommandRun

NOW = datetime(2026, 9, 22, 10, 11, 20, tzinfo=UTC)
ACCOUNT = "444455556666"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ci-deployer"
EVENT_TIME = datetime(2026, 9, 22, 10, 11, 12, tzinfo=UTC)


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
    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

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

    def earlier(self, kind: type[Activity], like: Activity, span: timedelta) -> Sequence[Activity]:
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


def detail(name: str, request: Any = None, response: Any = None, **more: Any) -> dict[str, Any]:
    """A CloudTrail record as an archive holds it."""
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-deployer/gh-4711",
            "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}},
        },
        "eventTime": "2026-09-22T10:11:12Z",
        "eventSource": "bedrock-agentcore.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.31",
        "requestParameters": request,
        "responseElements": response,
        "requestID": "request-1",
        "eventID": "event-1",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    } | more


def event(name: str, request: Any = None, response: Any = None, **more: Any) -> dict[str, Any]:
    """The same record as EventBridge delivers it."""
    told = detail(name, request, response, **more)
    return {
        "version": "0",
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{told['eventSource'].split('.')[0]}",
        "account": told["recipientAccountId"],
        "region": told["awsRegion"],
        "time": told["eventTime"],
        "detail": told,
    }


def recorded(name: str, request: Any = None, response: Any = None, **more: Any) -> Record:
    """The same record, read."""
    return record.read(detail(name, request, response, **more))


def seen_in(kind: type[Subject], found: Record) -> Any:
    """The subject of a kind that a record tells of."""
    (sighting,) = (s for s in cloudtrail.sightings(found) if s.kind is kind)
    return sighting.subject


def judged(rule: Rule, subject: Subject, world: World | None = None, **settings: Any) -> Verdict:
    """What a rule says of a subject that an event told of."""
    return judge(rule, subject, world or World(), settings, as_of=EVENT_TIME)


def read(rule: Rule, subject: Subject, world: World | None = None, **settings: Any) -> Verdict:
    """What a rule says of a subject that was just read."""
    return judge(rule, subject, world or World(), settings, as_of=NOW, from_read=True)


def told(verdict: Verdict) -> list[tuple[str, Any, str]]:
    """A verdict in short: each line of evidence, and the severity of its problem."""
    return [(e.path, e.value, p.severity.name) for p in verdict.problems for e in p.evidence]


def run(
    at: datetime = EVENT_TIME, event_id: str = "event-1", key: str = "", **actor: Any
) -> CommandRun:
    """A command that somebody ran inside an agent."""
    arn = key or f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/orders-Ab1Cd2Ef3G"
    of = Identity("aws", ACCOUNT, REGION, CommandRun.kind, arn, "orders-Ab1Cd2Ef3G")
    who = {"type": "AssumedRole", "arn": f"{ROLE}/x", "account": ACCOUNT, "principal": ROLE} | actor
    return CommandRun.remembered(
        of, event_id=event_id, event_name="InvokeAgentRuntimeCommand", at=at, actor=Actor(**who)
    )
