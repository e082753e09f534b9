"""Turns a template's property values into the exact parameters of a service's operation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from embedded_account.cloudformation.errors import TemplateError, UnsupportedPropertyError


def conform(value: Any, shape: Shape, path: str) -> Any:
    """*value* as botocore's *shape* wants it.

    CloudFormation is lax where the API is not: numbers and booleans may be text, a policy may be an
    object where the API takes JSON text, and member names start with a capital where the API's may
    not.

    Raises UnsupportedPropertyError with the *path* of a member that the operation does not know,
    and TemplateError for a value of the wrong kind.
    """
    if isinstance(shape, StructureShape):
        return _structure(value, shape, path)
    if isinstance(shape, ListShape):
        if not isinstance(value, list | tuple):
            raise TemplateError(f"{path}: expected a list, not {value!r}")
        return [conform(item, shape.member, f"{path}[{n}]") for n, item in enumerate(value)]
    if isinstance(shape, MapShape):
        entries = _mapping(value, path)
        return {
            str(key): conform(item, shape.value, f"{path}.{key}") for key, item in entries.items()
        }
    return _scalar(value, shape.type_name, path)


def _structure(value: Any, shape: StructureShape, path: str) -> dict[str, Any]:
    if getattr(shape, "is_document_type", False):
        return dict(_mapping(value, path))
    by_lower_name = {name.lower(): name for name in shape.members}
    conformed = {}
    for key, member in _mapping(value, path).items():
        name = key if key in shape.members else by_lower_name.get(str(key).lower())
        if name is None:
            raise UnsupportedPropertyError(f"{path}.{key}")
        conformed[name] = conform(member, shape.members[name], f"{path}.{key}")
    return conformed


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TemplateError(f"{path}: expected a mapping, not {value!r}")
    return value


def _scalar(value: Any, kind: str, path: str) -> Any:
    if kind == "string":
        return as_text(value)
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    if kind == "boolean" and not isinstance(value, bool):
        if str(value).lower() not in ("true", "false"):
            raise TemplateError(f"{path}: expected true or false, not {value!r}")
        return str(value).lower() == "true"
    if kind in ("integer", "long", "float", "double"):
        try:
            return int(value) if kind in ("integer", "long") else float(value)
        except (TypeError, ValueError) as error:
            raise TemplateError(f"{path}: expected a number, not {value!r}") from error
    return value


def as_text(value: Any) -> str:
    """A property as the text that attribute maps and JSON documents hold."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping | list | tuple | bool):
        return json.dumps(value)
    return str(value)
