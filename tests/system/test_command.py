"""The `sentinel` command as people and pipelines run it: a process, its streams, its exit code."""

from __future__ import annotations

import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SENTINEL = Path(sys.executable).with_name("sentinel")
VIOLATION = ROOT / "events/gateway_authorizer_none/violation.json"
HOSTILE = '\x1b[2J[red]<!channel>"><script>'
CLEAN = {
    key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "NO_COLOR"))
}


def run(
    *words: str | Path, stdin: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [SENTINEL, *map(str, words)],
        input=stdin,
        env={**CLEAN, **variables},
        capture_output=True,
        timeout=60,
    )


def event(**detail: Any) -> dict[str, Any]:
    """The event of a gateway that lets everybody in, with other members."""
    found: dict[str, Any] = json.loads(VIOLATION.read_text())
    found["detail"].update(detail)
    return found


def test_help_is_quick_and_imports_neither_boto3_nor_the_embedded_account() -> None:
    code = (
        "import sys; sys.argv = ['sentinel', '--help']\n"
        "from sentinel_cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('boto3', 'embedded_account', 'pydantic') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_clean_archive_ends_with_0_and_says_how_much_was_read(tmp_path: Path) -> None:
    record = event(eventSource="s3.amazonaws.com")["detail"]
    (tmp_path / "trail.json").write_text(json.dumps({"Records": [record]}))
    done = run("replay", tmp_path)
    assert done.returncode == 0
    assert b"Read 1 file, 1 record." in done.stdout
    assert done.stdout.splitlines()[-1] == b"exit 0: no finding at LOW or above"


def test_a_violation_ends_with_1_unless_nothing_shall_fail() -> None:
    assert run("replay", VIOLATION).returncode == 1
    assert run("replay", VIOLATION, "--fail-on", "never").returncode == 0
    assert run("judge", VIOLATION, "--fail-on", "critical").returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        ("replay", "no-such-file"),
        ("replay", "--no-such-flag", "x"),
        ("replya", "x"),
        ("replay", str(VIOLATION), "--policy", "no-such-policy"),
        ("replay", str(VIOLATION), "--out", "/no/such/folder/report.json"),
        ("explain", "no_such_rule"),
        ("findings",),
    ],
)
def test_what_fails_ends_with_2_and_without_a_traceback(words: tuple[str, ...]) -> None:
    done = run(
        *words,
        AWS_REGION="eu-central-1",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr + done.stdout
    assert done.stderr or b"error:" in done.stdout


def test_a_bug_ends_with_2_and_shows_its_traceback_only_when_asked() -> None:
    code = (
        "import sys; sys.argv = ['sentinel', *sys.argv[1:]]\n"
        "import sentinel_cli.replay as broken\n"
        "def bug(*a, **k): raise ZeroDivisionError('forced')\n"
        "broken.replay = bug\n"
        "from sentinel_cli.main import main; main()\n"
    )
    words = [sys.executable, "-c", code, "replay", str(VIOLATION)]
    quiet = subprocess.run(words, capture_output=True, timeout=60)
    assert quiet.returncode == 2
    assert b"Traceback" not in quiet.stderr
    assert b"--debug" in quiet.stderr
    loud = subprocess.run([*words, "--debug"], capture_output=True, timeout=60)
    assert b"Traceback" in loud.stderr


def test_a_typing_error_is_answered_with_the_right_command() -> None:
    assert b"'replay'" in run("replya", "x").stderr


def test_what_was_cut_off_ends_with_3_and_is_named(tmp_path: Path) -> None:
    cut = event(requestParameters=None, responseElements=None)
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(cut))
    done = run("replay", path)
    assert done.returncode == 3
    assert b"COULD NOT ASSESS  gateway_authorizer_none" in done.stdout
    assert run("replay", path, "--allow-blind").returncode == 0


