"""Every role is an explicit list of actions, on resources that are named where they can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.system.stage import ROOT

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


class Loader(yaml.SafeLoader):
    """Reads a template; intrinsic functions become their text."""


def _intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return f"!{suffix} {node.value}"
    if isinstance(node, yaml.SequenceNode):
        return [f"!{suffix}", *loader.construct_sequence(node, deep=True)]
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", _intrinsic)


@dataclass(frozen=True, slots=True)
class Granted:
    """One statement of a role's policy in a template."""

    template: str
    role: str
    policy: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.role}.{self.sid}"


def granted() -> Iterator[Granted]:
    """Every statement of every role of both templates."""
    for name in ("template.yaml", "member.yaml"):
        template = yaml.load((ROOT / name).read_text(), Loader)  # noqa: S506 - Loader is a SafeLoader
        for logical, resource in template["Resources"].items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            for policy in resource["Properties"]["Policies"]:
                for found in policy["PolicyDocument"]["Statement"]:
                    statement = found[2] if isinstance(found, list) else found
                    yield Granted(
                        name,
                        logical,
                        policy["PolicyName"],
                        statement["Sid"],
                        _texts(statement["Action"]),
                        _texts(statement["Resource"]),
                    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


STATEMENTS = tuple(granted())


def test_no_role_has_a_wildcard_action() -> None:
    assert [str(s) for s in STATEMENTS if any("*" in action for action in s.actions)] == []


def test_no_role_has_a_wildcard_resource_where_one_can_be_named() -> None:
    wild = [s for s in STATEMENTS if "*" in s.resources]
    assert [str(s) for s in wild if not set(s.actions) <= NO_RESOURCE] == []
