"""Deploys templates against moto through boto3, and speaks the CloudFormation API as sam does."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from embedded_account.cloudformation import (
    SOURCE_TREE_BUCKET,
    Deployed,
    NoUpdatesError,
    Stack,
    StackFailedError,
    TemplateError,
    UnsupportedPropertyError,
    UnsupportedResourceTypeError,
    delete,
    deploy,
    install,
    source_tree_key,
    source_tree_path,
)
from embedded_account.cloudformation.provisioners import RESOURCE_TYPES
from embedded_account.cloudformation.template_text import read_template
from moto import mock_aws
from moto.cloudformation import urls as cloudformation_urls

ACCOUNT = "111122223333"
REGION = "eu-central-1"
Clients = Callable[[str], Any]
MAPPING = "AWS::Lambda::EventSourceMapping"
DOUBLED = 3  # the template has two queues, two rules and two mappings


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """The account with this CloudFormation in the place of moto's."""
    monkeypatch.setattr(cloudformation_urls, "url_paths", dict(cloudformation_urls.url_paths))
    deployed = install(clients_for)
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield deployed


def clients_for(account: str, region: str) -> Clients:
    assert account == ACCOUNT
    return lambda service: boto3.client(service, region_name=region)


@functools.cache
def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


EVERYTHING = r"""
AWSTemplateFormatVersion: "2010-09-09"
Description: every type that the embedded account provisions
Parameters:
  Retention: {Type: Number, Default: 14}
  Token: {Type: String, Default: unset, NoEcho: true}
Resources:
  Key:
    Type: AWS::KMS::Key
    Properties:
      Description: findings
      EnableKeyRotation: true
      KeyPolicy:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {AWS: !Sub
            "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}, Action: "kms:*", Resource: "*"}]
  KeyAlias:
      {Type: "AWS::KMS::Alias", Properties: {AliasName: alias/findings, TargetKeyId: !Ref Key}}
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: sk,
          AttributeType: S}, {AttributeName: gsi, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]
      GlobalSecondaryIndexes:
        - {IndexName: by-state, KeySchema: [{AttributeName: gsi, KeyType: HASH}], Projection:
            {ProjectionType: ALL}}
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      SSESpecification: {SSEEnabled: true}
      DeletionProtectionEnabled: false
      Tags: [{Key: kind, Value: findings}]
  Dead: {Type: "AWS::SQS::Queue", Properties: {MessageRetentionPeriod: 1209600}}
  Changes:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 180
      SqsManagedSseEnabled: true
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}
  ChangesPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Changes]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: sqs:SendMessage,
              Resource: !GetAtt Changes.Arn, Condition: {ArnEquals: {aws:SourceArn: !GetAtt
              Rule.Arn}}}
  Topic: {Type: "AWS::SNS::Topic", Properties: {DisplayName: alerts}}
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
          {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service:
            cloudwatch.amazonaws.com}, Action: sns:Publish, Resource: !Ref Topic}]}
  Mail:
    Type: AWS::SNS::Subscription
    Properties:
        {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Changes.Arn, RawMessageDelivery:
          true, FilterPolicy: {severity: [HIGH, CRITICAL]}}
  Bus: {Type: "AWS::Events::EventBus", Properties: {Name: ingest}}
  BusPolicy:
    Type: AWS::Events::EventBusPolicy
    Properties:
      EventBusName: !Ref Bus
      StatementId: organization
      Statement:
          {Effect: Allow, Principal: "*", Action: events:PutEvents, Resource: !GetAtt Bus.Arn,
            Condition: {StringEquals: {aws:PrincipalOrgID: o-exampleorgid}}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [aws.bedrock-agentcore], detail-type: [AWS API Call via CloudTrail]}
      Targets:
        - Arn: !GetAtt Changes.Arn
          Id: changes
          DeadLetterConfig: {Arn: !GetAtt Dead.Arn}
          RetryPolicy: {MaximumRetryAttempts: 4, MaximumEventAgeInSeconds: 3600}
  Tend:
    Type: AWS::Events::Rule
    Properties:
        {ScheduleExpression: rate(5 minutes), State: ENABLED, Targets: [{Arn: !GetAtt
          Function.Arn, Id: tend}]}
  Archive:
      {Type: "AWS::Events::Archive", Properties: {SourceArn: !GetAtt Bus.Arn, RetentionDays: !Ref
        Retention, EventPattern: {source: [aws.iam]}}}
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
        {ScheduleExpression: rate(1 hour), FlexibleTimeWindow: {Mode: "OFF"}, Target: {Arn:
          !GetAtt Function.Arn, RoleArn: !GetAtt Role.Arn, RetryPolicy: {MaximumRetryAttempts:
          3}}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
          {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service:
            [lambda.amazonaws.com]}, Action: sts:AssumeRole}]}
      ManagedPolicyArns: [!Ref Boundary]
      PermissionsBoundary: !Ref Boundary
      Policies:
        - PolicyName: store
          PolicyDocument:
              {Version: "2012-10-17", Statement: [{Effect: Allow, Action: dynamodb:PutItem,
                Resource: !GetAtt Table.Arn}]}
  Boundary:
    Type: AWS::IAM::ManagedPolicy
    Properties:
        {PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "*",
          Resource: "*"}]}}
  Inline:
    Type: AWS::IAM::Policy
    Properties:
        {PolicyName: extra, Roles: [!Ref Role], PolicyDocument: {Version: "2012-10-17", Statement:
          [{Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Dead.Arn}]}}
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: {Status: Enabled}
      BucketEncryption:
          {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm:
            AES256}}]}
      PublicAccessBlockConfiguration:
          {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true,
            RestrictPublicBuckets: true}
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
      LifecycleConfiguration:
          {Rules: [{Id: old, Status: Enabled, Prefix: undo/, ExpirationInDays: 30,
            NoncurrentVersionExpiration: {NoncurrentDays: 7}, AbortIncompleteMultipartUpload:
            {DaysAfterInitiation: 1}}]}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Deny, Principal: "*", Action: "s3:*", Resource: !Sub "${Bucket.Arn}/*",
              Condition: {Bool: {aws:SecureTransport: "false"}}}
          - {Effect: Allow, Principal: {Service: cloudtrail.amazonaws.com}, Action: s3:PutObject,
              Resource: !Sub "${Bucket.Arn}/*"}
  Webhook:
      {Type: "AWS::SSM::Parameter", Properties: {Name: /sentinel/webhook, Type: String, Value:
        !Ref Token, Tags: {kind: slack}}}
  Layer:
    Type: AWS::Lambda::LayerVersion
    Properties:
        {LayerName: sentinel, Content: {S3Bucket: embedded-source-tree, S3Key: "%2Ftmp%2Flayer"},
          CompatibleRuntimes: [python3.13]}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Code: {S3Bucket: embedded-source-tree, S3Key: "%2Ftmp%2Ffunctions%2Fevaluate"}
      Handler: app.handler
      Runtime: python3.13
      Role: !GetAtt Role.Arn
      Architectures: [arm64]
      Timeout: "30"
      MemorySize: 512
      Layers: [!Ref Layer]
      Environment: {Variables: {TABLE: !Ref Table}}
      TracingConfig: {Mode: Active}
      ReservedConcurrentExecutions: 5
      DeadLetterConfig: {TargetArn: !GetAtt Dead.Arn}
      LoggingConfig: {LogFormat: JSON}
  Version: {Type: "AWS::Lambda::Version", Properties: {FunctionName: !Ref Function}}
  Alias:
      {Type: "AWS::Lambda::Alias", Properties: {FunctionName: !Ref Function, FunctionVersion:
        !GetAtt Version.Version, Name: live}}
  Permission:
      {Type: "AWS::Lambda::Permission", Properties: {Action: lambda:InvokeFunction, FunctionName:
        !Ref Function, Principal: events.amazonaws.com, SourceArn: !GetAtt Tend.Arn}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Changes.Arn
      FunctionName: !Ref Function
      BatchSize: 10
      MaximumBatchingWindowInSeconds: 1
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: {MaximumConcurrency: 5}
      FilterCriteria: {Filters: [{Pattern: '{"body":{"source":["aws.iam"]}}'}]}
  Stream:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Table.StreamArn
      FunctionName: !GetAtt Function.Arn
      StartingPosition: TRIM_HORIZON
      BisectBatchOnFunctionError: true
      MaximumRetryAttempts: 5
      MaximumRecordAgeInSeconds: 3600
      DestinationConfig: {OnFailure: {Destination: !GetAtt Dead.Arn}}
  Invoke:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
        {FunctionName: !Ref Function, Qualifier: $LATEST, MaximumRetryAttempts: 1,
          MaximumEventAgeInSeconds: 600, DestinationConfig: {OnFailure: {Destination: !GetAtt
          Dead.Arn}}}
  Url:
      {Type: "AWS::Lambda::Url", Properties: {AuthType: AWS_IAM, TargetFunctionArn: !GetAtt
        Function.Arn}}
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: !GetAtt Role.Arn
      DefinitionSubstitutions: {Function: !GetAtt Function.Arn}
      Definition: {StartAt: Do, States: {Do: {Type: Task, Resource: "${Function}", End: true}}}
      TracingConfiguration: {Enabled: true}
  Group:
      {Type: "AWS::Logs::LogGroup", Properties: {LogGroupName: !Sub "/aws/lambda/${Function}",
        RetentionInDays: !Ref Retention}}
  Filter:
    Type: AWS::Logs::MetricFilter
    Properties:
        {LogGroupName: !Ref Group, FilterPattern: ERROR, MetricTransformations: [{MetricName:
          Errors, MetricNamespace: Sentinel, MetricValue: "1"}]}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
        {Namespace: AWS/SQS, MetricName: ApproximateNumberOfMessagesVisible, Dimensions: [{Name:
          QueueName, Value: !GetAtt Dead.QueueName}], Statistic: Maximum, Period: 60,
          EvaluationPeriods: "1", Threshold: "0", ComparisonOperator: GreaterThanThreshold,
          AlarmActions: [!Ref Topic], TreatMissingData: notBreaching}
  Composite:
      {Type: "AWS::CloudWatch::CompositeAlarm", Properties: {AlarmRule: !Sub 'ALARM("${Alarm}")',
        AlarmActions: [!Ref Topic]}}
  Dashboard:
      {Type: "AWS::CloudWatch::Dashboard", Properties: {DashboardName: sentinel, DashboardBody:
        '{"widgets":[]}'}}
  Trail:
    Type: AWS::CloudTrail::Trail
    DependsOn: BucketPolicy
    Properties:
      S3BucketName: !Ref Bucket
      IsLogging: true
      IsMultiRegionTrail: true
      IncludeGlobalServiceEvents: true
      EnableLogFileValidation: true
      AdvancedEventSelectors:
        - {Name: management, FieldSelectors: [{Field: eventCategory, Equals: [Management]}]}
Outputs:
  QueueUrl: {Value: !Ref Changes, Description: where changes go}
  FunctionUrl: {Value: !GetAtt Url.FunctionUrl}
"""


