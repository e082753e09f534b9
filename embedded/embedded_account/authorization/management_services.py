"""The actions that calls to IAM, STS, SSM, KMS, Logs, CloudTrail and the other managers need.

Source: Service Authorization Reference, the pages of these services; CloudWatch Logs ARNs as its
own refusals word them (a log group's ARN ends with ``:log-stream:``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.utilities.utils import get_partition

from embedded_account.authorization.need import (
    Need,
    Rule,
    action_of,
    arn,
    everything,
    global_arn,
    member,
    on,
)
from embedded_account.calls import Call

# --- IAM -----------------------------------------------------------------------------------------


def _role(call: Call) -> str:
    name = call.parameters["RoleName"]
    roles = iam_backends[call.account][get_partition(call.region)].roles.values()
    existing = [str(role.arn) for role in roles if role.name == name]
    path = str(call.parameters.get("Path", "/"))
    return existing[0] if existing else global_arn(call, "iam", f"role{path}{name}")


def _user(call: Call) -> str:
    if "UserName" not in call.parameters:
        return call.caller.arn
    name = call.parameters["UserName"]
    users = iam_backends[call.account][get_partition(call.region)].users
    return str(users[name].arn) if name in users else global_arn(call, "iam", f"user/{name}")


def _group(call: Call) -> str:
    return global_arn(call, "iam", f"group/{call.parameters['GroupName']}")


def _new_policy(call: Call) -> str:
    path = call.parameters.get("Path", "/")
    return global_arn(call, "iam", f"policy{path}{call.parameters['PolicyName']}")


def _principal(call: Call) -> str:
    for name, resource in (("RoleName", _role), ("GroupName", _group)):
        if name in call.parameters:
            return resource(call)
    return _user(call)


def _attach(call: Call) -> Iterable[Need]:
    context = {"iam:PolicyARN": str(call.parameters["PolicyArn"])}
    yield Need(action_of(call), _principal(call), context)


def _bounded(call: Call) -> Iterable[Need]:
    boundary = call.parameters.get("PermissionsBoundary")
    context = {"iam:PermissionsBoundary": boundary} if boundary else {}
    yield Need(action_of(call), _principal(call), context)


_ACTIONS_ON_PRINCIPALS = (
    *("CreateGroup", "DeleteGroup", "GetGroup", "AddUserToGroup", "RemoveUserFromGroup"),
    *("DeleteRole", "GetRole", "UpdateRole", "UpdateRoleDescription", "UpdateAssumeRolePolicy"),
    *("TagRole", "UntagRole", "ListRoleTags", "TagUser", "UntagUser", "ListUserTags"),
    *("DeleteUser", "GetUser", "UpdateUser", "ListGroupsForUser"),
    *("CreateAccessKey", "DeleteAccessKey", "UpdateAccessKey", "ListAccessKeys"),
    *("CreateLoginProfile", "DeleteLoginProfile", "UpdateLoginProfile", "GetLoginProfile"),
    *("CreateServiceSpecificCredential", "DeleteServiceSpecificCredential"),
    *("ListServiceSpecificCredentials", "ResetServiceSpecificCredential"),
    "UpdateServiceSpecificCredential",
    *(
        f"{verb}{kind}Policy"
        for verb in ("Put", "Get", "Delete")
        for kind in ("Role", "User", "Group")
    ),
    *(
        f"List{kind}Policies"
        for kind in ("Role", "User", "Group", "AttachedRole", "AttachedUser", "AttachedGroup")
    ),
    *("DeleteRolePermissionsBoundary", "DeleteUserPermissionsBoundary"),
)

IAM: Mapping[str, Rule] = {
    **on(_principal, *_ACTIONS_ON_PRINCIPALS),
    **dict.fromkeys(
        (
            f"{verb}{kind}Policy"
            for verb in ("Attach", "Detach")
            for kind in ("Role", "User", "Group")
        ),
        _attach,
    ),
    **dict.fromkeys(
        ("CreateRole", "CreateUser", "PutRolePermissionsBoundary", "PutUserPermissionsBoundary"),
        _bounded,
    ),
    **on(_new_policy, "CreatePolicy"),
    **on(
        member("PolicyArn"),
        "CreatePolicyVersion",
        "DeletePolicy",
        "DeletePolicyVersion",
        "GetPolicy",
        "GetPolicyVersion",
        "ListEntitiesForPolicy",
        "ListPolicyTags",
        "ListPolicyVersions",
        "SetDefaultPolicyVersion",
        "TagPolicy",
        "UntagPolicy",
    ),
    **on(
        everything,
        "GetAccountAuthorizationDetails",
        "GetAccountSummary",
        "ListAccountAliases",
        "ListGroups",
        "ListPolicies",
        "ListRoles",
        "ListUsers",
    ),
}

# --- STS -----------------------------------------------------------------------------------------


def _assume_role(call: Call) -> Iterator[Need]:
    role = str(call.parameters["RoleArn"])
    context = {
        key: str(call.parameters[name])
        for name, key in (
            ("ExternalId", "sts:ExternalId"),
            ("RoleSessionName", "sts:RoleSessionName"),
            ("SourceIdentity", "sts:SourceIdentity"),
        )
        if name in call.parameters
    }
    yield Need("sts:AssumeRole", role, context)
    if "SourceIdentity" in call.parameters:
        yield Need("sts:SetSourceIdentity", role, context)
    if call.parameters.get("Tags"):
        yield Need("sts:TagSession", role, context)


def _nothing(_: Call) -> Iterable[Need]:
    return ()


STS: Mapping[str, Rule] = {
    "AssumeRole": _assume_role,
    "GetCallerIdentity": _nothing,  # STS API reference: no permissions are required
    **on(everything, "DecodeAuthorizationMessage", "GetAccessKeyInfo"),
}

# --- Systems Manager parameters ------------------------------------------------------------------


def _parameter_arn(call: Call, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return arn(call, "ssm", f"parameter/{name.lstrip('/').split(':')[0]}")


def _parameters(call: Call) -> Iterator[Need]:
    names = call.parameters.get("Names") or [
        call.parameters.get("Name") or call.parameters.get("Path") or call.parameters["ResourceId"]
    ]
    for name in names:
        yield Need(action_of(call), _parameter_arn(call, str(name)))


SSM: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            *("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"),
            *("PutParameter", "DeleteParameter", "DeleteParameters"),
            *("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"),
        ),
        _parameters,
    ),
    **on(everything, "DescribeParameters"),
}

# --- KMS -----------------------------------------------------------------------------------------


def _key(call: Call) -> str:
    """The key's ARN, behind an alias too: an alias's own ARN allows no use of the key."""
    identifier = str(call.parameters.get("KeyId", "*"))  # a symmetric ciphertext names its own key
    if ":key/" in identifier:
        return identifier
    if "alias/" not in identifier:
        return arn(call, "kms", f"key/{identifier}")
    backend = kms_backends[call.account][call.region]
    alias = identifier.rpartition(":")[2]
    target = backend.get_key_id_from_alias(alias)
    return str(backend.keys[backend.get_key_id(target)].arn) if target else arn(call, "kms", alias)


def _create_alias(call: Call) -> Iterator[Need]:
    yield Need("kms:CreateAlias", arn(call, "kms", str(call.parameters["AliasName"])))
    yield Need("kms:CreateAlias", arn(call, "kms", f"key/{call.parameters['TargetKeyId']}"))


KMS: Mapping[str, Rule] = {
    "CreateAlias": _create_alias,
    **on(
        _key,
        "Decrypt",
        "DescribeKey",
        "DisableKey",
        "EnableKey",
        "EnableKeyRotation",
        "Encrypt",
        "GenerateDataKey",
        "GenerateMac",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "GetPublicKey",
        "PutKeyPolicy",
        "ScheduleKeyDeletion",
        "Sign",
        "TagResource",
        "Verify",
        "VerifyMac",
    ),
    **on(lambda call: arn(call, "kms", str(call.parameters["AliasName"])), "DeleteAlias"),
    **on(everything, "CreateKey", "ListAliases", "ListKeys"),
}


# --- CloudWatch Logs -----------------------------------------------------------------------------


def _log_group(call: Call) -> str:
    parameters = call.parameters
    identifier = parameters.get("logGroupIdentifier", "")
    name = parameters.get("logGroupName") or identifier.rpartition("log-group:")[2]
    stream = parameters.get("logStreamName", "")
    return arn(call, "logs", f"log-group:{name}:log-stream:{stream}")


LOGS: Mapping[str, Rule] = {
    **on(
        _log_group,
        "CreateLogGroup",
        "CreateLogStream",
        "DeleteLogGroup",
        "DeleteLogStream",
        "DeleteMetricFilter",
        "DeleteRetentionPolicy",
        "DeleteSubscriptionFilter",
        "DescribeLogGroups",
        "DescribeLogStreams",
        "DescribeMetricFilters",
        "DescribeSubscriptionFilters",
        "FilterLogEvents",
        "GetLogEvents",
        "PutLogEvents",
        "PutMetricFilter",
        "PutRetentionPolicy",
        "PutSubscriptionFilter",
    ),
    **on(everything, "DescribeDeliveries", "DescribeDeliverySources", "PutResourcePolicy"),
}

# --- CloudTrail, CloudWatch, CloudFormation and what is only read --------------------------------


def _trail(call: Call) -> str:
    name = str(call.parameters.get("Name") or call.parameters.get("TrailName"))
    return name if name.startswith("arn:") else arn(call, "cloudtrail", f"trail/{name}")


def _alarms(call: Call) -> Iterator[Need]:
    names = call.parameters.get("AlarmNames") or [call.parameters["AlarmName"]]
    for name in names:
        yield Need(action_of(call), arn(call, "cloudwatch", f"alarm:{name}"))


def _every_alarm(call: Call) -> str:
    """What CloudWatch's own refusals of DescribeAlarms name, whatever the call asks for."""
    return arn(call, "cloudwatch", "alarm:*")


