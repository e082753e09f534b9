"""The SAM transform: AWS::Serverless resources become plain ones, by AWS's own translator."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import (
    to_py27_compatible_template,
    undo_mark_unicode_str_in_template,
)

from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.source_tree import SOURCE_TREE_BUCKET, source_tree_key

SAM_TRANSFORM: Final = "AWS::Serverless-2016-10-31"

_LOCAL_CODE: Final = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
# samtranslator keeps the Region and its metrics in class attributes.
_TRANSLATOR = threading.Lock()


def transforms_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The transforms that a template asks for."""
    transforms = document.get("Transform", [])
    return (transforms,) if isinstance(transforms, str) else tuple(transforms)


def transform(
    document: Mapping[str, Any],
    *,
    parameters: Mapping[str, Any],
    region: str,
    clients: Callable[[str], Any],
    source_root: Path | None = None,
    source_layers: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """The plain CloudFormation template that *document* stands for.

    A CodeUri, ContentUri or DefinitionUri that is a local path, relative to *source_root*, becomes
    a key of the bucket ``embedded-source-tree``. *source_layers* gives, for a layer that a build
    makes, the folder to put on the path instead. A template without a transform comes back
    unchanged.

    Raises TemplateError for another transform, a local path without *source_root*, a path that does
    not exist, a built layer that *source_layers* does not name, and whatever the translator
    refuses.
    """
    plain = copy.deepcopy(dict(document))
    unknown = [name for name in transforms_of(plain) if name != SAM_TRANSFORM]
    if unknown:
        raise TemplateError(f"Transform {unknown} is not supported by the embedded account")
    if not transforms_of(plain):
        return plain
    _point_at_the_source_tree(plain, source_root, source_layers or {})
    return _translated(plain, parameters, region, clients)


def _point_at_the_source_tree(
    document: dict[str, Any], source_root: Path | None, source_layers: Mapping[str, Path]
) -> None:
    unused = set(source_layers) - set(document.get("Resources", {}))
    if unused:
        raise TemplateError(f"source_layers: the template has no layer {sorted(unused)}")
    function_defaults = (document.get("Globals") or {}).get("Function", {})
    for logical_id, entry in document.get("Resources", {}).items():
        member = _LOCAL_CODE.get(entry.get("Type", ""))
        if member is None:
            continue
        properties = entry.setdefault("Properties", {})
        location = properties.get(member)
        if location is None and member == "CodeUri" and "InlineCode" not in properties:
            location = function_defaults.get(member)
        if isinstance(location, str) and not location.startswith("s3://"):
            folder = _source_of(logical_id, entry, location, source_root, source_layers)
            properties[member] = {"Bucket": SOURCE_TREE_BUCKET, "Key": source_tree_key(folder)}
    function_defaults.pop("CodeUri", None)


def _source_of(
    logical_id: str,
    entry: Mapping[str, Any],
    location: str,
    source_root: Path | None,
    source_layers: Mapping[str, Path],
) -> Path:
    if logical_id in source_layers:
        folder = source_layers[logical_id]
    elif entry["Type"].endswith("LayerVersion") and "BuildMethod" in entry.get("Metadata", {}):
        raise TemplateError(
            f"{logical_id}: the layer is made by a build; name the folder to put on the path "
            f"in source_layers={{'{logical_id}': ...}}"
        )
    elif source_root is None:
        raise TemplateError(
            f"{logical_id}: {location} is a local path; deploy with source_root, or package the "
            "template so that it names an s3:// location"
        )
    else:
        folder = source_root / location
    if not folder.exists():
        raise TemplateError(f"{logical_id}: {folder} does not exist")
    return folder


def _translated(
    document: dict[str, Any],
    parameters: Mapping[str, Any],
    region: str,
    clients: Callable[[str], Any],
) -> dict[str, Any]:
    session = boto3.Session(region_name=region)
    values = dict(parameters)
    with _TRANSLATOR:
        to_py27_compatible_template(document, values)
        translator = Translator(None, Parser(), boto_session=session)
        try:
            translated = translator.translate(
                document,
                parameter_values=values,
                get_managed_policy_map=ManagedPolicyLoader(clients("iam")).load,
            )
        except InvalidDocumentException as error:
            causes = "; ".join(cause.message for cause in error.causes) or error.message
            raise TemplateError(f"Transform {SAM_TRANSFORM} failed: {causes}") from error
        finally:
            # Unpublished, the translator's metrics complain on standard error.
            translator.metrics.publish()
        plain = undo_mark_unicode_str_in_template(translated)
    plain.pop("Transform", None)
    # The translator marks strings with a type of its own: JSON gives plain ones back.
    return dict(json.loads(json.dumps(plain)))
