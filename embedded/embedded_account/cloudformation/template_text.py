"""Reads a CloudFormation template, YAML with short-form intrinsics or JSON, into plain mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from embedded_account.cloudformation.errors import TemplateError

_SHORT_FORMS = {
    "Ref": "Ref",
    "Condition": "Condition",
    **{
        name: f"Fn::{name}"
        for name in (
            "And",
            "Base64",
            "Equals",
            "FindInMap",
            "GetAtt",
            "If",
            "Join",
            "Not",
            "Or",
            "Select",
            "Split",
            "Sub",
        )
    },
}


class _TemplateLoader(yaml.CSafeLoader):
    """YAML as CloudFormation reads it: intrinsics as tags, dates as text, no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise TemplateError(f"template line {line}: the key {key!r} appears twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def _construct_intrinsic(loader: _TemplateLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if tag not in _SHORT_FORMS:
        line = node.start_mark.line + 1
        raise TemplateError(f"template line {line}: unknown intrinsic function !{tag}")
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {_SHORT_FORMS[tag]: value}


def _construct_text(loader: _TemplateLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_TemplateLoader.add_multi_constructor("!", _construct_intrinsic)
_TemplateLoader.add_constructor("tag:yaml.org,2002:timestamp", _construct_text)


def read_template(text: str) -> dict[str, Any]:
    """Parse a template's text.

    Dates (``Version: 2012-10-17``) stay text. Raises TemplateError with the line for an unknown
    ``!Tag``, a key that appears twice, text that is not YAML, or a document that is not a mapping.
    """
    try:
        document = yaml.load(text, Loader=_TemplateLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise TemplateError(f"Template format error: {error}") from error
    if not isinstance(document, Mapping):
        raise TemplateError("Template format error: the template is not a mapping of sections")
    return dict(document)
