"""CloudTrail records against real ones, and which of them a trail brings to EventBridge."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from botocore.exceptions import ClientError
from embedded_account import agentcore, trails
from embedded_account.calls import Answer, Call, Caller
from embedded_account.cloudtrail_record import (
    LARGEST_FIELD,
    archive_bytes,
    archive_key,
    event_of,
    record_of,
)
from hypothesis import example, given
from hypothesis import strategies as st
from moto import mock_aws

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "cloudtrail"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="../shared/data (real CloudTrail records) is absent"
)

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"
RUNTIME = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/agent-abcdefghij"
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DISCOVERY = "https://idp.example.com/.well-known/openid-configuration"
JWT = {"customJWTAuthorizer": {"allowedClients": ["client"], "discoveryUrl": DISCOVERY}}
OPERATOR = Caller(
    account=ACCOUNT,
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/session",
    type="AssumedRole",
    access_key_id="ASIAEXAMPLE",
    role_arn=ROLE,
)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    agentcore.install()
    trails.repair()
    with mock_aws():
        yield


def call_of(service: str, operation: str, parameters: Any, **changes: Any) -> Call:
    members: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "service": service,
        "operation": operation,
        "parameters": parameters,
        "caller": OPERATOR,
        "request_id": "request",
        "at": AT,
    }
    return Call(**(members | changes))


def recorded(
    service: str, operation: str, parameters: Any, answer: Answer | None = None, **changes: Any
) -> dict[str, Any]:
    record = record_of(
        call_of(service, operation, parameters, **changes), answer or Answer(200), event_id="event"
    )
    assert record is not None
    return record


def sent(service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Make the call through boto3 and record what was really answered."""
    client = boto3.client(service, region_name=REGION)
    bodies: list[bytes] = []
    client.meta.events.register(
        f"before-parse.{client.meta.service_model.service_id.hyphenize()}",
        lambda response_dict, **_: bodies.append(response_dict["body"]),
    )
    getattr(client, _method(client, operation))(**parameters)
    return recorded(service, operation, parameters, Answer(200, body=bodies[0]))


def _method(client: Any, operation: str) -> str:
    names: dict[str, str] = client.meta.method_to_api_mapping
    return next(method for method, name in names.items() if name == operation)


@cache
def real_records() -> tuple[dict[str, Any], ...]:
    files = sorted((DATA / "invictus").rglob("*.json.gz"))
    return tuple(
        record
        for file in files
        for record in json.loads(gzip.decompress(file.read_bytes()))["Records"]
    )


def real(event_name: str) -> dict[str, Any]:
    return next(
        record
        for record in real_records()
        if record["eventName"] == event_name and "errorCode" not in record
    )


# --- AgentCore --------------------------------------------------------------------------------


@needs_data
def test_create_gateway_is_recorded_as_in_the_published_record(account: None) -> None:
    file = DATA / "agentcore-documented" / "docs-gateway-create-custom-jwt.json"
    published = json.loads(file.read_text())
    request = {
        "roleArn": ROLE,
        "name": "tools",
        "authorizerConfiguration": JWT,
        "description": "internal",
        "protocolType": "MCP",
        "authorizerType": "CUSTOM_JWT",
    }
    record = sent("bedrock-agentcore-control", "CreateGateway", request)
    del record["tlsDetails"]  # the published call was made by an AWS service
    assert list(record) == list(published)
    assert list(record["requestParameters"]) == list(published["requestParameters"])
    assert set(record["responseElements"]) == set(published["responseElements"])
    for elements in ("requestParameters", "responseElements"):
        hidden = {m for m, value in published[elements].items() if value == "***"}
        assert hidden == {m for m, value in record[elements].items() if value == "***"}
        jwt, published_jwt = (
            r[elements]["authorizerConfiguration"]["customJWTAuthorizer"]
            for r in (record, published)
        )
        assert list(jwt) == list(published_jwt)
    assert list(record["resources"][0]) == list(published["resources"][0])
    assert record["resources"][0]["type"] == published["resources"][0]["type"]
    published_issuer = published["userIdentity"]["sessionContext"]
    assert set(record["userIdentity"]["sessionContext"]) == set(published_issuer)
    for part in ("sessionIssuer", "attributes"):
        assert list(record["userIdentity"]["sessionContext"][part]) == list(published_issuer[part])
    for member in ("eventSource", "eventName", "readOnly", "eventType", "managementEvent"):
        assert record[member] == published[member]


