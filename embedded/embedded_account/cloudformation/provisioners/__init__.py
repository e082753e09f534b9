"""All resource types that the embedded account provisions, by CloudFormation's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from embedded_account.cloudformation.errors import UnsupportedResourceTypeError
from embedded_account.cloudformation.provisioners import (
    dynamodb,
    events,
    iam,
    lambda_functions,
    observability,
    queues_and_topics,
    state_machines,
    storage,
)
from embedded_account.cloudformation.resource_type import ResourceType

RESOURCE_TYPES: Final[Mapping[str, ResourceType]] = {
    resource_type.name: resource_type
    for module in (
        dynamodb,
        events,
        iam,
        lambda_functions,
        observability,
        queues_and_topics,
        state_machines,
        storage,
    )
    for resource_type in module.RESOURCE_TYPES
}


def type_of(logical_id: str, name: str) -> ResourceType:
    """The provisioner of a type; UnsupportedResourceTypeError names one that has none."""
    try:
        return RESOURCE_TYPES[name]
    except KeyError as error:
        raise UnsupportedResourceTypeError(logical_id, name) from error
