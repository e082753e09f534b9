"""The API calls that a synthetic archive holds: everyday ones, and what the rules look at."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

FOREIGN_ACCOUNT = "999988887777"
ROLES = ("app-prod", "eks-node", "ci-deployer", "data-pipeline", "lambda-orders", "karpenter")
AGENTCORE = "bedrock-agentcore"

Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One API call before it becomes a record."""

    service: str
    name: str
    request: Members | None
    response: Members | None = None
    extra: Members | None = None
    error: str | None = None
    breaks: str | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """The account and Region of one file, and its source of chance."""

    chance: random.Random
    account: str
    region: str

    def hexadecimal(self, length: int) -> str:
        return f"{self.chance.getrandbits(4 * length):0{length}x}"

    def capitals(self, length: int) -> str:
        return "".join(self.chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=length))

    def uuid(self) -> str:
        digits = self.hexadecimal(32)
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def address(self) -> str:
        return f"{self.chance.choice(('198.51.100', '203.0.113'))}.{self.chance.randrange(1, 255)}"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def role(self, name: str) -> str:
        return f"arn:aws:iam::{self.account}:role/{name}"


# What every account is full of.


def _assume_role(where: Where) -> Call:
    role = f"{where.chance.choice(ROLES)}-{where.capitals(4)}"
    session = f"botocore-session-{where.chance.randrange(10**9, 10**10)}"
    response = {
        "credentials": {
            "accessKeyId": f"ASIA{where.capitals(16)}",
            "sessionToken": where.capitals(180),
            "expiration": "Aug 1, 2026, 1:00:00 PM",
        },
        "assumedRoleUser": {
            "assumedRoleId": f"AROA{where.capitals(17)}:{session}",
            "arn": f"arn:aws:sts::{where.account}:assumed-role/{role}/{session}",
        },
    }
    request = {"roleArn": where.role(role), "roleSessionName": session, "durationSeconds": 3600}
    resource = {"accountId": where.account, "type": "AWS::IAM::Role", "ARN": where.role(role)}
    return Call("sts", "AssumeRole", request, response, {"resources": [resource]})


