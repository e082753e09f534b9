"""How long things may be: for each limit what the service takes, and what we send at most.

A message over one of Slack's limits is lost as a whole, so ours lie below. Sources:
python-slack-sdk's block models and Slack's pages, SNS's API reference, GitHub's page on SARIF
limits; the total of a message's blocks is undocumented (slackapi/bolt-js#2509).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: *service* is what the other side takes, *ours* what we allow ourselves."""

    of: str
    service: int
    ours: int


SLACK_HEADER = Limit("Slack: characters of a header", 150, 140)
SLACK_SECTION = Limit("Slack: characters of a section's text", 3_000, 2_800)
SLACK_FIELD = Limit("Slack: characters of a field", 2_000, 1_900)
SLACK_FIELDS = Limit("Slack: fields of a section", 10, 10)
SLACK_CONTEXT_ELEMENTS = Limit("Slack: elements of a context block", 10, 10)
SLACK_BLOCKS = Limit("Slack: blocks of a message", 50, 20)
SLACK_ALL_BLOCKS = Limit("Slack: all blocks together, as JSON", 13_200, 12_000)
SLACK_TEXT = Limit("Slack: characters of a message's fallback text", 40_000, 1_000)
SLACK_BLOCK_ID = Limit("Slack: characters of a block's id", 255, 255)
SLACK_URL = Limit("Slack: characters of an address", 3_000, 3_000)

MAIL_SUBJECT = Limit("SNS: characters of a subject", 99, 99)
MAIL_BODY = Limit("SNS: bytes of a message, with its subject", 262_144, 200_000)
MAIL_COLUMNS = Limit("mail: characters of a line (RFC 5322 allows 998)", 998, 72)

SARIF_RESULTS = Limit("GitHub: SARIF results of a run", 25_000, 25_000)

EVIDENCE_VALUE = Limit("ours: characters of one value quoted from AWS", 200, 200)
EVIDENCE_LINES = Limit("ours: values quoted in one notice", 20, 20)
PROSE = Limit("ours: characters of one answer in a mail", 900, 900)
DIGEST_GROUPS = Limit("ours: rules listed in one digest", 40, 40)

ALL: tuple[Limit, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Limit)
)
"""Every row of the table."""