def test_a_bad_file_hides_nothing_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("<html>")
    (tmp_path / "b.json").write_text(VIOLATION.read_text())
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(b"{}" * 100)[:20])
    done = run("replay", tmp_path, "-o", "json")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert len(found["summary"]["errors"]) == 2
    assert {f["rule"] for f in found["findings"]} >= {"gateway_authorizer_none"}
    last = done.stderr.splitlines()[-1]
    assert last.startswith(b"exit 2: 2 inputs could not be read; 1 finding at LOW or above")


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "sarif", "text"])
def test_two_runs_give_the_same_bytes_on_standard_output_alone(form: str) -> None:
    first, second = (run("replay", ROOT / "events", "-o", form, "--jobs", "2") for _ in range(2))
    assert first.stdout == second.stdout
    assert first.returncode == 1
    if form in ("json", "sarif"):
        json.loads(first.stdout)


def test_standard_input_gives_the_same_findings_plain_and_gzipped() -> None:
    text = VIOLATION.read_bytes()
    from_file = json.loads(run("replay", VIOLATION, "-o", "json").stdout)["findings"]
    for stdin in (text, gzip.compress(text)):
        for command in ("replay", "judge"):
            found = json.loads(run(command, "-", "-o", "json", stdin=stdin).stdout)["findings"]
            assert [f["fingerprint"] for f in found] == [f["fingerprint"] for f in from_file]


def test_a_closed_pipe_is_quiet_and_ends_with_141(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    lines = [json.dumps(event(eventID=f"e-{n}", responseElements=None)) for n in range(3_000)]
    path.write_text("\n".join(lines))
    script = f'"{SENTINEL}" replay "{path}" -o jsonl | head -1; echo "${{PIPESTATUS[0]}}" >&2'
    done = subprocess.run(["bash", "-c", script], env=CLEAN, capture_output=True, timeout=60)
    assert done.stderr.split() == [b"141"]


def test_an_interrupted_command_ends_with_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [SENTINEL, "replay", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
    )
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    _, told = process.communicate()
    assert b"Traceback" not in told


def test_ascii_output_does_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "name.json"
    path.write_text(json.dumps(event(userAgent="Ünïcode \ud800 \U0001f600")))
    for form in ("text", "json", "csv"):
        done = run("replay", path, "-o", form, LC_ALL="C", PYTHONIOENCODING="ascii")
        assert done.returncode == 1
        assert done.stdout.isascii()


def test_hostile_names_are_harmless_on_the_terminal(tmp_path: Path) -> None:
    arn = f"arn:aws:sts::444455556666:assumed-role/{HOSTILE}/session"
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps(event(userIdentity={"type": "AssumedRole", "arn": arn})))
    for form in ("text", "csv"):
        done = run("replay", path, "-o", form)
        assert b"\x1b" not in done.stdout
        assert b"\\x1b[2J[red]<!channel>" in done.stdout


def on_a_terminal(*words: str | Path, **variables: str) -> bytes:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SENTINEL, *map(str, words)],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**CLEAN, "TERM": "xterm", **variables},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        written += part
    process.wait(timeout=60)
    os.close(ours)
    return written


def test_colour_is_for_terminals_unless_told_otherwise() -> None:
    assert b"\x1b" not in run("replay", VIOLATION).stdout
    assert b"\x1b[1;31mCRITICAL" in run("replay", VIOLATION, "--color", "always").stdout
    assert b"\x1b[1;31mCRITICAL" in on_a_terminal("replay", VIOLATION)
    assert b"\x1b" not in on_a_terminal("replay", VIOLATION, NO_COLOR="1")
    assert b"\x1b" in on_a_terminal("replay", VIOLATION, "--color", "always", NO_COLOR="1")


def test_nothing_is_cut_where_no_terminal_says_how_wide_it_is() -> None:
    written = run("replay", ROOT / "events", COLUMNS="20").stdout.decode()
    assert "gateway_authenticate_only_unguarded" in written
    assert "…" not in written
    assert all(len(line) <= 98 or "arn:" in line or "/" in line for line in written.splitlines())