def test_a_call_that_an_aws_service_makes_for_somebody_says_by_whom_it_was_invoked() -> None:
    record = recorded(
        "bedrock-agentcore-control",
        "DeleteGateway",
        {"gatewayIdentifier": "tools-abcdefghij"},
        source_ip="cloudformation.amazonaws.com",
    )
    assert record["userIdentity"]["invokedBy"] == "cloudformation.amazonaws.com"
    assert "tlsDetails" not in record
    arn = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/tools-abcdefghij"
    assert record["resources"] == [
        {"accountId": ACCOUNT, "type": "AWS::BedrockAgentCore::Gateway", "ARN": arn}
    ]


def test_environment_variables_are_one_string_of_three_stars() -> None:
    record = recorded(
        "bedrock-agentcore-control",
        "UpdateAgentRuntime",
        {
            "agentRuntimeId": "agent-abcdefghij",
            "roleArn": ROLE,
            "environmentVariables": {"TOKEN": "hunter2"},
        },
    )
    assert record["requestParameters"]["environmentVariables"] == "***"
    assert record["requestParameters"]["roleArn"] == ROLE
    assert record["resources"][0]["ARN"] == RUNTIME


def test_members_with_the_sensitive_trait_are_hidden_wherever_they_are() -> None:
    record = recorded(
        "bedrock-agentcore-control",
        "CreateOauth2CredentialProvider",
        {
            "name": "github",
            "credentialProviderVendor": "GithubOauth2",
            "oauth2ProviderConfigInput": {
                "githubOauth2ProviderConfig": {"clientId": "id", "clientSecret": "hunter2"}
            },
        },
    )
    given_config = record["requestParameters"]["oauth2ProviderConfigInput"]
    assert given_config["githubOauth2ProviderConfig"] == {"clientId": "id", "clientSecret": "***"}


def test_members_that_the_api_does_not_know_are_recorded_exactly_as_they_were_sent() -> None:
    request = {"name": "tools", "roleArn": ROLE, "Surprise": {"Inner": "<b>"}}
    record = recorded("bedrock-agentcore-control", "CreateGateway", request)
    assert record["requestParameters"]["Surprise"] == {"Inner": "<b>"}


def test_a_resource_policy_names_the_resource_it_was_put_on() -> None:
    record = recorded(
        "bedrock-agentcore-control", "PutResourcePolicy", {"resourceArn": RUNTIME, "policy": "{}"}
    )
    assert record["requestParameters"]["policy"] == "{}"
    assert record["resources"][0]["type"] == "AWS::BedrockAgentCore::Runtime"


@pytest.mark.parametrize(
    "operation", ["InvokeAgentRuntimeCommand", "InvokeAgentRuntimeCommandShell"]
)
def test_a_command_leaves_a_data_event_without_any_payload(operation: str) -> None:
    request = {
        "agentRuntimeArn": RUNTIME,
        "qualifier": "live",
        "runtimeSessionId": "s" * 33,
        "body": {"command": "cat /etc/secret"},
    }
    record = recorded("bedrock-agentcore", operation, request, Answer(200, body=b"secret output"))
    assert record["requestParameters"] == {"agentRuntimeArn": RUNTIME, "qualifier": "live"}
    assert record["responseElements"] is None
    assert (record["eventCategory"], record["managementEvent"]) == ("Data", False)
    assert [resource["ARN"] for resource in record["resources"]] == [
        RUNTIME,
        f"{RUNTIME}/runtime-endpoint/live",
    ]
    assert "secret" not in json.dumps(record)


def test_a_command_may_be_recorded_with_its_target_in_resources_only() -> None:
    record = record_of(
        call_of("bedrock-agentcore", "InvokeAgentRuntimeCommand", {"agentRuntimeArn": RUNTIME}),
        Answer(200),
        event_id="event",
        command_shape="resources-only",
    )
    assert record is not None
    assert record["requestParameters"] is None
    assert record["resources"][0]["ARN"] == RUNTIME


