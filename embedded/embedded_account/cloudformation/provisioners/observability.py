"""Provisions AWS::Logs groups and filters, AWS::CloudWatch alarms and dashboards, and trails."""

from __future__ import annotations

from typing import Any, Final

from embedded_account.cloudformation.resource_type import Made, Order, ResourceType, names
from embedded_account.cloudformation.scope import Resource


def _create_log_group(order: Order) -> Made:
    name = order.name("LogGroupName", 512)
    own = order.given("KmsKeyId", "LogGroupClass")
    tags = {"tags": order.tag_map()} if order.tag_map() else {}
    order.call("logs", "CreateLogGroup", {"LogGroupName": name, **own, **tags})
    _set_retention(order, name, None)
    return Made(name, {"Arn": f"{order.identity.arn('logs', f'log-group:{name}')}:*"})


def _set_retention(order: Order, name: str, before: Any) -> None:
    if "RetentionInDays" in order.properties:
        given = {"LogGroupName": name, **order.given("RetentionInDays")}
        order.call("logs", "PutRetentionPolicy", given)
    elif before is not None:
        order.call("logs", "DeleteRetentionPolicy", {"LogGroupName": name})


def _update_log_group(order: Order, resource: Resource) -> Made:
    _set_retention(order, resource.physical_id, resource.properties.get("RetentionInDays"))
    if order.tag_map():
        given = {"LogGroupName": resource.physical_id, "tags": order.tag_map()}
        order.call("logs", "TagLogGroup", given)
    return Made(resource.physical_id, resource.attributes)


def _delete_log_group(order: Order, resource: Resource) -> None:
    order.call("logs", "DeleteLogGroup", {"LogGroupName": resource.physical_id})


def _put_metric_filter(order: Order, name: str) -> Made:
    transformations = []
    for entry in order.properties["MetricTransformations"]:
        dimensions = {d["Key"]: d["Value"] for d in entry.get("Dimensions") or []}
        plain = {key: value for key, value in entry.items() if key != "Dimensions"}
        transformations.append({**plain, "Dimensions": dimensions} if dimensions else plain)
    order.call(
        "logs",
        "PutMetricFilter",
        {
            **order.given_except("FilterName", "MetricTransformations"),
            "FilterName": name,
            "MetricTransformations": transformations,
        },
    )
    return Made(name)


def _create_metric_filter(order: Order) -> Made:
    return _put_metric_filter(order, order.name("FilterName", 512))


def _update_metric_filter(order: Order, resource: Resource) -> Made:
    return _put_metric_filter(order, resource.physical_id)


def _delete_metric_filter(order: Order, resource: Resource) -> None:
    given = {
        "LogGroupName": resource.properties["LogGroupName"],
        "FilterName": resource.physical_id,
    }
    order.call("logs", "DeleteMetricFilter", given)


def _tag_alarm(order: Order, made: Made) -> Made:
    """Tag an alarm that exists: the Put operations take tags for new alarms only."""
    if order.tag_list():
        given = {"ResourceARN": made.attributes["Arn"], "Tags": order.tag_list()}
        order.call("cloudwatch", "TagResource", given)
    return made


def _put_alarm(order: Order, operation: str, name: str) -> Made:
    tags = {"Tags": order.tag_list()} if order.tag_list() else {}
    given = {**order.given_except("AlarmName", "Tags"), "AlarmName": name, **tags}
    order.call("cloudwatch", operation, given)
    return Made(name, {"Arn": order.identity.arn("cloudwatch", f"alarm:{name}")})


def _create_alarm(order: Order) -> Made:
    return _put_alarm(order, "PutMetricAlarm", order.name("AlarmName", 255))


def _update_alarm(order: Order, resource: Resource) -> Made:
    return _tag_alarm(order, _put_alarm(order, "PutMetricAlarm", resource.physical_id))


def _create_composite_alarm(order: Order) -> Made:
    return _put_alarm(order, "PutCompositeAlarm", order.name("AlarmName", 255))


def _update_composite_alarm(order: Order, resource: Resource) -> Made:
    return _tag_alarm(order, _put_alarm(order, "PutCompositeAlarm", resource.physical_id))


def _delete_alarm(order: Order, resource: Resource) -> None:
    order.call("cloudwatch", "DeleteAlarms", {"AlarmNames": [resource.physical_id]})


def _put_dashboard(order: Order, name: str) -> Made:
    given = {"DashboardName": name, **order.given("DashboardBody")}
    order.call("cloudwatch", "PutDashboard", given)
    return Made(name)


def _create_dashboard(order: Order) -> Made:
    return _put_dashboard(order, order.name("DashboardName", 255))


def _update_dashboard(order: Order, resource: Resource) -> Made:
    return _put_dashboard(order, resource.physical_id)


