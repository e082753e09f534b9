"""What a button does: calls that are shown as they are made, and what people must be told of it."""

from __future__ import annotations

import pprint
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sentinel_cli.demo.deployment import REGION, Deployment
from sentinel_cli.demo.people import DEVELOPER

if TYPE_CHECKING:
    from sentinel_cli.demo.sample_archive import Replayed


class NotYetError(Exception):
    """An act needs what another one makes first; the message says which."""


@dataclass(slots=True)
class Stage:
    """What the acts leave behind for each other."""

    deployment: Deployment
    open_gateway: str = ""
    guarded_gateway: str = ""
    gateways: int = 0
    granted: bool = False
    exempted: bool = False
    readable: bool = True
    logging: bool = True
    replayed: Replayed | None = None

    def next_name(self, name: str) -> str:
        """A gateway's name; the first one has no number."""
        return name if self.gateways < 2 else f"{name}-{self.gateways}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What people must be told of an act."""

    rule: str
    severity: str
    event_name: str
    resource: Callable[[Stage], str]
    status: str = "OPEN"
    region: str = REGION


@dataclass(frozen=True, slots=True)
class Call:
    """One boto3 call, by a role of the workload account or, *in_hub*, of the hub's.

    *parameters* raises NotYetError as long as another act has to come first.
    """

    service: str
    method: str
    parameters: Callable[[Stage], Mapping[str, Any]]
    by: str = DEVELOPER
    in_hub: bool = False

    def code(self, stage: Stage) -> str:
        """The call as Python, to be run in a shell that has joined in as that role."""
        members = "".join(
            f"    {name}={_indented(value)},\n" for name, value in self.parameters(stage).items()
        )
        call = f'boto3.client("{self.service}").{self.method}(\n{members})'
        if self.by == DEVELOPER:
            return call
        account = stage.deployment.hub if self.in_hub else stage.deployment.workload
        return f"# by the role {self.by} of {account}\n{call}"


@dataclass(frozen=True, slots=True)
class Act:
    """What a button does: some calls one after the other, or a *command* of the checkout.

    *after* keeps what the first call's answer tells; *note* says what there is to see, and *shows*
    is the tab to see it in.
    """

    id: str
    title: str
    calls: tuple[Call, ...]
    after: Callable[[Stage, Mapping[str, Any]], None]
    expected: Expected | None = None
    undoes: bool = False
    note: Callable[[Stage], str] = lambda _stage: ""
    command: tuple[str, ...] = ()
    shows: str = ""

    def code(self, stage: Stage) -> str:
        """What is done, to be run in a shell. Raises NotYetError."""
        if self.command:
            return " ".join(self.command)
        return "\n".join(call.code(stage) for call in self.calls)


def _indented(value: Any) -> str:
    return pprint.pformat(value, width=64, sort_dicts=False).replace("\n", "\n    ")
