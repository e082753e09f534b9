"""What calls need, and whether the policies in moto allow them, for every kind of caller."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from embedded_account.authorization import (
    Authorizer,
    Need,
    Organization,
    StatementGrant,
    UnknownAccessKeyError,
    UnmappedOperationError,
    Use,
    needs,
    required,
    who,
)
from embedded_account.calls import Call, Caller
from moto import mock_aws

HUB, WORKLOAD = "111122223333", "444455556666"
REGION = "eu-central-1"
TABLE = f"arn:aws:dynamodb:{REGION}:{HUB}:table/findings"
QUEUE = f"arn:aws:sqs:{REGION}:{HUB}:changes"
BUS = f"arn:aws:events:{REGION}:{HUB}:event-bus/ingest"
RULE = f"arn:aws:events:{REGION}:{HUB}:rule/ingest/changes"
ROLE = f"arn:aws:iam::{HUB}:role/evaluate"
ORGANIZATION = Organization("o-exampleorgid", frozenset({HUB, WORKLOAD}))


def _call(
    service: str,
    operation: str,
    caller: Caller | None = None,
    *,
    account: str = HUB,
    source_ip: str = "198.51.100.7",
    **parameters: Any,
) -> Call:
    root = Caller(account, f"arn:aws:iam::{account}:root", "Root")
    return Call(
        account=account,
        region=REGION,
        service=service,
        operation=operation,
        parameters=parameters,
        caller=caller or root,
        request_id="request",
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        source_ip=source_ip,
    )


@pytest.fixture
def moto_is_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield


def _client(service: str, account: str = HUB) -> Any:
    client = boto3.client(service, region_name=REGION)

    def say_account(request: Any, **_: Any) -> None:
        request.headers["x-moto-account-id"] = account

    client.meta.events.register("before-sign", say_account)
    return client


def _statement(action: Any, resource: Any = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | elements


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _trust(principal: Any, **elements: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return _document(statement | elements)


def _role(
    name: str, *statements: dict[str, Any], account: str = HUB, trust: str | None = None
) -> Caller:
    iam = _client("iam", account)
    trusted = trust or _trust({"Service": "lambda.amazonaws.com"})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    if statements:
        document = _document(*statements)
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document)
    session = f"arn:aws:sts::{account}:assumed-role/{name}/session"
    return Caller(account, session, "AssumedRole", role_arn=arn)


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "")
    return content.getvalue()


# --- what calls need -----------------------------------------------------------------------------

QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/{HUB}/changes"
KEY = {"pk": {"S": "a"}}
AGENTCORE = f"arn:aws:bedrock-agentcore:{REGION}:{HUB}"
LOG_GROUP = f"arn:aws:logs:{REGION}:{HUB}:log-group:/aws/lambda/evaluate"
FUNCTION = f"arn:aws:lambda:{REGION}:{HUB}:function:evaluate"

NEEDED: tuple[tuple[str, str, dict[str, Any], list[tuple[str, str]]], ...] = (
    ("dynamodb", "GetItem", {"TableName": "findings", "Key": KEY}, [("dynamodb:GetItem", TABLE)]),
    ("dynamodb", "PutItem", {"TableName": TABLE, "Item": KEY}, [("dynamodb:PutItem", TABLE)]),
    ("dynamodb", "Query", {"TableName": "findings"}, [("dynamodb:Query", TABLE)]),
    (
        "dynamodb",
        "Query",
        {"TableName": "findings", "IndexName": "open"},
        [("dynamodb:Query", f"{TABLE}/index/open")],
    ),
    (
        "dynamodb",
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Put": {"TableName": "findings", "Item": KEY}},
                {"Update": {"TableName": "memory", "Key": KEY}},
                {"Delete": {"TableName": "findings", "Key": KEY}},
                {"ConditionCheck": {"TableName": "memory", "Key": KEY}},
            ]
        },
        [
            ("dynamodb:PutItem", TABLE),
            ("dynamodb:UpdateItem", TABLE.replace("findings", "memory")),
            ("dynamodb:DeleteItem", TABLE),
            ("dynamodb:ConditionCheckItem", TABLE.replace("findings", "memory")),
        ],
    ),
    (
        "dynamodb",
        "TransactGetItems",
        {"TransactItems": [{"Get": {"TableName": "findings", "Key": KEY}}]},
        [("dynamodb:GetItem", TABLE)],
    ),
    (
        "dynamodb",
        "BatchWriteItem",
        {"RequestItems": {"findings": [], "memory": []}},
        [
            ("dynamodb:BatchWriteItem", TABLE),
            ("dynamodb:BatchWriteItem", TABLE.replace("findings", "memory")),
        ],
    ),
    ("sqs", "SendMessageBatch", {"QueueUrl": QUEUE_URL}, [("sqs:SendMessage", QUEUE)]),
    ("sqs", "DeleteMessageBatch", {"QueueUrl": QUEUE_URL}, [("sqs:DeleteMessage", QUEUE)]),
    (
        "sqs",
        "ReceiveMessage",
        {"QueueUrl": "http://127.0.0.1:1/111122223333/changes"},
        [("sqs:ReceiveMessage", QUEUE)],
    ),
    (
        "sqs",
        "StartMessageMoveTask",
        {"SourceArn": f"{QUEUE}-dead", "DestinationArn": QUEUE},
        [
            *(
                (f"sqs:{action}", f"{QUEUE}-dead")
                for action in (
                    "StartMessageMoveTask",
                    "ReceiveMessage",
                    "DeleteMessage",
                    "GetQueueAttributes",
                )
            ),
            ("sqs:SendMessage", QUEUE),
        ],
    ),
    ("sns", "Publish", {"TopicArn": "arn:aws:sns:r:1:t"}, [("sns:Publish", "arn:aws:sns:r:1:t")]),
    (
        "ssm",
        "GetParameters",
        {"Names": ["/a/b", "c"]},
        [
            ("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{HUB}:parameter/a/b"),
            ("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{HUB}:parameter/c"),
        ],
    ),
    ("s3", "HeadObject", {"Bucket": "b", "Key": "k"}, [("s3:GetObject", "arn:aws:s3:::b/k")]),
    (
        "s3",
        "GetObject",
        {"Bucket": "b", "Key": "k", "VersionId": "1"},
        [("s3:GetObjectVersion", "arn:aws:s3:::b/k")],
    ),
    (
        "s3",
        "CopyObject",
        {"Bucket": "b", "Key": "k", "CopySource": "a/x%20y", "Tagging": "t=1"},
        [
            ("s3:GetObject", "arn:aws:s3:::a/x y"),
            ("s3:PutObject", "arn:aws:s3:::b/k"),
            ("s3:PutObjectTagging", "arn:aws:s3:::b/k"),
        ],
    ),
    ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
    ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
    (
        "s3",
        "PutBucketEncryption",
        {"Bucket": "b"},
        [("s3:PutEncryptionConfiguration", "arn:aws:s3:::b")],
    ),
    (
        "events",
        "PutEvents",
        {"Entries": [{"EventBusName": "ingest"}, {"EventBusName": BUS}, {}]},
        [
            ("events:PutEvents", BUS),
            ("events:PutEvents", BUS),
            ("events:PutEvents", BUS.replace("ingest", "default")),
        ],
    ),
    (
        "events",
        "PutTargets",
        {"Rule": "changes", "EventBusName": "ingest", "Targets": [{"Arn": "a", "RoleArn": ROLE}]},
        [("events:PutTargets", RULE), ("iam:PassRole", ROLE)],
    ),
    (
        "lambda",
        "Invoke",
        {"FunctionName": "evaluate", "Qualifier": "live"},
        [("lambda:InvokeFunction", f"{FUNCTION}:live")],
    ),
    ("lambda", "GetFunction", {"FunctionName": FUNCTION}, [("lambda:GetFunction", FUNCTION)]),
    (
        "lambda",
        "CreateFunction",
        {"FunctionName": "evaluate", "Role": ROLE},
        [("lambda:CreateFunction", FUNCTION), ("iam:PassRole", ROLE)],
    ),
    (
        "stepfunctions",
        "StartExecution",
        {"stateMachineArn": "arn:aws:states:r:1:stateMachine:m"},
        [("states:StartExecution", "arn:aws:states:r:1:stateMachine:m")],
    ),
    ("stepfunctions", "SendTaskSuccess", {"taskToken": "t"}, [("states:SendTaskSuccess", "*")]),
    (
        "logs",
        "PutLogEvents",
        {"logGroupName": "/aws/lambda/evaluate", "logStreamName": "s"},
        [("logs:PutLogEvents", f"{LOG_GROUP}:log-stream:s")],
    ),
    ("sts", "GetCallerIdentity", {}, []),
    (
        "sts",
        "AssumeRole",
        {"RoleArn": ROLE, "SourceIdentity": "jane", "Tags": [{"Key": "a", "Value": "b"}]},
        [
            ("sts:AssumeRole", ROLE),
            ("sts:SetSourceIdentity", ROLE),
            ("sts:TagSession", ROLE),
        ],
    ),
    ("iam", "PutRolePolicy", {"RoleName": "evaluate"}, [("iam:PutRolePolicy", ROLE)]),
    (
        "iam",
        "AttachUserPolicy",
        {"UserName": "jane", "PolicyArn": "p"},
        [("iam:AttachUserPolicy", f"arn:aws:iam::{HUB}:user/jane")],
    ),
    (
        "iam",
        "GetAccountAuthorizationDetails",
        {},
        [("iam:GetAccountAuthorizationDetails", "*")],
    ),
    (
        "cloudtrail",
        "StopLogging",
        {"Name": "watch"},
        [("cloudtrail:StopLogging", f"arn:aws:cloudtrail:{REGION}:{HUB}:trail/watch")],
    ),
    (
        "kms",
        "GenerateMac",
        {"KeyId": "alias/unknown"},
        [("kms:GenerateMac", f"arn:aws:kms:{REGION}:{HUB}:alias/unknown")],
    ),
    ("cloudwatch", "PutMetricData", {"Namespace": "s"}, [("cloudwatch:PutMetricData", "*")]),
    (
        "cloudformation",
        "DescribeStacks",
        {"StackName": "hub"},
        [
            (
                "cloudformation:DescribeStacks",
                f"arn:aws:cloudformation:{REGION}:{HUB}:stack/hub/*",
            )
        ],
    ),
    (
        "bedrock-agentcore-control",
        "CreateGateway",
        {"name": "g", "roleArn": ROLE},
        [("bedrock-agentcore:CreateGateway", "*"), ("iam:PassRole", ROLE)],
    ),
    (
        "bedrock-agentcore-control",
        "GetGatewayTarget",
        {"gatewayIdentifier": "g-1", "targetId": "T"},
        [("bedrock-agentcore:GetGatewayTarget", f"{AGENTCORE}:gateway/g-1")],
    ),
    (
        "bedrock-agentcore-control",
        "GetPolicy",
        {"policyEngineId": "e", "policyId": "p"},
        [("bedrock-agentcore:GetPolicy", f"{AGENTCORE}:policy-engine/e/policy/p")],
    ),
    (
        "bedrock-agentcore-control",
        "GetBrowser",
        {"browserId": "aws.browser.v1"},
        [
            (
                "bedrock-agentcore:GetBrowser",
                f"arn:aws:bedrock-agentcore:{REGION}:aws:browser/aws.browser.v1",
            )
        ],
    ),
    (
        "bedrock-agentcore-control",
        "GetOauth2CredentialProvider",
        {"name": "n"},
        [
            (
                "bedrock-agentcore:GetOauth2CredentialProvider",
                f"{AGENTCORE}:token-vault/default/oauth2credentialprovider/n",
            )
        ],
    ),
    ("bedrock-agentcore-control", "ListGateways", {}, [("bedrock-agentcore:ListGateways", "*")]),
    (
        "bedrock-agentcore",
        "InvokeAgentRuntimeCommand",
        {"agentRuntimeArn": f"{AGENTCORE}:runtime/r"},
        [
            ("bedrock-agentcore:InvokeAgentRuntimeCommand", f"{AGENTCORE}:runtime/r"),
            (
                "bedrock-agentcore:InvokeAgentRuntimeCommand",
                f"{AGENTCORE}:runtime/r/runtime-endpoint/DEFAULT",
            ),
        ],
    ),
)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    NEEDED,
    ids=[f"{case[0]}.{case[1]}" for case in NEEDED],
)
@pytest.mark.usefixtures("moto_is_on")
def test_a_call_needs_these_actions_on_these_resources(
    service: str, operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert list(required(_call(service, operation, **parameters))) == expected


def test_an_operation_that_nobody_mapped_is_an_error_by_name() -> None:
    with pytest.raises(UnmappedOperationError, match="sqs InventQueue"):
        required(_call("sqs", "InventQueue"))
    with pytest.raises(UnmappedOperationError, match="glacier ListVaults"):
        required(_call("glacier", "ListVaults"))


@pytest.mark.usefixtures("moto_is_on")
def test_item_calls_bring_leading_keys_and_attributes() -> None:
    _client("dynamodb").create_table(
        TableName="findings",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    (update,) = needs(
        _call(
            "dynamodb",
            "UpdateItem",
            TableName="findings",
            Key={"pk": {"S": "finding-1"}},
            UpdateExpression="SET #s = :open, seen = if_not_exists(seen, :zero) REMOVE gone.deep",
            ConditionExpression="attribute_exists(pk) AND v < :v",
            ExpressionAttributeNames={"#s": "status"},
        )
    )
    assert update.context["dynamodb:LeadingKeys"] == ["finding-1"]
    assert set(update.context["dynamodb:Attributes"]) >= {"pk", "status", "seen", "gone", "v"}
    (query,) = needs(
        _call(
            "dynamodb",
            "Query",
            TableName="findings",
            KeyConditionExpression="#k = :k",
            ExpressionAttributeNames={"#k": "pk"},
            ExpressionAttributeValues={":k": {"S": "finding-2"}},
        )
    )
    assert query.context["dynamodb:LeadingKeys"] == ["finding-2"]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "context"),
    [
        ("s3", "PutObject", {"IfNoneMatch": "*"}, {"s3:if-none-match": "*"}),
        ("s3", "ListObjectsV2", {"Prefix": "a/"}, {"s3:prefix": "a/"}),
        (
            "events",
            "PutEvents",
            {"Entries": [{"Source": "sentinel", "DetailType": "finding.opened"}]},
            {"events:source": "sentinel", "events:detail-type": "finding.opened"},
        ),
        ("sts", "AssumeRole", {"RoleArn": ROLE, "ExternalId": "x"}, {"sts:ExternalId": "x"}),
        ("iam", "AttachRolePolicy", {"RoleName": "r", "PolicyArn": "p"}, {"iam:PolicyARN": "p"}),
    ],
)
@pytest.mark.usefixtures("moto_is_on")
def test_a_need_brings_its_condition_keys(
    service: str, operation: str, parameters: dict[str, Any], context: dict[str, str]
) -> None:
    place: dict[str, Any] = {"Bucket": "b", "Key": "k"} if service == "s3" else {}
    (need,) = needs(_call(service, operation, **place, **parameters))
    assert need.context.items() >= context.items()


@pytest.mark.usefixtures("moto_is_on")
def test_passing_a_role_names_the_service_that_gets_it() -> None:
    call = _call("bedrock-agentcore-control", "CreateAgentRuntime", roleArn=ROLE)
    assert needs(call)[1] == Need(
        "iam:PassRole", ROLE, {"iam:PassedToService": "bedrock-agentcore.amazonaws.com"}
    )


# --- who calls -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("moto_is_on")
def test_a_key_belongs_to_a_root_a_user_or_a_role_session() -> None:
    _client("iam").create_user(UserName="jane")
    user_key = _client("iam").create_access_key(UserName="jane")["AccessKey"]["AccessKeyId"]
    _role("remediate", account=WORKLOAD)
    role_arn = f"arn:aws:iam::{WORKLOAD}:role/remediate"
    session = _client("sts").assume_role(
        RoleArn=role_arn, RoleSessionName="fix", Policy=_document(_statement("s3:*"))
    )["Credentials"]
    assert who(f"AKIAROOT{HUB}").type == "Root"
    assert who(user_key) == Caller(HUB, f"arn:aws:iam::{HUB}:user/jane", "IAMUser", user_key)
    assert who(session["AccessKeyId"]) == Caller(
        WORKLOAD,
        f"arn:aws:sts::{WORKLOAD}:assumed-role/remediate/fix",
        "AssumedRole",
        session["AccessKeyId"],
        role_arn=role_arn,
        session_policy=_document(_statement("s3:*")),
    )
    with pytest.raises(UnknownAccessKeyError, match="ASIANOBODY"):
        who("ASIANOBODY")


# --- whether calls are allowed -------------------------------------------------------------------


def _get_item(caller: Caller | None) -> Call:
    return _call("dynamodb", "GetItem", caller, TableName="findings", Key=KEY)


@pytest.mark.usefixtures("moto_is_on")
def test_a_refusal_reads_as_aws_words_it() -> None:
    caller = _role("evaluate")
    refusal = Authorizer().check(_get_item(caller))
    assert refusal is not None
    assert refusal.code == "AccessDeniedException"
    assert refusal.message == (
        f"User: arn:aws:sts::{HUB}:assumed-role/evaluate/session is not authorized to perform: "
        f"dynamodb:GetItem on resource: {TABLE} because no identity-based policy allows the "
        "dynamodb:GetItem action"
    )


@pytest.mark.usefixtures("moto_is_on")
def test_an_explicit_deny_is_named_as_such() -> None:
    deny = _statement("dynamodb:*", Effect="Deny")
    caller = _role("evaluate", _statement("*"), deny)
    refusal = Authorizer().check(_get_item(caller))
    assert refusal is not None
    assert refusal.message.endswith("with an explicit deny in an identity-based policy")


@pytest.mark.parametrize(
    ("service", "code"),
    [("sts", "AccessDenied"), ("s3", "AccessDenied"), ("sns", "AuthorizationError")],
)
@pytest.mark.usefixtures("moto_is_on")
def test_a_refusal_has_the_code_of_its_service(service: str, code: str) -> None:
    operation = {"sts": "DecodeAuthorizationMessage", "s3": "ListBuckets", "sns": "ListTopics"}
    refusal = Authorizer().check(_call(service, operation[service], _role("evaluate")))
    assert refusal is not None
    assert refusal.code == code


@pytest.mark.usefixtures("moto_is_on")
def test_a_root_and_an_administrator_pass_even_where_nothing_is_mapped() -> None:
    administrator, reader = _role("admin", _statement("*")), _role("read", _statement("s3:*"))
    authorizer = Authorizer()
    assert authorizer.check(_call("glacier", "ListVaults")) is None
    assert authorizer.check(_call("glacier", "ListVaults", administrator)) is None
    with pytest.raises(UnmappedOperationError):
        authorizer.check(_call("glacier", "ListVaults", reader))


@pytest.mark.usefixtures("moto_is_on")
def test_one_missing_right_refuses_a_whole_transaction() -> None:
    items = [
        {"Put": {"TableName": "findings", "Item": KEY}},
        {"ConditionCheck": {"TableName": "findings", "Key": KEY}},
    ]
    some = _role("some", _statement("dynamodb:PutItem", TABLE))
    both = _role("both", _statement(["dynamodb:PutItem", "dynamodb:ConditionCheckItem"], TABLE))
    refusal = Authorizer().check(_call("dynamodb", "TransactWriteItems", some, TransactItems=items))
    assert refusal is not None
    assert "dynamodb:ConditionCheckItem" in refusal.message
    call = _call("dynamodb", "TransactWriteItems", both, TransactItems=items)
    assert Authorizer().check(call) is None


@pytest.mark.usefixtures("moto_is_on")
def test_a_right_on_the_table_is_no_right_on_its_index() -> None:
    caller = _role("evaluate", _statement("dynamodb:Query", TABLE))
    assert Authorizer().check(_call("dynamodb", "Query", caller, TableName="findings")) is None
    on_index = _call("dynamodb", "Query", caller, TableName="findings", IndexName="open")
    assert Authorizer().check(on_index) is not None


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:RequestedRegion": REGION}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-other"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{HUB}:role/eval*"}}, True),
        ({"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, False),
        ({"ForAllValues:StringLike": {"dynamodb:Attributes": ["pk"]}}, True),
        ({"ForAllValues:StringLike": {"dynamodb:Attributes": ["other"]}}, False),
    ],
)
@pytest.mark.usefixtures("moto_is_on")
def test_a_condition_sees_the_request(condition: dict[str, Any], allowed: bool) -> None:
    caller = _role("evaluate", _statement("dynamodb:*", TABLE, Condition=condition))
    assert (Authorizer(ORGANIZATION).check(_get_item(caller)) is None) is allowed


@pytest.mark.usefixtures("moto_is_on")
def test_a_session_policy_and_a_boundary_narrow_a_role() -> None:
    caller = _role("evaluate", _statement("*"))
    narrow = _document(_statement("s3:*"))
    with_session = Caller(
        HUB, caller.arn, "AssumedRole", role_arn=caller.role_arn, session_policy=narrow
    )
    assert Authorizer().check(_get_item(caller)) is None
    assert Authorizer().check(_get_item(with_session)) is not None
    policy = _client("iam").create_policy(PolicyName="limit", PolicyDocument=narrow)["Policy"]
    _client("iam").put_role_permissions_boundary(
        RoleName="evaluate", PermissionsBoundary=policy["Arn"]
    )
    assert Authorizer().check(_get_item(caller)) is not None


@pytest.mark.usefixtures("moto_is_on")
def test_a_user_has_the_rights_of_the_groups_too() -> None:
    iam = _client("iam")
    iam.create_user(UserName="jane")
    jane = Caller(HUB, f"arn:aws:iam::{HUB}:user/jane", "IAMUser")
    assert Authorizer().check(_get_item(jane)) is not None
    iam.create_group(GroupName="readers")
    document = _document(_statement("dynamodb:GetItem", TABLE))
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=document)
    iam.add_user_to_group(GroupName="readers", UserName="jane")
    assert Authorizer().check(_get_item(jane)) is None


def _assume(caller: Caller, role: Caller, **parameters: Any) -> Call:
    name: dict[str, Any] = {"RoleArn": role.role_arn, "RoleSessionName": "fix"}
    return _call("sts", "AssumeRole", caller, account=caller.account, **name, **parameters)


@pytest.mark.usefixtures("moto_is_on")
def test_assuming_a_role_across_accounts_needs_both_sides_and_the_external_id() -> None:
    external = {"Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}
    target = _role("read", account=WORKLOAD, trust=_trust({"AWS": HUB}, **external))
    may = _role("sweep", _statement("sts:AssumeRole", target.role_arn))
    may_not = _role("other")
    check = Authorizer().check
    assert check(_assume(may, target, ExternalId="secret")) is None
    assert check(_assume(may, target)) is not None
    assert check(_assume(may, target, ExternalId="guess")) is not None
    assert check(_assume(may_not, target, ExternalId="secret")) is not None


@pytest.mark.usefixtures("moto_is_on")
def test_assuming_a_role_without_its_trust_is_refused_even_to_an_administrator() -> None:
    target = _role("read")
    assert Authorizer().check(_assume(_role("admin", _statement("*")), target)) is not None


def _make_bus(**condition: Any) -> None:
    events = _client("events")
    events.create_event_bus(Name="ingest")
    statement = _statement("events:PutEvents", BUS, Principal="*", Sid="Members") | condition
    events.put_permission(EventBusName="ingest", Policy=_document(statement))


FORWARD = f"arn:aws:events:{REGION}:{WORKLOAD}:rule/forward"


@pytest.mark.usefixtures("moto_is_on")
def test_a_rule_of_another_account_delivers_to_a_bus_as_its_role() -> None:
    _make_bus(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}})
    trust = _trust({"Service": "events.amazonaws.com"})
    may = _role(
        "forward", _statement("events:PutEvents", BUS), account=WORKLOAD, trust=trust
    ).role_arn
    may_not = _role("mute", account=WORKLOAD, trust=trust).role_arn
    not_trusting = _role("closed", _statement("*"), account=WORKLOAD).role_arn
    assert may
    assert may_not
    assert not_trusting
    arguments = ("events:PutEvents", BUS)
    by_events: dict[str, Any] = {"service": "events.amazonaws.com", "source_arn": FORWARD}
    member, stranger = Authorizer(ORGANIZATION), Authorizer()
    assert member.check_role(may, *arguments, **by_events) is None
    assert stranger.check_role(may, *arguments, **by_events) is not None
    assert member.check_role(may_not, *arguments, **by_events) is not None
    assert member.check_role(not_trusting, *arguments, **by_events) is not None


@pytest.mark.usefixtures("moto_is_on")
def test_a_service_takes_a_role_only_for_the_source_that_the_trust_policy_names() -> None:
    _make_bus()
    trust = _trust(
        {"Service": "events.amazonaws.com"},
        Condition={"ArnEquals": {"aws:SourceArn": FORWARD}},
    )
    statement = _statement("events:PutEvents", BUS)
    role = _role("forward", statement, account=WORKLOAD, trust=trust).role_arn or ""
    check = Authorizer().check_role
    arguments: Any = (role, "events:PutEvents", BUS)
    assert check(*arguments, service="events.amazonaws.com", source_arn=FORWARD) is None
    assert check(*arguments, service="events.amazonaws.com", source_arn=RULE) is not None


@pytest.mark.usefixtures("moto_is_on")
def test_a_rule_delivers_to_a_queue_only_from_the_source_that_its_policy_names() -> None:
    policy = _document(
        _statement(
            "sqs:SendMessage",
            QUEUE,
            Principal={"Service": "events.amazonaws.com"},
            Condition={"ArnEquals": {"aws:SourceArn": RULE}},
        )
    )
    sqs = _client("sqs")
    sqs.create_queue(QueueName="changes")
    check = Authorizer().check_service
    send = ("events.amazonaws.com", "sqs:SendMessage", QUEUE)
    assert check(*send, RULE) is not None
    sqs.set_queue_attributes(QueueUrl=QUEUE_URL, Attributes={"Policy": policy})
    assert check(*send, RULE) is None
    assert check(*send, FORWARD) is not None
    assert check("sns.amazonaws.com", *send[1:], RULE) is not None


@pytest.mark.usefixtures("moto_is_on")
def test_a_service_invokes_a_function_by_its_permission() -> None:
    role = _role("evaluate").role_arn
    functions = _client("lambda")
    functions.create_function(
        FunctionName="evaluate",
        Role=role,
        Runtime="python3.13",
        Handler="app.handler",
        Code={"ZipFile": _archive()},
    )
    check = Authorizer().check_service
    invoke = ("events.amazonaws.com", "lambda:InvokeFunction", FUNCTION)
    assert check(*invoke, RULE) is not None
    functions.add_permission(
        FunctionName="evaluate",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=RULE,
    )
    assert check(*invoke, RULE) is None
    assert check(*invoke, FORWARD) is not None


@pytest.mark.usefixtures("moto_is_on")
def test_a_bucket_policy_denies_overwriting_records() -> None:
    s3 = _client("s3")
    s3.create_bucket(
        Bucket="records-111122223333", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    deny = _statement(
        "s3:PutObject",
        "arn:aws:s3:::records-111122223333/*",
        Effect="Deny",
        Principal="*",
        Condition={"Null": {"s3:if-none-match": "true"}},
    )
    s3.put_bucket_policy(Bucket="records-111122223333", Policy=_document(deny))
    caller = _role("remediate", _statement("s3:PutObject"))
    place = {"Bucket": "records-111122223333", "Key": "k"}
    assert Authorizer().check(_call("s3", "PutObject", caller, **place)) is not None
    assert Authorizer().check(_call("s3", "PutObject", caller, **place, IfNoneMatch="*")) is None


@pytest.mark.usefixtures("moto_is_on")
def test_a_key_needs_its_own_policy_and_is_the_resource_behind_an_alias() -> None:
    kms = _client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/seal", TargetKeyId=key)
    call = _call("kms", "GenerateMac", KeyId="alias/seal")
    assert required(call) == (("kms:GenerateMac", key),)
    may, may_not = _role("may", _statement("kms:GenerateMac", key)), _role("may-not")
    kms.put_key_policy(
        KeyId=key,
        PolicyName="default",
        Policy=_document(_statement("kms:*", Principal={"AWS": f"arn:aws:iam::{HUB}:root"})),
    )
    check = Authorizer().check
    assert check(_call("kms", "GenerateMac", may, KeyId="alias/seal")) is None
    assert check(_call("kms", "GenerateMac", may_not, KeyId="alias/seal")) is not None
    kms.put_key_policy(
        KeyId=key,
        PolicyName="default",
        Policy=_document(_statement("kms:*", Principal={"AWS": f"arn:aws:iam::{WORKLOAD}:root"})),
    )
    assert check(_call("kms", "GenerateMac", may, KeyId="alias/seal")) is not None


@pytest.mark.usefixtures("moto_is_on")
def test_a_function_url_is_checked_as_an_action() -> None:
    caller = _role("approver", _statement("lambda:InvokeFunctionUrl", FUNCTION))
    check = Authorizer().check_action
    assert check(caller, "lambda:InvokeFunctionUrl", FUNCTION) is None
    assert check(caller, "lambda:InvokeFunctionUrl", FUNCTION + "2") is not None


@pytest.mark.usefixtures("moto_is_on")
def test_uses_name_the_statement_and_the_rest_is_reported_as_unused() -> None:
    caller = _role(
        "evaluate",
        _statement(["dynamodb:GetItem", "dynamodb:PutItem"], TABLE, Sid="Findings"),
        _statement("s3:ListAllMyBuckets"),
    )
    authorizer = Authorizer()
    assert authorizer.check(_get_item(caller)) is None
    assert authorizer.uses == [Use(ROLE, "dynamodb:GetItem", TABLE, "inline", "Findings")]
    assert authorizer.unused(HUB) == (
        StatementGrant(ROLE, "inline", "Findings", "dynamodb:PutItem"),
        StatementGrant(ROLE, "inline", "[1]", "s3:ListAllMyBuckets"),
    )


@pytest.mark.usefixtures("moto_is_on")
def test_removing_any_one_statement_refuses_what_it_allowed() -> None:
    statements = [
        _statement("dynamodb:GetItem", TABLE),
        _statement("s3:ListAllMyBuckets"),
        _statement("sqs:SendMessage", QUEUE),
    ]
    caller = _role("evaluate", *statements)
    calls = [
        _get_item(caller),
        _call("s3", "ListBuckets", caller),
        _call("sqs", "SendMessage", caller, QueueUrl=QUEUE_URL),
    ]
    assert all(Authorizer().check(call) is None for call in calls)
    for index in range(len(statements)):
        left = statements[:index] + statements[index + 1 :]
        _client("iam").put_role_policy(
            RoleName="evaluate", PolicyName="inline", PolicyDocument=_document(*left)
        )
        refused = [Authorizer().check(call) is not None for call in calls]
        assert refused == [position == index for position in range(len(calls))]
