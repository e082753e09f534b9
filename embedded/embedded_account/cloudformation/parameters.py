"""Checks a template's parameter values as CloudFormation does, and gives them their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from embedded_account.cloudformation.errors import TemplateError

_KNOWN_KEYS = frozenset(
    {
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    }
)
_LIST_TYPES = frozenset({"CommaDelimitedList", "List<Number>", "List<String>"})
_TYPES = _LIST_TYPES | {"Number", "String"}


def parameter_values(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The value that each declared parameter has: text, or a list of text for list types.

    Raises TemplateError for a value that breaks its type or a constraint, a value that is missing,
    and one for a parameter that the template does not declare.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"Parameters: {unknown} do not exist in the template")
    missing = sorted(
        name for name, entry in declared.items() if name not in given and "Default" not in entry
    )
    if missing:
        raise TemplateError(f"Parameters: {missing} must have values")
    return {
        name: _checked(name, entry, given.get(name, entry.get("Default")))
        for name, entry in declared.items()
    }


def is_secret(declaration: Mapping[str, Any]) -> bool:
    """Whether a parameter's value must be shown as ``****`` (NoEcho)."""
    return str(declaration.get("NoEcho", False)).lower() == "true"


def _checked(name: str, declaration: Mapping[str, Any], raw: Any) -> Any:
    for key in declaration:
        if key not in _KNOWN_KEYS:
            raise TemplateError(f"Parameter {name}: unknown attribute {key}")
    kind = declaration.get("Type")
    if kind not in _TYPES:
        raise TemplateError(f"Parameter {name}: the type {kind} is not supported")
    text = _as_text(raw)
    items = [item.strip() for item in text.split(",")] if kind in _LIST_TYPES else [text]
    if kind in _LIST_TYPES and not text:
        items = []
    for item in items:
        try:
            _check_item(declaration, item, is_number=kind in ("Number", "List<Number>"))
        except ValueError as error:
            hint = declaration.get("ConstraintDescription", error)
            raise TemplateError(f"Parameter '{name}' must {hint}") from error
    return items if kind in _LIST_TYPES else text


def _as_text(raw: Any) -> str:
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, list | tuple):
        return ",".join(_as_text(item) for item in raw)
    return str(raw)


def _check_item(declaration: Mapping[str, Any], item: str, *, is_number: bool) -> None:
    if is_number:
        try:
            number = float(item)
        except ValueError:
            raise ValueError("be a number") from None
        if number < float(declaration.get("MinValue", "-inf")):
            raise ValueError(f"be a number not less than {declaration['MinValue']}")
        if number > float(declaration.get("MaxValue", "inf")):
            raise ValueError(f"be a number not greater than {declaration['MaxValue']}")
    allowed = declaration.get("AllowedValues")
    if allowed is not None and item not in [_as_text(value) for value in allowed]:
        raise ValueError(f"be one of AllowedValues {[_as_text(value) for value in allowed]}")
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, item):
        raise ValueError(f"match pattern {pattern}")
    if len(item) < int(declaration.get("MinLength", 0)):
        raise ValueError(f"contain at least {declaration['MinLength']} characters")
    if len(item) > int(declaration.get("MaxLength", len(item))):
        raise ValueError(f"contain at most {declaration['MaxLength']} characters")
