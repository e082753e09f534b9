"""Says whether a resource policy admits everybody."""

from __future__ import annotations

from sentinel.iam.conditions import confined, confines_source
from sentinel.iam.document import Document, Statement


def admits_everybody(document: Document) -> bool:
    """Whether an Allow names the principal `*`, or all but some, and nothing confines it."""
    return any(
        statement.effect == "Allow"
        and _names_everybody(statement)
        and not confined(statement.conditions, confines_source)
        for statement in document.statements
    )


def _names_everybody(statement: Statement) -> bool:
    if statement.not_principal:
        return True
    return any(p.name == "*" and p.kind in ("*", "AWS") for p in statement.principals or ())
