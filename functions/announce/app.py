"""The findings' stream in, the sentinel bus out."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from sentinel.aws.announcer import announce_all
from sentinel.aws.edge import Edge

logger = Logger()
edge = Edge()


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Announce the changes of a batch; from the first that failed Lambda tries again."""
    failed = announce_all(edge, event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}
