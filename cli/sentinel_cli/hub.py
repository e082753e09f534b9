"""The deployed hub, found by the name of its stack in the caller's account and Region."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sentinel.arn import Arn
from sentinel.aws.edge import Edge, Settings

from sentinel_cli.failure import Failure

SETTING_OF = {
    "FindingsTableName": "FINDINGS_TABLE",
    "MemoryTableName": "MEMORY_TABLE",
    "RecordsBucketName": "RECORDS_BUCKET",
}
"""Which output of template.yaml is which setting of its functions."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who runs the command."""

    arn: str
    account: str
    partition: str


@dataclass(frozen=True)
class Hub:
    """The hub's stack, and what lies behind its outputs, with the caller's own rights."""

    stack: str
    edge: Edge
    outputs: dict[str, str]

    def output(self, name: str) -> str:
        """An output of the stack. Raises Failure when the stack is not the hub's."""
        if name not in self.outputs:
            raise Failure(
                f"stack {self.stack} has no output {name}: it is not the hub, or an older one;"
                " deploy template.yaml again, or name the hub with --stack"
            )
        return self.outputs[name]

    @cached_property
    def caller(self) -> Caller:
        """Who runs the command."""
        return caller(self.edge)


def edge(region: str, settings: dict[str, str] | None = None, *, option: str = "--region") -> Edge:
    """Clients with the caller's own rights, in a Region or in that of the AWS settings.

    *option* is what the command calls that Region. Raises Failure when there is none.
    """
    import boto3

    # boto3 itself looks at AWS_DEFAULT_REGION only; every other SDK knows AWS_REGION.
    wanted = region or os.environ.get("AWS_REGION")
    session = boto3.session.Session(region_name=wanted or None)
    if not session.region_name:
        raise Failure(f"no AWS Region is set; pass {option}, or set AWS_REGION")
    made = Edge(Settings({"AWS_REGION": session.region_name, **(settings or {})}))
    made.session = session
    return made


def caller(of: Edge) -> Caller:
    """Who runs the command."""
    answer = of.client("sts").get_caller_identity()
    arn = Arn.parse(answer["Arn"])
    return Caller(answer["Arn"], answer["Account"], arn.partition)


def find(stack: str, region: str, *, option: str = "--region") -> Hub:
    """The hub in the caller's account. Raises Failure when there is no such stack."""
    found = edge(region, option=option)
    outputs = _outputs(found, stack, option)
    settings = {
        setting: outputs[output] for output, setting in SETTING_OF.items() if output in outputs
    }
    hub = Hub(stack, edge(found.region, settings), outputs)
    for output in SETTING_OF:
        hub.output(output)
    return hub


def _outputs(found: Edge, stack: str, option: str) -> dict[str, str]:
    from botocore.exceptions import ClientError

    try:
        answer: dict[str, Any] = found.client("cloudformation").describe_stacks(StackName=stack)
    except ClientError as error:
        told = error.response["Error"]
        if told.get("Code") != "ValidationError" or "exist" not in told.get("Message", ""):
            raise
        raise Failure(
            f"there is no stack {stack} in {caller(found).account} {found.region};"
            f" name the stack with --stack, its Region with {option}, or sign in to its account"
        ) from None
    return {o["OutputKey"]: o["OutputValue"] for o in answer["Stacks"][0].get("Outputs", ())}
