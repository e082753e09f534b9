"""Reading with the caller's own rights, in the caller's account or by a role in another one."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sentinel.aws.edge import Edge, Settings
from sentinel.aws.memory import Memory
from sentinel.subject import Activity, Identity, Resource

from sentinel_cli.hub import Caller
from sentinel_cli.options import READ_ROLE


class _NothingRemembered(Memory):
    """The memory of somebody who has none: no baseline, no past."""

    def __init__(self) -> None:
        super().__init__(None, "")

    def baseline(self, kind: type[Resource], identity: Identity) -> Resource | None:
        """None is remembered."""
        return None

    def accept(self, resource: Resource, as_of: datetime, by: str = "") -> bool:
        """Nothing is kept."""
        return False

    def earlier(self, kind: type[Activity], like: Activity, span: timedelta) -> list[Activity]:
        """None is remembered."""
        return []


class _OwnRights(Edge):
    """An edge that reads the caller's own account directly, and others by the read role."""

    def __init__(self, settings: Settings, account: str) -> None:
        super().__init__(settings, patient=True)
        self._account = account

    def reader(self, service: str, partition: str, account: str, region: str) -> Any:
        """A client that reads in an account and Region."""
        if account == self._account:
            return self.client(service, region)
        return super().reader(service, partition, account, region)

    @cached_property
    def memory(self) -> Memory:
        """Nothing: what the hub remembers is read with the hub's tables."""
        return _NothingRemembered()


def reading(edge: Edge, caller: Caller, role: str = READ_ROLE) -> Edge:
    """An edge like *edge* that reads with the caller's own rights."""
    settings = {
        **edge.settings.environment,
        "READ_ROLE_NAME": role,
        "AWS_LAMBDA_FUNCTION_NAME": "sentinel-command",
    }
    made = _OwnRights(Settings(settings), caller.account)
    made.session = edge.session
    return made
