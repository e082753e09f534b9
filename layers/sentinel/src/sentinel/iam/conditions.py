"""Says whether a statement's conditions confine it, and to what.

A condition confines when every request that meets it is known to be ours: a positive operator on a
key that is present in the request. `IfExists` is met by a request without the key, and so is
`ForAllValues`; the first confines all the same where a Null condition demands the key.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, ip_network

from sentinel.iam.document import Condition
from sentinel.iam.glob import has_wildcard
from sentinel.iam.resources import is_arn_pattern, place_of, reach, resolve_variables

_POSITIVE = frozenset(
    ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress")
)
_NEGATIVE = frozenset(
    (
        "stringnotequals",
        "stringnotequalsignorecase",
        "stringnotlike",
        "arnnotequals",
        "arnnotlike",
    )
)
_NETWORK_IDS = frozenset(
    (
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourcevpcarn",
        "aws:vpceorgid",
        "aws:vpceorgpaths",
    )
)
_ADDRESSES = frozenset(("aws:sourceip", "aws:vpcsourceip"))
_WIDEST_IPV4 = 8  # the largest block that one organization was ever given
_WIDEST_IPV6 = 16


def confined(
    conditions: tuple[Condition, ...], confines: Callable[[str, str], bool]
) -> tuple[Condition, ...]:
    """Return the conditions that confine a statement.

    Args:
        conditions: all conditions of one statement; IAM requires each of them to be met.
        confines: says of a key in lower case and one of its values whether they confine. Values
            are alternatives, so every one of them has to.
    """
    required = frozenset(
        condition.key.lower()
        for condition in conditions
        if condition.operator.lower() == "null" and set(condition.values) == {"false"}
    )
    return tuple(
        condition
        for condition in conditions
        if _is_positive(condition, required)
        and condition.values
        and all(confines(condition.key.lower(), value) for value in condition.values)
    )


def spares_only(conditions: tuple[Condition, ...], confines: Callable[[str, str], bool]) -> bool:
    """Say whether a Deny with these conditions, or with none, spares only what they confine to.

    A negative operator is met by a request without the key, so such a request is denied.
    """
    return all(
        condition.operator.lower().removesuffix("ifexists") in _NEGATIVE
        and condition.values
        and all(confines(condition.key.lower(), value) for value in condition.values)
        for condition in conditions
    )


def confines_resource(key: str, value: str) -> bool:
    """Say whether a key and value confine what an identity policy's statement reaches.

    They do by a tag of the resource, the inference profile, the resource's account, or the network
    from which the call comes.
    """
    if key.startswith("aws:resourcetag/"):
        return value.strip("*?") != "" or value == ""
    if key == "bedrock:inferenceprofilearn":
        pattern = resolve_variables(value)
        return is_arn_pattern(pattern) and not reach(pattern, place_of(pattern)).reached
    if key in ("aws:resourceaccount", "aws:vpceaccount"):
        return is_account_id(value) or value == "${aws:PrincipalAccount}"
    if key in _NETWORK_IDS:
        return value != "" and not has_wildcard(value)
    return key in _ADDRESSES and _is_small_network(value)


def confines_source(key: str, value: str) -> bool:
    """Say whether a key and value confine on whose behalf a service may assume a role.

    They do by an account, an ARN in a literal account, or an organization. Placeholders such as
    `<account-id>` and an S3 bucket's ARN, which has no account, do not.
    """
    return _names_ours(key, value, "aws:source")


def confines_caller(key: str, value: str) -> bool:
    """Say whether a key and value confine who may call what a resource policy opens.

    They do by the caller's account, ARN or organization, by those of the resource on whose behalf a
    service calls, or by the network from which the call comes.
    """
    if key in _NETWORK_IDS:
        return value != "" and not has_wildcard(value)
    return _names_ours(key, value, "aws:principal") or confines_source(key, value)


def _names_ours(key: str, value: str, whose: str) -> bool:
    """Say whether a key that begins with *whose* is compared with an account or organization."""
    if key == f"{whose}account":
        return is_account_id(value)
    if key == f"{whose}arn":
        fields = value.split(":", 5)
        return len(fields) == 6 and fields[0] == "arn" and is_account_id(fields[4])
    if key == f"{whose}orgid":
        return _is_organization_id(value.lower())
    organization, separator, path = value.partition("/")
    return (
        key == f"{whose}orgpaths"
        and separator == "/"
        and path != ""
        and _is_organization_id(organization)
    )


def is_account_id(value: str) -> bool:
    """Say whether a text is the id of an account: exactly twelve digits."""
    return len(value) == 12 and value.isascii() and value.isdigit()


def _is_organization_id(value: str) -> bool:
    return value.startswith("o-") and 10 <= len(value) - 2 <= 32 and value[2:].isalnum()


def _is_positive(condition: Condition, required: frozenset[str]) -> bool:
    operator = condition.operator.lower().removeprefix("foranyvalue:")
    if operator.endswith("ifexists"):
        if condition.key.lower() not in required:
            return False
        operator = operator.removesuffix("ifexists")
    return operator in _POSITIVE


def _is_small_network(value: str) -> bool:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return False
    widest = _WIDEST_IPV4 if isinstance(network, IPv4Network) else _WIDEST_IPV6
    return network.prefixlen >= widest
