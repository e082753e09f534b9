"""A small CloudFormation: templates become resources through the account's own API."""

from __future__ import annotations

from embedded_account.cloudformation.api import install, prepare
from embedded_account.cloudformation.deployed import Deployed, Stack, StackEvent
from embedded_account.cloudformation.errors import (
    NoUpdatesError,
    StackFailedError,
    StackNotFoundError,
    TemplateError,
    UnsupportedPropertyError,
    UnsupportedResourceTypeError,
)
from embedded_account.cloudformation.scope import Resource
from embedded_account.cloudformation.source_tree import (
    SOURCE_TREE_BUCKET,
    source_tree_key,
    source_tree_path,
)
from embedded_account.cloudformation.stack import delete, deploy, update

__all__ = [
    "SOURCE_TREE_BUCKET",
    "Deployed",
    "NoUpdatesError",
    "Resource",
    "Stack",
    "StackEvent",
    "StackFailedError",
    "StackNotFoundError",
    "TemplateError",
    "UnsupportedPropertyError",
    "UnsupportedResourceTypeError",
    "delete",
    "deploy",
    "install",
    "prepare",
    "source_tree_key",
    "source_tree_path",
    "update",
]