def test_reads_leave_no_record_unless_they_are_asked_for() -> None:
    read = call_of(
        "bedrock-agentcore-control", "GetGateway", {"gatewayIdentifier": "tools-abcdefghij"}
    )
    answer = Answer(200, body=b'{"gatewayId": "tools-abcdefghij"}')
    assert record_of(read, answer, event_id="event") is None
    record = record_of(read, answer, event_id="event", include_reads=True)
    assert record is not None
    assert (record["readOnly"], record["responseElements"]) == (True, None)


def test_a_refused_call_has_an_error_and_no_response_and_access_denied_no_request() -> None:
    request = {"name": "tools", "roleArn": ROLE}
    for code, shown in (("ValidationException", True), ("AccessDeniedException", False)):
        answer = Answer(400, body=b"{}", error_code=code, error_message="no")
        record = recorded("bedrock-agentcore-control", "CreateGateway", request, answer)
        assert (record["errorCode"], record["errorMessage"]) == (code, "no")
        assert record["responseElements"] is None
        assert bool(record["requestParameters"]) is shown


@given(size=st.integers(LARGEST_FIELD - 200, LARGEST_FIELD + 200))
@example(size=LARGEST_FIELD - 60)  # exactly at the limit
@example(size=LARGEST_FIELD - 59)
def test_parameters_over_100_kb_are_left_out_and_the_record_says_so(size: int) -> None:
    request = {"gatewayIdentifier": "tools-abcdefghij", "authorizerType": "x" * size}
    record = recorded("bedrock-agentcore-control", "UpdateGateway", request)
    length = len(json.dumps(request, separators=(",", ":")))
    if length > LARGEST_FIELD:
        assert record["requestParameters"] == {
            "reason": "requestParameters too large",
            "omitted": True,
            "originalSize": length,
        }
    else:
        assert record["requestParameters"] == request


# --- IAM, CloudTrail and others, against real records -----------------------------------------

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
GRANT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}],
    }
)

IAM_REQUESTS: dict[str, dict[str, Any]] = {
    "CreateRole": {
        "Path": "/",
        "RoleName": "agent",
        "AssumeRolePolicyDocument": TRUST,
        "MaxSessionDuration": 3600,
        "Tags": [{"Key": "a", "Value": "b"}],
    },
    "PutRolePolicy": {"RoleName": "agent", "PolicyDocument": GRANT, "PolicyName": "inline"},
    "AttachRolePolicy": {
        "RoleName": "agent",
        "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/broad",
    },
    "UpdateAssumeRolePolicy": {"RoleName": "agent", "PolicyDocument": TRUST},
    "CreatePolicy": {
        "PolicyName": "p",
        "Path": "/",
        "PolicyDocument": GRANT,
        "Description": "",
        "Tags": [{"Key": "a", "Value": "b"}],
    },
    "CreateAccessKey": {"UserName": "ann"},
    "CreateLoginProfile": {
        "UserName": "ann",
        "Password": "hunter2!",
        "PasswordResetRequired": False,
    },
}


@needs_data
@pytest.mark.parametrize("operation", IAM_REQUESTS)
def test_iam_calls_are_recorded_like_the_real_ones(account: None, operation: str) -> None:
    iam = boto3.client("iam")
    if operation != "CreateRole":
        iam.create_role(RoleName="agent", AssumeRolePolicyDocument=TRUST)
    iam.create_user(UserName="ann")
    iam.create_policy(PolicyName="broad", PolicyDocument=GRANT)
    record, published = sent("iam", operation, IAM_REQUESTS[operation]), real(operation)
    assert list(record) == [m for m in published if m != "sessionCredentialFromConsole"]
    assert _shape(record["requestParameters"]) == _shape(published["requestParameters"])
    if published["responseElements"] is None:
        assert record["responseElements"] is None
    else:
        ((noun, answered),) = published["responseElements"].items()
        left_out = {"permissionsBoundaryUsageCount:int"}  # by moto's CreatePolicy
        assert _shape(answered) - left_out <= _shape(record["responseElements"][noun])
    assert record["awsRegion"] == published["awsRegion"] == "us-east-1"
    assert record["tlsDetails"]["clientProvidedHostHeader"] == "iam.amazonaws.com"
    assert "hunter2" not in json.dumps(record)
    assert "resources" not in record


def _shape(value: Any) -> set[str]:
    """The members of a structure, with the type of what is in them."""
    return {f"{member}:{type(inner).__name__}" for member, inner in value.items()}


