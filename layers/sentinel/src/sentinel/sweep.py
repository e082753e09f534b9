"""A sweep: which slices of the world there are, and what one slice gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sentinel import catalog
from sentinel.agentcore import from_arn
from sentinel.arn import Arn, iam_region, is_arn, partition_of
from sentinel.finding import Outcome, Severity, Verdict
from sentinel.gap import Gap
from sentinel.policy import Policy
from sentinel.rule import Rule
from sentinel.subject import Identity, Resource
from sentinel.subjects import IamPolicy, IamTrust, Trail

IAM_KINDS = frozenset({IamPolicy.kind, IamTrust.kind})


class BadRequest(ValueError):
    """What was asked of a sweep names something that does not exist."""


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """One kind of resource in one account and Region."""

    account: str
    region: str
    kind: str

    @property
    def name(self) -> str:
        """The slice in one word."""
        return f"{self.account}/{self.region}/{self.kind}"

    @property
    def place(self) -> Identity:
        """Where the slice lies."""
        partition = partition_of(self.region)
        return Identity(partition, self.account, self.region, self.kind, self.name, self.name)

    def holds(self, of: Identity) -> bool:
        """Whether a resource lies in the slice."""
        return (of.account, of.region, of.kind) == (self.account, self.region, self.kind)


@dataclass(frozen=True, slots=True)
class Request:
    """What a sweep is asked to look at; nothing named is everything."""

    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    @classmethod
    def parse(cls, asked: Mapping[str, Any]) -> Request:
        """Read a request. Raises BadRequest for a kind or rule that does not exist."""
        known: dict[str, Iterable[str]] = {
            "kinds": [kind.kind for kind in catalog.resources()],
            "rules": catalog.rules(),
        }
        chosen: dict[str, tuple[str, ...]] = {}
        for name in ("accounts", "regions", "kinds", "rules"):
            value = asked.get(name) or ()
            if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
                raise BadRequest(f"{name}: expected a list of texts")
            for one in value if name in known else ():
                if one not in known[name]:
                    expected = ", ".join(sorted(known[name]))
                    raise BadRequest(f"{name}: there is no {one!r}; expected one of {expected}")
            chosen[name] = tuple(value)
        return cls(**chosen)

    def chosen_rules(self) -> tuple[Rule, ...]:
        """The rules that are asked for."""
        every = catalog.rules()
        return tuple(every[name] for name in (self.rules or every))

    def slices(self, policy: Policy, own_account: str, regions: Sequence[str]) -> list[Slice]:
        """The slices to walk: members, or the own account without any; IAM in its one Region.

        Raises BadRequest for an account or Region that the policy does not name.
        """
        members = {m.account: m.regions or tuple(regions) for m in policy.members}
        members = members or {own_account: tuple(regions)}
        for account in self.accounts:
            if account not in members:
                raise BadRequest(f"accounts: {account} is not among the members of the policy")
        kinds = [k for k in catalog.resources(self.chosen_rules()) if self._wants(k)]
        found = {
            one
            for account in (self.accounts or members)
            for region in members[account]
            for one in _slices(account, region, kinds)
            if not self.regions or one.region in self.regions
        }
        return sorted(found)

    def _wants(self, kind: type[Resource]) -> bool:
        return not self.kinds or kind.kind in self.kinds


def _slices(account: str, region: str, kinds: Iterable[type[Resource]]) -> Iterator[Slice]:
    for kind in kinds:
        home = iam_region(partition_of(region)) if kind.kind in IAM_KINDS else region
        yield Slice(account, home, kind.kind)


def outside(slices: Iterable[Slice], known: Iterable[tuple[str, str, str]]) -> list[str]:
    """The accounts and Regions of which something is *known* and that lie in none of the slices.

    What is known has an account, a Region and a kind. IAM is listed in one Region, whichever other
    resources are.
    """
    every = set(slices)
    places = {(one.account, one.region) for one in every if one.kind not in IAM_KINDS}
    return sorted(
        {
            f"{account}/{region}"
            for account, region, kind in known
            if not (
                Slice(account, region, kind) in every
                if kind in IAM_KINDS
                else (account, region) in places
            )
        }
    )


def about(kind: type[Resource], gap: Gap) -> Identity | None:
    """The resource of a kind that a gap is about, None when it is about something else."""
    key = gap.example
    arn = Arn.parse(key) if is_arn(key) else None
    found = None
    match kind.kind, key.split("/"):
        case Trail.kind, _ if arn and arn.service == "cloudtrail":
            found = Trail.by_arn(key)
        case IamPolicy.kind, _ if arn and (arn.service, arn.resource[:7]) == ("iam", "policy/"):
            found = IamPolicy.managed(gap.partition, gap.account, key)
        case IamPolicy.kind, [_, _, _, "inline-policy", owner, name, policy]:
            names = owner, unquote(name), unquote(policy)
            found = IamPolicy.inline(gap.partition, gap.account, *names)
        case IamTrust.kind, [_, _, _, "role", name]:
            found = IamTrust.of_role(gap.partition, gap.account, unquote(name))
        case _ if kind.segment:
            return from_arn(kind.kind, kind.segment, key)
    return found if found and found.key == key else None


@dataclass
class Summary:
    """What a sweep saw: resources = judged + unread, and what the rules said of them."""

    slices: int = 0
    resources: int = 0
    judged: int = 0
    unread: int = 0
    gone: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    severities: dict[str, int] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    def add(self, verdicts: Iterable[Verdict]) -> None:
        """Count the verdicts on one resource."""
        for verdict in verdicts:
            name = verdict.outcome.value
            self.outcomes[name] = self.outcomes.get(name, 0) + 1
            if verdict.outcome is Outcome.VIOLATION:
                severity = Severity(verdict.severity).name
                self.severities[severity] = self.severities.get(severity, 0) + 1
