"""`sentinel sweep` with own rights, in the embedded account: nothing that breaks hides the rest."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from embedded_account.account import EmbeddedAccount
from sentinel import catalog
from sentinel.arn import Arn
from sentinel.aws.edge import Edge, Settings
from sentinel.policy import Policy, parse
from sentinel.rule import Rule
from sentinel.sweep import Request
from sentinel_cli import own_rights, sweeping
from sentinel_cli.exit_codes import Exit, FailOn, of_report
from sentinel_cli.hub import Caller
from sentinel_cli.sweeping import Swept

REGION = "eu-central-1"
RULES = ("gateway_authorizer_none", "jwt_authorizer_unpinned")


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    """The rights of an account in which a gateway answers everybody."""
    with EmbeddedAccount() as account:
        account.client("bedrock-agentcore-control", account.hub, REGION).create_gateway(
            name="open",
            authorizerType="NONE",
            protocolType="MCP",
            roleArn=f"arn:aws:iam::{account.hub}:role/gateway",
        )
        made = Edge(Settings({"AWS_REGION": REGION}))
        made.session = SimpleNamespace(
            client=lambda service, region_name=REGION, **_: account.client(
                service, account.hub, region_name
            )
        )
        arn = f"arn:aws:iam::{account.hub}:root"
        yield own_rights.reading(made, Caller(arn, account.hub, Arn.parse(arn).partition))


def sweep(edge: Edge, policy: Policy | None = None, **asked: Any) -> Swept:
    """Sweep the gateways of the account."""
    request = Request.parse({"kinds": ["gateway"], "rules": list(RULES), **asked})
    own = edge._account  # type: ignore[attr-defined]
    return sweeping.sweep(edge, policy or Policy(), request, own, lambda done, of: None)


def breaks(*_: object) -> Iterator[Any]:
    """A rule that fails on whatever it is shown."""
    raise ZeroDivisionError("division by zero")
    yield


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule that is judged first is broken."""
    rules = dict(catalog.rules())
    found = rules["jwt_authorizer_unpinned"]
    breaks.__name__ = found.id
    rules[found.id] = Rule(breaks, found.severity, (), found.subjects, {})
    order = {RULES[1]: rules[RULES[1]], **rules}
    monkeypatch.setattr(catalog, "rules", lambda: order)


def test_a_rule_that_breaks_is_told_and_hides_nothing_of_the_others(
    edge: Edge, broken: None
) -> None:
    swept = sweep(edge, rules=[RULES[1], RULES[0]])
    assert [f["rule"] for f in swept.report.ordered()] == [RULES[0]]
    (error,) = swept.report.errors
    assert error.message == f"rule {RULES[1]} broke: ZeroDivisionError: division by zero"
    assert "gateway/open" in error.source
    code, ending = of_report(swept.report, FailOn.LOW, allow_blind=False)
    assert code is Exit.FAILED
    assert ending.startswith("exit 2: 1 rule broke; 1 finding")
    assert any("rule jwt_authorizer_unpinned broke" in line for line in sweeping.table(swept))


def test_a_sweep_says_in_which_regions_it_looked(edge: Edge) -> None:
    assert f"Swept: {REGION}." in list(sweeping.table(sweep(edge)))
    named = parse({"members": [{"account": edge._account, "regions": [REGION, "us-east-1"]}]})  # type: ignore[attr-defined]
    assert f"Swept: {REGION}, us-east-1." in list(sweeping.table(sweep(edge, named)))


def test_a_member_without_regions_is_named_where_only_one_was_swept(edge: Edge) -> None:
    everywhere = parse({"members": [{"account": edge._account}]})  # type: ignore[attr-defined]
    told = " ".join(sweeping.table(sweep(edge, everywhere)))
    assert f"Swept: {REGION}; {REGION} is the only Region looked at in members that name" in told