def test_the_result_can_go_to_a_file_and_the_talk_stays(tmp_path: Path) -> None:
    out = tmp_path / "report.sarif"
    done = run("replay", VIOLATION, "-o", "sarif", "--out", out)
    assert done.stdout == b""
    assert json.loads(out.read_text())["version"] == "2.1.0"
    assert done.stderr.splitlines()[-1].startswith(b"exit 1: ")
    assert [path.name for path in tmp_path.iterdir()] == ["report.sarif"]


def test_every_rule_is_listed_and_explained() -> None:
    listed = json.loads(run("rules", "-o", "json").stdout)
    assert len(listed) == 10
    explained = run("explain", listed[0]["rule"].replace("_", "-")).stdout
    for question in (b"What ", b"So what ", b"What now ", b"Unknown "):
        assert question in explained


def test_completion_is_offered_for_each_shell() -> None:
    for shell in ("bash", "zsh", "fish"):
        done = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
        assert done.returncode == 0 and b"sentinel" in done.stdout


def test_generated_files_are_what_the_rules_make_of_them() -> None:
    done = run("generate", "--check")
    assert (done.returncode, done.stdout) == (0, b"")


REGION = "eu-central-1"
OPERATOR = "operator"


def _make_operator(account: Any) -> None:
    """A person who may do everything in the hub's account, and nothing in any other."""
    iam = account.client("iam", account.hub, REGION)
    principal = {"AWS": f"arn:aws:iam::{account.hub}:root"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=OPERATOR, AssumeRolePolicyDocument=_policy(trust))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(
        RoleName=OPERATOR, PolicyName="everything", PolicyDocument=_policy(everything)
    )


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Hub:
    """A hub in an embedded account, and the environment that leads a command to it."""

    def __init__(self, account: Any, outputs: Mapping[str, str]) -> None:
        self.account, self.outputs = account, outputs
        keys = account.credentials(account.hub, OPERATOR)
        self.environment = {
            "AWS_ENDPOINT_URL": account.url,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **{name.upper(): value for name, value in keys.items()},
        }

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
        return run(*words, **self.environment)

    def client(self, service: str) -> Any:
        return self.account.client(service, self.account.hub, REGION)

    def findings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.run("findings", "--status", "all", "-o", "json").stdout
        )
        return [one for one in found if one["what"] == "finding"]

    def finding(self, rule: str) -> dict[str, Any]:
        """The finding of a rule, waited for."""
        for _ in range(40):
            found = [one for one in self.findings() if one["rule"] == rule]
            if found:
                return found[0]
            time.sleep(0.2)
        raise AssertionError(f"{rule} was not found")


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    from embedded_account.account import EmbeddedAccount

    with EmbeddedAccount(mode="server") as account:
        stack = account.deploy(
            ROOT / "template.yaml",
            "agentcore-sentinel",
            parameters={"RecheckDelaySeconds": "1", "SweepRegions": REGION},
            account=account.hub,
            region=REGION,
            source_root=ROOT,
            source_layers={"SentinelLayer": ROOT / "layers/sentinel/src"},
        )
        readers = ",".join(stack.outputs[name] for name in ("EvaluateRoleArn", "SweepRoleArn"))
        for member in account.accounts:
            account.deploy(
                ROOT / "member.yaml",
                "sentinel-member",
                parameters={
                    "IngestBusArn": stack.outputs["IngestBusArn"],
                    "HubAccountId": account.hub,
                    "HubReaders": readers,
                    "HomeRegion": REGION,
                },
                account=member,
                region=REGION,
                source_root=ROOT,
            )
        _make_operator(account)
        made = Hub(account, stack.outputs)
        made.client("s3").create_bucket(
            Bucket="audit", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        trail = made.client("cloudtrail")
        trail.create_trail(Name="audit", S3BucketName="audit", IsMultiRegionTrail=True)
        trail.start_logging(Name="audit")
        account.world.run_freely()
        _open_doors(made)
        yield made


def _open_doors(hub: Hub) -> None:
    """A gateway for everybody, and one whose engine is turned to log only after a baseline."""
    agentcore = hub.client("bedrock-agentcore-control")
    role = f"arn:aws:iam::{hub.account.hub}:role/gateway"
    common = {"roleArn": role, "protocolType": "MCP"}
    agentcore.create_gateway(name="open", authorizerType="NONE", **common)
    engine = agentcore.create_policy_engine(name="engine")["policyEngineArn"]
    guarded = {**common, "name": "guarded", "authorizerType": "AWS_IAM"}
    made = agentcore.create_gateway(
        **guarded, policyEngineConfiguration={"arn": engine, "mode": "ENFORCE"}
    )
    hub.finding("gateway_authorizer_none")
    time.sleep(4)
    agentcore.update_gateway(
        gatewayIdentifier=made["gatewayId"],
        **guarded,
        policyEngineConfiguration={"arn": engine, "mode": "LOG_ONLY"},
    )
    hub.finding("gateway_enforcement_dropped")


def test_a_finding_of_the_hub_is_explained_by_its_short_id(hub: Hub) -> None:
    found = hub.finding("gateway_authorizer_none")
    told = hub.run("explain", found["id"]).stdout
    assert told.startswith(b"gateway_authorizer_none  CRITICAL  " + found["id"].encode())
    assert b"Unknown" in told and found["cause"]["event_id"].encode() in told
    assert hub.run("explain", "f-00000000").returncode == 2


def test_a_gap_is_listed_and_explained_and_cannot_be_accepted(hub: Hub) -> None:
    from sentinel.aws import clock
    from sentinel.aws.store import Store
    from sentinel.gap import Gap

    now = clock.now()
    met = Gap(
        "aws",
        "444455556666",
        REGION,
        "gateway",
        "ListGateways",
        opened_at=now,
        changed_at=now,
        reason="AccessDenied",
    )
    Store(hub.client("dynamodb"), hub.outputs["FindingsTableName"]).meet(met)
    name = f"f-{met.id[:8]}"
    listed = hub.run("findings").stdout
    assert name.encode() in listed and b"COULD NOT ASSESS" in listed
    told = hub.run("explain", name).stdout
    assert b"ListGateways on gateway: AccessDenied" in told and b"Unknown" in told
    assert hub.run("accept", name, "--reason", "r", "--owner", "o").returncode == 2


def test_a_sweep_with_own_rights_finds_the_fingerprint_that_the_event_gave(hub: Hub) -> None:
    done = hub.run("sweep", "--kind", "gateway", "-o", "json")
    assert done.returncode == 1
    swept = {f["fingerprint"] for f in json.loads(done.stdout)["findings"]}
    assert hub.finding("gateway_authorizer_none")["fingerprint"] in swept
    table = hub.run("sweep", "--kind", "gateway").stdout.decode()
    assert f"{hub.account.hub} {REGION}" in table
    assert all(len(line) <= 98 for line in table.splitlines())


def test_a_sweep_of_an_account_that_cannot_be_read_says_so(hub: Hub) -> None:
    done = hub.run("sweep", "--account", "444455556666", "--region", REGION, "--kind", "gateway")
    assert done.returncode == 3
    assert b"Blind: AssumeRole: AccessDenied in 444455556666" in done.stdout
    assert b"Deploy member.yaml there" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith(b"444455556666"))
    assert row.split() == [b"444455556666", REGION.encode(), *[b"-"] * 6, *[b"."] * 5, b"1"]


