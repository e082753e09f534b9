"""Finds the services that a role trusts on anybody's behalf.

A service that assumes a role for whoever asks it is a deputy that can be confused: a stranger's
agent in another account names the role, and the service uses it. A source condition ends that.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel.iam.conditions import confined, confines_source
from sentinel.iam.document import Document, Principal, Statement
from sentinel.iam.glob import matches

AGENT_SERVICES = ("bedrock-agentcore.amazonaws.com", "bedrock.amazonaws.com")


@dataclass(frozen=True, slots=True)
class UnscopedService:
    """A service that one Allow statement trusts without a confining source condition.

    Attributes:
        service: the service principal.
        statement: the statement's index in the document, from 0.
        path: the statement and principal, such as `Statement[0].Principal.Service`.
        conditions: the conditions that are there and do not confine, by operator and key.
    """

    service: str
    statement: int
    path: str
    conditions: tuple[str, ...]


def unscoped_services(
    document: Document, services: tuple[str, ...] = AGENT_SERVICES
) -> tuple[UnscopedService, ...]:
    """Return the services that may assume a role whoever they act for.

    Each Allow statement of sts:AssumeRole stands alone: a second one without a condition undoes
    the first one's. Confining are aws:SourceAccount, aws:SourceArn in a literal account,
    aws:SourceOrgID and aws:SourceOrgPaths.

    Raises:
        InvalidDocumentError: the document is no trust policy.
    """
    document.require_trust_policy()
    return tuple(
        UnscopedService(
            service,
            statement.index,
            f"Statement[{statement.index}].Principal.Service",
            tuple(map(str, statement.conditions)),
        )
        for statement in document.statements
        if statement.effect == "Allow"
        and _allows_assume_role(statement)
        and not confined(statement.conditions, confines_source)
        for service in services
        if _trusts(statement, service)
    )


def _allows_assume_role(statement: Statement) -> bool:
    named = any(matches(pattern.lower(), "sts:assumerole") for pattern in statement.actions)
    return named is not statement.not_action


def _trusts(statement: Statement, service: str) -> bool:
    named = any(_names(principal, service) for principal in statement.principals or ())
    return named is not statement.not_principal


def _names(principal: Principal, service: str) -> bool:
    return principal.kind == "Service" and principal.name.lower() in ("*", service)
