"""Every role is an explicit list of actions, on resources that are named where they can be."""

from __future__ import annotations

from tests.system.rights import STATEMENTS

NO_RESOURCE = frozenset(
    {
        "bedrock-agentcore:ListAgentRuntimes",
        "bedrock-agentcore:ListGateways",
        "bedrock-agentcore:ListHarnesses",
        "cloudtrail:DescribeTrails",
        "iam:GetAccountAuthorizationDetails",
        "s3:ListAllMyBuckets",
    }
)
"""Actions for which AWS knows no resource (Service Authorization Reference)."""


def test_no_role_has_a_wildcard_action() -> None:
    assert [str(s) for s in STATEMENTS if any("*" in action for action in s.actions)] == []


def test_no_role_has_a_wildcard_resource_where_one_can_be_named() -> None:
    wild = [s for s in STATEMENTS if "*" in s.resources]
    assert [str(s) for s in wild if not set(s.actions) <= NO_RESOURCE] == []


def test_every_statement_has_a_name_of_its_own() -> None:
    names = [str(statement) for statement in STATEMENTS]
    assert sorted(set(names)) == sorted(names)