def _put_metrics(call: Call) -> Iterable[Need]:
    context = {"cloudwatch:namespace": str(call.parameters["Namespace"])}
    yield Need("cloudwatch:PutMetricData", "*", context)


def _stack(call: Call) -> str:
    name = str(call.parameters.get("StackName", "*"))
    return name if name.startswith("arn:") else arn(call, "cloudformation", f"stack/{name}/*")


CLOUDTRAIL: Mapping[str, Rule] = {
    **on(
        _trail,
        "CreateTrail",
        "DeleteTrail",
        "GetEventSelectors",
        "GetInsightSelectors",
        "GetTrail",
        "GetTrailStatus",
        "PutEventSelectors",
        "PutInsightSelectors",
        "StartLogging",
        "StopLogging",
        "UpdateTrail",
    ),
    **on(everything, "DescribeTrails", "ListTrails", "LookupEvents"),
}
CLOUDWATCH: Mapping[str, Rule] = {
    **dict.fromkeys(
        ("PutMetricAlarm", "PutCompositeAlarm", "DeleteAlarms", "SetAlarmState"), _alarms
    ),
    "PutMetricData": _put_metrics,
    **on(_every_alarm, "DescribeAlarms"),
    **on(everything, "GetMetricData", "GetMetricStatistics", "ListMetrics"),
    **on(everything, "GetDashboard", "ListDashboards", "PutDashboard"),
}
CLOUDFORMATION: Mapping[str, Rule] = {
    **on(
        _stack,
        "DescribeStackEvents",
        "DescribeStackResource",
        "DescribeStackResources",
        "DescribeStacks",
        "GetTemplate",
        "GetTemplateSummary",
        "ListStackResources",
    ),
    **on(everything, "ListExports", "ListStacks", "ValidateTemplate"),
}
ORGANIZATIONS: Mapping[str, Rule] = on(
    everything,
    *("DescribeOrganization", "ListAccounts", "ListAccountsForParent", "ListRoots"),
    *("ListOrganizationalUnitsForParent", "ListChildren", "ListParents", "DescribeAccount"),
)
