"""The actions that calls to SQS, SNS, EventBridge, Lambda, Step Functions and Scheduler need.

Source: Service Authorization Reference, the pages of these services.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from moto.sqs.models import sqs_backends

from embedded_account.authorization.need import (
    Need,
    Rule,
    action_of,
    arn,
    everything,
    member,
    on,
    passing,
)
from embedded_account.calls import Call

# --- SQS -----------------------------------------------------------------------------------------


def _queue(call: Call) -> str:
    account, name = urlsplit(call.parameters["QueueUrl"]).path.strip("/").split("/")[-2:]
    return arn(call, "sqs", name, account=account)


def _named_queue(call: Call) -> str:
    owner = call.parameters.get("QueueOwnerAWSAccountId")
    return arn(call, "sqs", call.parameters["QueueName"], account=owner)


def _destinations(call: Call, source: str) -> list[str]:
    """Where moved messages go: the queue that is named, or the queues whose messages died here."""
    if "DestinationArn" in call.parameters:
        return [call.parameters["DestinationArn"]]
    queues = sqs_backends[call.account][call.region].queues.values()
    return [
        str(queue.queue_arn)
        for queue in queues
        if queue.dead_letter_queue is not None and queue.dead_letter_queue.queue_arn == source
    ]


def _move_messages(call: Call) -> Iterator[Need]:
    # SQS Developer Guide, "Configuring queue permissions for dead-letter queue redrive".
    source = call.parameters["SourceArn"]
    for action in ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        yield Need(f"sqs:{action}", source)
    for destination in _destinations(call, source):
        yield Need("sqs:SendMessage", destination)


SQS: Mapping[str, Rule] = {
    **on(
        _queue,
        "AddPermission",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "DeleteQueue",
        "GetQueueAttributes",
        "ListDeadLetterSourceQueues",
        "ListQueueTags",
        "PurgeQueue",
        "ReceiveMessage",
        "RemovePermission",
        "SendMessage",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
    ),
    **on(_queue, "SendMessageBatch", action="SendMessage"),
    **on(_queue, "DeleteMessageBatch", action="DeleteMessage"),
    **on(_queue, "ChangeMessageVisibilityBatch", action="ChangeMessageVisibility"),
    **on(_named_queue, "CreateQueue", "GetQueueUrl"),
    **on(everything, "ListQueues", "CancelMessageMoveTask"),
    **on(member("SourceArn"), "ListMessageMoveTasks"),
    "StartMessageMoveTask": _move_messages,
}

# --- SNS -----------------------------------------------------------------------------------------


def _topic(call: Call) -> str:
    parameters = call.parameters
    if "TopicArn" in parameters or "TargetArn" in parameters:
        return str(parameters.get("TopicArn") or parameters["TargetArn"])
    if "ResourceArn" in parameters:
        return str(parameters["ResourceArn"])
    if "Name" in parameters:
        return arn(call, "sns", parameters["Name"])
    return str(parameters["SubscriptionArn"]).rpartition(":")[0]


SNS: Mapping[str, Rule] = {
    **on(
        _topic,
        "AddPermission",
        "ConfirmSubscription",
        "CreateTopic",
        "DeleteTopic",
        "GetSubscriptionAttributes",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "Publish",
        "RemovePermission",
        "SetSubscriptionAttributes",
        "SetTopicAttributes",
        "Subscribe",
        "TagResource",
        "Unsubscribe",
        "UntagResource",
    ),
    **on(_topic, "PublishBatch", action="Publish"),
    **on(everything, "ListSubscriptions", "ListTopics"),
}

# --- EventBridge ---------------------------------------------------------------------------------


def _bus_arn(call: Call, name: str | None) -> str:
    if name and name.startswith("arn:"):
        return name
    return arn(call, "events", f"event-bus/{name or 'default'}")


def _bus(call: Call) -> str:
    return _bus_arn(call, call.parameters.get("Name") or call.parameters.get("EventBusName"))


def _rule(call: Call) -> str:
    name = call.parameters.get("Rule") or call.parameters["Name"]
    bus = str(call.parameters.get("EventBusName") or "default").rpartition("/")[2]
    return arn(call, "events", f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")


def _put_events(call: Call) -> Iterator[Need]:
    for entry in call.parameters["Entries"]:
        context = {"events:eventBusInvocation": "false"}
        if "Source" in entry:
            context["events:source"] = entry["Source"]
        if "DetailType" in entry:
            context["events:detail-type"] = entry["DetailType"]
        yield Need("events:PutEvents", _bus_arn(call, entry.get("EventBusName")), context)


def _put_rule(call: Call) -> Iterator[Need]:
    yield Need("events:PutRule", _rule(call))
    yield from passing(call, call.parameters.get("RoleArn"), "events.amazonaws.com")


def _put_targets(call: Call) -> Iterator[Need]:
    context = {"events:TargetArn": [target["Arn"] for target in call.parameters["Targets"]]}
    yield Need("events:PutTargets", _rule(call), context)
    for target in call.parameters["Targets"]:
        yield from passing(call, target.get("RoleArn"), "events.amazonaws.com")


def _archive(call: Call) -> str:
    return arn(call, "events", f"archive/{call.parameters['ArchiveName']}")


EVENTS: Mapping[str, Rule] = {
    "PutEvents": _put_events,
    "PutRule": _put_rule,
    "PutTargets": _put_targets,
    **on(
        _rule,
        "DeleteRule",
        "DescribeRule",
        "DisableRule",
        "EnableRule",
        "ListTargetsByRule",
        "RemoveTargets",
    ),
    **on(
        _bus,
        "CreateEventBus",
        "DeleteEventBus",
        "DescribeEventBus",
        "PutPermission",
        "RemovePermission",
        "UpdateEventBus",
    ),
    **on(_archive, "CreateArchive", "DeleteArchive", "DescribeArchive", "UpdateArchive"),
    **on(member("ResourceARN"), "ListTagsForResource", "TagResource", "UntagResource"),
    **on(
        everything,
        "ListArchives",
        "ListEventBuses",
        "ListRuleNamesByTarget",
        "ListRules",
        "TestEventPattern",
    ),
}

# --- Lambda --------------------------------------------------------------------------------------


def _function(call: Call) -> str:
    name = str(call.parameters["FunctionName"])
    if name.startswith("arn:"):
        unqualified = ":".join(name.split(":")[:7])
    elif ":function:" in name:  # the partial form account:function:name
        account, _, rest = name.partition(":function:")
        unqualified = arn(call, "lambda", f"function:{rest}", account=account)
    else:
        unqualified = arn(call, "lambda", f"function:{name.split(':')[0]}")
    qualifier = call.parameters.get("Qualifier")
    return f"{unqualified}:{qualifier}" if qualifier else unqualified


def _layer(call: Call) -> str:
    name = str(call.parameters["LayerName"])
    return name if name.startswith("arn:") else arn(call, "lambda", f"layer:{name}")


def _mapping(call: Call) -> str:
    return arn(call, "lambda", f"event-source-mapping:{call.parameters['UUID']}")


def _function_with_role(call: Call) -> Iterator[Need]:
    yield Need(action_of(call), _function(call))
    yield from passing(call, call.parameters.get("Role"), "lambda.amazonaws.com")


LAMBDA: Mapping[str, Rule] = {
    **on(_function, "Invoke", action="InvokeFunction"),
    **dict.fromkeys(("CreateFunction", "UpdateFunctionConfiguration"), _function_with_role),
    **on(
        _function,
        "AddPermission",
        "CreateAlias",
        "CreateFunctionUrlConfig",
        "DeleteFunction",
        "DeleteFunctionConcurrency",
        "DeleteFunctionEventInvokeConfig",
        "DeleteFunctionUrlConfig",
        "GetAlias",
        "GetFunction",
        "GetFunctionConcurrency",
        "GetFunctionConfiguration",
        "GetFunctionEventInvokeConfig",
        "GetFunctionUrlConfig",
        "GetPolicy",
        "ListVersionsByFunction",
        "PublishVersion",
        "PutFunctionConcurrency",
        "PutFunctionEventInvokeConfig",
        "RemovePermission",
        "UpdateFunctionCode",
        "UpdateFunctionUrlConfig",
    ),
    **on(_layer, "PublishLayerVersion"),
    **on(_mapping, "DeleteEventSourceMapping", "GetEventSourceMapping", "UpdateEventSourceMapping"),
    **on(member("Resource"), "ListTags", "TagResource", "UntagResource"),
    **on(
        everything,
        "CreateEventSourceMapping",
        "GetAccountSettings",
        "ListEventSourceMappings",
        "ListFunctions",
        "ListLayers",
    ),
}

# --- Step Functions ------------------------------------------------------------------------------


def _machine(call: Call) -> str:
    if "stateMachineArn" in call.parameters:
        return str(call.parameters["stateMachineArn"])
    return arn(call, "states", f"stateMachine:{call.parameters['name']}")


def _machine_with_role(call: Call) -> Iterable[Need]:
    yield Need(action_of(call), _machine(call))
    yield from passing(call, call.parameters.get("roleArn"), "states.amazonaws.com")


STATES: Mapping[str, Rule] = {
    **dict.fromkeys(("CreateStateMachine", "UpdateStateMachine"), _machine_with_role),
    **on(
        _machine,
        "DeleteStateMachine",
        "DescribeStateMachine",
        "ListExecutions",
        "StartExecution",
        "StartSyncExecution",
    ),
    **on(
        member("executionArn"),
        "DescribeExecution",
        "DescribeStateMachineForExecution",
        "GetExecutionHistory",
        "RedriveExecution",
        "StopExecution",
    ),
    **on(member("resourceArn"), "ListTagsForResource", "TagResource", "UntagResource"),
    # A task token names no state machine; whether IAM can narrow these is not certain, so a policy
    # that names a state machine does not allow them here.
    **on(
        everything,
        "ListStateMachines",
        "SendTaskFailure",
        "SendTaskHeartbeat",
        "SendTaskSuccess",
        "ValidateStateMachineDefinition",
    ),
}

# --- Scheduler -----------------------------------------------------------------------------------


def _schedule(call: Call) -> str:
    group = call.parameters.get("GroupName", "default")
    return arn(call, "scheduler", f"schedule/{group}/{call.parameters['Name']}")


def _schedule_with_role(call: Call) -> Iterable[Need]:
    yield Need(action_of(call), _schedule(call))
    role = call.parameters["Target"].get("RoleArn")
    yield from passing(call, role, "scheduler.amazonaws.com")


SCHEDULER: Mapping[str, Rule] = {
    **dict.fromkeys(("CreateSchedule", "UpdateSchedule"), _schedule_with_role),
    **on(_schedule, "DeleteSchedule", "GetSchedule"),
    **on(everything, "ListSchedules"),
}
