"""What `sam build` makes is what the tests of the source tree promise: right, whole, and undying.

Run by ``pytest -m built``: it needs the SAM CLI and a Python 3.13 with AWS's runtime client.
"""

from __future__ import annotations

import io
import subprocess
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.system import scenarios
from tests.system.built import artifact, ring
from tests.system.built.artifact import RUNTIME, Artifact
from tests.system.built.kills import Killer, Recorder
from tests.system.built.ring import REGION, Ring, until

KILLS = 100
MOST_GATEWAYS = 150

pytestmark = [
    pytest.mark.built,
    pytest.mark.skipif(bool(artifact.missing()), reason=artifact.missing()),
]


@pytest.fixture(scope="session")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """What AWS gets."""
    return artifact.build("arm64", tmp_path_factory.mktemp("arm64"))


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """The same, built for this machine, deployed and running."""
    built = artifact.build("x86_64", tmp_path_factory.mktemp("x86_64"))
    with ring.opened(built, tmp_path_factory.mktemp("deploy")) as system:
        yield system


def test_the_layer_for_lambda_has_binaries_for_arm_only(arm: Artifact) -> None:
    binaries = list(arm.files(".so"))
    assert binaries
    assert [name for name in binaries if "cpython-313-aarch64-linux-gnu" not in name] == []


def test_every_module_of_the_layer_has_bytecode_that_is_never_checked(arm: Artifact) -> None:
    sources = {name for name in arm.files(".py") if name.startswith("SentinelLayer/python/")}
    compiled = arm.files(".pyc")
    expected = {
        str(Path(name).parent / "__pycache__" / f"{Path(name).stem}.cpython-313.pyc")
        for name in sources
    }
    assert set(compiled) == expected
    for path in compiled.values():
        flags = int.from_bytes(path.read_bytes()[4:8], "little")  # PEP 552
        assert flags == 0b01, f"{path}: bytecode that Lambda would check against its source"


