"""A change of state in, Slack and mail out."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from sentinel.aws.edge import Edge
from sentinel.aws.notifier import Notifier

logger = Logger()
metrics = Metrics()
edge = Edge()


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Tell what is untold of the finding or gap that an event of the sentinel bus names."""
    told = Notifier(edge).tell(event["detail"]["fingerprint"])
    metrics.add_metric(name="Told", unit="Count", value=told)
    return {"told": told}