def _delete_dashboard(order: Order, resource: Resource) -> None:
    order.call("cloudwatch", "DeleteDashboards", {"DashboardNames": [resource.physical_id]})


_TRAIL_APART = (
    "AdvancedEventSelectors",
    "EventSelectors",
    "InsightSelectors",
    "IsLogging",
    "Tags",
    "TrailName",
)


def _trail_parameters(order: Order, name: str) -> dict[str, Any]:
    return {**order.given_except(*_TRAIL_APART), "Name": name}


def _set_trail(order: Order, name: str) -> None:
    selectors = order.given("AdvancedEventSelectors", "EventSelectors")
    if selectors:
        order.call("cloudtrail", "PutEventSelectors", {"TrailName": name, **selectors})
    if "InsightSelectors" in order.properties:
        given = {"TrailName": name, **order.given("InsightSelectors")}
        order.call("cloudtrail", "PutInsightSelectors", given)
    is_logging = str(order.properties["IsLogging"]).lower() == "true"
    order.call("cloudtrail", "StartLogging" if is_logging else "StopLogging", {"Name": name})


def _create_trail(order: Order) -> Made:
    name = order.name("TrailName", 128)
    tags = {"TagsList": order.tag_list()} if order.tag_list() else {}
    answer = order.call("cloudtrail", "CreateTrail", {**_trail_parameters(order, name), **tags})
    _set_trail(order, name)
    attributes = {"Arn": answer["TrailARN"]}
    if "SnsTopicARN" in answer:
        attributes["SnsTopicArn"] = answer["SnsTopicARN"]
    return Made(name, attributes)


def _update_trail(order: Order, resource: Resource) -> Made:
    name = resource.physical_id
    order.call("cloudtrail", "UpdateTrail", _trail_parameters(order, name))
    _set_trail(order, name)
    if order.tag_list():
        given = {"ResourceId": resource.attributes["Arn"], "TagsList": order.tag_list()}
        order.call("cloudtrail", "AddTags", given)
    return Made(name, resource.attributes)


def _delete_trail(order: Order, resource: Resource) -> None:
    order.call("cloudtrail", "DeleteTrail", {"Name": resource.physical_id})


_ALARM_COMMON = (
    "ActionsEnabled AlarmActions AlarmDescription AlarmName InsufficientDataActions OKActions Tags"
)

RESOURCE_TYPES: Final = (
    ResourceType(
        "AWS::Logs::LogGroup",
        names("KmsKeyId LogGroupClass LogGroupName RetentionInDays Tags"),
        _create_log_group,
        _delete_log_group,
        _update_log_group,
        names("KmsKeyId LogGroupClass LogGroupName"),
    ),
    ResourceType(
        "AWS::Logs::MetricFilter",
        names("ApplyOnTransformedLogs FilterName FilterPattern LogGroupName MetricTransformations"),
        _create_metric_filter,
        _delete_metric_filter,
        _update_metric_filter,
        names("FilterName LogGroupName"),
    ),
    ResourceType(
        "AWS::CloudWatch::Alarm",
        names(_ALARM_COMMON)
        | names(
            "ComparisonOperator DatapointsToAlarm Dimensions EvaluateLowSampleCountPercentile "
            "EvaluationPeriods ExtendedStatistic MetricName Metrics Namespace Period Statistic "
            "Threshold ThresholdMetricId TreatMissingData Unit"
        ),
        _create_alarm,
        _delete_alarm,
        _update_alarm,
        names("AlarmName"),
    ),
    ResourceType(
        "AWS::CloudWatch::CompositeAlarm",
        names(_ALARM_COMMON)
        | names(
            "ActionsSuppressor ActionsSuppressorExtensionPeriod ActionsSuppressorWaitPeriod "
            "AlarmRule"
        ),
        _create_composite_alarm,
        _delete_alarm,
        _update_composite_alarm,
        names("AlarmName"),
    ),
    ResourceType(
        "AWS::CloudWatch::Dashboard",
        names("DashboardBody DashboardName"),
        _create_dashboard,
        _delete_dashboard,
        _update_dashboard,
        names("DashboardName"),
    ),
    ResourceType(
        "AWS::CloudTrail::Trail",
        frozenset(_TRAIL_APART)
        | names(
            "CloudWatchLogsLogGroupArn CloudWatchLogsRoleArn EnableLogFileValidation "
            "IncludeGlobalServiceEvents IsMultiRegionTrail IsOrganizationTrail KMSKeyId "
            "S3BucketName S3KeyPrefix SnsTopicName"
        ),
        _create_trail,
        _delete_trail,
        _update_trail,
        names("TrailName"),
    ),
)
