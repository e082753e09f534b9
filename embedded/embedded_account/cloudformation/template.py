"""A CloudFormation template with its parameters filled in: which resources, in which order."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.intrinsics import (
    evaluate_condition,
    prune,
    references,
    resolve,
)
from embedded_account.cloudformation.parameters import parameter_values
from embedded_account.cloudformation.scope import Scope, StackIdentity

_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
    }
)
_RESOURCE_ATTRIBUTES = frozenset(
    {
        "Condition",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "Type",
        "UpdateReplacePolicy",
    }
)
_OUTPUT_ATTRIBUTES = frozenset({"Condition", "Description", "Value"})
_DELETION_POLICIES = frozenset({"Delete", "Retain", "RetainExceptOnCreate"})


@dataclass(frozen=True, slots=True)
class Declaration:
    """One resource as the template declares it, its Fn::If already decided."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    deletion_policy: str
    update_replace_policy: str


@dataclass(frozen=True, slots=True)
class Template:
    """A template for one stack: what to make, in an order in which every reference is known."""

    scope: Scope
    declarations: tuple[Declaration, ...]
    outputs: Mapping[str, Mapping[str, Any]]


def load_template(
    document: Mapping[str, Any], *, parameters: Mapping[str, Any], identity: StackIdentity
) -> Template:
    """Check *document* (after the SAM transform, if any) and order its resources.

    Raises TemplateError for an unknown section, attribute or function, a reference to nothing, a
    circular dependency, and a wrong parameter.
    """
    _refuse_unknown("Template", document, _SECTIONS)
    resources: Mapping[str, Mapping[str, Any]] = document.get("Resources") or {}
    if not resources:
        raise TemplateError("At least one Resources member must be defined.")
    values = parameter_values(document.get("Parameters") or {}, parameters)
    scope = Scope(identity, values, document.get("Mappings") or {})
    scope = replace(scope, conditions=_conditions(document.get("Conditions") or {}, scope))
    for logical_id, entry in resources.items():
        _refuse_unknown(f"Resource {logical_id}", entry, _RESOURCE_ATTRIBUTES)
    _refuse_dangling(document, scope)
    made = {
        logical_id: _declaration(logical_id, entry, resources, scope)
        for logical_id, entry in resources.items()
        if _holds(entry, scope, f"Resource {logical_id}")
    }
    return Template(scope, _ordered(made), _outputs(document.get("Outputs") or {}, scope))


def resolve_outputs(template: Template, scope: Scope) -> dict[str, str]:
    """The stack's outputs, as text."""
    return {
        name: str(resolve(entry.get("Value"), scope)) for name, entry in template.outputs.items()
    }


def _refuse_unknown(where: str, entry: Any, known: frozenset[str]) -> None:
    if not isinstance(entry, Mapping):
        raise TemplateError(f"{where}: expected a mapping, not {entry!r}")
    for key in entry:
        if key not in known:
            raise TemplateError(f"{where}: {key} is not supported by the embedded account")


def _conditions(expressions: Mapping[str, Any], scope: Scope) -> dict[str, bool]:
    known: dict[str, bool] = {}

    def evaluate(name: str, asked_by: tuple[str, ...]) -> bool:
        if name not in expressions:
            raise TemplateError(f"Condition {name}: no such condition")
        if name in asked_by:
            raise TemplateError(f"Circular dependency between conditions: {[*asked_by, name]}")
        if name not in known:
            known[name] = evaluate_condition(
                expressions[name], scope, lambda other: evaluate(other, (*asked_by, name))
            )
        return known[name]

    return {name: evaluate(name, ()) for name in expressions}


def _holds(entry: Mapping[str, Any], scope: Scope, where: str) -> bool:
    name = entry.get("Condition")
    if name is None:
        return True
    if name not in scope.conditions:
        raise TemplateError(f"{where}: the condition {name} does not exist")
    return scope.conditions[name]


def _refuse_dangling(document: Mapping[str, Any], scope: Scope) -> None:
    known = {
        *document["Resources"],
        *scope.parameters,
        *scope.identity.pseudo_parameters(),
        "AWS::NoValue",
    }
    properties = [entry.get("Properties") for entry in document["Resources"].values()]
    for section, value in (("Resources", properties), ("Outputs", document.get("Outputs") or {})):
        dangling = sorted({name for name in references(value) if name not in known})
        if dangling:
            raise TemplateError(
                f"Unresolved resource dependencies {dangling} in the {section} block "
                "of the template"
            )


def _declaration(
    logical_id: str,
    entry: Mapping[str, Any],
    resources: Mapping[str, Any],
    scope: Scope,
) -> Declaration:
    if not isinstance(entry.get("Type"), str):
        raise TemplateError(f"Resource {logical_id}: Type is missing")
    properties = prune(entry.get("Properties") or {}, scope.conditions)
    explicit = entry.get("DependsOn") or []
    explicit = [explicit] if isinstance(explicit, str) else explicit
    for name in explicit:
        if name not in resources:
            raise TemplateError(f"Resource {logical_id}: DependsOn {name}: no such resource")
    depends_on = dict.fromkeys([*explicit, *references(properties)])
    return Declaration(
        logical_id=logical_id,
        type=entry["Type"],
        properties=properties,
        depends_on=tuple(name for name in depends_on if name in resources),
        deletion_policy=_policy(logical_id, entry, "DeletionPolicy"),
        update_replace_policy=_policy(logical_id, entry, "UpdateReplacePolicy"),
    )


def _policy(logical_id: str, entry: Mapping[str, Any], attribute: str) -> str:
    policy = str(entry.get(attribute, "Delete"))
    if policy not in _DELETION_POLICIES:
        raise TemplateError(f"Resource {logical_id}: {attribute} {policy} is not supported")
    return policy


def _ordered(declarations: Mapping[str, Declaration]) -> tuple[Declaration, ...]:
    graph = {
        name: [other for other in declaration.depends_on if other in declarations]
        for name, declaration in declarations.items()
    }
    try:
        order: Sequence[str] = [*graphlib.TopologicalSorter(graph).static_order()]
    except graphlib.CycleError as error:
        cycle = ", ".join(sorted(set(error.args[1])))
        raise TemplateError(f"Circular dependency between resources: [{cycle}]") from error
    return tuple(declarations[name] for name in order)


def _outputs(entries: Mapping[str, Any], scope: Scope) -> dict[str, Mapping[str, Any]]:
    for name, entry in entries.items():
        _refuse_unknown(f"Output {name}", entry, _OUTPUT_ATTRIBUTES)
    return {
        name: entry for name, entry in entries.items() if _holds(entry, scope, f"Output {name}")
    }
