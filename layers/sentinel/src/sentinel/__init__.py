"""What a rule author imports."""

from sentinel.finding import Evidence, Findings, Guard, Severity
from sentinel.rule import Account, Before, Each, Earlier, Lookup, rule
from sentinel.seen import NotKnown

__all__ = [
    "Account",
    "Before",
    "Each",
    "Earlier",
    "Evidence",
    "Findings",
    "Guard",
    "Lookup",
    "NotKnown",
    "Severity",
    "rule",
]