def test_a_policy_document_stays_a_plain_json_string_and_is_url_encoded_in_the_answer(
    account: None,
) -> None:
    record = sent("iam", "CreateRole", IAM_REQUESTS["CreateRole"])
    assert record["requestParameters"]["assumeRolePolicyDocument"] == TRUST
    answered = record["responseElements"]["role"]["assumeRolePolicyDocument"]
    assert answered.startswith("%7B")
    assert json.loads(unquote(answered)) == json.loads(TRUST)


def test_iam_events_appear_in_the_iam_region_of_the_partition_that_was_called() -> None:
    for region, expected in (
        ("eu-central-1", "us-east-1"),
        ("cn-northwest-1", "cn-north-1"),
        ("us-gov-east-1", "us-gov-west-1"),
    ):
        record = recorded("iam", "DeleteRole", {"RoleName": "agent"}, region=region)
        assert record["awsRegion"] == expected


def test_iam_errors_are_named_by_their_shape() -> None:
    answer = Answer(404, error_code="NoSuchEntity", error_message="gone")
    record = recorded("iam", "DeleteRole", {"RoleName": "agent"}, answer)
    assert record["errorCode"] == "NoSuchEntityException"


@needs_data
def test_trail_calls_are_recorded_like_the_real_ones(account: None) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="logs-111122223333")
    selectors = [
        {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False, "DataResources": []}
    ]
    for operation, request in (
        ("CreateTrail", {"Name": "watch", "S3BucketName": "logs-111122223333"}),
        ("StartLogging", {"Name": "watch"}),
        ("PutEventSelectors", {"TrailName": "watch", "EventSelectors": selectors}),
    ):
        record, published = sent("cloudtrail", operation, request), real(operation)
        assert list(record) == list(published)
        assert set(record["requestParameters"]) <= set(published["requestParameters"])
        if published["responseElements"] is None:
            assert record["responseElements"] is None
        else:
            assert set(published["responseElements"]) <= set(record["responseElements"])


@needs_data
def test_lambda_operations_are_named_with_the_date_of_their_api() -> None:
    names = {record["eventName"] for record in real_records()}
    for operation in ("CreateFunction", "UpdateFunctionCode", "AddPermission"):
        record = recorded("lambda", operation, {"FunctionName": "f"})
        assert record["eventName"] in names
        assert record["eventName"].startswith(f"{operation}20150331")


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("dynamodb", "PutItem"),
        ("dynamodb", "TransactWriteItems"),
        ("sqs", "SendMessage"),
        ("sqs", "DeleteMessageBatch"),
        ("events", "PutEvents"),
        ("lambda", "Invoke"),
        ("s3", "PutObject"),
    ],
)
def test_data_events_of_other_services_leave_no_record(service: str, operation: str) -> None:
    assert record_of(call_of(service, operation, {}), Answer(200), event_id="event") is None


def test_root_users_and_services_are_identified_as_cloudtrail_does() -> None:
    for caller, expected in (
        (
            Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "Root", "AKIAEXAMPLE"),
            {"type": "Root", "principalId": ACCOUNT, "accountId": ACCOUNT},
        ),
        (
            Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "IAMUser", "AKIAEXAMPLE"),
            {"type": "IAMUser", "userName": "ann"},
        ),
        (
            Caller(ACCOUNT, "events.amazonaws.com", "AWSService"),
            {"type": "AWSService", "invokedBy": "events.amazonaws.com"},
        ),
    ):
        record = recorded("iam", "DeleteRole", {"RoleName": "agent"}, caller=caller)
        assert expected.items() <= record["userIdentity"].items()


# --- EventBridge and the archive --------------------------------------------------------------


def test_the_event_carries_the_record_on_the_source_of_its_service() -> None:
    record = recorded("bedrock-agentcore-control", "CreateGateway", {"name": "tools"})
    event = event_of(record)
    members = "version id detail-type source account time region resources detail"
    assert list(event) == members.split()
    assert event["source"] == "aws.bedrock-agentcore"
    assert event["detail-type"] == "AWS API Call via CloudTrail"
    assert (event["account"], event["region"], event["time"]) == (
        ACCOUNT,
        REGION,
        "2026-03-04T05:06:07Z",
    )
    assert (event["resources"], event["detail"]) == ([], record)


