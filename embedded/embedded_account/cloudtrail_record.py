"""The CloudTrail record that a call leaves, its EventBridge envelope and its archive file."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from botocore.parsers import create_parser
from moto.iam.models import iam_backends
from moto.utilities.utils import get_partition

from embedded_account.service_models import service_model

from .agentcore.shapes import CONTROL, DATA, is_sensitive
from .agentcore.trail_resources import control_resources, data_resources
from .calls import Answer, Call, Caller

Record = dict[str, Any]

CommandShape = Literal["arn", "resources-only"]

# CloudTrail user guide, record contents; what stands there instead is seen in real records.
LARGEST_FIELD = 100 * 1024

# Global services are recorded in one Region of each partition (EventBridge, troubleshooting).
GLOBAL_SERVICES = frozenset({"iam", "organizations"})
GLOBAL_REGIONS: Mapping[str, str] = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
}

# CloudTrail's readOnly is not in the service models; these names cover the services in use.
_READS = re.compile(
    "(Get|List|Describe|Head|Lookup|Search|BatchGet|Simulate|Retrieve|Select|Test|Validate|Check"
    "|AssumeRole|Decrypt|Encrypt|GenerateDataKey|Filter|StartQuery)"
)

# Data events of other services, and calls that CloudTrail never records: no trail here selects
# them, and a record of every queue poll would drown the rest.
_NEVER_RECORDED: Mapping[str, re.Pattern[str]] = {
    "cloudwatch": re.compile("PutMetricData"),
    "dynamodb": re.compile(".*Items?$|Query|Scan|.*Statement|ExecuteTransaction"),
    "dynamodbstreams": re.compile(".*"),
    "events": re.compile("PutEvents"),
    "lambda": re.compile("Invoke.*"),
    "logs": re.compile("PutLogEvents"),
    "s3": re.compile(".*Objects?$|.*Part(Copy)?$|.*MultipartUpload$|ListObjects.*"),
    "sns": re.compile("Publish(Batch)?"),
    "sqs": re.compile(".*Message(Batch|Visibility|VisibilityBatch)?$"),
    "stepfunctions": re.compile("SendTask.*|GetActivityTask"),
}

_LAMBDA_SECOND_VERSIONS = re.compile(
    "(Add|Remove)Permission|UpdateFunction(Code|Configuration)|Get(Function|Policy)"
)


def record_of(
    call: Call,
    answer: Answer,
    *,
    event_id: str,
    command_shape: CommandShape = "arn",
    include_reads: bool = False,
) -> Record | None:
    """The record in CloudTrail's form (eventVersion 1.11), or None if the call leaves none.

    Management reads leave none unless *include_reads*: ordinary rules do not receive them.
    *command_shape* tells whether ``requestParameters`` of a command holds the runtime's ARN or is
    null, which no public sample decides. Whether any trail delivers it is not asked here
    (``trails.delivers``).
    """
    never = _NEVER_RECORDED.get(call.service)
    if never and never.fullmatch(call.operation):
        return None
    data_event = call.service == DATA
    read_only = bool(_READS.match(call.operation))
    if read_only and not data_event and not include_reads:
        return None
    model = service_model(call.service)
    response = {} if read_only or data_event else _response(call, answer, model)
    request = _recorded_request(call, answer, model, command_shape)
    answered = _recorded_response(call, response, model)
    resources = _resources(call, response)
    return {
        **_head(call, answer, model),
        "requestParameters": _within_limit("requestParameters", request),
        "responseElements": _within_limit("responseElements", answered),
        "requestID": call.request_id,
        "eventID": event_id,
        "readOnly": read_only,
        **({"resources": resources} if resources else {}),
        "eventType": "AwsApiCall",
        "managementEvent": not data_event,
        "recipientAccountId": call.account,
        "eventCategory": "Data" if data_event else "Management",
        **({} if _by_service(call) else {"tlsDetails": _tls_details(call, model)}),
    }


def _head(call: Call, answer: Answer, model: Any) -> Record:
    """Who called what, when, where from, and the error if it was refused."""
    head: Record = {
        "eventVersion": "1.11",
        "userIdentity": _user_identity(call),
        "eventTime": call.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": _event_source(call.service, model),
        "eventName": _event_name(call.service, call.operation, model),
        "awsRegion": event_region(call),
        "sourceIPAddress": call.source_ip,
        "userAgent": call.user_agent,
    }
    if answer.error_code:
        head["errorCode"] = _error_code(call.operation, answer.error_code, model)
        head["errorMessage"] = answer.error_message or ""
    return head


def _tls_details(call: Call, model: Any) -> Record:
    prefix = model.metadata["endpointPrefix"]
    host = prefix if call.service in GLOBAL_SERVICES else f"{prefix}.{call.region}"
    return {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": f"{host}.amazonaws.com",
    }


def event_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The EventBridge event that carries the record: ``AWS API Call via CloudTrail``."""
    return {
        "version": "0",
        "id": str(uuid5(NAMESPACE_URL, f"eventbridge/{record['eventID']}")),
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws." + str(record["eventSource"]).removesuffix(".amazonaws.com"),
        "account": record["recipientAccountId"],
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": dict(record),
    }


