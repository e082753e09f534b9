"""Reads the text of an IAM policy, and refuses what IAM itself would not store.

There is one reader for every policy, whichever way it came: a string in a CloudTrail record, the
URL-encoded text of IAM's own API, or the dict that boto3 makes of it. What it refuses could not
be assessed; it is never clean.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, NoReturn
from urllib.parse import unquote

VERSIONS = ("2008-10-17", "2012-10-17")


class InvalidDocumentError(ValueError):
    """The text is no policy that IAM would store, so nothing can be said about what it grants."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator applied to one key, such as `StringEquals` on `aws:SourceAccount`."""

    operator: str
    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operator} {self.key}"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a statement speaks of: `kind` is AWS, Service, Federated, CanonicalUser or `*`."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, with every string or list as a tuple.

    `resources` and `principals` are None where there is no such element. Where `not_action`
    (`not_resource`, `not_principal`) is true, the tuple holds what the statement leaves out.
    """

    index: int
    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    not_action: bool
    resources: tuple[str, ...] | None
    not_resource: bool
    principals: tuple[Principal, ...] | None
    not_principal: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A policy that IAM would store. `version` is 2008-10-17 where the text names none."""

    version: str
    statements: tuple[Statement, ...]

    def require_trust_policy(self) -> None:
        """Refuse a document that cannot be the trust policy of a role.

        Raises:
            InvalidDocumentError: a statement names no principal, or names a resource.
        """
        for statement in self.statements:
            if statement.principals is None:
                _refuse(f"Statement[{statement.index}]", "a trust policy needs Principal")
            if statement.resources is not None:
                _refuse(f"Statement[{statement.index}]", "a trust policy has no Resource")


def parse(source: object) -> Document:
    """Read a policy from JSON text, URL-encoded or not, or from a dict already read.

    A byte-order mark and white space around the text are accepted, as are single statements,
    strings in place of lists, an absent Version, and members that are no policy elements beside
    Statement, which tools leave there; inside a statement they are refused.

    Raises:
        InvalidDocumentError: the message names the element, what was expected and what was found.
            Duplicate keys are refused: the last one would win here and nobody knows which at AWS.
    """
    policy = _load(source) if isinstance(source, str) else source
    if not isinstance(policy, dict):
        _refuse("the policy", f"expected JSON text or an object, found {_kind(policy)}")
    if any(str(name).lower() == "statement" and name != "Statement" for name in policy):
        _refuse("the policy", "Statement spelled in another case; case matters")
    version = policy.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        _refuse("Version", f"expected one of {', '.join(VERSIONS)}")
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = (statements,)
    if not isinstance(statements, _LIST) or not statements:
        _refuse("Statement", f"expected an object or a list of objects, found {_kind(statements)}")
    return Document(version, tuple(_statement(i, s) for i, s in enumerate(statements)))


_LIST = (list, tuple)
_ONLY_TEXT = {str}
_STATEMENT_ELEMENTS = frozenset(
    (
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    )
)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse("the policy", "an object has the same key twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    _refuse("the policy", f"{name} is not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)


def _load(text: str) -> object:
    text = text.strip().removeprefix("\ufeff").strip()
    try:
        if text.startswith("%"):
            text = unquote(text, errors="strict").strip()
        return _decoder.decode(text)
    except RecursionError:
        _refuse("the policy", "nested too deeply to be a policy")
    except InvalidDocumentError:
        raise
    except ValueError as error:
        raise InvalidDocumentError(f"the policy: not JSON: {error}") from error


def _statement(index: int, statement: object) -> Statement:
    if not isinstance(statement, dict):
        _refuse(f"Statement[{index}]", f"expected an object, found {_kind(statement)}")
    if not _STATEMENT_ELEMENTS.issuperset(statement):
        unknown = next(name for name in statement if name not in _STATEMENT_ELEMENTS)
        _refuse(f"Statement[{index}]", f"unknown element {unknown!r:.60}; case matters")
    effect = statement.get("Effect")
    if effect != "Allow" and effect != "Deny":
        _refuse(f"Statement[{index}].Effect", "expected Allow or Deny; case matters")
    actions = _strings(statement, "Action", "NotAction", index)
    if actions is None:
        _refuse(f"Statement[{index}]", "expected Action or NotAction, found neither")
    return Statement(
        index,
        effect,
        actions,
        "NotAction" in statement,
        _strings(statement, "Resource", "NotResource", index),
        "NotResource" in statement,
        _principals(statement, index),
        "NotPrincipal" in statement,
        _conditions(statement["Condition"], index) if "Condition" in statement else (),
    )


def _element(statement: dict[str, Any], name: str, inverse: str, index: int) -> object:
    """Return an element or its Not- form, or None where the statement has neither."""
    if inverse not in statement:
        return statement.get(name)
    if name in statement:
        _refuse(f"Statement[{index}]", f"{name} and {inverse} together")
    return statement[inverse]


def _strings(
    statement: dict[str, Any], name: str, inverse: str, index: int
) -> tuple[str, ...] | None:
    element = _element(statement, name, inverse, index)
    if element is None and name not in statement and inverse not in statement:
        return None
    return _texts(element, f"Statement[{index}]", name)


def _texts(value: object, where: str, name: str) -> tuple[str, ...]:
    if type(value) is str:
        return (value,)
    if not isinstance(value, _LIST) or not value:
        _refuse(f"{where}.{name}", f"expected a string or a list of strings, found {_kind(value)}")
    if set(map(type, value)) != _ONLY_TEXT:
        kinds = ", ".join(sorted({_kind(item) for item in value}))
        _refuse(f"{where}.{name}", f"expected strings, found {kinds}")
    return tuple(value)


def _principals(statement: dict[str, Any], index: int) -> tuple[Principal, ...] | None:
    if "Principal" not in statement and "NotPrincipal" not in statement:
        return None
    where = f"Statement[{index}].Principal"
    element = _element(statement, "Principal", "NotPrincipal", index)
    if element == "*":
        return (Principal("*", "*"),)
    if not isinstance(element, dict):
        _refuse(where, f'expected "*" or an object, found {_kind(element)}')
    return tuple(
        Principal(str(kind), name)
        for kind, names in element.items()
        if names is not None
        for name in _texts(names, where, str(kind))
    )


def _conditions(element: object, index: int) -> tuple[Condition, ...]:
    where = f"Statement[{index}].Condition"
    if not isinstance(element, dict):
        _refuse(where, f"expected an object, found {_kind(element)}")
    conditions = []
    for operator, keys in element.items():
        if not isinstance(keys, dict):
            _refuse(f"{where}.{operator}", f"expected an object, found {_kind(keys)}")
        for key, value in keys.items():
            values = value if isinstance(value, _LIST) else (value,)
            texts = tuple(_condition_text(value, where) for value in values)
            conditions.append(Condition(str(operator), str(key), texts))
    return tuple(conditions)


def _condition_text(value: object, where: str) -> str:
    """Return a condition value as text; IAM lets numbers and Booleans stand without quotes."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bool | int | float):
        _refuse(where, f"expected a string, number or Boolean, found {_kind(value)}")
    return str(value).lower()


def _kind(value: object) -> str:
    return "nothing" if value is None or value == [] else type(value).__name__


def _refuse(where: str, reason: str) -> NoReturn:
    raise InvalidDocumentError(f"{where:.200}: {reason}")