def _decrypt(where: Where) -> Call:
    key = where.arn("kms", f"key/{where.uuid()}")
    context = {"aws:s3:arn": f"arn:aws:s3:::data-lake/{where.hexadecimal(8)}/part.parquet"}
    resource = {"accountId": where.account, "type": "AWS::KMS::Key", "ARN": key}
    request = {"encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    return Call("kms", "Decrypt", request, None, {"resources": [resource]})


def _describe_instances(where: Where) -> Call:
    number = where.chance.randrange(1, 12)
    items = [{"instanceId": f"i-0{where.hexadecimal(16)}"} for _ in range(number)]
    return Call("ec2", "DescribeInstances", {"instancesSet": {"items": items}, "filterSet": {}})


def _object(name: str, where: Where) -> Call:
    bucket = f"{where.chance.choice(('data-lake', 'assets', 'artifacts'))}-{where.account}"
    key = f"raw/dt=2026-08-{where.chance.randrange(1, 28):02}/{where.hexadecimal(32)}.parquet"
    request = {"bucketName": bucket, "Host": f"{bucket}.s3.amazonaws.com", "key": key}
    extra = {
        "additionalEventData": {
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": 0,
            "SSEApplied": "Default_SSE_S3",
            "AuthenticationMethod": "AuthHeader",
            "x-amz-id-2": where.capitals(76),
            "bytesTransferredOut": where.chance.randrange(10**6),
        },
        "resources": [
            {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
            {
                "accountId": where.account,
                "type": "AWS::S3::Bucket",
                "ARN": f"arn:aws:s3:::{bucket}",
            },
        ],
        "eventCategory": "Data",
    }
    return Call("s3", name, request, None, extra)


def _log_stream(where: Where) -> Call:
    group = f"/aws/lambda/{where.chance.choice(('orders', 'billing', 'auth'))}-prod"
    stream = f"2026/08/01/[$LATEST]{where.hexadecimal(32)}"
    return Call("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})


def _network_interface(where: Where) -> Call:
    interface = f"eni-0{where.hexadecimal(16)}"
    tags = [{"key": "Owner", "value": "platform"}, {"key": "Environment", "value": "prod"}]
    request = {"subnetId": f"subnet-0{where.hexadecimal(16)}", "clientToken": where.uuid()}
    response = {
        "requestId": where.uuid(),
        "networkInterface": {
            "networkInterfaceId": interface,
            "vpcId": f"vpc-0{where.hexadecimal(16)}",
            "ownerId": where.account,
            "status": "pending",
            "privateIpAddress": where.address(),
            "tagSet": {"items": tags},
        },
    }
    return Call("ec2", "CreateNetworkInterface", request, response)


def _read_role(where: Where) -> Call:
    return Call("iam", "GetRole", {"roleName": where.chance.choice(ROLES)})


def _invoke_model(where: Where) -> Call:
    return Call("bedrock", "InvokeModel", {"modelId": "amazon.nova-pro-v1:0"})


def _denied(where: Where) -> Call:
    return Call("dynamodb", "DescribeTable", {"tableName": "orders"}, error="AccessDenied")


_NOISE: tuple[tuple[float, Callable[[Where], Call]], ...] = (
    (18, _assume_role),
    (15, _decrypt),
    (17, _describe_instances),
    (19, partial(_object, "GetObject")),
    (10, partial(_object, "PutObject")),
    (9, _log_stream),
    (6, _network_interface),
    (2, _invoke_model),
    (1.3, _read_role),
    (1, _denied),
)
NOISE = tuple(make for _, make in _NOISE)
NOISE_WEIGHTS = tuple(weight for weight, _ in _NOISE)


# What the rules look at.


def _gateway(where: Where, authorizer: str, **members: Any) -> Call:
    request = {
        "name": "***",
        "roleArn": where.role("gateway"),
        "protocolType": "MCP",
        "authorizerType": authorizer,
        **members,
    }
    identifier = f"tools-{where.hexadecimal(10)}"
    response = {
        "gatewayArn": where.arn(AGENTCORE, f"gateway/{identifier}"),
        "gatewayId": identifier,
        "name": "***",
        "authorizerType": authorizer,
        "status": "CREATING",
    }
    resource = {"type": "AWS::BedrockAgentCore::Gateway", "ARN": response["gatewayArn"]}
    return Call(AGENTCORE, "CreateGateway", request, response, {"resources": [resource]})


def _jwt(**members: Any) -> Members:
    issuer = "https://idp.example.com/.well-known/openid-configuration"
    return {"customJWTAuthorizer": {"discoveryUrl": issuer, **members}}


def _runtime(where: Where, registry: str) -> Call:
    name = f"agent_{where.hexadecimal(6)}"
    identifier = f"{name}-{where.capitals(10)}"
    image = f"{registry}.dkr.ecr.{where.region}.amazonaws.com/agents:{where.hexadecimal(7)}"
    request = {
        "agentRuntimeName": name,
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": image}},
        "roleArn": where.role("agent"),
        "networkConfiguration": {"networkMode": "VPC"},
    }
    response = {
        "agentRuntimeArn": where.arn(AGENTCORE, f"runtime/{identifier}"),
        "agentRuntimeId": identifier,
        "agentRuntimeVersion": "1",
        "status": "CREATING",
    }
    return Call(AGENTCORE, "CreateAgentRuntime", request, response)


def _invocation(where: Where, name: str) -> Call:
    runtime = where.arn(AGENTCORE, f"runtime/agent_{where.hexadecimal(6)}-{where.capitals(10)}")
    resource = {
        "accountId": where.account,
        "type": "AWS::BedrockAgentCore::Runtime",
        "ARN": runtime,
    }
    extra = {"resources": [resource], "eventCategory": "Data"}
    return Call(AGENTCORE, name, {"agentRuntimeArn": runtime}, None, extra)


def _role_policy(where: Where, actions: list[str], resource: str) -> Call:
    document = _document({"Effect": "Allow", "Action": actions, "Resource": resource})
    role = f"agent-{where.hexadecimal(8)}"
    request = {"roleName": role, "policyName": "agent", "policyDocument": document}
    return Call("iam", "PutRolePolicy", request)


def _trust(where: Where, condition: Members | None) -> Call:
    statement: Members = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    if condition:
        statement["Condition"] = condition
    role = f"agent-{where.hexadecimal(8)}"
    request = {"roleName": role, "assumeRolePolicyDocument": _document(statement)}
    arn = where.role(role)
    return Call("iam", "CreateRole", request, {"role": {"roleName": role, "arn": arn}})


def _document(statement: Members) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _trail(where: Where, name: str) -> Call:
    trail = where.arn("cloudtrail", f"trail/audit-{where.hexadecimal(8)}")
    return Call("cloudtrail", name, {"name": trail})


def _breaking(rule: str, make: Callable[[Where], Call]) -> Callable[[Where], Call]:
    def call(where: Where) -> Call:
        made = make(where)
        return Call(
            made.service, made.name, made.request, made.response, made.extra, made.error, rule
        )

    return call


VIOLATIONS: tuple[Callable[[Where], Call], ...] = (
    _breaking("gateway_authorizer_none", lambda where: _gateway(where, "NONE")),
    _breaking(
        "jwt_authorizer_unpinned",
        lambda where: _gateway(where, "CUSTOM_JWT", authorizerConfiguration=_jwt()),
    ),
    _breaking(
        "runtime_shell_command", lambda where: _invocation(where, "InvokeAgentRuntimeCommand")
    ),
    _breaking("iam_bedrock_wildcard", lambda where: _role_policy(where, ["bedrock:*"], "*")),
    _breaking("agent_trust_unscoped", lambda where: _trust(where, None)),
    _breaking("agent_artifact_foreign", lambda where: _runtime(where, FOREIGN_ACCOUNT)),
    _breaking("trail_stopped", lambda where: _trail(where, "StopLogging")),
)


def _refused_gateway(where: Where) -> Call:
    call = _gateway(where, "NONE")
    return Call(call.service, call.name, call.request, error="AccessDeniedException")


HARMLESS: tuple[Callable[[Where], Call], ...] = (
    lambda where: _gateway(where, "AWS_IAM"),
    lambda where: _gateway(
        where, "CUSTOM_JWT", authorizerConfiguration=_jwt(allowedClients=[where.hexadecimal(20)])
    ),
    _refused_gateway,
    lambda where: _invocation(where, "InvokeAgentRuntime"),
    lambda where: _role_policy(where, ["s3:GetObject"], "arn:aws:s3:::data-lake/*"),
    lambda where: _trust(where, {"StringEquals": {"aws:SourceAccount": where.account}}),
    lambda where: _runtime(where, where.account),
    lambda where: _trail(where, "StartLogging"),
    lambda where: Call(AGENTCORE, "ListGateways", None),
)
