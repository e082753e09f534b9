"""Says whether a resource policy admits everybody."""

from __future__ import annotations

from functools import reduce
from operator import or_

from sentinel.iam.actions import ALL, matching
from sentinel.iam.conditions import confined, confines_caller, spares_only
from sentinel.iam.document import Document, Statement


def admits_everybody(document: Document) -> bool:
    """Whether an Allow names the principal `*`, or all but some, and nothing confines it.

    A Deny confines it that is for everybody and spares only some account, organization or network.
    """
    denied = reduce(or_, map(_actions_of, filter(_denies_strangers, document.statements)), 0)
    return any(
        not _actions_of(statement) or _actions_of(statement) & ~denied
        for statement in document.statements
        if statement.effect == "Allow"
        and _names_everybody(statement)
        and not confined(statement.conditions, confines_caller)
    )


def _denies_strangers(statement: Statement) -> bool:
    return (
        statement.effect == "Deny"
        and _names_everybody(statement)
        and spares_only(statement.conditions, confines_caller)
    )


def _actions_of(statement: Statement) -> int:
    """Return the set of actions that a statement is about; none are ones that nobody knows yet."""
    actions = matching(statement.actions)
    return ALL & ~actions if statement.not_action else actions


def _names_everybody(statement: Statement) -> bool:
    if statement.not_principal:
        return True
    return any(p.name == "*" and p.kind in ("*", "AWS") for p in statement.principals or ())