@needs_data
def test_an_archive_has_the_form_and_the_key_of_a_real_one() -> None:
    record = recorded("iam", "DeleteRole", {"RoleName": "agent"})
    assert json.loads(gzip.decompress(archive_bytes([record]))) == {"Records": [record]}
    assert archive_bytes([record]) == archive_bytes([record])
    published = next(iter(sorted((DATA / "invictus").rglob("*T1205Z*.json.gz"))))
    key = published.relative_to(DATA / "invictus").as_posix()
    at = datetime(2023, 7, 10, 12, 7, 59, tzinfo=UTC)
    suffix = key.rsplit("_", 1)[-1].removesuffix(".json.gz")
    assert archive_key("218007301253", "us-east-1", at, suffix) == key


# --- Trails -----------------------------------------------------------------------------------


@pytest.fixture
def cloudtrail(account: None) -> Any:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="logs-111122223333")
    return boto3.client("cloudtrail", region_name=REGION)


def start(cloudtrail: Any, name: str = "watch", **members: Any) -> None:
    cloudtrail.create_trail(Name=name, S3BucketName="logs-111122223333", **members)
    cloudtrail.start_logging(Name=name)


def write(**changes: Any) -> dict[str, Any]:
    return recorded(
        "bedrock-agentcore-control",
        "DeleteGateway",
        {"gatewayIdentifier": "tools-abcdefghij"},
        **changes,
    )


def command(arn: str = RUNTIME) -> dict[str, Any]:
    return recorded("bedrock-agentcore", "InvokeAgentRuntimeCommand", {"agentRuntimeArn": arn})


def test_without_a_logging_trail_nothing_is_delivered(cloudtrail: Any) -> None:
    assert not trails.delivers(write())
    cloudtrail.create_trail(Name="watch", S3BucketName="logs-111122223333")
    assert not trails.delivers(write())
    cloudtrail.start_logging(Name="watch")
    assert trails.delivers(write())
    assert not trails.delivers(command())


def test_stop_logging_itself_still_arrives_and_later_calls_do_not(cloudtrail: Any) -> None:
    start(cloudtrail)
    before = trails.logging_trails(ACCOUNT)
    cloudtrail.stop_logging(Name="watch")
    stop = recorded("cloudtrail", "StopLogging", {"Name": "watch"})
    assert trails.delivers(stop, before)
    assert not trails.delivers(stop, trails.logging_trails(ACCOUNT))
    assert not trails.delivers(write(at=AT + timedelta(seconds=1)))


def test_a_trail_of_one_region_logs_only_there_and_a_multi_region_trail_everywhere(
    cloudtrail: Any,
) -> None:
    start(cloudtrail)
    role = recorded("iam", "DeleteRole", {"RoleName": "agent"})
    assert not trails.delivers(write(region="us-west-2"))
    assert not trails.delivers(role)
    cloudtrail.update_trail(Name="watch", IsMultiRegionTrail=True)
    assert trails.delivers(write(region="us-west-2"))
    assert trails.delivers(role)


def test_a_trail_without_global_service_events_logs_no_iam(account: None) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="logs-111122223333")
    start(boto3.client("cloudtrail", region_name="us-east-1"), IncludeGlobalServiceEvents=False)
    assert not trails.delivers(recorded("iam", "DeleteRole", {"RoleName": "agent"}))
    assert trails.delivers(write(region="us-east-1"))


def test_another_accounts_trail_logs_nothing_of_this_one(cloudtrail: Any) -> None:
    start(cloudtrail, IsMultiRegionTrail=True)
    assert not trails.delivers(write(account="444455556666"))


def test_an_organization_trail_logs_the_member_accounts_too(cloudtrail: Any) -> None:
    organizations = boto3.client("organizations", region_name="us-east-1")
    organizations.create_organization(FeatureSet="ALL")
    member = organizations.create_account(Email="m@example.com", AccountName="m")
    member_id = member["CreateAccountStatus"]["AccountId"]
    start(cloudtrail)
    assert not trails.delivers(write(account=member_id))
    start(cloudtrail, "all", IsOrganizationTrail=True)
    assert trails.delivers(write(account=member_id))


