"""Reads what exists in the workload account, and remembers how it was before it changed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sentinel_cli.demo.deployment import Deployment
from sentinel_cli.demo.people import AGENT_ROLE, EXEMPT_ROLE, READ_ROLE, TRAIL

_OF_MEMBER_YAML = "read"
"""The read role's own policy: long, and not what anybody here changes."""
_SHOWN = ("name", "status", "authorizerType", "policyEngineConfiguration", "protocolType")


@dataclass(frozen=True, slots=True)
class Row:
    """A resource; *before* is how it was before its last change, None when it did not exist."""

    resource: str
    before: Any
    now: Any


class State:
    """The resources that the story is about, oldest first."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}

    def rows(self) -> list[Row]:
        """What was read last."""
        with self._lock:
            return list(self._rows.values())

    def read(self) -> None:
        """Look again."""
        with self._lock:
            found, first = dict(self._read()), not self._rows
            for resource in {**self._rows, **found}:
                row, now = self._rows.get(resource), found.get(resource)
                if row is None:
                    self._rows[resource] = Row(resource, now if first else None, now)
                elif row.now != now:
                    self._rows[resource] = Row(resource, row.now, now)

    def _read(self) -> Mapping[str, Any]:
        client = self._deployment.client("bedrock-agentcore-control", as_="root")
        found: dict[str, Any] = {}
        for summary in client.list_gateways()["items"]:
            try:
                gateway = client.get_gateway(gatewayIdentifier=summary["gatewayId"])
            except ClientError:
                continue  # deleted since it was listed
            key = f"gateway/{summary['gatewayId']}"
            found[key] = {name: gateway[name] for name in _SHOWN if name in gateway}
        iam = self._deployment.client("iam", as_="root")
        for role in (AGENT_ROLE, EXEMPT_ROLE, READ_ROLE):
            found |= _policies(iam, role)
        trail = self._deployment.client("cloudtrail", as_="root").get_trail_status(Name=TRAIL)
        found[f"trail/{TRAIL}"] = {"IsLogging": trail["IsLogging"]}
        return found


def _policies(iam: Any, role: str) -> Mapping[str, Any]:
    """The policies in a role, but for the one that member.yaml deployed."""
    found = {}
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        if (role, name) == (READ_ROLE, _OF_MEMBER_YAML):
            continue
        try:
            policy = iam.get_role_policy(RoleName=role, PolicyName=name)
        except ClientError:
            continue  # deleted since it was listed
        found[f"role/{role} policy {name}"] = policy["PolicyDocument"]
    return found
