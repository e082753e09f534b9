"""Resolves CloudFormation's intrinsic functions, and lists what a value refers to."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.scope import Scope

NO_VALUE: Final = object()
"""What ``!Ref AWS::NoValue`` becomes: the property or list item that holds it is left out."""

_SUB_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
_CONDITION_FUNCTIONS = frozenset({"Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"})


def function_of(value: Any) -> tuple[str, Any] | None:
    """The intrinsic function that *value* is a call of, with its argument; else None.

    Raises TemplateError for a ``Fn::`` name that this engine does not know.
    """
    if not isinstance(value, Mapping):
        return None
    for name in value:
        if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
            if len(value) != 1:
                raise TemplateError(f"{name} must be the only key beside it, not one of {[*value]}")
            if name not in _FUNCTIONS and name not in _CONDITION_FUNCTIONS:
                raise TemplateError(f"{name} is not supported by the embedded account")
            return name, value[name]
    return None


def resolve(value: Any, scope: Scope) -> Any:
    """*value* with every intrinsic function replaced by its result.

    Raises TemplateError when a function's argument has the wrong form or names something unknown.
    """
    call = function_of(value)
    if call is not None:
        name, argument = call
        if name in _CONDITION_FUNCTIONS:
            raise TemplateError(f"{name} may only be used in the Conditions section")
        return _FUNCTIONS[name](argument, scope)
    if isinstance(value, Mapping):
        members = {key: resolve(member, scope) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not NO_VALUE}
    if isinstance(value, list | tuple):
        items = [resolve(item, scope) for item in value]
        return [item for item in items if item is not NO_VALUE]
    return value


def prune(value: Any, conditions: Mapping[str, bool]) -> Any:
    """*value* with every Fn::If replaced by the branch that its condition selects."""
    call = function_of(value)
    if call is not None and call[0] == "Fn::If":
        return prune(_branch(call[1], conditions), conditions)
    if isinstance(value, Mapping):
        return {key: prune(member, conditions) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [prune(item, conditions) for item in value]
    return value


def references(value: Any) -> Iterator[str]:
    """The names that Ref, Fn::GetAtt and Fn::Sub in *value* refer to, in the template's order."""
    call = function_of(value)
    if call is None:
        members = value.values() if isinstance(value, Mapping) else value
        if isinstance(value, Mapping | list | tuple):
            for member in members:
                yield from references(member)
        return
    name, argument = call
    if name == "Ref":
        yield _text(argument, "Ref")
    elif name == "Fn::GetAtt":
        yield _attribute_path(argument)[0]
    elif name == "Fn::Sub":
        template, variables = _sub_argument(argument)
        yield from references(list(variables.values()))
        for escaped, variable in _SUB_VARIABLE.findall(template):
            if not escaped and variable.strip() not in variables:
                yield variable.strip().partition(".")[0]
    else:
        yield from references(argument)


def evaluate_condition(expression: Any, scope: Scope, named: Callable[[str], bool]) -> bool:
    """Whether a condition of the Conditions section holds; *named* evaluates another condition."""
    if not isinstance(expression, Mapping) or len(expression) != 1:
        raise TemplateError(f"a condition is one function call, not {expression!r}")
    ((name, argument),) = expression.items()
    if name == "Condition":
        return named(_text(argument, "Condition"))
    if name == "Fn::Equals":
        left, right = _items(argument, name, 2)
        return bool(_comparable(resolve(left, scope)) == _comparable(resolve(right, scope)))
    if name == "Fn::Not":
        (negated,) = _items(argument, name, 1)
        return not evaluate_condition(negated, scope, named)
    if name in ("Fn::And", "Fn::Or"):
        operands = [evaluate_condition(operand, scope, named) for operand in _items(argument, name)]
        if not 2 <= len(operands) <= 10:
            raise TemplateError(f"{name} takes 2 to 10 conditions, not {len(operands)}")
        return all(operands) if name == "Fn::And" else any(operands)
    raise TemplateError(f"{name} is not a condition function")


