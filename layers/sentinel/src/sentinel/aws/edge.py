"""The factory: clients, clock and settings for a handler, each made when it is first needed."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sentinel.aws import clock

if TYPE_CHECKING:
    from sentinel.aws.memory import Memory
    from sentinel.aws.policy_copy import PolicyCopy
    from sentinel.aws.store import Store

OWN: Mapping[str, Any] = {
    "connect_timeout": 2,
    "read_timeout": 4,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
"""For the hub's own services: a call that hangs leaves its function time to say so."""

ONCE: Mapping[str, Any] = {
    "connect_timeout": 2,
    "read_timeout": 4,
    "retries": {"mode": "standard", "total_max_attempts": 1},
}
"""For watched accounts where a recheck tries again anyway: one that does not answer must not use up
the time of a whole batch. For STS, which comes before each of those reads. For SNS: a second
attempt may send a mail twice, and the outbox makes one anyway.
"""

PATIENT: Mapping[str, Any] = {
    "connect_timeout": 2,
    "read_timeout": 20,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
"""For a sweep: nothing tries again after it, and a page of 1000 roles takes IAM its time."""

READERS = 96
"""Clients of watched accounts that are kept: one that was used takes 1 MB, and an account that is
read in 14 Regions has some 40.
"""


class MissingSetting(LookupError):
    """An environment variable that the template sets is not there."""


@dataclass(frozen=True)
class Settings:
    """The environment that the template gives a function, typed."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def text(self, name: str) -> str:
        """A setting that must be there. Raises MissingSetting."""
        value = self.environment.get(name, "")
        if not value:
            raise MissingSetting(f"{name} is not set: template.yaml gives it to every function")
        return value

    def optional(self, name: str) -> str:
        """A setting that may be empty."""
        return self.environment.get(name, "")

    def seconds(self, name: str) -> float:
        """A setting in seconds."""
        return float(self.text(name))


class Edge:
    """What a function needs of the world outside. One is made when a sandbox starts.

    boto3 is imported, and each client made, when it is first asked for. All clients share one
    botocore session (73 ms for a new one, 2 ms for a further client). A *patient* one waits longer
    for an answer.
    """

    def __init__(self, settings: Settings | None = None, *, patient: bool = False) -> None:
        self.settings = settings or Settings()
        self.patient = patient
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._readers: OrderedDict[tuple[str, str, str], Any] = OrderedDict()

    @cached_property
    def session(self) -> Any:
        """The function's own session, with the AgentCore models that the layer carries."""
        import boto3

        return boto3.session.Session()

    @property
    def region(self) -> str:
        """The Region that the function runs in."""
        return self.settings.text("AWS_REGION")

    def client(self, service: str, region: str = "") -> Any:
        """A client with the function's own rights."""
        key = (service, region, "")
        if key not in self._clients:
            self._clients[key] = self._made(service, region, self._waiting(service))
        return self._clients[key]

    def reader(self, service: str, partition: str, account: str, region: str) -> Any:
        """A client with the read role of a watched account; the latest few are kept.

        The role's ARN is built from the account that was checked against the members, and from the
        template's name of the role; nothing of it comes from an event.
        """
        key = (service, region, account)
        credentials = self._credentials(partition, account)
        if key not in self._readers:
            waiting = PATIENT if self.patient else ONCE
            self._readers[key] = self._made(service, region, waiting, **credentials)
        self._readers.move_to_end(key)
        while len(self._readers) > READERS:
            _, oldest = self._readers.popitem(last=False)
            oldest.close()
        return self._readers[key]

    def _waiting(self, service: str) -> Mapping[str, Any]:
        if service == "sns":
            return ONCE
        if self.patient:
            return PATIENT
        return ONCE if service == "sts" else OWN

    def _made(self, service: str, region: str, waiting: Mapping[str, Any], **more: str) -> Any:
        from botocore.config import Config

        config = Config(**waiting)
        return self.session.client(service, region_name=region or None, config=config, **more)

    def _credentials(self, partition: str, account: str) -> dict[str, str]:
        known, ends = self._sessions.get(account, ({}, None))
        if ends is None or (ends - clock.now()).total_seconds() < 300:
            role = self.settings.text("READ_ROLE_NAME")
            answer = self.client("sts").assume_role(
                RoleArn=f"arn:{partition}:iam::{account}:role/{role}",
                RoleSessionName=self.settings.text("AWS_LAMBDA_FUNCTION_NAME")[:64],
            )
            given = answer["Credentials"]
            known = {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"],
            }
            self._sessions[account] = (known, given["Expiration"])
            for key in [key for key in self._readers if key[2] == account]:
                self._readers.pop(key).close()
        return known

    @cached_property
    def _sessions(self) -> dict[str, tuple[dict[str, str], Any]]:
        return {}

    @cached_property
    def store(self) -> Store:
        """The findings."""
        from sentinel.aws.store import Store

        return Store(self.client("dynamodb"), self.settings.text("FINDINGS_TABLE"))

    @cached_property
    def memory(self) -> Memory:
        """Baselines, activities and rechecks."""
        from sentinel.aws.memory import Memory

        return Memory(self.client("dynamodb"), self.settings.text("MEMORY_TABLE"))

    @cached_property
    def policy_copy(self) -> PolicyCopy:
        """The policy at run time."""
        from sentinel.aws.policy_copy import PolicyCopy

        return PolicyCopy(self.client("s3"), self.settings.text("RECORDS_BUCKET"))