def test_the_hub_sweeps_when_asked(hub: Hub) -> None:
    done = hub.run("sweep", "--hub", "--kind", "gateway")
    assert done.returncode == 1, done.stderr
    assert b"CRITICAL" in done.stdout


def test_a_state_is_not_accepted_and_the_exemption_to_copy_is_printed(hub: Hub) -> None:
    found = hub.finding("gateway_authorizer_none")
    done = hub.run("accept", found["id"], "--reason", "public", "--owner", "platform")
    assert done.returncode == 2
    assert b"exemptions:" in done.stderr and found["subject"]["key"].encode() in done.stderr


def test_a_change_is_accepted_and_who_did_it_is_kept(hub: Hub) -> None:
    found = hub.finding("gateway_enforcement_dropped")
    done = hub.run("accept", found["id"], "--reason", "planned", "--owner", "platform")
    assert done.returncode == 0, done.stderr
    assert hub.finding("gateway_enforcement_dropped")["status"] == "RESOLVED"
    told = hub.run("explain", found["id"]).stdout
    assert b"Accepted" in told and b"planned" in told
    again = hub.run("sweep", "--hub", "--kind", "gateway", "--fail-on", "never")
    assert again.returncode == 0
    assert hub.finding("gateway_enforcement_dropped")["status"] == "RESOLVED"


