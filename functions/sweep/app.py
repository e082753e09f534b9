"""One slice of the world after the other, now, in; the same verdicts out."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from sentinel.aws.edge import Edge
from sentinel.aws.sweeping import Sweeper

logger = Logger()
edge = Edge()
LEFT_MILLISECONDS = 30_000


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweep ``{"accounts", "regions", "kinds", "rules"}``, or everything; answer what is
    unfinished.
    """

    def enough_time() -> bool:
        return context.get_remaining_time_in_millis() > LEFT_MILLISECONDS

    summary = Sweeper(edge, context.aws_request_id).sweep(event, enough_time)
    logger.info("swept", extra=summary)
    return summary