def _comparable(value: Any) -> Any:
    """CloudFormation compares as text: a number 1 equals "1", and true equals "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _text(value: Any, function: str) -> str:
    if not isinstance(value, str):
        raise TemplateError(f"{function} takes a name, not {value!r}")
    return value


def _items(value: Any, function: str, count: int | None = None) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or (count is not None and len(value) != count):
        wanted = "a list" if count is None else f"a list of {count}"
        raise TemplateError(f"{function} takes {wanted}, not {value!r}")
    return value


def _attribute_path(argument: Any) -> tuple[str, Any]:
    if isinstance(argument, str):
        logical_id, dot, attribute = argument.partition(".")
        if not dot:
            raise TemplateError(f"Fn::GetAtt takes Resource.Attribute, not {argument!r}")
        return logical_id, attribute
    logical_id, attribute = _items(argument, "Fn::GetAtt", 2)
    return _text(logical_id, "Fn::GetAtt"), attribute


def _sub_argument(argument: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(argument, str):
        return argument, {}
    template, variables = _items(argument, "Fn::Sub", 2)
    if not isinstance(variables, Mapping):
        raise TemplateError(f"Fn::Sub takes a mapping of variables, not {variables!r}")
    return _text(template, "Fn::Sub"), variables


def _ref(argument: Any, scope: Scope) -> Any:
    name = _text(argument, "Ref")
    if name == "AWS::NoValue":
        return NO_VALUE
    if name in scope.resources:
        return scope.resources[name].physical_id
    try:
        return scope.value_of(name)
    except KeyError as error:
        raise TemplateError(f"Ref {name}: no such parameter or resource") from error


def _get_att(argument: Any, scope: Scope) -> Any:
    logical_id, attribute = _attribute_path(argument)
    attribute = _text(resolve(attribute, scope), "Fn::GetAtt")
    if logical_id not in scope.resources:
        raise TemplateError(f"Fn::GetAtt {logical_id}.{attribute}: no such resource")
    resource = scope.resources[logical_id]
    if attribute not in resource.attributes:
        raise TemplateError(
            f"Fn::GetAtt {logical_id}.{attribute}: {resource.type} has no attribute {attribute} "
            f"here (it has {', '.join(resource.attributes) or 'none'})"
        )
    return resource.attributes[attribute]


def _sub(argument: Any, scope: Scope) -> str:
    template, variables = _sub_argument(argument)
    values = {name: resolve(value, scope) for name, value in variables.items()}

    def replacement(match: re.Match[str]) -> str:
        escaped, variable = match.group(1), match.group(2).strip()
        if escaped:
            return f"${{{match.group(2)}}}"
        if variable in values:
            value = values[variable]
        elif "." in variable:
            value = _get_att(variable, scope)
        else:
            value = _ref(variable, scope)
        if isinstance(value, list | Mapping) or value is NO_VALUE:
            raise TemplateError(f"Fn::Sub ${{{variable}}}: the value is not text")
        return str(_comparable(value))

    return _SUB_VARIABLE.sub(replacement, template)


def _join(argument: Any, scope: Scope) -> str:
    delimiter, values = _items(argument, "Fn::Join", 2)
    items = resolve(values, scope)
    return _text(delimiter, "Fn::Join").join(
        str(_comparable(item)) for item in _items(items, "Fn::Join")
    )


def _select(argument: Any, scope: Scope) -> Any:
    index, values = _items(argument, "Fn::Select", 2)
    items = _items(resolve(values, scope), "Fn::Select")
    position = int(resolve(index, scope))
    if not 0 <= position < len(items):
        raise TemplateError(f"Fn::Select: no item {position} in a list of {len(items)}")
    return items[position]


def _split(argument: Any, scope: Scope) -> list[str]:
    delimiter, source = _items(argument, "Fn::Split", 2)
    return _text(resolve(source, scope), "Fn::Split").split(_text(delimiter, "Fn::Split"))


def _branch(argument: Any, conditions: Mapping[str, bool]) -> Any:
    name, when_true, when_false = _items(argument, "Fn::If", 3)
    if name not in conditions:
        raise TemplateError(f"Fn::If {name}: no such condition")
    return when_true if conditions[name] else when_false


def _if(argument: Any, scope: Scope) -> Any:
    return resolve(_branch(argument, scope.conditions), scope)


def _find_in_map(argument: Any, scope: Scope) -> Any:
    found: Any = scope.mappings
    keys = [resolve(key, scope) for key in _items(argument, "Fn::FindInMap", 3)]
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            raise TemplateError(f"Fn::FindInMap {keys}: no {key!r} in the mapping")
        found = found[key]
    return found


def _base64(argument: Any, scope: Scope) -> str:
    text = _text(resolve(argument, scope), "Fn::Base64")
    return base64.b64encode(text.encode()).decode()


_FUNCTIONS: Final[Mapping[str, Callable[[Any, Scope], Any]]] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
}
