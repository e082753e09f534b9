"""Provisions AWS::SQS queues and AWS::SNS topics, their policies and subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from embedded_account.cloudformation.conform import as_text
from embedded_account.cloudformation.resource_type import Made, Order, ResourceType, names
from embedded_account.cloudformation.scope import Resource

# SetQueueAttributes keeps what it is not told: these are SQS's defaults for a property taken away.
_QUEUE_DEFAULTS: Final = {
    "DelaySeconds": "0",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
_TOPIC_DEFAULTS: Final = {
    "ContentBasedDeduplication": "false",
    "DisplayName": "",
    "KmsMasterKeyId": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}
_SUBSCRIPTION_FIXED: Final = ("Endpoint", "Protocol", "TopicArn")


def _as_attributes(properties: Mapping[str, Any]) -> dict[str, str]:
    return {name: as_text(value) for name, value in properties.items()}


def _queue_attributes(order: Order) -> dict[str, str]:
    return _as_attributes(order.given_except("QueueName", "Tags"))


def _create_queue(order: Order) -> Made:
    is_fifo = str(order.get("FifoQueue", False)).lower() == "true"
    name = order.name("QueueName", 75)
    if is_fifo and not name.endswith(".fifo"):
        name = f"{name}.fifo"
    url = order.call(
        "sqs",
        "CreateQueue",
        {"QueueName": name, "Attributes": _queue_attributes(order), "tags": order.tag_map()},
    )["QueueUrl"]
    arn = order.identity.arn("sqs", name)
    return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _update_queue(order: Order, resource: Resource) -> Made:
    reset = {n: v for n, v in _QUEUE_DEFAULTS.items() if n in resource.properties}
    attributes = {**reset, **_queue_attributes(order)}
    attributes.pop("FifoQueue", None)
    given = {"QueueUrl": resource.physical_id, "Attributes": attributes}
    order.call("sqs", "SetQueueAttributes", given)
    if order.tag_map():
        tags = {"QueueUrl": resource.physical_id, "Tags": order.tag_map()}
        order.call("sqs", "TagQueue", tags)
    return Made(resource.physical_id, resource.attributes)


def _delete_queue(order: Order, resource: Resource) -> None:
    order.call("sqs", "DeleteQueue", {"QueueUrl": resource.physical_id})


def _set_queue_policy(order: Order, queue: str, document: Any) -> None:
    policy = {"Policy": "" if document is None else as_text(document)}
    order.call("sqs", "SetQueueAttributes", {"QueueUrl": queue, "Attributes": policy})


def _create_queue_policy(order: Order) -> Made:
    for queue in order.properties["Queues"]:
        _set_queue_policy(order, queue, order.properties["PolicyDocument"])
    return Made(f"{order.identity.stack_name}-{order.logical_id}-{order.suffix(12)}")


def _update_queue_policy(order: Order, resource: Resource) -> Made:
    for queue in resource.properties["Queues"]:
        if queue not in order.properties["Queues"]:
            _set_queue_policy(order, queue, None)
    _create_queue_policy(order)
    return Made(resource.physical_id, resource.attributes)


def _delete_queue_policy(order: Order, resource: Resource) -> None:
    for queue in resource.properties["Queues"]:
        _set_queue_policy(order, queue, None)


def _topic_attributes(order: Order) -> dict[str, str]:
    return _as_attributes(order.given_except("Subscription", "Tags", "TopicName"))


def _create_topic(order: Order) -> Made:
    name = order.name("TopicName", 251)
    if str(order.get("FifoTopic", False)).lower() == "true" and not name.endswith(".fifo"):
        name = f"{name}.fifo"
    arn = order.call(
        "sns",
        "CreateTopic",
        {"Name": name, "Attributes": _topic_attributes(order), "Tags": order.tag_list()},
    )["TopicArn"]
    for subscription in order.get("Subscription") or []:
        order.call("sns", "Subscribe", {"TopicArn": arn, **subscription})
    return Made(arn, {"TopicArn": arn, "TopicName": name})


def _update_topic(order: Order, resource: Resource) -> Made:
    arn = resource.physical_id
    reset = {n: v for n, v in _TOPIC_DEFAULTS.items() if n in resource.properties}
    for name, value in {**reset, **_topic_attributes(order)}.items():
        if name != "FifoTopic":
            given = {"TopicArn": arn, "AttributeName": name, "AttributeValue": value}
            order.call("sns", "SetTopicAttributes", given)
    if order.tag_list():
        order.call("sns", "TagResource", {"ResourceArn": arn, "Tags": order.tag_list()})
    return Made(arn, resource.attributes)


def _delete_topic(order: Order, resource: Resource) -> None:
    order.call("sns", "DeleteTopic", {"TopicArn": resource.physical_id})


def _default_topic_policy(order: Order, topic: str) -> dict[str, Any]:
    """The policy that SNS gives a new topic: its own account may use it."""
    owner = {"StringEquals": {"AWS:SourceOwner": order.identity.account}}
    actions = [
        f"SNS:{action}"
        for action in (
            "GetTopicAttributes",
            "SetTopicAttributes",
            "AddPermission",
            "RemovePermission",
            "DeleteTopic",
            "Subscribe",
            "ListSubscriptionsByTopic",
            "Publish",
        )
    ]
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": actions,
        "Resource": topic,
        "Condition": owner,
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


def _set_topic_policy(order: Order, topic: str, document: Any) -> None:
    policy = as_text(document if document is not None else _default_topic_policy(order, topic))
    given = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy}
    order.call("sns", "SetTopicAttributes", given)


def _create_topic_policy(order: Order) -> Made:
    for topic in order.properties["Topics"]:
        _set_topic_policy(order, topic, order.properties["PolicyDocument"])
    name = f"{order.identity.stack_name}-{order.logical_id}-{order.suffix(12)}"
    return Made(name, {"Id": name})


def _update_topic_policy(order: Order, resource: Resource) -> Made:
    for topic in resource.properties["Topics"]:
        if topic not in order.properties["Topics"]:
            _set_topic_policy(order, topic, None)
    _create_topic_policy(order)
    return Made(resource.physical_id, resource.attributes)


def _delete_topic_policy(order: Order, resource: Resource) -> None:
    for topic in resource.properties["Topics"]:
        _set_topic_policy(order, topic, None)


def _create_subscription(order: Order) -> Made:
    given = {
        **order.given("Endpoint", "Protocol", "TopicArn"),
        "Attributes": _as_attributes(order.given_except(*_SUBSCRIPTION_FIXED)),
        "ReturnSubscriptionArn": True,
    }
    arn = order.call("sns", "Subscribe", given)["SubscriptionArn"]
    return Made(arn, {"Arn": arn})


def _update_subscription(order: Order, resource: Resource) -> Made:
    arn = resource.physical_id
    removed = {name: "" for name in resource.properties if name not in order.properties}
    wanted = _as_attributes(order.given_except(*_SUBSCRIPTION_FIXED))
    for name, value in {**removed, **wanted}.items():
        given = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value}
        order.call("sns", "SetSubscriptionAttributes", given)
    return Made(arn, resource.attributes)


def _delete_subscription(order: Order, resource: Resource) -> None:
    order.call("sns", "Unsubscribe", {"SubscriptionArn": resource.physical_id})


RESOURCE_TYPES: Final = (
    ResourceType(
        "AWS::SQS::Queue",
        names(
            "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue "
            "FifoThroughputLimit KmsDataKeyReusePeriodSeconds KmsMasterKeyId MaximumMessageSize "
            "MessageRetentionPeriod QueueName ReceiveMessageWaitTimeSeconds RedriveAllowPolicy "
            "RedrivePolicy SqsManagedSseEnabled Tags VisibilityTimeout"
        ),
        _create_queue,
        _delete_queue,
        _update_queue,
        names("FifoQueue QueueName"),
    ),
    ResourceType(
        "AWS::SQS::QueuePolicy",
        names("PolicyDocument Queues"),
        _create_queue_policy,
        _delete_queue_policy,
        _update_queue_policy,
    ),
    ResourceType(
        "AWS::SNS::Topic",
        names(
            "ContentBasedDeduplication DisplayName FifoTopic KmsMasterKeyId SignatureVersion "
            "Subscription Tags TopicName TracingConfig"
        ),
        _create_topic,
        _delete_topic,
        _update_topic,
        names("FifoTopic Subscription TopicName"),
    ),
    ResourceType(
        "AWS::SNS::TopicPolicy",
        names("PolicyDocument Topics"),
        _create_topic_policy,
        _delete_topic_policy,
        _update_topic_policy,
    ),
    ResourceType(
        "AWS::SNS::Subscription",
        names(
            "DeliveryPolicy Endpoint FilterPolicy FilterPolicyScope Protocol RawMessageDelivery "
            "RedrivePolicy SubscriptionRoleArn TopicArn"
        ),
        _create_subscription,
        _delete_subscription,
        _update_subscription,
        names("Endpoint Protocol TopicArn"),
    ),
)
