"""What of AWS the embedded account leaves out."""

from __future__ import annotations

from typing import NamedTuple


class Omission(NamedTuple):
    """One thing that AWS has, and what is here in its place."""

    what: str
    instead: str


NOT_SIMULATED: tuple[Omission, ...] = (
    Omission(
        "Time until CloudTrail's event is there",
        "On AWS seconds to minutes pass between a call and its event; here a few milliseconds do.",
    ),
    Omission(
        "Trails' files",
        "A trail here decides which events reach EventBridge; it writes no objects to its bucket.",
    ),
    Omission(
        "Cold starts and CPU",
        "Functions are processes of this machine's Python, with its speed; memory is not limited.",
    ),
    Omission(
        "Throttling, quotas and concurrency limits",
        "Nothing is throttled unless a test asks for it; eight sandboxes of a function at most.",
    ),
    Omission(
        "Eventual consistency",
        "A read sees every write that was answered, unless a test asks for an older state.",
    ),
    Omission(
        "Expiry of items in DynamoDB",
        "Items with an expiry stay; on AWS they go within days. The code reads the expiry.",
    ),
    Omission(
        "Encryption",
        "Keys exist and nothing is encrypted; kms calls are decided by key and identity policies, "
        "and services that would use a key for somebody do not ask.",
    ),
    Omission(
        "Organizations' policies",
        "SCPs and RCPs are not evaluated; identity policies, boundaries, session policies and the "
        "policies of buses, buckets, functions, keys, queues, roles and topics are.",
    ),
    Omission(
        "Resource policies of AgentCore, DynamoDB and CloudWatch Logs",
        "They are stored and not asked when a call is decided.",
    ),
    Omission(
        "SNS beyond mail and queues",
        "A subscription of a function is refused by name. Mail lies in the mailbox at once.",
    ),
    Omission(
        "Confirmation of mail subscriptions",
        "A subscription counts as confirmed at once; on AWS nothing is delivered before that.",
    ),
    Omission(
        "FIFO queues, shards and ordering at scale",
        "Queues are standard ones; a table's stream has one shard and one batch at a time.",
    ),
    Omission(
        "Alarms, metrics and tracing",
        "An alarm rings when SetAlarmState makes it; metrics are log lines that nobody reads.",
    ),
    Omission(
        "What agents do",
        "A command inside an agent runs nowhere; its output is empty. Models are not called.",
    ),
    Omission(
        "Slack",
        "Messages, edits, threads, limits and errors are Slack's; its look is only like it.",
    ),
    Omission(
        "Operations of AgentCore that no rule needs",
        "They answer 501 with their name; no operation is accepted and then ignored.",
    ),
)
