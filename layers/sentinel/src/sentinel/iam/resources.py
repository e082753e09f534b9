"""Says whether a resource pattern reaches every id of a model or agent type, or only some.

A pattern reaches every id when it matches an id that nobody could have named. So each type has
sample ARNs of the shape that AWS gives them, made of characters that no policy can hold. Whatever
else must be known of a grant is asked of the same samples: a Deny removes it when it matches them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sentinel.iam.glob import has_wildcard, matches

_FRESH = "\ue000"  # policies are matched only where they are ASCII, so none can hold it
_ANY_ACCOUNT = _FRESH * 12
_ANY_REGIONS = (
    f"{_FRESH * 2}-{_FRESH * 4}-{_FRESH}",
    f"{_FRESH * 2}-{_FRESH * 3}-{_FRESH * 9}-{_FRESH}",
)
_IN_VARIABLE = str.maketrans("*?:/", "\ue001\ue002\ue003\ue004")
_LONGEST_PLACE_FIELD = 256  # a policy variable with the longest tag key fits
_CACHED_LENGTH = 256  # longer ones are not kept, so that no policy can fill the memory


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of model or agent, and the shape of its ids.

    `shapes` are the resource parts of its ARN: `#` is one character of the id, `~` any number of
    them. Reaching every id of one shape is reaching the type: every runtime has an endpoint called
    DEFAULT, every agent an alias called TSTALIASID.
    """

    name: str
    shapes: tuple[str, ...]
    has_account: bool = True

    @property
    def service(self) -> str:
        """The service prefix of its ARNs and actions."""
        return self.name.partition(":")[0]


GRADED_TYPES = (
    ResourceType("bedrock:foundation-model", ("foundation-model/~.~-~",), has_account=False),
    ResourceType("bedrock:inference-profile", ("inference-profile/~.~.~-~",)),
    ResourceType(
        "bedrock:application-inference-profile", ("application-inference-profile/############",)
    ),
    ResourceType("bedrock:custom-model", ("custom-model/~/############",)),
    ResourceType("bedrock:custom-model-deployment", ("custom-model-deployment/############",)),
    ResourceType("bedrock:imported-model", ("imported-model/############",)),
    ResourceType("bedrock:provisioned-model", ("provisioned-model/############",)),
    ResourceType("bedrock:bedrock-marketplace-model-endpoint", ("marketplace/model-endpoint/~",)),
    ResourceType("bedrock:prompt-router", ("prompt-router/############",)),
    ResourceType("bedrock:default-prompt-router", ("default-prompt-router/~.~:~",)),
    ResourceType("bedrock:agent", ("agent/##########",)),
    ResourceType(
        "bedrock:agent-alias",
        ("agent-alias/##########/##########", "agent-alias/##########/TSTALIASID"),
    ),
    ResourceType("bedrock-agentcore:runtime", ("runtime/~-##########",)),
    ResourceType(
        "bedrock-agentcore:runtime-endpoint",
        (
            "runtime/~-##########/runtime-endpoint/~",
            "runtime/~-##########/runtime-endpoint/DEFAULT",
        ),
    ),
    ResourceType("bedrock-agentcore:gateway", ("gateway/~-##########",)),
    ResourceType("bedrock-agentcore:harness", ("harness/~-##########",)),
    ResourceType(
        "bedrock-agentcore:harness-endpoint",
        (
            "harness/~-##########/harness-endpoint/~",
            "harness/~-##########/harness-endpoint/DEFAULT",
        ),
    ),
)
"""The types whose every id is a question of severity (docs page of rule iam_bedrock_wildcard)."""

_SERVICES = frozenset(resource_type.service for resource_type in GRADED_TYPES)


class Place(NamedTuple):
    """Where a resource lies. A field that a pattern leaves open is made of fresh characters."""

    partition: str
    region: str
    account: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A type of which a pattern reaches every id, and sample ARNs of what it reaches."""

    type: ResourceType
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a resource pattern reaches entirely at one place.

    `everywhere` holds the services of which it reaches every type, not only at this place but in
    every Region and account; `account` those of which it reaches every type that an account has.
    """

    reached: tuple[Reached, ...]
    everywhere: frozenset[str]
    account: frozenset[str]


def is_arn_pattern(pattern: str) -> bool:
    """Say whether IAM would store a string as a resource: `*`, or what can match an ARN."""
    head = pattern.replace("?", "*").partition("*")[0]
    return head.startswith("arn:") or (has_wildcard(pattern) and "arn:".startswith(head))


