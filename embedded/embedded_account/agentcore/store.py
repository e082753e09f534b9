"""What the fake remembers: the raw stored JSON of each resource, former versions included."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from boto3 import Session
from moto.core.base_backend import BackendDict, BaseBackend
from moto.moto_api._internal import mock_random

from embedded_account.service_models import service_model

from .errors import not_found
from .kinds import LETTERS_AND_DIGITS, Kind
from .shapes import CONTROL

Document = dict[str, Any]


@dataclass(slots=True)
class Resource:
    """One resource: *document* is what Get answers once it has settled.

    *history* holds the documents before each change, oldest first; None stands for "did not exist".
    *owner* is the harness that a runtime was made for. *meanwhile* is laid over the document until
    *settles_at*. A deleted resource stays, *gone*, for reads that are answered from the past.
    """

    kind: Kind
    arn: str
    parent: Resource | None
    document: Document
    settles_at: datetime
    meanwhile: Document = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, Document] = field(default_factory=dict)
    owner: Resource | None = None
    history: list[Document | None] = field(default_factory=lambda: [None])
    gone: bool = False

    @property
    def key(self) -> str:
        return str(self.document[self.kind.key])

    def change(self, document: Document) -> None:
        """Replace the document and remember the former one."""
        self.history.append(self.document)
        self.document = document


@dataclass(slots=True)
class AgentCore:
    """The running fake, and the knobs of its honesty.

    *settle* is how many seconds a change takes; *read_back* answers, for an ARN, how many changes
    old the next read of it shall be (None: up to date). *run_command* is asked for what a command
    inside an agent prints: (stdout, stderr, exit code). Nothing is ever executed.
    """

    settle: float = 0.0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    read_back: Callable[[str], int | None] | None = None
    run_command: Callable[[str, str], tuple[str, str, int]] = lambda _arn, _command: ("", "", 0)

    def reset(self) -> None:
        """Put every knob back to where it was built."""
        for knob in fields(self):
            setattr(self, knob.name, knob.default)

    def resource(self, arn: str) -> Resource:
        """The resource with this ARN; a gateway target is ``<gateway ARN>/target/<id>``."""
        _, _, _, region, account, _ = arn.split(":", 5)
        resource: Resource | None = BACKENDS[account][region].resources.get(arn)
        if resource is None or resource.gone:
            raise KeyError(f"the fake has no resource {arn}")
        return resource

    def raw(self, arn: str) -> Document:
        """A copy of the stored JSON, members unknown to botocore included."""
        return deepcopy(self.resource(arn).document)

    def plant(self, arn: str, member: str, value: object) -> None:
        """Store a member that no request can set; *member* may be a dotted path.

        This is how a state older or newer than the SDK is made (``metadataConfiguration`` of an
        old runtime, ``webAclArn``, a member that botocore does not know).
        """
        resource = self.resource(arn)
        document = deepcopy(resource.document)
        *path, last = member.split(".")
        place = document
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
        resource.change(document)
        if resource.kind.version:
            resource.versions[document[resource.kind.version]] = deepcopy(document)

    def settled_at(self) -> datetime:
        return self.now() + timedelta(seconds=self.settle)


RUNNING = AgentCore()


class AgentCoreBackend(BaseBackend):  # type: ignore[misc]
    """The AgentCore resources of one account in one Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.lock = threading.RLock()
        self.resources: dict[str, Resource] = {}
        self.policies: dict[str, str] = {}
        self.answers: dict[tuple[str, str], tuple[Document, Document]] = {}
        self.token_vault: Document = {
            "tokenVaultId": "default",
            "kmsConfiguration": {"keyType": "ServiceManagedKey"},
            "lastModifiedDate": timestamp(RUNNING.now()),
        }

    def arn(self, tail: str) -> str:
        return f"arn:{self.partition}:bedrock-agentcore:{self.region_name}:{self.account_id}:{tail}"

    def of_kind(self, kind: Kind, parent: Resource | None = None) -> Iterator[Resource]:
        """Every resource of the kind that ever existed, oldest first."""
        for resource in list(self.resources.values()):
            if resource.kind is kind and (parent is None or resource.parent is parent):
                yield resource

    def find(self, kind: Kind, identifier: str, parent: Resource | None = None) -> Resource:
        """The resource that lives now under this id, name or ARN."""
        for resource in self.of_kind(kind, parent):
            if identifier in (resource.key, resource.arn) and not self.vanished(resource):
                return resource
        raise not_found(kind.noun, identifier)

    def vanished(self, resource: Resource) -> bool:
        return resource.gone and RUNNING.now() >= resource.settles_at

    def read(self, kind: Kind, identifier: str, parent: Resource | None = None) -> Document:
        """What a read of it sees now, which may be an older state."""
        for resource in reversed(list(self.of_kind(kind, parent))):
            if identifier in (resource.key, resource.arn):
                seen = self.seen(resource)
                if seen is not None:
                    return seen
        raise not_found(kind.noun, identifier)

    def seen(self, resource: Resource) -> Document | None:
        """The document as a read sees it now, or None if it sees no such resource."""
        back = RUNNING.read_back(resource.arn) if RUNNING.read_back else None
        if back:
            past = [*resource.history, resource.document] if resource.gone else resource.history
            return deepcopy(past[-back]) if back <= len(past) else None
        return self.current(resource)

    def current(self, resource: Resource) -> Document | None:
        """The document as it is now, never an older one; None once it is deleted."""
        if self.vanished(resource):
            return None
        document = deepcopy(resource.document)
        return document | resource.meanwhile if RUNNING.now() < resource.settles_at else document


def _every_region() -> list[str]:
    session = Session()
    partitions = session.get_available_partitions()
    return [r for p in partitions for r in session.get_available_regions("sts", p)]


BACKENDS = BackendDict(AgentCoreBackend, CONTROL, additional_regions=_every_region())


def timestamp(at: datetime) -> str:
    """A time as the control plane writes it: nine digits behind the point (documented sample)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def random_characters(length: int) -> str:
    """Random lower-case letters and digits, replayable through moto's seed."""
    return "".join(mock_random.choices(LETTERS_AND_DIGITS, k=length))


def members_of(kind: Kind) -> dict[str, Any]:
    """The members that Get answers for the kind, by botocore's service model."""
    shape = service_model(CONTROL).operation_model(f"Get{kind.noun}").output_shape
    members: dict[str, Any] = shape.members[kind.wrapper].members if kind.wrapper else shape.members
    return members
