"""The policy that the demo's team has pushed: whom it watches, and whom it has exempted."""

from __future__ import annotations

from datetime import datetime, timedelta

from sentinel.policy import Policy, parse

from sentinel_cli.demo.people import EXEMPT_ROLE

EXEMPTED_FOR = timedelta(days=90)


def team_policy(hub: str, workload: str, now: datetime) -> Policy:
    """Both accounts are members; one role may have what any other is reported for."""
    return parse(
        {
            "version": 1,
            "members": [{"account": hub}, {"account": workload}],
            "exemptions": [
                {
                    "rule": "iam_bedrock_wildcard",
                    "resource": f"* of role {EXEMPT_ROLE}",
                    "account": workload,
                    "owner": "research",
                    "reason": "compares all models, reviewed every quarter",
                    "expires": (now + EXEMPTED_FOR).date().isoformat(),
                }
            ],
        }
    )
