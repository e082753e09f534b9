"""Queued events and rechecks in, verdicts out."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from sentinel.aws.batch import judge_batch
from sentinel.aws.edge import Edge

logger = Logger()
metrics = Metrics()
edge = Edge()


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Judge a batch of a queue, or one bare event; failed records are delivered again."""
    result = judge_batch(edge, event, context.get_remaining_time_in_millis)
    for error in result.errors:
        logger.error("a record failed and will be delivered again", exc_info=error)
    for name, count in result.counts().items():
        metrics.add_metric(name=name, unit="Count", value=count)
    return result.answer()