def test_the_build_is_the_same_in_another_folder(
    arm: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = artifact.build("arm64", tmp_path_factory.mktemp("somewhere-else"))
    ours, theirs = arm.files(), other.files()
    assert set(ours) == set(theirs)
    differing = [
        name
        for name in ours
        if name != "template.yaml" and ours[name].read_bytes() != theirs[name].read_bytes()
    ]
    assert differing == []
    assert not any(str(arm.folder).encode() in path.read_bytes() for path in ours.values())


def test_the_artifact_brings_no_sdk_and_stays_small(arm: Artifact) -> None:
    brought = {path.name for path in (arm.layer / "python").iterdir()}
    assert not {name for name in brought if name.startswith(("boto", "aws_xray", "s3transfer"))}
    for name in artifact.FUNCTIONS:
        assert zipped_size(arm.function(name)) <= 100 * 1024
    layer = sum(path.stat().st_size for path in arm.layer.rglob("*") if path.is_file())
    assert layer <= 25 * 1024 * 1024


def test_the_core_is_imported_without_an_sdk(arm: Artifact, deployed: Ring) -> None:
    code = (
        "import sys, sentinel.judge, sentinel.catalog as c; c.rules();"
        "print([m for m in sys.modules if m.split('.')[0] in ('boto3', 'botocore')])"
    )
    assert run_in_layer(deployed, code) == "[]"


def test_functions_read_agentcore_by_the_models_of_the_layer(deployed: Ring) -> None:
    function = deployed.account.lambdas.spec_of(
        f"arn:aws:lambda:{REGION}:{deployed.hub}:function:sentinel-evaluate"
    )
    assert function.environment["AWS_DATA_PATH"] == "/opt/models"
    code = (
        "import botocore.session as s; l = s.get_session().get_component('data_loader');"
        "print(l.load_data_with_path('bedrock-agentcore-control/2023-06-05/service-2')[1])"
    )
    found = run_in_layer(deployed, code)
    assert str(function.layers[0] / "models") in found


def test_sam_deploy_gives_the_outputs_that_the_template_names(deployed: Ring) -> None:
    named = yaml.compose((ROOT / "template.yaml").read_text())
    outputs = next(value for key, value in named.value if key.value == "Outputs")
    assert set(deployed.outputs) == {key.value for key, _ in outputs.value}
    assert deployed.outputs["SweepFunctionName"] == "sentinel-sweep"
    bus = f"arn:aws:events:{REGION}:{deployed.hub}:event-bus/sentinel-ingest"
    assert deployed.outputs["IngestBusArn"] == bus


def test_a_gateway_without_authorizer_is_told_until_it_is_gone(deployed: Ring) -> None:
    scenarios.create_gateway(deployed, name="open-door")
    until(lambda: deployed.told("open-door"), "the gateway is told")
    deployed.drain()
    scenarios.delete_gateway(deployed)
    until(lambda: "RESOLVED" in str(deployed.told("open-door")), "its end is told")


def test_an_engine_that_enforces_no_more_is_told(deployed: Ring) -> None:
    scenarios.guarded_gateway(deployed)
    deployed.drain()
    scenarios.update_gateway(deployed, **scenarios.engine(deployed, "LOG_ONLY"))
    until(lambda: opened(deployed, "gateway_enforcement_dropped"), "the engine is found")
    until(lambda: deployed.told("LOG_ONLY"), "the engine is told")


def test_a_role_that_may_use_every_model_is_told(deployed: Ring) -> None:
    scenarios.analyst(deployed)
    scenarios.put_policy(deployed, scenarios.EVERY_MODEL)
    until(lambda: opened(deployed, "iam_bedrock_wildcard"), "the grant is found")
    until(lambda: deployed.told("analyst"), "the grant is told")


def test_a_shell_command_inside_an_agent_is_told(deployed: Ring) -> None:
    scenarios.create_runtime(deployed)
    scenarios.run_command(deployed)
    until(lambda: opened(deployed, "runtime_shell_command"), "the command is found")
    until(lambda: deployed.told("helper"), "the command is told")


def test_a_sweep_finds_what_no_event_told(deployed: Ring) -> None:
    deployed.drain()
    events = deployed.client("events")
    forwarding = [rule["Name"] for rule in events.list_rules()["Rules"]]
    for name in forwarding:
        events.disable_rule(Name=name)
    scenarios.create_gateway(deployed, name="unheard")
    deployed.drain()
    assert not deployed.told("unheard")
    answer = deployed.invoke("sweep", {"accounts": [deployed.member], "regions": [REGION]})
    assert answer.error_type is None, answer.error_message
    until(lambda: deployed.told("unheard"), "the sweep's finding is told")
    for name in forwarding:
        events.enable_rule(Name=name)


def test_whatever_is_killed_is_made_good(deployed: Ring) -> None:
    """A hundred SIGKILLs, before and after each call that an undisturbed run makes."""
    be_impatient(deployed)
    scenarios.create_gateway(deployed, name="warm-up")
    deployed.drain()
    recorder = Recorder()
    with watching(deployed, recorder):
        scenarios.create_gateway(deployed, name="recorded")
        until(lambda: deployed.told("recorded"), "the recorded run is told")
        deployed.drain()
    posts, mails = len(deployed.account.slack.messages), len(deployed.account.mailbox.messages)
    killer = Killer.armed(deployed.runner, recorder.points(), KILLS)
    made = []
    with watching(deployed, killer):
        while not killer.done and len(made) < MOST_GATEWAYS:
            made.append(f"door-{len(made):03}")
            scenarios.create_gateway(deployed, name=made[-1])
            until(lambda: killer.done or backlog(deployed) < 6, "room for another", 60)
    kills = Counter(point.function for point in killer.killed)
    print(f"{len(killer.killed)} kills at {len(killer.points)} points: {dict(kills)}")
    assert killer.done, f"after {len(made)} gateways these are left: {killer.left()}"
    make_good(deployed)
    stored = Counter(found["subject"]["key"].split("/")[-1][:8] for found in deployed.findings())
    assert {name: stored[name] for name in made} == dict.fromkeys(made, 1)
    for name in made:
        assert deployed.told(name), f"{name} was never told"
        assert [mail for mail in deployed.account.mailbox.messages if name in str(mail)]
    more_posts = len(deployed.account.slack.messages) - posts
    more_mails = len(deployed.account.mailbox.messages) - mails
    assert more_posts + more_mails <= 2 * len(made) + len(killer.killed)


def opened(system: Ring, rule: str) -> list[dict[str, Any]]:
    """The open findings of a rule."""
    return [f for f in system.findings() if f["rule"] == rule and f["status"] == "OPEN"]


def be_impatient(system: Ring) -> None:
    """Let what a dead function held come back soon; minutes would prove no more."""
    sqs = system.client("sqs", account=system.hub)
    for url in sqs.list_queues()["QueueUrls"]:
        kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        # moto forgets a queue's policy unless it is sent along
        attributes = {"VisibilityTimeout": "5"} | kept.get("Attributes", {})
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


@contextmanager
def watching(system: Ring, observer: Any) -> Iterator[None]:
    """Show every call to an observer meanwhile."""
    system.account.doorway.observers.append(observer)
    try:
        yield
    finally:
        system.account.doorway.observers.remove(observer)


def backlog(system: Ring) -> int:
    """How many messages the queues hold, those that somebody works on included."""
    sqs = system.client("sqs", account=system.hub)
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    answers = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
        for url in sqs.list_queues()["QueueUrls"]
    ]
    return sum(int(count) for answer in answers for count in answer.values())


def make_good(system: Ring, seconds: float = 200) -> None:
    """Tend until every change is announced and told; leases of the dead must run out first."""
    marks = {"announced", "told_slack", "told_mail"}

    def left() -> list[str]:
        changes = [item for item in system.items("Findings") if item["sk"].startswith("change#")]
        return [f"{item['pk']} {item['sk']}" for item in changes if not marks <= item.keys()]

    deadline = time.monotonic() + seconds
    system.drain(seconds=150)
    while untold := left():
        assert time.monotonic() < deadline, f"never told: {untold}"
        outcome = system.invoke("tend")
        assert outcome.error_type is None, outcome.error_message
        system.drain(seconds=150)
        time.sleep(3)


def run_in_layer(system: Ring, code: str) -> str:
    """What code prints under Lambda's Python with the layer on its path, and nothing else."""
    layer = system.account.lambdas.spec_of(
        f"arn:aws:lambda:{REGION}:{system.hub}:function:sentinel-evaluate"
    ).layers[0]
    environment = {"PYTHONPATH": str(layer / "python"), "AWS_DATA_PATH": str(layer / "models")}
    done = subprocess.run(
        [RUNTIME, "-s", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def zipped_size(folder: Path) -> int:
    """The bytes of a deployment package."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in folder.rglob("*"):
            zipped.write(path, path.relative_to(folder))
    return len(package.getvalue())
