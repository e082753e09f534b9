"""Knows the actions of Bedrock and AgentCore: what they do, and on which types of resource.

The facts are the AWS Service Authorization Reference's and lie in actions.json. A set of actions is
an integer, one bit for each action, so that Allow, Deny and their Not- forms are three machine
operations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from sentinel.iam.glob import has_wildcard, matches, without_repeated_stars


class Access(StrEnum):
    """What an action does: run a model, agent or tool; change something; only look."""

    INVOKE = "invoke"
    WRITE = "write"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Where `resource_types` is empty it can only be granted on `*`.

    `name` is as AWS spells it, such as `bedrock:InvokeModel`; a resource type is named with its
    service too, such as `bedrock:foundation-model`.
    """

    name: str
    access: Access
    resource_types: tuple[str, ...]


def _actions() -> Iterator[Action]:
    reference = json.loads(Path(__file__).with_name("actions.json").read_text(encoding="utf-8"))
    for service, actions in reference["services"].items():
        for name, (access, *types) in actions.items():
            resource_types = tuple(f"{service}:{resource_type}" for resource_type in types)
            yield Action(f"{service}:{name}", Access(access), resource_types)


ACTIONS = tuple(_actions())
"""Every action of bedrock, bedrock-agentcore, bedrock-mantle and agent-registry, in bit order."""

ALL = (1 << len(ACTIONS)) - 1
"""The set of all of them."""

_BIT = {action.name.lower(): 1 << bit for bit, action in enumerate(ACTIONS)}
_SERVICES = frozenset(name.partition(":")[0] for name in _BIT)
_CACHED_LENGTH = 256  # longer ones are not kept, so that no policy can fill the memory


def action_set(names: Iterable[str]) -> int:
    """Return the set of the actions with these names.

    Raises:
        KeyError: AWS has no such action in the services of this module.
    """
    actions = 0
    for name in names:
        actions |= _BIT[name.lower()]
    return actions


def matching(patterns: Iterable[str]) -> int:
    """Return the set of the actions that any of these Action patterns names, in any case."""
    actions = 0
    for pattern in patterns:
        actions |= (_kept if len(pattern) <= _CACHED_LENGTH else _matching)(pattern)
    return actions


def _matching(pattern: str) -> int:
    if not pattern.isascii():  # the Kelvin sign is a k in lower case, but not to IAM
        return 0
    pattern = without_repeated_stars(pattern.lower())
    service = pattern.partition(":")[0]
    if service not in _SERVICES and not has_wildcard(service):
        return 0
    if not has_wildcard(pattern):
        return _BIT.get(pattern, 0)
    head = pattern.replace("?", "*").partition("*")[0]
    actions = 0
    for name, bit in _BIT.items():
        if name.startswith(head) and matches(pattern, name):
            actions |= bit
    return actions


_kept = lru_cache(maxsize=16_384)(_matching)


@lru_cache(maxsize=1_024)
def actions_in(actions: int) -> tuple[Action, ...]:
    """Return the actions of a set, in the order of ACTIONS."""
    return tuple(action for bit, action in enumerate(ACTIONS) if actions >> bit & 1)
