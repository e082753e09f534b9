"""What the embedded account believes about AWS where sources disagree or nobody has tried it."""

from __future__ import annotations

from embedded_account.agentcore.beliefs import BELIEFS as AGENTCORE_BELIEFS
from embedded_account.agentcore.beliefs import Belief

_UNDOCUMENTED = "undocumented; the reading that is worse for the user"

ACCOUNT_BELIEFS: tuple[Belief, ...] = (
    Belief(
        "PutEvents refuses a request whose entries have more than 256 KB together.",
        "EventBridge API reference, PutEvents; the user guide speaks of 1 MB for newer buses",
    ),
    Belief(
        "An event that a rule forwarded to another bus is not forwarded again: the second hop "
        "goes to the rule's dead-letter queue, or is dropped.",
        "EventBridge user guide, sending events between accounts and between Regions",
    ),
    Belief(
        "A target in another Region that is no event bus fails with INVALID_PARAMETER.",
        "EventBridge user guide, targets; PutTargets may refuse it already",
    ),
    Belief(
        "A bus of another account or Region as target needs a role; the receiving bus's policy "
        "is asked as well.",
        "EventBridge user guide, cross-account and cross-Region delivery",
    ),
    Belief(
        "A dead-letter queue of a rule that refuses EventBridge loses the event.",
        "EventBridge user guide, dead-letter queues",
    ),
    Belief(
        "Records that a function reports as failed count as an attempt of the whole rest of the "
        "stream's batch; a bisected batch does not.",
        "Lambda guide, DynamoDB streams; how the two add up is not written down",
    ),
    Belief(
        "A batch of SQS messages ends at 6 MB of bodies; attributes are not counted.",
        "Lambda quotas name the invocation's payload; what is counted is undocumented",
    ),
    Belief(
        "A batch answer with an unknown or empty identifier fails the whole batch.",
        "Lambda guide, partial batch responses for SQS and for DynamoDB streams",
    ),
    Belief(
        "A failure that cannot be sent to a function's destination is lost.",
        _UNDOCUMENTED,
    ),
    Belief(
        "A refusal has the code AccessDeniedException, except AccessDenied of CloudFormation, "
        "CloudWatch, IAM, S3, SQS and STS, and AuthorizationError of SNS; the ends of the "
        "messages may differ from AWS's.",
        "IAM user guide, troubleshooting access denied messages; the codes from memory",
    ),
    Belief(
        "Of AWS's own policies GetAccountAuthorizationDetails answers with those that somebody "
        "in the account holds.",
        "what exports of real accounts hold; the API reference does not say",
    ),
    Belief(
        "Lambda's pollers act with the function's role and stop while it lacks a right.",
        "Lambda guide, execution role permissions for SQS and for DynamoDB streams",
    ),
)

BELIEFS = (*ACCOUNT_BELIEFS, *AGENTCORE_BELIEFS)

__all__ = ["ACCOUNT_BELIEFS", "AGENTCORE_BELIEFS", "BELIEFS", "Belief"]
