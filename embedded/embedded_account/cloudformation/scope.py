"""What a template's references may see: parameters, mappings, conditions, resources so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.utilities.utils import get_partition


@dataclass(frozen=True, slots=True)
class StackIdentity:
    """Where a stack lives and what it is called."""

    account: str
    region: str
    stack_name: str
    stack_id: str

    @property
    def partition(self) -> str:
        """The Region's partition: ``aws``, ``aws-cn``, ``aws-us-gov``, ..."""
        return str(get_partition(self.region))

    @property
    def url_suffix(self) -> str:
        """The partition's DNS suffix, as AWS::URLSuffix gives it."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource of the stack's account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def pseudo_parameters(self) -> dict[str, Any]:
        """The pseudo parameters that have a value everywhere (AWS::NoValue has none)."""
        return {
            "AWS::AccountId": self.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack_name,
            "AWS::URLSuffix": self.url_suffix,
        }


@dataclass(frozen=True, slots=True)
class Resource:
    """A provisioned resource: Ref is its *physical_id*, GetAtt reads *attributes*.

    *properties* are the template's, with every intrinsic resolved and nothing left out: the
    dispatchers read here what moto's API does not store (a mapping's FilterCriteria, a target's
    RetryPolicy, ...).
    """

    logical_id: str
    type: str
    physical_id: str
    attributes: Mapping[str, Any]
    properties: Mapping[str, Any]
    account: str
    region: str
    stack_name: str
    depends_on: tuple[str, ...] = ()
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything that an intrinsic function may read."""

    identity: StackIdentity
    parameters: Mapping[str, Any]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, bool] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)

    def value_of(self, name: str) -> Any:
        """The value of a parameter or pseudo parameter; KeyError if there is none of that name."""
        if name in self.parameters:
            return self.parameters[name]
        return self.identity.pseudo_parameters()[name]
