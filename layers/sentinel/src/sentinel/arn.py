"""Amazon Resource Names, and the partitions and Regions that they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

_PARTITION_OF_PREFIX = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-isob-": "aws-iso-b",
    "us-iso-": "aws-iso",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
_IAM_REGION = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}


@dataclass(frozen=True, slots=True)
class Arn:
    """The six parts of an ARN; *resource* keeps its own colons and slashes."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take an ARN apart. Raises ValueError when *text* is none."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or not parts[1] or not parts[2] or not parts[5]:
            raise ValueError(
                f"not an ARN: {text!r} (expected arn:partition:service:region:account:id)"
            )
        return cls(*parts[1:])

    def __str__(self) -> str:
        return ":".join(
            ("arn", self.partition, self.service, self.region, self.account, self.resource)
        )


def is_arn(text: str) -> bool:
    """Whether *text* has the six parts of an ARN."""
    try:
        Arn.parse(text)
    except ValueError:
        return False
    return True


def partition_of(region: str) -> str:
    """The partition in which a Region lies (AWS General Reference, "Regions and partitions")."""
    return next(
        (p for prefix, p in _PARTITION_OF_PREFIX.items() if region.startswith(prefix)), "aws"
    )


def iam_region(partition: str) -> str:
    """The one Region of a partition where IAM's events are told and its findings are kept."""
    return _IAM_REGION.get(partition, "us-east-1")