def deploy_text(text: str, deployed: Deployed, *, name: str = "hub", **parameters: Any) -> Stack:
    return deploy(
        read_template(text),
        stack_name=name,
        parameters=parameters,
        account=ACCOUNT,
        region=REGION,
        clients=client,
        deployed=deployed,
    )


def code_of(refusal: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refusal.value.response["Error"]["Code"])


def test_every_type_is_made_and_told_to_the_dispatchers(registry: Deployed) -> None:
    stack = deploy_text(EVERYTHING, registry, Token="secret-token")
    assert {resource.type for resource in stack.resources.values()} == set(RESOURCE_TYPES)
    assert stack.status == "CREATE_COMPLETE"
    assert stack.outputs["QueueUrl"] == stack.resources["Changes"].physical_id

    mappings = {r.logical_id: r.properties for r in registry.of_type(MAPPING)}
    assert mappings["Mapping"]["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert mappings["Mapping"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mappings["Mapping"]["EventSourceArn"] == stack.resources["Changes"].attributes["Arn"]
    assert mappings["Stream"]["BisectBatchOnFunctionError"] is True
    assert mappings["Stream"]["DestinationConfig"]["OnFailure"]["Destination"].endswith(
        stack.resources["Dead"].attributes["QueueName"]
    )
    (rule,) = [r for r in registry.of_type("AWS::Events::Rule") if r.logical_id == "Rule"]
    assert rule.properties["Targets"][0]["RetryPolicy"]["MaximumRetryAttempts"] == 4
    assert registry.of_type(MAPPING, region="us-east-1") == ()
    arn = stack.resources["Function"].attributes["Arn"]
    assert registry.resource("AWS::Lambda::Function", arn) == stack.resources["Function"]


def test_what_was_made_is_what_the_services_say(registry: Deployed) -> None:
    made = deploy_text(EVERYTHING, registry).resources
    table = client("dynamodb").describe_table(TableName=made["Table"].physical_id)["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["by-state"]
    expiry = client("dynamodb").describe_time_to_live(TableName=table["TableName"])
    assert expiry["TimeToLiveDescription"]["AttributeName"] == "expires"
    backups = client("dynamodb").describe_continuous_backups(TableName=table["TableName"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"

    function = client("lambda").get_function(FunctionName=made["Function"].physical_id)
    assert function["Configuration"]["Timeout"] == 30
    assert function["Configuration"]["Architectures"] == ["arm64"]
    assert function["Configuration"]["Layers"][0]["Arn"] == made["Layer"].physical_id
    assert function["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    url = client("lambda").get_function_url_config(FunctionName=made["Function"].physical_id)
    assert url["AuthType"] == "AWS_IAM"

    attributes = client("sqs").get_queue_attributes(
        QueueUrl=made["Changes"].physical_id, AttributeNames=["All"]
    )["Attributes"]
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 5
    assert made["Rule"].attributes["Arn"] in attributes["Policy"]
    bus = client("events").describe_event_bus(Name="ingest")
    assert "o-exampleorgid" in bus["Policy"]
    role = made["Role"].physical_id
    assert client("iam").list_role_policies(RoleName=role)["PolicyNames"] == ["store", "extra"]
    attached = client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [made["Boundary"].physical_id]
    # The bucket's policy denies only what does not come over TLS.
    client("s3").put_object(Bucket=made["Bucket"].physical_id, Key="record", Body=b"1")
    trail = made["Trail"].physical_id
    assert client("cloudtrail").get_trail_status(Name=trail)["IsLogging"] is True
    selectors = client("cloudtrail").get_event_selectors(TrailName=trail)
    assert selectors["AdvancedEventSelectors"][0]["Name"] == "management"
    alarms = client("cloudwatch").describe_alarms()
    assert [alarm["AlarmName"] for alarm in alarms["CompositeAlarms"]] == [
        made["Composite"].physical_id
    ]
    machine = client("stepfunctions").describe_state_machine(
        stateMachineArn=made["Machine"].physical_id
    )
    assert made["Function"].attributes["Arn"] in machine["definition"]
    lifecycle = client("s3").get_bucket_lifecycle_configuration(Bucket=made["Bucket"].physical_id)
    assert lifecycle["Rules"][0]["Expiration"] == {"Days": 30}
    assert lifecycle["Rules"][0]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}


def test_a_deleted_stack_leaves_only_what_is_retained(registry: Deployed) -> None:
    stack = deploy_text(EVERYTHING, registry)
    gone = delete(stack, clients=client, deployed=registry)
    assert gone.status == "DELETE_COMPLETE"
    assert registry.of_type("AWS::Lambda::Function") == ()
    deleted = [e.logical_id for e in gone.events if e.status == "DELETE_COMPLETE"][:-1]
    assert deleted == [name for name in [*stack.resources][::-1] if name != "Table"]
    tables = client("dynamodb").list_tables()["TableNames"]
    assert tables == [stack.resources["Table"].physical_id]
    assert client("lambda").list_functions()["Functions"] == []
    assert client("iam").list_roles()["Roles"] == []
    assert client("sqs").list_queues().get("QueueUrls", []) == []
    assert [bus["Name"] for bus in client("events").list_event_buses()["EventBuses"]] == ["default"]
    assert client("cloudtrail").list_trails()["Trails"] == []


def test_two_runs_give_the_same_names(registry: Deployed) -> None:
    text = "Resources: {Q: {Type: 'AWS::SQS::Queue'}}"
    first = deploy_text(text, Deployed())
    delete(first, clients=client)
    second = deploy_text(text, Deployed())
    assert (first.id, first.resources["Q"]) == (second.id, second.resources["Q"])


def test_a_stack_made_again_after_deletion_has_another_id(registry: Deployed) -> None:
    text = "Resources: {Q: {Type: 'AWS::SQS::Queue'}}"
    first = deploy_text(text, registry)
    delete(first, clients=client, deployed=registry)
    assert deploy_text(text, registry).id != first.id


BEFORE = """
Resources:
  Dead: {Type: "AWS::SQS::Queue"}
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Bus: {Type: "AWS::Events::EventBus", Properties: {Name: first}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [aws.iam]}
      Targets: [{Id: a, Arn: !GetAtt Work.Arn}, {Id: b, Arn: !GetAtt Dead.Arn}]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}
      Policies:
        - PolicyName: keep
          PolicyDocument: &deny
            Version: 2012-10-17
            Statement: [{Effect: Deny, Action: "*", Resource: "*"}]
        - {PolicyName: drop, PolicyDocument: *deny}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Code: {ZipFile: "x = 1"}
      Handler: index.x
      Runtime: python3.13
      Role: !GetAtt Role.Arn
      Timeout: 60
      Environment: {Variables: {A: "1"}}
  Dropped: {Type: "AWS::SNS::Topic"}
"""
AFTER = (
    BEFORE.replace("VisibilityTimeout: 60", "DelaySeconds: 5")
    .replace("Name: first", "Name: second")
    .replace(", {Id: b, Arn: !GetAtt Dead.Arn}", "")
    .replace("- {PolicyName: drop, PolicyDocument: *deny}", "")
    .replace('Timeout: 60\n      Environment: {Variables: {A: "1"}}', "MemorySize: 256")
    .replace("x = 1", "x = 2")
    .replace('Dropped: {Type: "AWS::SNS::Topic"}', 'Added: {Type: "AWS::SNS::Topic"}')
)


def test_an_update_changes_what_differs_and_nothing_else(registry: Deployed) -> None:
    before = deploy_text(BEFORE, registry)
    after = deploy_text(AFTER, registry)
    assert (after.id, after.status) == (before.id, "UPDATE_COMPLETE")
    new_events = after.events[len(before.events) :]
    touched = [(e.logical_id, e.status) for e in new_events if not e.status.endswith("PROGRESS")]
    assert sorted(touched) == [
        ("Added", "CREATE_COMPLETE"),
        ("Bus", "DELETE_COMPLETE"),
        ("Bus", "UPDATE_COMPLETE"),
        ("Dropped", "DELETE_COMPLETE"),
        ("Function", "UPDATE_COMPLETE"),
        ("Role", "UPDATE_COMPLETE"),
        ("Rule", "DELETE_COMPLETE"),
        ("Rule", "UPDATE_COMPLETE"),
        ("Work", "UPDATE_COMPLETE"),
        ("hub", "UPDATE_COMPLETE"),
    ]
    assert after.resources["Work"].physical_id == before.resources["Work"].physical_id
    attributes = client("sqs").get_queue_attributes(
        QueueUrl=after.resources["Work"].physical_id, AttributeNames=["All"]
    )["Attributes"]
    assert (attributes["DelaySeconds"], attributes["VisibilityTimeout"]) == ("5", "30")
    buses = client("events").list_event_buses()["EventBuses"]
    assert sorted(bus["Name"] for bus in buses) == ["default", "second"]
    (rule,) = client("events").list_rules(EventBusName="second")["Rules"]
    targets = client("events").list_targets_by_rule(Rule=rule["Name"], EventBusName="second")
    assert [target["Id"] for target in targets["Targets"]] == ["a"]
    role = after.resources["Role"].physical_id
    assert client("iam").list_role_policies(RoleName=role)["PolicyNames"] == ["keep"]
    function = client("lambda").get_function_configuration(
        FunctionName=after.resources["Function"].physical_id
    )
    assert (function["Timeout"], function["MemorySize"]) == (3, 256)
    assert function.get("Environment", {}).get("Variables", {}) == {}


def test_an_update_without_changes_is_refused(registry: Deployed) -> None:
    deploy_text(BEFORE, registry)
    with pytest.raises(NoUpdatesError, match="No updates are to be performed"):
        deploy_text(BEFORE, registry)


def test_a_failed_update_goes_back_to_what_was(registry: Deployed) -> None:
    before = deploy_text(BEFORE, registry)
    broken = AFTER + "  Bad: {Type: 'AWS::SQS::Queue', Properties: {QueueName: 'a b'}}\n"
    broken = broken.replace("Bad: {", "Bad: {DependsOn: [Function, Work, Rule, Added], ")
    with pytest.raises(StackFailedError, match=r"Bad \(AWS::SQS::Queue\) failed"):
        deploy_text(broken, registry)
    after = registry.stack(ACCOUNT, REGION, "hub")
    assert (after.status, after.resources) == ("UPDATE_ROLLBACK_COMPLETE", before.resources)
    attributes = client("sqs").get_queue_attributes(
        QueueUrl=before.resources["Work"].physical_id, AttributeNames=["All"]
    )["Attributes"]
    assert (attributes["DelaySeconds"], attributes["VisibilityTimeout"]) == ("0", "60")
    buses = client("events").list_event_buses()["EventBuses"]
    assert sorted(bus["Name"] for bus in buses) == ["default", "first"]
    assert len(client("sns").list_topics()["Topics"]) == 1
    assert deploy_text(AFTER, registry).status == "UPDATE_COMPLETE"


def test_a_failed_creation_is_rolled_back_and_names_the_resource(registry: Deployed) -> None:
    text = """
    Resources:
      Queue: {Type: "AWS::SQS::Queue"}
      Broken:
        Type: AWS::Lambda::EventSourceMapping
        Properties: {FunctionName: nobody, EventSourceArn: !GetAtt Queue.Arn}
    """
    with pytest.raises(StackFailedError) as failure:
        deploy_text(text, registry)
    assert (failure.value.logical_id, failure.value.resource_type) == ("Broken", MAPPING)
    stack = registry.stack(ACCOUNT, REGION, "hub")
    assert (stack.status, dict(stack.resources)) == ("ROLLBACK_COMPLETE", {})
    assert client("sqs").list_queues().get("QueueUrls", []) == []
    with pytest.raises(TemplateError, match="ROLLBACK_COMPLETE state and can not be updated"):
        deploy_text(BEFORE, registry)


def test_an_unknown_type_or_property_is_refused_before_anything_is_made(
    registry: Deployed,
) -> None:
    queue = "Resources: {Q: {Type: 'AWS::SQS::Queue'}, "
    with pytest.raises(UnsupportedResourceTypeError, match="AWS::EC2::VPC"):
        deploy_text(queue + "V: {Type: 'AWS::EC2::VPC'}}", registry)
    with pytest.raises(UnsupportedPropertyError, match=r"AWS::SNS::Topic\.DataProtection"):
        deploy_text(
            queue + "T: {Type: 'AWS::SNS::Topic', Properties: {DataProtectionPolicy: {}}}}",
            registry,
        )
    assert client("sqs").list_queues().get("QueueUrls", []) == []


def test_an_unknown_member_below_a_property_fails_with_its_path(registry: Deployed) -> None:
    text = """
    Resources:
      Rule:
        Type: AWS::Events::Rule
        Properties: {EventPattern: {source: [a]}, Targets: [{Id: a, Arn: b, Colour: red}]}
    """
    with pytest.raises(StackFailedError, match=r"AWS::Events::Rule\.Targets\[0\]\.Colour"):
        deploy_text(text, registry)


def test_a_resource_that_resists_deletion_is_named_and_kept(registry: Deployed) -> None:
    stack = deploy_text(
        "Resources: {Bucket: {Type: 'AWS::S3::Bucket'}, Q: {Type: 'AWS::SQS::Queue'}}", registry
    )
    bucket = stack.resources["Bucket"].physical_id
    client("s3").put_object(Bucket=bucket, Key="finding", Body=b"1")
    with pytest.raises(StackFailedError, match=r"Bucket \(AWS::S3::Bucket\).*NotEmpty"):
        delete(stack, clients=client, deployed=registry)
    left = registry.stack(ACCOUNT, REGION, "hub")
    assert (left.status, [*left.resources]) == ("DELETE_FAILED", ["Bucket"])
    client("s3").delete_object(Bucket=bucket, Key="finding")
    assert delete(left, clients=client, deployed=registry).status == "DELETE_COMPLETE"


def test_a_resource_that_is_already_gone_counts_as_deleted(registry: Deployed) -> None:
    stack = deploy_text(BEFORE, registry)
    client("sqs").delete_queue(QueueUrl=stack.resources["Work"].physical_id)
    client("lambda").delete_function(FunctionName=stack.resources["Function"].physical_id)
    assert delete(stack, clients=client, deployed=registry).status == "DELETE_COMPLETE"


def test_a_policy_without_version_is_taken_unless_it_has_variables(registry: Deployed) -> None:
    text = """
    Resources:
      Policy:
        Type: AWS::IAM::ManagedPolicy
        Properties: {PolicyDocument: {Statement: [{Effect: Allow, Action: "s3:*", Resource: "*"}]}}
    """
    assert deploy_text(text, registry).status == "CREATE_COMPLETE"
    variable = text.replace('Resource: "*"', 'Resource: "arn:aws:s3:::b/${aws:username}"')
    with pytest.raises(StackFailedError, match="add Version: 2012-10-17"):
        deploy_text(variable, Deployed())


def test_a_sam_template_is_deployed_from_the_source_tree(
    registry: Deployed, tmp_path: Path
) -> None:
    (tmp_path / "functions/evaluate").mkdir(parents=True)
    (tmp_path / "layers/sentinel/src").mkdir(parents=True)
    definition = (
        '{"StartAt": "E", "States": {"E": {"Type": "Task", "Resource": "${F}", "End": true}}}'
    )
    (tmp_path / "functions/remediate.asl.json").write_text(definition)
    (tmp_path / "template.yaml").write_text(SAM)
    stack = deploy(
        tmp_path / "template.yaml",
        stack_name="hub",
        account=ACCOUNT,
        region=REGION,
        clients=client,
        source_layers={"SentinelLayer": tmp_path / "layers/sentinel/src"},
        deployed=registry,
    )
    (function,) = registry.of_type("AWS::Lambda::Function")
    (layer,) = registry.of_type("AWS::Lambda::LayerVersion")
    assert function.properties["Layers"] == [layer.physical_id]
    assert function.properties["Code"]["S3Bucket"] == SOURCE_TREE_BUCKET
    folder = source_tree_path(function.properties["Code"]["S3Key"])
    assert folder == tmp_path / "functions/evaluate"
    assert layer.properties["Content"]["S3Key"] == source_tree_key(tmp_path / "layers/sentinel/src")
    (machine,) = registry.of_type("AWS::StepFunctions::StateMachine")
    described = client("stepfunctions").describe_state_machine(stateMachineArn=machine.physical_id)
    made = json.loads(described["definition"])["States"]["E"]
    assert made["Resource"] == function.attributes["Arn"]
    (mapping,) = registry.of_type(MAPPING)
    assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    (url,) = registry.of_type("AWS::Lambda::Url")
    assert stack.outputs == {"Url": url.attributes["FunctionUrl"]}


SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.13, Handler: app.handler, Architectures: [arm64]}}
Resources:
  Queue: {Type: "AWS::SQS::Queue"}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}
  SentinelLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile}
    Properties: {ContentUri: layers/sentinel}
  Evaluate:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/evaluate
      Role: !GetAtt Role.Arn
      Layers: [!Ref SentinelLayer]
      FunctionUrlConfig: {AuthType: AWS_IAM}
      EventInvokeConfig: {MaximumRetryAttempts: 1}
      Events:
        Changes:
          Type: SQS
          Properties: {Queue: !GetAtt Queue.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}
        Tick: {Type: Schedule, Properties: {Schedule: rate(5 minutes)}}
        Bus: {Type: EventBridgeRule, Properties: {Pattern: {source: [sentinel]}}}
  Remediate:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: functions/remediate.asl.json
      DefinitionSubstitutions: {F: !GetAtt Evaluate.Arn}
      Role: !GetAtt Role.Arn
