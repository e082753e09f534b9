"""Measures what a cold start of the built function evaluate costs, beside a typical function's.

The typical function has Powertools with Tracer, parser and idempotency, and boto3 with two clients,
as `sam build` ships them: without bytecode. Every figure is the median CPU time of fresh processes
of Lambda's Python 3.13, in interleaved rounds, so that a busy machine disturbs all alike. Absolute
values are this machine's: the ratios count, and stand beside their goals. Needs what the tests on
the built artifact need.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded_account.account import EmbeddedAccount
from embedded_account.invocation import FunctionSpec, lambda_environment
from rich.console import Console
from rich.table import Table

from tests.conftest import ROOT
from tests.system.built import artifact
from tests.system.built.artifact import RUNTIME, Artifact

REGION = "eu-central-1"
EVENT = ROOT / "events/gateway_authorizer_none/violation.json"
TYPICAL = """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel
Logger(), Tracer(), Metrics(namespace="typical"), DynamoDBPersistenceLayer(table_name="typical")
import boto3
boto3.client("sns"), boto3.client("stepfunctions")
"""
FIRST_EVENT = """
import json, sys
import app
class Context:
    function_name = aws_request_id = "benchmark"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:111122223333:function:benchmark"
    def get_remaining_time_in_millis(self):
        return 30_000
answer = app.lambda_handler(json.load(sys.stdin), Context())
assert not answer.get("batchItemFailures"), answer
"""
TELL = "import sys; print(time.process_time() - began, file=sys.stderr)"


@dataclass(frozen=True, slots=True)
class Way:
    """A program for a fresh process, its environment, and what it is given in each round."""

    name: str
    code: str
    environment: Mapping[str, str]
    given: Callable[[int], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Goal:
    """How one way's figure must stand to another's."""

    name: str
    way: str
    beside: str
    at_most: float


IMPORT, WARM, FIRST, USUAL = (
    "evaluate, imported",
    "evaluate, imported with bytecode of its own",
    "evaluate, first event judged and stored",
    "typical function, imported",
)
GOALS = (
    Goal("C1 import", IMPORT, USUAL, 0.20),
    Goal("C1 first event judged and stored", FIRST, USUAL, 0.40),
    Goal("C3 bytecode as built, beside its own", IMPORT, WARM, 1.15),
)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks cold", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args(arguments)
    if lacking := artifact.missing():
        parser.error(lacking)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        built = artifact.build("x86_64", folder)
        with EmbeddedAccount(mode="server") as account:
            environment = deployed(account, built)
            ways = (
                Way(USUAL, TYPICAL, path(environment, typical(folder / "typical"))),
                Way(IMPORT, "import app", environment),
                Way(WARM, "import app", path(environment, *compiled(built, folder / "own"))),
                Way(FIRST, FIRST_EVENT, environment, another_gateway),
            )
            figures = measured(ways, chosen.rounds)
        return 0 if shown(figures, built) else 1


def deployed(account: EmbeddedAccount, built: Artifact) -> dict[str, str]:
    """Deploy the built hub, and return the environment of its function evaluate."""
    layers = {"SentinelLayer": built.layer}
    account.deploy(built.template, "sentinel", source_root=built.folder, source_layers=layers)
    arn = f"arn:aws:lambda:{REGION}:{account.hub}:function:sentinel-evaluate"
    spec: FunctionSpec = account.lambdas.spec_of(arn)
    keys = account.credentials(account.hub, spec.role_arn.rpartition("/")[2])
    upper = {name.upper(): text for name, text in keys.items()}
    environment = lambda_environment(spec, upper, account.endpoint_url)
    return path(environment, built.function("Evaluate"), built.layer / "python")


def path(environment: Mapping[str, str], *folders: Path) -> dict[str, str]:
    """The same environment, importing from these folders."""
    return {**environment, "PYTHONPATH": ":".join(map(str, folders))}


def typical(folder: Path) -> Path:
    """Install the typical stack as `sam build` does."""
    requirements = ROOT / "requirements/typical.txt"
    install = [*("-m", "pip", "install", "-q", "--no-compile", "--no-deps", "--require-hashes")]
    subprocess.run([RUNTIME, *install, "-t", folder, "-r", requirements], check=True)
    return folder


def compiled(built: Artifact, folder: Path) -> tuple[Path, Path]:
    """A copy whose bytecode Python itself made, with timestamps."""
    ignored = shutil.ignore_patterns("__pycache__")
    function, layer = folder / "function", folder / "layer"
    shutil.copytree(built.function("Evaluate"), function, ignore=ignored)
    shutil.copytree(built.layer / "python", layer, ignore=ignored)
    subprocess.run([RUNTIME, "-m", "compileall", "-q", function, layer], check=True)
    return function, layer


def another_gateway(number: int) -> str:
    """An event that nobody has seen, of a gateway that nobody has seen."""
    event: dict[str, Any] = json.loads(EVENT.read_text())
    identifier = event["detail"]["responseElements"]["gatewayId"]
    text = json.dumps(event).replace(identifier, f"{identifier[:-4]}{number:04}")
    return text.replace(event["detail"]["eventID"], f"event-{number}")


def measured(ways: Sequence[Way], rounds: int) -> dict[str, float]:
    """The median seconds of each way."""
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        for way in ways:
            seconds = ran(way, number)
            if number:  # the first round fills the file cache
                taken[way.name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def ran(way: Way, number: int) -> float:
    """The CPU seconds that a fresh process took, once Python itself had started."""
    code = f"import time; began = time.process_time()\n{way.code}\n{TELL}"
    done = subprocess.run(
        [RUNTIME, "-s", "-B", "-c", code],
        env=dict(way.environment),
        input=way.given(number),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{way.name} failed: {done.stderr}")
    return float(done.stderr.splitlines()[-1])


def shown(figures: Mapping[str, float], built: Artifact) -> bool:
    """Print the figures and the goals; whether all are met."""
    console, met = Console(), True
    table = Table("cold start", "CPU ms")
    for name, seconds in figures.items():
        table.add_row(name, f"{seconds * 1000:.0f}")
    console.print(table)
    goals = Table("goal", "ratio", "at most", "")
    for goal in GOALS:
        ratio = figures[goal.way] / figures[goal.beside]
        met &= ratio <= goal.at_most
        verdict = "met" if ratio <= goal.at_most else "MISSED"
        goals.add_row(goal.name, f"{ratio:.2f}", f"{goal.at_most:.2f}", verdict)
    sizes = {"C4 layer, MB": (size(built.layer) / 2**20, 25.0)}
    sizes |= {
        f"C4 function {name.lower()}, KB": (size(built.function(name)) / 2**10, 100.0)
        for name in artifact.FUNCTIONS
    }
    for name, (is_now, at_most) in sizes.items():
        met &= is_now <= at_most
        verdict = "met" if is_now <= at_most else "MISSED"
        goals.add_row(name, f"{is_now:.1f}", f"{at_most:.0f}", verdict)
    console.print(goals)
    return met


def size(folder: Path) -> int:
    """The bytes of all files, not packed."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