def resolve_variables(pattern: str) -> str:
    """Return a pattern in which policy variables are one fixed value each, and no wildcard.

    `${aws:username}` is one name whoever it is, and `${*}` is a literal star.
    """
    resolved, position = [], 0
    while (start := pattern.find("${", position)) >= 0:
        end = pattern.find("}", start)
        if end < 0:
            break
        resolved += [pattern[position:start], pattern[start : end + 1].translate(_IN_VARIABLE)]
        position = end + 1
    return "".join([*resolved, pattern[position:]])


def covers(pattern: str, arn: str) -> bool:
    """Say whether a resource pattern matches an ARN; missing last fields of the pattern are `*`."""
    return matches(pattern, arn) or (pattern.count(":") < 5 and matches(f"{pattern}:*", arn))


def surely_covers(pattern: str, arn: str) -> bool:
    """Say whether a resource pattern matches an ARN although no wildcard crosses a colon.

    AWS documents that it does not cross, people see that it does at the end of a pattern. What
    takes a permission away is believed only where both readings agree.
    """
    fields = pattern.split(":", 5)
    return pattern == "*" or all(
        map(matches, fields + ["*"] * (6 - len(fields)), arn.split(":", 5))
    )


def place_of(
    pattern: str, own_account: str | None = None, own_partition: str | None = None
) -> Place:
    """Return the widest place that a resource pattern admits.

    Args:
        pattern: as `resolve_variables` returns it.
        own_account: the account in which the policy lies. Given, a pattern for any account is
            placed in this one, so that a Deny for this one removes it.
        own_partition: the partition in which the policy lies; it serves in the same way.
    """
    fields = pattern.split(":", 5) if pattern.startswith("arn:") else []
    partition, region, account = (
        fields[index] if index < len(fields) and _is_place_field(fields[index]) else "*"
        for index in (1, 3, 4)
    )
    accounts = (own_account, _ANY_ACCOUNT) if own_account else (_ANY_ACCOUNT,)
    return Place(
        _instance(partition, (own_partition,) if own_partition else ()),
        _instance(region, _ANY_REGIONS),
        _instance(account, accounts),
    )


def narrowed(place: Place, other: Place) -> Place:
    """Return a place with the fields of another one wherever it leaves them open itself."""
    return Place(
        *(theirs if _FRESH in mine else mine for mine, theirs in zip(place, other, strict=True))
    )


def _is_place_field(field: str) -> bool:
    """Say whether a field of a pattern can be a partition, Region or account at all."""
    return 0 < len(field) <= _LONGEST_PLACE_FIELD and "/" not in field


def _instance(field: str, preferred: tuple[str, ...]) -> str:
    """Return a value that a field of a pattern matches: a preferred one, or one made from it."""
    for value in preferred:
        if matches(field, value):
            return value
    return field.replace("*", _FRESH).replace("?", _FRESH)


def reach(pattern: str, place: Place) -> Reach:
    """Say which model and agent types a resource pattern reaches entirely at a place."""
    return (_kept if len(pattern) <= _CACHED_LENGTH else _reach)(pattern, place)


def _reach(pattern: str, place: Place) -> Reach:
    reached = []
    for resource_type in GRADED_TYPES:
        samples = _covered(pattern, resource_type, place)
        if samples:
            reached.append(Reached(resource_type, samples))
    types = {entry.type.name for entry in reached}
    return Reach(
        tuple(reached),
        _SERVICES
        - {
            resource_type.service
            for resource_type in GRADED_TYPES
            for region in _ANY_REGIONS
            if not _covered(pattern, resource_type, Place(place.partition, region, _ANY_ACCOUNT))
        },
        _SERVICES - {t.service for t in GRADED_TYPES if t.has_account and t.name not in types},
    )


_kept = lru_cache(maxsize=4_096)(_reach)


def _covered(pattern: str, resource_type: ResourceType, place: Place) -> tuple[str, ...]:
    """Return the samples of every shape that the pattern covers, or nothing."""
    account = place.account if resource_type.has_account else ""
    prefix = f"arn:{place.partition}:{resource_type.service}:{place.region}:{account}:"
    covered: tuple[str, ...] = ()
    for shape in resource_type.shapes:
        samples = tuple(prefix + sample for sample in _samples(shape))
        if all(covers(pattern, sample) for sample in samples):
            covered += samples
    return covered


@lru_cache(maxsize=64)
def _samples(shape: str) -> tuple[str, str]:
    """Return a short and a long id of a shape, so that a row of `?` cannot pass for `*`."""
    fixed = shape.replace("#", _FRESH)
    return fixed.replace("~", _FRESH * 3), fixed.replace("~", _FRESH * 24)