def archive_bytes(records: Iterable[Mapping[str, Any]]) -> bytes:
    """A trail's log file, gzipped JSON ``{"Records": [...]}``: same records, same bytes."""
    document = {"Records": list(records)}
    return gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0)


def archive_key(account: str, region: str, at: datetime, suffix: str) -> str:
    """The S3 key of a log file, stamped like CloudTrail's with the last full five minutes."""
    utc = at.astimezone(UTC)
    stamp = utc.replace(minute=utc.minute - utc.minute % 5)
    return (
        f"AWSLogs/{account}/CloudTrail/{region}/{stamp:%Y/%m/%d}/"
        f"{account}_CloudTrail_{region}_{stamp:%Y%m%dT%H%MZ}_{suffix}.json.gz"
    )


def event_region(call: Call) -> str:
    """The Region that the event appears in: the partition's own for IAM and Organizations."""
    if call.service not in GLOBAL_SERVICES:
        return call.region
    return GLOBAL_REGIONS.get(get_partition(call.region), call.region)


def _event_source(service: str, model: Any) -> str:
    if service in (CONTROL, DATA):
        return "bedrock-agentcore.amazonaws.com"
    return f"{model.metadata['endpointPrefix']}.amazonaws.com"


def _event_name(service: str, operation: str, model: Any) -> str:
    if service != "lambda":
        return operation
    date = re.match(r"/(\d{4})-(\d\d)-(\d\d)/", model.operation_model(operation).http["requestUri"])
    version = "v2" if _LAMBDA_SECOND_VERSIONS.fullmatch(operation) else ""
    return operation + "".join(date.groups()) + version if date else operation


def _error_code(operation: str, code: str, model: Any) -> str:
    """CloudTrail names IAM's errors by their shape (NoSuchEntityException), not by their code."""
    if operation not in model.operation_names:
        return code
    for shape in model.operation_model(operation).error_shapes:
        if shape.metadata.get("error", {}).get("code") == code:
            return str(shape.name)
    return code


def _recorded_request(
    call: Call, answer: Answer, model: Any, command_shape: CommandShape
) -> Record | None:
    if (answer.error_code or "").startswith("AccessDenied"):
        return None
    if call.service == DATA:
        if command_shape == "resources-only":
            return None
        target = ("agentRuntimeArn", "qualifier", "runtimeSessionId")
        names = target[:2] if "Command" in call.operation else target
        return {name: call.parameters[name] for name in names if name in call.parameters} or None
    shape = model.operation_model(call.operation).input_shape
    return _recorded(call, shape, call.parameters)


def _recorded_response(call: Call, response: Mapping[str, Any], model: Any) -> Record | None:
    if not response:
        return None
    shape = model.operation_model(call.operation).output_shape
    return _recorded(call, shape, response)


def _recorded(call: Call, shape: Any, value: Mapping[str, Any]) -> Record | None:
    if shape is None or not value:
        return None
    recorded: Record = _redacted(call.service, shape, dict(value))
    if call.operation in ("CreateGateway", "UpdateGateway"):
        # The documented sample hides both, although the model marks only the description.
        recorded |= {m: "***" for m in ("name", "description") if m in recorded}
    return recorded or None


