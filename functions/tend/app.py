"""Every five minutes, and when an alarm changes: whatever was left undone is done."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from sentinel.aws.edge import Edge
from sentinel.aws.tending import Tender

logger = Logger()
metrics = Metrics()
edge = Edge()


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do what was left undone, and say how much that was."""
    done = Tender(edge, lambda: context.get_remaining_time_in_millis() / 1000).tend()
    metrics.add_metric(name="Tended", unit="Count", value=done.total())
    for name, count in done.items():
        metrics.add_metric(name=f"Tended{name.capitalize()}", unit="Count", value=count)
    return dict(done)
