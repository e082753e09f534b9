"""Writes a synthetic CloudTrail archive whose right answers are known.

`write(folder)` lays files out as CloudTrail does, `AWSLogs/ACCOUNT/CloudTrail/REGION/Y/M/D`, and
beside them `truth.json`: rule id -> eventIDs of the records that break it, for the rules that an
archive answers without a live read. The mix of services follows that of real trails: mostly reads
by roles, a few thousand distinct sessions, long user agents. Same arguments, same bytes.

    python -m benchmarks.corpus FOLDER [RECORDS]
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.corpus_calls import (
    HARMLESS,
    NOISE,
    NOISE_WEIGHTS,
    ROLES,
    VIOLATIONS,
    Call,
    Members,
    Where,
)

RECORDS_A_FILE = 1_000
ACCOUNTS = tuple(f"{number:012}" for number in range(444455556666, 444455556678))
REGIONS = ("us-east-1",) * 5 + ("us-west-2",) * 3 + ("eu-central-1",) * 2 + ("ap-southeast-2",)
BEGIN = datetime(2026, 8, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Size:
    """What was written: files, records, relevant records, violations, bytes plain and gzip."""

    files: int
    records: int
    relevant: int
    violations: int
    plain: int
    compressed: int


def write(folder: Path, records: int = 200_000, rate: float = 0.001, seed: int = 7) -> Size:
    """Write the archive into a folder and return its size; `rate` is the share of relevant records.

    Half of the relevant records break a rule. 200,000 records take about 300 MB of JSON, 50 MB
    as gzip.
    """
    counts = [RECORDS_A_FILE] * (records // RECORDS_A_FILE)
    if records % RECORDS_A_FILE:
        counts.append(records % RECORDS_A_FILE)
    truth: dict[str, list[str]] = defaultdict(list)
    sizes = []
    with ProcessPoolExecutor(2) as executor:
        work = partial(_write_file, folder, rate, seed)
        for size, broken in executor.map(work, range(len(counts)), counts, chunksize=4):
            sizes.append(size)
            for rule, event in broken:
                truth[rule].append(event)
    ordered = {rule: sorted(events) for rule, events in sorted(truth.items())}
    (folder / "truth.json").write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    return Size(
        files=len(sizes),
        records=sum(size.records for size in sizes),
        relevant=sum(size.relevant for size in sizes),
        violations=sum(size.violations for size in sizes),
        plain=sum(size.plain for size in sizes),
        compressed=sum(size.compressed for size in sizes),
    )


def _write_file(
    folder: Path, rate: float, seed: int, number: int, count: int
) -> tuple[Size, list[tuple[str, str]]]:
    chance = random.Random(f"{seed}/{number}")
    where = Where(chance, chance.choice(ACCOUNTS), chance.choice(REGIONS))
    begun = BEGIN + timedelta(minutes=5 * number)
    sessions = [_session(where, begun) for _ in range(35)]
    records, broken, relevant = [], [], 0
    for _ in range(count):
        if chance.random() < rate:
            relevant += 1
            kinds = VIOLATIONS if chance.random() < 0.5 else HARMLESS
            call = chance.choice(kinds)(where)
        else:
            make = chance.choices(NOISE, NOISE_WEIGHTS)[0]
            call = make(where)
        moment = begun + timedelta(seconds=chance.randrange(300))
        record = _record(where, call, chance.choice(sessions), moment)
        if call.breaks:
            broken.append((call.breaks, str(record["eventID"])))
        records.append(record)
    plain = json.dumps({"Records": records}, separators=(",", ":")).encode()
    compressed = gzip.compress(plain, 6, mtime=0)
    path = folder / "AWSLogs" / where.account / "CloudTrail" / where.region
    path = path / f"{begun:%Y/%m/%d}"
    path.mkdir(parents=True, exist_ok=True)
    stem = f"{where.account}_CloudTrail_{where.region}_{begun:%Y%m%dT%H%MZ}_{where.capitals(16)}"
    (path / f"{stem}.json.gz").write_bytes(compressed)
    return Size(1, count, relevant, len(broken), len(plain), len(compressed)), broken


@dataclass(frozen=True, slots=True)
class _Session:
    identity: Members
    address: str
    agent: str


AGENTS = (
    "aws-sdk-go-v2/1.30.3 ua/2.1 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/ec2",
    "Boto3/1.35.36 md/Botocore#1.35.36 ua/2.0 os/linux#5.10.226-235.879.amzn2.x86_64 "
    "md/arch#x86_64 lang/python#3.12.7 md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 "
    "cfg/retry-mode#standard Botocore/1.35.36",
    "aws-cli/2.17.44 md/awscrt#0.21.2 ua/2.0 os/macos#23.6.0 md/arch#arm64 lang/python#3.11.9 "
    "md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#s3.ls",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/"
    "5.65.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.4",
    "aws-internal/3 aws-sdk-java/1.12.770 Linux/5.10.224-190.876.amzn2int.x86_64 "
    "OpenJDK_64-Bit_Server_VM/25.422-b05 java/1.8.0_422 vendor/Oracle_Corporation",
    "kubelet/v1.29.6 aws-sdk-go/1.51.16 (go1.22.4; linux; amd64)",
)
SERVICES = ("lambda", "ec2", "ecs-tasks", "autoscaling", "config", "ssm", "logs", "s3")


def _session(where: Where, moment: datetime) -> _Session:
    chance = where.chance
    if chance.random() < 0.18:
        service = f"{chance.choice(SERVICES)}.amazonaws.com"
        return _Session({"type": "AWSService", "invokedBy": service}, service, service)
    role = f"{chance.choice(ROLES)}-{where.capitals(4)}"
    principal = f"AROA{where.capitals(17)}"
    session = chance.choice((f"i-0{where.hexadecimal(16)}", where.uuid(), f"{role}-session"))
    created = moment - timedelta(minutes=chance.randrange(60))
    identity = {
        "type": "AssumedRole",
        "principalId": f"{principal}:{session}",
        "arn": f"arn:aws:sts::{where.account}:assumed-role/{role}/{session}",
        "accountId": where.account,
        "accessKeyId": f"ASIA{where.capitals(16)}",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": principal,
                "arn": where.role(role),
                "accountId": where.account,
                "userName": role,
            },
            "attributes": {
                "creationDate": f"{created:%Y-%m-%dT%H:%M:%SZ}",
                "mfaAuthenticated": "false",
            },
        },
    }
    return _Session(identity, where.address(), chance.choice(AGENTS))


def _record(where: Where, call: Call, session: _Session, moment: datetime) -> Members:
    source = f"{call.service}.amazonaws.com"
    extra = dict(call.extra or {})
    record: Members = {
        "eventVersion": where.chance.choice(("1.08", "1.09", "1.11")),
        "userIdentity": session.identity,
        "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": source,
        "eventName": call.name,
        "awsRegion": "us-east-1" if call.service == "iam" else where.region,
        "sourceIPAddress": session.address,
        "userAgent": session.agent,
    }
    if call.error:
        record["errorCode"] = call.error
        record["errorMessage"] = f"User is not authorized to perform: {call.service}:{call.name}"
    record["requestParameters"] = call.request
    record["responseElements"] = None if call.error else call.response
    record["requestID"] = where.uuid()
    record["eventID"] = where.uuid()
    record["readOnly"] = call.name.startswith(
        ("Get", "List", "Describe", "Head", "Batch", "Assume")
    )
    category = extra.pop("eventCategory", "Management")
    record |= extra
    record["eventType"] = "AwsApiCall"
    record["managementEvent"] = category == "Management"
    record["recipientAccountId"] = where.account
    record["eventCategory"] = category
    if session.identity["type"] != "AWSService":
        record["tlsDetails"] = {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": f"{call.service}.{where.region}.amazonaws.com",
        }
    return record


def main(arguments: Iterable[str]) -> None:
    folder, *records = arguments
    print(write(Path(folder), int(records[0]) if records else 200_000))


if __name__ == "__main__":
    main(sys.argv[1:])