def test_basic_selectors_without_write_management_events_deliver_no_write(
    cloudtrail: Any,
) -> None:
    start(cloudtrail)
    for selector, delivered in (
        ({"ReadWriteType": "WriteOnly"}, True),
        ({"ReadWriteType": "ReadOnly"}, False),
        ({"ReadWriteType": "All", "IncludeManagementEvents": False}, False),
        ({"ExcludeManagementEventSources": ["bedrock-agentcore.amazonaws.com"]}, False),
    ):
        cloudtrail.put_event_selectors(TrailName="watch", EventSelectors=[selector])
        assert trails.delivers(write()) is delivered


def fields(**equals: list[str]) -> dict[str, Any]:
    names = {"category": "eventCategory", "kind": "resources.type", "event": "eventName"}
    return {"FieldSelectors": [{"Field": names[n], "Equals": v} for n, v in equals.items()]}


@pytest.mark.parametrize("kind", ["Runtime", "RuntimeEndpoint"])
def test_commands_are_delivered_only_by_a_trail_that_selects_their_resource_type(
    cloudtrail: Any, kind: str
) -> None:
    start(cloudtrail)
    types = [f"AWS::BedrockAgentCore::{kind}"]
    names = ["InvokeAgentRuntimeCommand", "InvokeAgentRuntimeCommandShell"]
    commands = fields(category=["Data"], kind=types, event=names)
    cloudtrail.put_event_selectors(TrailName="watch", AdvancedEventSelectors=[commands])
    assert trails.delivers(command())
    assert not trails.delivers(write())
    assert not trails.delivers(
        recorded("bedrock-agentcore", "InvokeAgentRuntime", {"agentRuntimeArn": RUNTIME})
    )
    management = fields(category=["Management"])
    cloudtrail.put_event_selectors(TrailName="watch", AdvancedEventSelectors=[commands, management])
    assert trails.delivers(write())
    cloudtrail.put_event_selectors(TrailName="watch", AdvancedEventSelectors=[management])
    assert not trails.delivers(command())


def test_a_selector_on_a_prefix_of_the_arn_drops_other_runtimes(cloudtrail: Any) -> None:
    start(cloudtrail)
    prefix = {"Field": "resources.ARN", "StartsWith": [RUNTIME]}
    selector = fields(category=["Data"], kind=["AWS::BedrockAgentCore::Runtime"])
    selector["FieldSelectors"].append(prefix)
    cloudtrail.put_event_selectors(TrailName="watch", AdvancedEventSelectors=[selector])
    assert trails.delivers(command())
    assert not trails.delivers(command(RUNTIME.replace("agent-", "other-")))


def test_the_repairs_of_motos_cloudtrail_hold(cloudtrail: Any) -> None:
    start(cloudtrail)
    default = cloudtrail.get_event_selectors(TrailName="watch")["EventSelectors"]
    assert default[0]["ReadWriteType"] == "All"
    management = fields(category=["Management"])
    cloudtrail.put_event_selectors(TrailName="watch", AdvancedEventSelectors=[management])
    basic = [{"ReadWriteType": "WriteOnly"}]
    cloudtrail.put_event_selectors(TrailName="watch", EventSelectors=basic)
    now = cloudtrail.get_event_selectors(TrailName="watch")
    assert (now["EventSelectors"], now.get("AdvancedEventSelectors")) == (basic, None)
    (trail,) = cloudtrail.describe_trails()["trailList"]
    assert trail["HasCustomEventSelectors"] is True
    with pytest.raises(ClientError, match="TrailAlreadyExistsException"):
        cloudtrail.create_trail(Name="watch", S3BucketName="logs-111122223333")
    cloudtrail.delete_trail(Name=trail["TrailARN"])
    assert not trails.delivers(write())
    with pytest.raises(ClientError, match="TrailNotFoundException"):
        cloudtrail.delete_trail(Name="watch")


def test_a_shell_is_a_call_of_its_own_and_leaves_a_record(account: None) -> None:
    control = boto3.client("bedrock-agentcore-control", region_name=REGION)
    image = {
        "containerConfiguration": {
            "containerUri": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/a:1"
        }
    }
    arn = control.create_agent_runtime(
        agentRuntimeName="agent", agentRuntimeArtifact=image, roleArn=ROLE
    )["agentRuntimeArn"]
    shell = agentcore.command_shell(arn, OPERATOR, request_id="request", at=AT)
    record = record_of(shell, Answer(101), event_id="event")
    assert record is not None
    assert record["eventName"] == "InvokeAgentRuntimeCommandShell"
    assert record["resources"][0]["ARN"] == arn