def _redacted(service: str, shape: Any, value: Any) -> Any:
    """The value as CloudTrail writes it: members in lowerCamelCase, secrets hidden."""
    if service == CONTROL and is_sensitive(shape):
        return "***"
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure" and isinstance(value, Mapping):
        recorded: Record = {}
        for member, inner in value.items():
            inner_shape = shape.members.get(member)
            if inner is None or (inner_shape is None and service != CONTROL):
                continue
            if inner_shape is None:
                recorded[member] = inner  # unknown members are recorded exactly as they were sent
            elif service == CONTROL or not _left_out(inner_shape):
                recorded[member[:1].lower() + member[1:]] = _redacted(service, inner_shape, inner)
        return recorded
    if shape.type_name == "list" and isinstance(value, list):
        return [_redacted(service, shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: _redacted(service, shape.value, item) for key, item in value.items()}
    return _written(service, value)


def _left_out(shape: Any) -> bool:
    """Other services leave secrets and blobs out (CreateLoginProfile, CreateFunction)."""
    return is_sensitive(shape) or shape.type_name == "blob"


def _written(service: str, value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    if service == "iam":
        return f"{value:%b} {value.day}, {value.year} {value.hour % 12 or 12}{value::%M:%S %p}"
    return value.isoformat()


def _within_limit(name: str, content: Record | None) -> Record | None:
    if content is None:
        return None
    size = len(json.dumps(content, separators=(",", ":")))
    if size <= LARGEST_FIELD:
        return content
    return {"reason": f"{name} too large", "omitted": True, "originalSize": size}


def _response(call: Call, answer: Answer, model: Any) -> Mapping[str, Any]:
    """The parsed body of a success; empty for errors, streams and bodies that are no document."""
    if answer.error_code or answer.status >= 300 or not answer.body:
        return {}
    protocol = str(model.metadata["protocol"])
    if protocol in ("json", "rest-json"):
        document = json.loads(answer.body)
        return document if isinstance(document, dict) else {}
    if protocol != "query":
        return {}
    parsed = create_parser(protocol).parse(
        {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body},
        model.operation_model(call.operation).output_shape,
    )
    return {name: value for name, value in parsed.items() if name != "ResponseMetadata"}


def _resources(call: Call, response: Mapping[str, Any]) -> list[dict[str, str]]:
    if call.service == DATA:
        found = data_resources(call.parameters)
    elif call.service == CONTROL:
        where = f"bedrock-agentcore:{call.region}:{call.account}"
        arn_prefix = f"arn:{get_partition(call.region)}:{where}"
        found = control_resources(call.operation, arn_prefix, call.parameters, response)
    else:
        found = []
    return [{"accountId": arn.split(":")[4], "type": kind, "ARN": arn} for kind, arn in found]


def _by_service(call: Call) -> bool:
    return call.source_ip.endswith(".amazonaws.com")


def _user_identity(call: Call) -> Record:
    caller = call.caller
    if caller.type == "AWSService":
        return {"type": "AWSService", "invokedBy": caller.arn}
    identity: Record = {
        "type": caller.type,
        "principalId": _principal_id(caller),
        "arn": caller.arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key_id,
    }
    if caller.type == "IAMUser":
        identity["userName"] = caller.arn.rsplit("/", 1)[-1]
    if caller.type == "AssumedRole":
        identity["sessionContext"] = _session_context(caller, call.at)
    if _by_service(call):
        identity["invokedBy"] = call.source_ip
    return identity


def _session_context(caller: Caller, at: datetime) -> Record:
    role = caller.role_arn or ""
    context: Record = {
        "sessionIssuer": {
            "type": "Role",
            "principalId": _unique_id(role, "AROA"),
            "arn": role,
            "accountId": caller.account,
            "userName": role.rsplit("/", 1)[-1],
        },
        "attributes": {
            "creationDate": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "mfaAuthenticated": "false",
        },
    }
    if caller.source_identity:
        context["sourceIdentity"] = caller.source_identity
    return context


def _principal_id(caller: Caller) -> str:
    if caller.type == "Root":
        return caller.account
    if caller.type == "AssumedRole":
        session = caller.arn.rsplit("/", 1)[-1]
        return f"{_unique_id(caller.role_arn or '', 'AROA')}:{session}"
    return _unique_id(caller.arn, "AIDA")


def _unique_id(arn: str, prefix: str) -> str:
    """IAM's own id of the role or user, or one made of the ARN where IAM does not know it."""
    if arn.startswith("arn:"):
        _, partition, _, _, account, _ = arn.split(":", 5)
        backend = iam_backends[account][partition]
        for identity in (*backend.roles.values(), *backend.users.values()):
            if identity.arn == arn:
                return str(identity.id)
    return prefix + sha256(arn.encode()).hexdigest()[:17].upper()
