"""Judges the text of IAM policies: what it grants on Bedrock and AgentCore, and whom it trusts."""

from sentinel.iam.actions import ACTIONS, Access, Action
from sentinel.iam.document import (
    Condition,
    Document,
    InvalidDocumentError,
    Principal,
    Statement,
    parse,
)
from sentinel.iam.glob import any_matches
from sentinel.iam.grade import Grade, Grant, bedrock_grants
from sentinel.iam.resource_policy import admits_everybody
from sentinel.iam.trust import UnscopedService, unscoped_services

__all__ = [
    "ACTIONS",
    "Access",
    "Action",
    "Condition",
    "Document",
    "Grade",
    "Grant",
    "InvalidDocumentError",
    "Principal",
    "Statement",
    "UnscopedService",
    "admits_everybody",
    "any_matches",
    "bedrock_grants",
    "parse",
    "unscoped_services",
]
