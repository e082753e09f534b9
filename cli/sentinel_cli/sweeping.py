"""Sweeping with the caller's own rights: everything is read and judged, and nothing is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sentinel import catalog
from sentinel.aws import clock
from sentinel.aws.edge import Edge
from sentinel.aws.live import LiveWorld, Unread
from sentinel.finding import Severity, Verdict
from sentinel.judge import CannotRead, judge
from sentinel.policy import Member, Policy
from sentinel.rule import Rule
from sentinel.subject import Resource
from sentinel.sweep import Request, Slice

from sentinel_cli.archive import SourceError
from sentinel_cli.offline import Judged, Place, broke
from sentinel_cli.report import Report
from sentinel_cli.text import clean, wrapped

COLUMNS = {
    "runtime": "Runtimes",
    "gateway": "Gateways",
    "harness": "Harness",
    "trail": "Trails",
    "iam-policy": "Policies",
    "iam-trust": "Roles",
}
"""The kinds that a sweep lists, as the table names them."""

Where = tuple[str, str]


@dataclass
class Row:
    """What a sweep saw in one place: resources by kind, and how many it could not read."""

    seen: dict[str, int] = field(default_factory=dict)
    blind: int = 0


@dataclass
class Swept:
    """What a sweep gave: the report, the rows of its table, and why something was not read.

    *failures* say which rules broke, *assumed* is the Region of members that name none.
    """

    report: Report
    assumed: str = ""
    rows: dict[Where, Row] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def wanted(
    policy: Policy, accounts: Sequence[str], regions: Sequence[str], own: str, region: str
) -> Policy:
    """The policy with the members to sweep: those asked for, its own, or the caller's account."""
    chosen = tuple(regions) or (region,)
    if accounts:
        asked = tuple(Member(account=account, regions=chosen) for account in accounts)
    elif policy.members and not regions:
        return policy
    else:
        asked = tuple(
            Member(account=m.account, alias=m.alias, regions=chosen) for m in policy.members
        ) or (Member(account=own, regions=chosen),)
    return policy.model_copy(update={"members": asked})


def sweep(
    edge: Edge, policy: Policy, request: Request, own: str, done: Callable[[int, int], None]
) -> Swept:
    """Read and judge every slice. *done* is told how many of all are. Raises BadRequest."""
    swept = Swept(Report(policy))
    if any(not member.regions for member in policy.members):
        swept.assumed = edge.region
    slices = request.slices(policy, own, (edge.region,))
    rules = [rule for rule in request.chosen_rules() if rule.id not in policy.disabled]
    for number, one in enumerate(slices, start=1):
        _Slice(edge, policy, rules, one, swept).look()
        done(number, len(slices))
    swept.report.records = swept.report.judged
    return swept


@dataclass(frozen=True, slots=True)
class _Slice:
    """One kind of resource in one account and Region, being swept."""

    edge: Edge
    policy: Policy
    rules: Sequence[Rule]
    one: Slice
    swept: Swept

    def look(self) -> None:
        """Read and judge what the slice holds."""
        one, swept = self.one, self.swept
        row = swept.rows.setdefault((one.account, one.region), Row())
        kind = catalog.subjects()[one.kind]
        if not issubclass(kind, Resource):
            raise TypeError(f"{one.kind} has no state and cannot be swept")
        world = LiveWorld(self.edge)
        rules = [rule for rule in self.rules if kind in rule.subjects]
        swept.report.kinds.add(one.kind)
        count = 0
        try:
            for found in world.listed(kind, one.place):
                count += 1
                row.blind += isinstance(found, Unread)
                swept.report.add_found(self._judged(found, rules, world))
        except CannotRead as refused:
            row.blind += 1
            swept.reasons[str(refused)] += 1
            swept.report.add_errors([SourceError(one.name, str(refused))], whole=False)
            return
        row.seen[one.kind] = count
        swept.report.judged += count

    def _judged(
        self, found: Resource | Unread, rules: Iterable[Rule], world: LiveWorld
    ) -> Iterator[Judged]:
        place = Place(f"{self.one.account} {self.one.region}")
        started = clock.now()
        for rule in rules:
            if isinstance(found, Unread):
                self.swept.reasons[found.reason] += 1
                gap = found.reason
                yield Judged(Verdict(rule.id, found.identity, started, gap=gap), place)
                continue
            settings: dict[str, Any] = self.policy.settings_for(rule)
            try:
                verdict = judge(rule, found, world, settings, as_of=started, from_read=True)
            except Exception as error:  # noqa: BLE001 - the other rules are judged, then it is told
                self._failed(found, broke(rule, error))
                continue
            self.swept.report.no_baseline += verdict.no_baseline
            if verdict.gap:
                self.swept.reasons[verdict.gap] += 1
            if verdict.problems or verdict.gap:
                yield Judged(verdict, place)

    def _failed(self, resource: Resource, what: str) -> None:
        swept = self.swept
        swept.failures.append(f"{resource.key}: {what}")
        swept.report.failures += 1
        swept.report.errors.append(SourceError(resource.key, what))


def table(swept: Swept) -> Iterator[str]:
    """How much was read where, what was found there, and what could not be seen."""
    found = swept.report.ordered()
    titles = "".join(f"{title:>{len(title) + 1}}" for title in COLUMNS.values())
    severities = [severity.name for severity in sorted(Severity, reverse=True)]
    letters = "".join(f"{name[0]:>3}" for name in severities)
    yield f"{'Account':<13}{'Region':<15}{titles}{letters} Blind"
    for where, row in sorted(swept.rows.items()):
        seen = "".join(f"{row.seen.get(k, '-'):>{len(title) + 1}}" for k, title in COLUMNS.items())
        here = [f for f in found if (f["account"], f["region"]) == where]
        number = Counter(f["severity"] for f in here if f["verdict"] == "VIOLATION")
        judged = "".join(f"{number[s] if row.seen else '.':>3}" for s in severities)
        yield f"{where[0]:<13}{where[1]:<15}{seen}{judged}{row.blind:>6}"
        alias = swept.report.policy.alias(where[0])
        if alias:
            yield f"  {alias}"
    yield "'0' read, none there   '-' not read here   '.' not judged   IAM is read once"
    yield from _regions(swept)
    for reason, count in sorted(swept.reasons.items()):
        yield f"Blind: {clean(reason)}" + (f" ({count} times)" if count > 1 else "")
    if any("AssumeRole" in reason for reason in swept.reasons):
        yield "       Deploy member.yaml there, or sweep with that account's own credentials."
    for failure in swept.failures:
        yield f"Failed: {clean(failure)}"


def _regions(swept: Swept) -> Iterator[str]:
    """Where was looked: a member without Regions is watched in all, and swept in one."""
    looked = clean(", ".join(sorted({region for _, region in swept.rows})))
    if not swept.assumed:
        if looked:
            yield f"Swept: {looked}."
        return
    yield from wrapped(
        "",
        f"Swept: {looked}; {clean(swept.assumed)} is the only Region looked at in members that name"
        " none: name their Regions in policy.yaml, or pass --region.",
        indent=0,
    )