Outputs: {Url: {Value: !GetAtt EvaluateUrl.FunctionUrl}}
"""


def test_the_api_creates_updates_tells_and_deletes_a_stack(registry: Deployed) -> None:
    cloudformation = client("cloudformation")
    with pytest.raises(ClientError, match="Stack with id hub does not exist") as refusal:
        cloudformation.describe_stacks(StackName="hub")
    assert code_of(refusal) == "ValidationError"
    capabilities = ["CAPABILITY_IAM"]
    with pytest.raises(ClientError, match="CAPABILITY_IAM") as refusal:
        cloudformation.create_stack(StackName="hub", TemplateBody=EVERYTHING)
    assert code_of(refusal) == "InsufficientCapabilitiesException"
    stack_id = cloudformation.create_stack(
        StackName="hub",
        TemplateBody=EVERYTHING,
        Parameters=[{"ParameterKey": "Token", "ParameterValue": "secret-token"}],
        Capabilities=capabilities,
        Tags=[{"Key": "team", "Value": "security"}],
    )["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(StackName="hub")
    (stack,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
    assert stack["Parameters"][1] == {"ParameterKey": "Token", "ParameterValue": "****"}
    assert stack["Outputs"][0]["Description"] == "where changes go"
    assert stack["Tags"] == [{"Key": "team", "Value": "security"}]
    listed = cloudformation.list_stack_resources(StackName="hub")["StackResourceSummaries"]
    assert len(listed) == len(RESOURCE_TYPES) + DOUBLED
    resource = cloudformation.describe_stack_resource(StackName="hub", LogicalResourceId="Changes")
    url = resource["StackResourceDetail"]["PhysicalResourceId"]
    assert client("sqs").list_queue_tags(QueueUrl=url)["Tags"] == {"team": "security"}
    by_id = cloudformation.describe_stack_resources(PhysicalResourceId=url)["StackResources"]
    assert "Changes" in [entry["LogicalResourceId"] for entry in by_id]
    kept = [{"ParameterKey": "Token", "UsePreviousValue": True}]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(
            StackName="hub", UsePreviousTemplate=True, Parameters=kept, Capabilities=capabilities
        )
    cloudformation.update_stack(
        StackName="hub",
        UsePreviousTemplate=True,
        Parameters=[*kept, {"ParameterKey": "Retention", "ParameterValue": "30"}],
        Capabilities=capabilities,
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName="hub")
    (group,) = client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30
    cloudformation.delete_stack(StackName="hub")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack_id)
    events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
    assert events[0]["ResourceStatus"] == "DELETE_COMPLETE"
    summaries = cloudformation.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert [summary["StackId"] for summary in summaries] == [stack_id]


def test_sam_deploy_and_sam_delete_find_what_they_ask_for(registry: Deployed) -> None:
    cloudformation, s3 = client("cloudformation"), client("s3")
    s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
    packaged = (
        SAM.replace("functions/remediate.asl.json", "s3://artifacts/machine")
        .replace("functions/evaluate", "s3://artifacts/function")
        .replace("layers/sentinel", "s3://artifacts/layer")
    )
    for key, body in (("machine", b'{"StartAt": "${F}"}'), ("function", b"zip"), ("layer", b"zip")):
        s3.put_object(Bucket="artifacts", Key=key, Body=body)
    s3.put_object(Bucket="artifacts", Key="t/template", Body=packaged.encode())
    where = f"https://s3.{REGION}.amazonaws.com/artifacts/t/template"

    summary = cloudformation.get_template_summary(TemplateURL=where)
    assert summary["DeclaredTransforms"] == ["AWS::Serverless-2016-10-31"]
    asked = {"StackName": "app", "TemplateURL": where, "Capabilities": ["CAPABILITY_IAM"]}
    with pytest.raises(ClientError, match="CAPABILITY_AUTO_EXPAND"):
        cloudformation.create_stack(**asked)
    created = cloudformation.create_change_set(
        **asked, ChangeSetName="one", ChangeSetType="CREATE", Description="Created by a test"
    )
    status = cloudformation.describe_stacks(StackName="app")["Stacks"][0]["StackStatus"]
    assert status == "REVIEW_IN_PROGRESS"
    (event,) = cloudformation.describe_stack_events(StackName="app")["StackEvents"]
    assert event["ResourceStatus"] == "REVIEW_IN_PROGRESS"
    waiter = cloudformation.get_waiter("change_set_create_complete")
    waiter.wait(ChangeSetName=created["Id"], StackName="app")
    pages = cloudformation.get_paginator("describe_change_set").paginate(
        ChangeSetName=created["Id"], StackName="app"
    )
    changes = [change["ResourceChange"] for page in pages for change in page["Changes"]]
    assert {change["Action"] for change in changes} == {"Add"}
    cloudformation.execute_change_set(
        ChangeSetName=created["Id"], StackName="app", DisableRollback=False
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="app")
    template = cloudformation.get_template(StackName="app", TemplateStage="Processed")
    assert "Transform" not in template["TemplateBody"]
    original = cloudformation.get_template(StackName="app", TemplateStage="Original")
    assert original["TemplateBody"] == packaged

    again = cloudformation.create_change_set(**asked, ChangeSetName="two", ChangeSetType="UPDATE")
    described = cloudformation.describe_change_set(ChangeSetName=again["Id"])
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "The submitted information didn't contain changes" in described["StatusReason"]
    with pytest.raises(ClientError) as refusal:
        cloudformation.execute_change_set(ChangeSetName=again["Id"])
    assert code_of(refusal) == "InvalidChangeSetStatus"
    names = cloudformation.list_change_sets(StackName="app")["Summaries"]
    assert [summary["ChangeSetName"] for summary in names] == ["one", "two"]
    cloudformation.delete_change_set(ChangeSetName="two", StackName="app")
    with pytest.raises(ClientError) as refusal:
        cloudformation.describe_change_set(ChangeSetName="two", StackName="app")
    assert code_of(refusal) == "ChangeSetNotFound"

    changed = packaged.replace("rate(5 minutes)", "rate(9 minutes)")
    third = cloudformation.create_change_set(
        StackName="app",
        TemplateBody=changed,
        Capabilities=["CAPABILITY_IAM"],
        ChangeSetName="three",
    )
    (change,) = cloudformation.describe_change_set(ChangeSetName=third["Id"])["Changes"]
    assert change["ResourceChange"]["Action"] == "Modify"
    cloudformation.execute_change_set(ChangeSetName="three", StackName="app")
    cloudformation.get_waiter("stack_update_complete").wait(StackName="app")
    rules = client("events").list_rules()["Rules"]
    assert [r["ScheduleExpression"] for r in rules if "ScheduleExpression" in r] == [
        "rate(9 minutes)"
    ]
    cloudformation.delete_stack(StackName="app")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=created["StackId"])


def test_a_failed_creation_is_told_in_the_stacks_events(registry: Deployed) -> None:
    cloudformation = client("cloudformation")
    body = "Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: 'a b'}}}"
    cloudformation.create_stack(StackName="hub", TemplateBody=body)
    (stack,) = cloudformation.describe_stacks(StackName="hub")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="hub")["StackEvents"]
    (failed,) = [e for e in events if e["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Q"
    assert failed["ResourceStatusReason"]


@pytest.mark.parametrize(
    ("body", "options", "said"),
    [
        ("Resources: {V: {Type: 'AWS::EC2::VPC'}}", {}, "AWS::EC2::VPC"),
        ("Resources: {Q: {Type: 'AWS::SQS::Queue'}}", {"OnFailure": "DO_NOTHING"}, "OnFailure"),
        ("Resources: {Q: {Type: 'AWS::SQS::Queue'}}", {"RoleARN": "r" * 30}, "RoleARN"),
        ("Resources: [", {}, "Template format error"),
    ],
)
def test_the_api_refuses_by_name_what_it_does_not_do(
    registry: Deployed, body: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(ClientError, match=said) as refusal:
        client("cloudformation").create_stack(StackName="hub", TemplateBody=body, **options)
    assert code_of(refusal) == "ValidationError"
    assert registry.stacks(ACCOUNT, REGION) == ()


def test_an_operation_that_the_api_lacks_is_refused_by_name(registry: Deployed) -> None:
    with pytest.raises(ClientError, match="CreateStackSet is not supported"):
        client("cloudformation").create_stack_set(StackSetName="member", TemplateBody="{}")


def test_a_template_is_validated_without_deploying_it(registry: Deployed) -> None:
    answer = client("cloudformation").validate_template(TemplateBody=EVERYTHING)
    parameters = {entry["ParameterKey"]: entry for entry in answer["Parameters"]}
    assert parameters["Retention"]["DefaultValue"] == "14"
    assert parameters["Token"]["NoEcho"] is True
    assert answer["Capabilities"] == ["CAPABILITY_IAM"]


def test_install_refuses_a_moto_that_it_was_not_written_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("moto.__version__", "6.0.0")
    with pytest.raises(RuntimeError, match=r"found 6\.0\.0"):
        install(clients_for)


TAGS = {"Tags": [{"Key": "team", "Value": "security"}]}
ALLOW = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}],
}
ANYBODY = {"Version": "2012-10-17", "Statement": []}
UPDATES: dict[str, dict[str, Any]] = {
    "Alarm": {"Threshold": 3, **TAGS},
    "Alias": {"Description": "what is live"},
    "Archive": {"RetentionDays": 3},
    "Boundary": {"PolicyDocument": ALLOW},
    "Bucket": {"VersioningConfiguration": {"Status": "Suspended"}, **TAGS},
    "BucketPolicy": {
        "PolicyDocument": {
            **ALLOW,
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"},
            ],
        }
    },
    "Bus": TAGS,
    "BusPolicy": {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "444455556666"},
            "Action": "events:PutEvents",
            "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
        }
    },
    "Changes": {"VisibilityTimeout": 90, **TAGS},
    "ChangesPolicy": {"PolicyDocument": ANYBODY},
    "Composite": {"AlarmDescription": "something waits", **TAGS},
    "Dashboard": {"DashboardBody": '{"widgets": []}'},
    "Filter": {"FilterPattern": "Task timed out"},
    "Function": {"MemorySize": 1024, **TAGS},
    "Group": {"RetentionInDays": 30, **TAGS},
    "Inline": {"PolicyDocument": ALLOW},
    "Invoke": {"MaximumRetryAttempts": 0},
    "Key": {"EnableKeyRotation": False, **TAGS},
    "KeyAlias": {"TargetKeyId": {"Fn::GetAtt": ["Key", "Arn"]}},
    "Machine": {"Definition": {"StartAt": "No", "States": {"No": {"Type": "Succeed"}}}, **TAGS},
    "Mail": {"FilterPolicy": {"severity": ["CRITICAL"]}},
    "Mapping": {"BatchSize": 5, **TAGS},
    "Role": {"Description": "evaluates", **TAGS},
    "Rule": {"EventPattern": {"source": ["aws.iam"]}, **TAGS},
    "Schedule": {"ScheduleExpression": "rate(2 hours)"},
    "Table": {"DeletionProtectionEnabled": True, **TAGS},
    "Topic": {"DisplayName": "findings", **TAGS},
    "TopicPolicy": {"PolicyDocument": ANYBODY},
    "Trail": {"IsLogging": False, **TAGS},
    "Url": {"AuthType": "NONE"},
    "Webhook": {"Value": "changed"},
}


def test_every_type_that_can_be_updated_takes_an_update_in_place(registry: Deployed) -> None:
    before = deploy_text(EVERYTHING, registry)
    document = read_template(EVERYTHING)
    for logical_id, change in UPDATES.items():
        document["Resources"][logical_id]["Properties"].update(change)
    after = deploy(
        document,
        stack_name="hub",
        account=ACCOUNT,
        region=REGION,
        clients=client,
        deployed=registry,
    )
    made = after.resources
    ids = {name: made[name].physical_id for name in UPDATES}
    assert ids == {name: before.resources[name].physical_id for name in UPDATES}
    updatable = {name for name, kind in RESOURCE_TYPES.items() if kind.update is not None}
    assert {made[name].type for name in UPDATES} == updatable

    status = client("cloudtrail").get_trail_status(Name=ids["Trail"])
    assert status["IsLogging"] is False
    table = client("dynamodb").describe_table(TableName=ids["Table"])["Table"]
    assert table["DeletionProtectionEnabled"] is True
    (alarm,) = client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["Threshold"] == 3.0
    rotation = client("kms").get_key_rotation_status(KeyId=ids["Key"])
    assert rotation["KeyRotationEnabled"] is False
    rule = client("events").describe_rule(Name=ids["Rule"].split("|")[1], EventBusName="ingest")
    assert json.loads(rule["EventPattern"]) == {"source": ["aws.iam"]}
    subscription = client("sns").get_subscription_attributes(SubscriptionArn=ids["Mail"])
    assert json.loads(subscription["Attributes"]["FilterPolicy"]) == {"severity": ["CRITICAL"]}
    value = client("ssm").get_parameter(Name=ids["Webhook"])["Parameter"]["Value"]
    assert value == "changed"
    (statement,) = json.loads(client("events").describe_event_bus(Name="ingest")["Policy"])[
        "Statement"
    ]
    assert (statement["Sid"], statement["Principal"]) == ("organization", {"AWS": "444455556666"})
    mapping = client("lambda").get_event_source_mapping(UUID=ids["Mapping"])
    assert mapping["BatchSize"] == 5
