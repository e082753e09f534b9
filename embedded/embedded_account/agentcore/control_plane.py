"""One control-plane operation: from its parameters to the document that it answers with."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from embedded_account.service_models import service_model

from .errors import conflict, invalid, not_simulated
from .kinds import OPERATIONS, Kind
from .other_operations import OTHER_OPERATIONS
from .shapes import CONTROL, on_the_wire, violations
from .store import AgentCoreBackend, Document, Resource, members_of
from .verbs import create, delete, page, read, select, select_versions, update

SIMULATED = frozenset(OPERATIONS) | frozenset(OTHER_OPERATIONS)

_TRANSITIONAL_STATUS = {"create": "CREATING", "update": "UPDATING", "delete": "DELETING"}


def perform(backend: AgentCoreBackend, operation: str, parameters: Mapping[str, Any]) -> Document:
    """Validate, perform and answer *operation* as the service would.

    Raises Refused with an error of the service model, or NotImplementedException (501) for an
    operation that AWS has and this fake does not.
    """
    if operation not in SIMULATED:
        raise not_simulated(operation)
    model = service_model(CONTROL).operation_model(operation)
    refuse_invalid(model.input_shape, parameters)
    with backend.lock:
        token = (operation, parameters.get("clientToken", ""))
        if token in backend.answers:
            return _same_answer(backend, token, parameters)
        answer: Document = on_the_wire(
            model.output_shape, deepcopy(_answer(backend, operation, model, parameters))
        )
        if token[1]:
            backend.answers[token] = (dict(parameters), answer)
        return answer


def refuse_invalid(shape: Any, parameters: Mapping[str, Any]) -> None:
    """400 with every violation of the input shape, worded as AWS words it."""
    found = [str(violation) for violation in violations(shape, dict(parameters))]
    if found:
        noun = "error" if len(found) == 1 else "errors"
        raise invalid(f"{len(found)} validation {noun} detected: {'; '.join(found)}")


def _same_answer(
    backend: AgentCoreBackend, token: tuple[str, str], parameters: Mapping[str, Any]
) -> Document:
    asked, answer = backend.answers[token]
    if asked != parameters:
        raise conflict(f"clientToken {token[1]} was used with other parameters")
    return answer


def _answer(
    backend: AgentCoreBackend, operation: str, model: Any, parameters: Mapping[str, Any]
) -> Document:
    if operation in OTHER_OPERATIONS:
        return OTHER_OPERATIONS[operation](backend, parameters)
    verb, kind = OPERATIONS[operation]
    if verb in ("list", "versions"):
        selection = select if verb == "list" else select_versions
        return _listing(model, selection(backend, kind, parameters), kind, parameters)
    if verb == "get":
        return _shown(model.output_shape, kind, read(backend, kind, parameters), None, whole=True)
    resource = {"create": create, "update": update, "delete": delete}[verb](
        backend, kind, parameters
    )
    document = dict(resource.document)
    if kind.ready:
        document["status"] = _TRANSITIONAL_STATUS[verb]
    if kind.noun == "PaymentManager":
        document["tags"] = resource.tags
    return _shown(model.output_shape, kind, document, resource.parent, whole=False)


def _listing(
    model: Any, documents: list[Document], kind: Kind, parameters: Mapping[str, Any]
) -> Document:
    members = model.output_shape.members
    (listed,) = (name for name, shape in members.items() if shape.type_name == "list")
    limit = model.input_shape.members["maxResults"].metadata["max"]
    documents, token = page(documents, parameters, limit)
    item = members[listed].member
    items = [_shown(item, kind, document, None, whole=False) for document in documents]
    return {listed: items} | ({"nextToken": token} if token else {})


def _shown(
    shape: Any, kind: Kind, document: Document, parent: Resource | None, *, whole: bool
) -> Document:
    """The members of *document* that *shape* has; with *whole*, the unknown ones too."""
    if kind.wrapper in shape.members:
        inner = shape.members[kind.wrapper]
        return {str(kind.wrapper): _shown(inner, kind, document, parent, whole=whole)}
    shown: Document = {}
    for member in shape.members:
        source = kind.aliases.get(member, member)
        if source in document:
            shown[member] = document[source]
        elif parent and member == parent.kind.identifier:
            shown[member] = parent.key
        elif member == "description" and member in shape.required_members:
            shown[member] = document[kind.name]  # required, though Create leaves it optional
    known = members_of(kind)
    unknown = {m: value for m, value in document.items() if whole and m not in known}
    return shown | unknown
