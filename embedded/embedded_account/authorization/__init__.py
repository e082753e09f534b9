"""Who calls, what a call needs, and whether IAM's policies in moto allow it."""

from embedded_account.authorization.authorizer import (
    Authorizer,
    Organization,
    Refusal,
    StatementGrant,
    Use,
)
from embedded_account.authorization.moto_state import UnknownAccessKeyError, who
from embedded_account.authorization.need import Need, UnmappedOperationError
from embedded_account.authorization.required_actions import needs, required

__all__ = [
    "Authorizer",
    "Need",
    "Organization",
    "Refusal",
    "StatementGrant",
    "UnknownAccessKeyError",
    "UnmappedOperationError",
    "Use",
    "needs",
    "required",
    "who",
]