def test_a_policy_is_pushed_with_what_it_changes_and_never_over_another(
    hub: Hub, tmp_path: Path
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "exemptions:\n  - rule: gateway_authorizer_none\n    resource: '*'\n"
        "    owner: platform\n    reason: public\n    expires: 2099-01-01\n"
    )
    dry = hub.run("policy", "push", path, "--dry-run").stdout
    assert b"is suppressed until 2099-01-01: public (platform)" in dry
    assert b"Nothing was pushed" in dry
    assert hub.run("policy", "push", path).returncode == 0
    shown = json.loads(hub.run("policy", "show").stdout)
    assert shown["exemptions"][0]["owner"] == "platform"

    from sentinel.policy import Policy
    from sentinel_cli.failure import Failure
    from sentinel_cli.pushing import Present, push

    foreign: Any = SimpleNamespace(
        edge=SimpleNamespace(client=hub.client),
        caller=SimpleNamespace(arn="arn:aws:iam::111122223333:role/other"),
        output=hub.outputs.__getitem__,
    )
    with pytest.raises(Failure, match="meanwhile"):
        push(foreign, Policy(), Present(Policy(), ""))
    with pytest.raises(Failure, match="meanwhile"):
        push(foreign, Policy(), Present(Policy(), '"0123456789"'))


def test_dead_letters_of_both_kinds_go_to_where_they_were_going(hub: Hub) -> None:
    sqs = hub.client("sqs")
    undelivered = hub.outputs["UndeliveredQueueUrl"]
    gateway = event(eventID="from-the-dead", recipientAccountId=hub.account.hub)
    gateway["account"] = hub.account.hub
    name = hub.outputs["DeadLetterQueueUrls"].split(",")[0].rsplit("/", 1)[-1]
    urls = sqs.list_queues()["QueueUrls"]
    source = next(url for url in urls if "ChangesQueue" in url)
    target = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["QueueArn"])
    sqs.send_message(
        QueueUrl=undelivered,
        MessageBody=json.dumps(gateway),
        MessageAttributes={
            "TARGET_ARN": {"DataType": "String", "StringValue": target["Attributes"]["QueueArn"]}
        },
    )
    sweep = f"arn:aws:lambda:{REGION}:{hub.account.hub}:function:{hub.outputs['SweepFunctionName']}"
    failed = {
        "requestContext": {"functionArn": f"{sweep}:$LATEST"},
        "requestPayload": {"kinds": ["trail"]},
    }
    sqs.send_message(QueueUrl=undelivered, MessageBody=json.dumps(failed))
    done = hub.run("redrive")
    assert done.returncode == 0, done.stderr
    assert b"2 sent again" in done.stdout
    assert f"{name}: empty".encode() in done.stdout
    sqs.send_message(QueueUrl=undelivered, MessageBody="what is this")
    left = hub.run("redrive")
    assert left.returncode == 2
    assert b"neither an event" in left.stderr
