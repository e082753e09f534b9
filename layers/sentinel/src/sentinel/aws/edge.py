"""The factory: clients, clock and settings for a handler, each made when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sentinel.aws import clock

if TYPE_CHECKING:
    from sentinel.aws.memory import Memory
    from sentinel.aws.policy_copy import PolicyCopy
    from sentinel.aws.store import Store

ONE_ATTEMPT = {"retries": {"mode": "standard", "total_max_attempts": 1}}
"""For SNS: a second attempt may send a mail twice, and the outbox makes one anyway."""

READING = {
    "connect_timeout": 2,
    "read_timeout": 4,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
"""For watched accounts: one that does not answer must not use up the time of a whole batch."""


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
    botocore session (73 ms for a new one, 2 ms for a further client).
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._clients: dict[tuple[str, str, str], Any] = {}

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
            from botocore.config import Config

            config = Config(**ONE_ATTEMPT) if service == "sns" else None
            self._clients[key] = self.session.client(
                service, region_name=region or None, config=config
            )
        return self._clients[key]

    def reader(self, service: str, partition: str, account: str, region: str) -> Any:
        """A client with the read role of a watched account.

        The role's ARN is built from the account that was checked against the members, and from the
        template's name of the role; nothing of it comes from an event.
        """
        key = (service, region, account)
        credentials = self._credentials(partition, account)
        if key not in self._clients:
            from botocore.config import Config

            self._clients[key] = self.session.client(
                service,
                region_name=region,
                config=Config(**READING),
                **credentials,
            )
        return self._clients[key]

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
            self._clients = {k: c for k, c in self._clients.items() if k[2] != account}
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
