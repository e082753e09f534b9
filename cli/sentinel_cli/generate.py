"""Writes what follows from the catalog: event patterns, read rights, rule pages, the policy's
schema.

The same functions check: a file that is not what they would write fails `sentinel generate
--check`, and a test of the same name.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from sentinel import catalog
from sentinel.policy import Policy
from sentinel.subject import Resource, Subject

from sentinel_cli import fidelity, rule_page
from sentinel_cli.failure import Failure

COMMAND = "run: .venv/bin/sentinel generate"
PATTERN_LIMIT = 2048
"""Characters of an event pattern (EventBridge quotas, "Event pattern")."""

ANY = "*"
RESOURCES: Mapping[str, tuple[str, ...]] = {
    "bedrock-agentcore:GetAgentRuntime": ("bedrock-agentcore:*:{account}:runtime/*",),
    "bedrock-agentcore:GetGateway": ("bedrock-agentcore:*:{account}:gateway/*",),
    "bedrock-agentcore:GetGatewayTarget": ("bedrock-agentcore:*:{account}:gateway/*",),
    "bedrock-agentcore:GetHarness": ("bedrock-agentcore:*:{account}:harness/*",),
    "bedrock-agentcore:GetResourcePolicy": ("bedrock-agentcore:*:{account}:runtime/*",),
    "bedrock-agentcore:ListAgentRuntimes": (ANY,),
    "bedrock-agentcore:ListGatewayTargets": ("bedrock-agentcore:*:{account}:gateway/*",),
    "bedrock-agentcore:ListGateways": (ANY,),
    "bedrock-agentcore:ListHarnesses": (ANY,),
    "cloudtrail:DescribeTrails": (ANY,),
    "cloudtrail:GetEventSelectors": ("cloudtrail:*:*:trail/*",),
    "cloudtrail:GetTrailStatus": ("cloudtrail:*:*:trail/*",),
    "iam:GetAccountAuthorizationDetails": (ANY,),
    "iam:GetGroupPolicy": ("iam::{account}:group/*",),
    "iam:GetPolicy": ("iam::*:policy/*",),
    "iam:GetPolicyVersion": ("iam::*:policy/*",),
    "iam:GetRole": ("iam::{account}:role/*",),
    "iam:GetRolePolicy": ("iam::{account}:role/*",),
    "iam:GetUserPolicy": ("iam::{account}:user/*",),
    "iam:ListAttachedRolePolicies": ("iam::{account}:role/*",),
    "iam:ListRolePolicies": ("iam::{account}:role/*",),
    "s3:ListAllMyBuckets": (ANY,),
}
"""What each read is limited to (Service Authorization Reference); ``*`` where AWS knows no
resource.
"""


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Every generated file, or file with generated blocks, and what it should hold.

    Raises Failure, in one sentence, when a rule lacks what it needs beside its own file.
    """
    template = (root / "template.yaml").read_text()
    template = spliced(template, "change pattern", dumped(pattern(_changes())))
    template = spliced(template, "activity pattern", dumped(pattern(catalog.activities())))
    yield root / "template.yaml", template
    member = (root / "member.yaml").read_text()
    yield root / "member.yaml", spliced(member, "read rights", read_rights())
    for rule in catalog.rules().values():
        require_pair(root, rule.id)
        yield root / "docs/rules" / f"{rule.id}.md", rule_page.page(rule, root / "events" / rule.id)
    yield root / "docs/rules/README.md", rule_page.index(catalog.rules().values())
    schema = json.dumps(Policy.model_json_schema(), indent=2) + "\n"
    yield root / "docs/policy.schema.json", schema
    yield root / "docs/fidelity.md", fidelity.markdown()


def require_pair(root: Path, rule: str) -> None:
    """Refuse a rule without the event that it fires on, or without the twin that it passes."""
    for name in ("violation.json", "compliant.json"):
        if not (root / "events" / rule / name).exists():
            raise Failure(f"rule {rule} needs an example: write events/{rule}/{name}")


def stale(root: Path) -> list[Path]:
    """The files that are not what they should be."""
    return [path for path, text in files(root) if not path.exists() or path.read_text() != text]


def write(root: Path) -> list[Path]:
    """Write the files that are stale; which ones."""
    changed = []
    for path, text in files(root):
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            changed.append(path)
    return changed


def _changes() -> tuple[type[Subject], ...]:
    kinds = {k for names in catalog.watched().values() for found in names.values() for k in found}
    return tuple(sorted((k for k in kinds if issubclass(k, Resource)), key=lambda k: k.kind))


def pattern(kinds: Iterable[type[Subject]]) -> dict[str, Any]:
    """The event pattern of the calls that some kinds are watched by, with their exact sources.

    Raises Failure when it is longer than EventBridge takes.
    """
    names: dict[str, set[str]] = {}
    for kind in kinds:
        for source in kind.sources:
            names.setdefault(source, set()).update(kind.events)
    sources = sorted({f"aws.{source.split('.', 1)[0]}" for source in names})
    services: dict[tuple[str, ...], list[str]] = {}
    for source, events in sorted(names.items()):
        services.setdefault(tuple(sorted(events)), []).append(source)
    choices = [
        {"eventSource": found, "eventName": list(events)} for events, found in services.items()
    ]
    detail = choices[0] if len(choices) == 1 else {"$or": choices}
    made = {
        "source": sources,
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": detail,
    }
    length = len(json.dumps(made, separators=(",", ":")))
    if length > PATTERN_LIMIT:
        raise Failure(f"the pattern has {length} characters, EventBridge takes {PATTERN_LIMIT}")
    return made


def read_rights() -> str:
    """The statements of the read role: each action that a rule's reads need, on what it reads."""
    by_resources: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for action in sorted(catalog.read_actions()):
        if action not in RESOURCES:
            raise Failure(f"say in RESOURCES of {__name__} what {action} is limited to")
        key = (action.split(":")[0], RESOURCES[action])
        by_resources.setdefault(key, []).append(action)
    lines: list[str] = []
    statements: Counter[str] = Counter()
    for (service, resources), actions in sorted(by_resources.items()):
        statements[service] += 1
        sid = "".join(part.title() for part in re.split(r"[^a-z0-9]", service))
        lines += [f"- Sid: {sid}{statements[service]}", "  Effect: Allow", "  Action:"]
        lines += [f"    - {action}" for action in actions]
        lines += ["  Resource:"] + [f"    - {_resource(r)}" for r in resources]
    return "\n".join(lines)


def _resource(resource: str) -> str:
    if resource == ANY:
        return '"*"'
    tail = resource.replace("{account}", "${AWS::AccountId}")
    return f'!Sub "arn:${{AWS::Partition}}:{tail}"'


def dumped(value: Any) -> str:
    """YAML as it stands in the template."""
    return str(yaml.safe_dump(value, sort_keys=False, width=96, default_flow_style=None))


def spliced(text: str, name: str, body: str) -> str:
    """Put *body* between the markers of a block, at their indentation. Raises Failure without
    it.
    """
    block = re.compile(
        rf"^(?P<pad> *)# generated: {name}\n.*?^(?P=pad)# end generated\n", re.M | re.S
    )

    def filled(match: re.Match[str]) -> str:
        pad = match["pad"]
        lines = "".join(f"{pad}{line}\n" for line in body.rstrip("\n").splitlines())
        return f"{pad}# generated: {name}\n{lines}{pad}# end generated\n"

    made, count = block.subn(filled, text)
    if count != 1:
        raise Failure(f"expected exactly one block '# generated: {name}', found {count}")
    return made
