"""The actions and resources that a call needs, by the table of its service."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from embedded_account.authorization import (
    agentcore,
    data_services,
    event_services,
    management_services,
)
from embedded_account.authorization.need import Need, Rule, UnmappedOperationError, everything, on
from embedded_account.calls import Call

TABLES: Mapping[str, Mapping[str, Rule]] = {
    "cloudformation": management_services.CLOUDFORMATION,
    "cloudtrail": management_services.CLOUDTRAIL,
    "cloudwatch": management_services.CLOUDWATCH,
    "dynamodb": data_services.DYNAMODB,
    "dynamodbstreams": data_services.DYNAMODB_STREAMS,
    "events": event_services.EVENTS,
    "iam": management_services.IAM,
    "kms": management_services.KMS,
    "lambda": event_services.LAMBDA,
    "logs": management_services.LOGS,
    "organizations": management_services.ORGANIZATIONS,
    "resourcegroupstaggingapi": on(everything, "GetResources"),
    "s3": data_services.S3,
    "scheduler": event_services.SCHEDULER,
    "sns": event_services.SNS,
    "sqs": event_services.SQS,
    "ssm": management_services.SSM,
    "stepfunctions": event_services.STATES,
    "sts": management_services.STS,
    "xray": on(everything, "PutTelemetryRecords", "PutTraceSegments"),
}


@cache
def table(service: str) -> Mapping[str, Rule]:
    """The rules of a service by operation; empty when the service has none."""
    if service in ("bedrock-agentcore", "bedrock-agentcore-control"):
        return agentcore.rules(service)
    return TABLES.get(service, {})


def needs(call: Call) -> tuple[Need, ...]:
    """What the call needs, with condition keys; raises UnmappedOperationError for unknown ones."""
    rule = table(call.service).get(call.operation)
    if rule is None:
        raise UnmappedOperationError(call)
    return tuple(rule(call))


def required(call: Call) -> tuple[tuple[str, str], ...]:
    """The (action, resource ARN) pairs that the call needs."""
    return tuple((need.action, need.resource) for need in needs(call))
