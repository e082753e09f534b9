"""One slice of the world after the other, now, in; the same verdicts out."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from sentinel.aws.edge import Edge
from sentinel.aws.sweeping import Sweeper

logger = Logger()
metrics = Metrics()
edge = Edge(patient=True)
LEFT_MILLISECONDS = 30_000


@logger.inject_lambda_context
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweep ``{"accounts", "regions", "kinds", "rules"}``, or everything; answer what is
    unfinished and what failed.
    """

    def enough_time() -> bool:
        return context.get_remaining_time_in_millis() > LEFT_MILLISECONDS

    sweeper = Sweeper(edge, context.aws_request_id)
    summary = sweeper.sweep(event, enough_time)
    for error in sweeper.failures.first():
        logger.error("a part of the sweep failed", exc_info=error)
    totals = summary["totals"]
    metrics.add_dimension(name="function_name", value=context.function_name)
    metrics.add_metric(name="SweepFailures", unit="Count", value=totals["errors"])
    logger.info("swept", extra=summary | {"errors": totals["errors"]})
    return summary
