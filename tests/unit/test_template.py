"""The templates: what they deliver, what they give a function, and what they must not say."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from embedded_account.event_pattern import Pattern, compile_pattern
from sentinel import catalog, cloudtrail
from sentinel.subject import Activity

from tests.conftest import ROOT
from tests.unit.worlds import event

SENTINEL = ROOT / "layers/sentinel/src/sentinel"
RUNTIME = {"AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME"}
"""What Lambda itself sets (Lambda Developer Guide, "Using environment variables")."""
NOT_OURS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "AWS_DATA_PATH"}
"""What Powertools and botocore read, rather than the sentinel."""


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as ``{"Ref": ...}`` and the like."""


def _intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _intrinsic)


@cache
def template(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((ROOT / name).read_text(), Loader)  # noqa: S506
    return loaded


def resources(name: str, kind: str) -> dict[str, dict[str, Any]]:
    found = template(name)["Resources"].items()
    return {k: r for k, r in found if r["Type"] == kind}


def patterns(name: str, bus: str | None) -> dict[str, dict[str, Any]]:
    return {
        k: r["Properties"]["EventPattern"]
        for k, r in resources(name, "AWS::Events::Rule").items()
        if "EventPattern" in r["Properties"]
        and (r["Properties"].get("EventBusName") or {}).get("Ref") == bus
    }


def delivering(found: dict[str, dict[str, Any]], delivered: dict[str, Any]) -> list[str]:
    compiled = {name: compiled_pattern(json.dumps(p)) for name, p in found.items()}
    return [name for name, one in compiled.items() if one.matches(delivered)]


@cache
def compiled_pattern(text: str) -> Pattern:
    return compile_pattern(json.loads(text))


INGEST = patterns("template.yaml", "IngestBus")
FORWARD = patterns("member.yaml", None)


def examples(name: str) -> Iterator[Any]:
    for folder in sorted((ROOT / "events").iterdir()):
        document = json.loads((folder / f"{name}.json").read_text())
        for n, one in enumerate(document if isinstance(document, list) else [document]):
            yield pytest.param(one, id=f"{folder.name}-{n}")


VIOLATIONS = list(examples("violation"))


def test_every_rule_on_the_ingest_bus_names_its_exact_sources() -> None:
    assert INGEST
    for name, pattern in INGEST.items():
        assert pattern["source"], name
        assert all(isinstance(s, str) and s.startswith("aws.") for s in pattern["source"]), name
        assert pattern["detail-type"] == ["AWS API Call via CloudTrail"], name


@pytest.mark.parametrize("delivered", VIOLATIONS)
def test_the_hub_takes_every_violation_by_exactly_one_rule(delivered: dict[str, Any]) -> None:
    found = cloudtrail.opened(delivered)
    activity = any(
        issubclass(kind, Activity) for kind in catalog.watched()[found.source][found.name]
    )
    assert delivering(INGEST, delivered) == ["ActivitiesRule" if activity else "ChangesRule"]


@pytest.mark.parametrize("delivered", VIOLATIONS)
def test_a_member_forwards_every_violation_once(delivered: dict[str, Any]) -> None:
    assert len(delivering(FORWARD, delivered)) == 1


@pytest.mark.parametrize(
    "source, name",
    [(source, name) for source, names in catalog.watched().items() for name in names],
)
def test_every_watched_call_is_forwarded_and_taken(source: str, name: str) -> None:
    data = name.startswith("Invoke")
    delivered = event(name, {}, eventSource=source, managementEvent=not data)
    assert len(delivering(FORWARD, delivered)) == 1
    assert len(delivering(INGEST, delivered)) == 1


@pytest.mark.parametrize(
    "source, name",
    [
        ("bedrock-agentcore.amazonaws.com", "CreatePolicy"),
        ("organizations.amazonaws.com", "CreatePolicy"),
        ("ecs.amazonaws.com", "CreateGateway"),
        ("iotsitewise.amazonaws.com", "UpdateGateway"),
        ("backup-gateway.amazonaws.com", "DeleteGateway"),
        ("lambda.amazonaws.com", "PutResourcePolicy"),
        ("iam.amazonaws.com", "CreateGateway"),
        ("cloudtrail.amazonaws.com", "CreateRole"),
        ("bedrock-agentcore.amazonaws.com", "InvokeAgentRuntime"),
    ],
)
def test_a_call_of_the_same_name_elsewhere_is_not_taken(source: str, name: str) -> None:
    assert delivering(INGEST, event(name, {}, eventSource=source)) == []


def test_no_pattern_is_longer_than_eventbridge_takes() -> None:
    for pattern in (*INGEST.values(), *FORWARD.values()):
        assert len(json.dumps(pattern, separators=(",", ":"))) <= 2048


def test_the_patterns_of_a_member_name_no_rule_so_that_a_new_rule_is_no_rollout() -> None:
    for name, pattern in FORWARD.items():
        assert len(json.dumps(pattern)) <= 256, name


@pytest.mark.parametrize("name", ["template.yaml", "member.yaml"])
def test_no_template_points_aws_at_a_laptop(name: str) -> None:
    assert "AWS_ENDPOINT_URL" not in (ROOT / name).read_text()


def test_roles_are_made_in_the_home_region_only_since_iam_has_no_regions() -> None:
    roles = resources("member.yaml", "AWS::IAM::Role")
    assert roles
    assert {role.get("Condition") for role in roles.values()} == {"IsHome"}


def test_rules_are_made_in_every_region() -> None:
    rules = resources("member.yaml", "AWS::Events::Rule")
    assert not [name for name, rule in rules.items() if "Condition" in rule]


def test_every_alarm_is_heard_by_mail_and_by_the_bell_of_tend() -> None:
    alarms = resources("template.yaml", "AWS::CloudWatch::Alarm")
    assert alarms
    (heard,) = template("template.yaml")["Resources"]["AlarmRule"]["Properties"]["EventPattern"][
        "resources"
    ]
    assert heard["prefix"]["Sub"].endswith(":alarm:${AWS::StackName}/")
    for name, alarm in alarms.items():
        properties = alarm["Properties"]
        assert properties["AlarmName"]["Sub"].startswith("${AWS::StackName}/"), name
        assert properties["AlarmActions"] == [{"Ref": "MailTopic"}], name
        assert "OKActions" not in properties, f"{name}: it would mail when the stack is made"


def test_what_outlives_the_stack_has_no_name_that_the_next_one_wants() -> None:
    kept = {
        name: resource["Properties"]
        for name, resource in template("template.yaml")["Resources"].items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    assert len(kept) > 5
    for name, properties in kept.items():
        assert not {"TableName", "BucketName", "LogGroupName"} & set(properties), name


# Which settings a function's code reads: from its handler through what it imports, where the edge
# counts by what is used of it.


def module_of(name: str) -> Path | None:
    path = SENTINEL / Path(*name.split(".")[1:])
    for found in (path.with_suffix(".py"), path / "__init__.py"):
        if name.startswith("sentinel.") and found.exists():
            return found
    return None


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path) -> Iterator[Path]:
    for node in ast.walk(tree(path)):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        yield from (found for found in map(module_of, names) if found)


EDGE = SENTINEL / "aws/edge.py"


def closure(path: Path) -> set[Path]:
    reached, waiting = {path}, [path]
    while waiting:
        for found in imported(waiting.pop()):
            if found not in reached and found != EDGE:
                reached.add(found)
                waiting.append(found)
    return reached


def settings_read(node: ast.AST) -> set[str]:
    """The literal names in ``...settings.text("NAME")`` and its like."""
    return {
        call.args[0].value
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("text", "optional", "seconds", "number")
        and ast.unparse(call.func.value).endswith("settings")
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


@cache
def read_by_edge() -> dict[str, set[str]]:
    """What each method of the edge reads, itself or by another."""
    (edge,) = (n for n in tree(EDGE).body if isinstance(n, ast.ClassDef) and n.name == "Edge")
    methods = {m.name: m for m in edge.body if isinstance(m, ast.FunctionDef)}
    reads = {name: settings_read(method) for name, method in methods.items()}
    for _ in methods:
        for name, method in methods.items():
            for used in ast.walk(method):
                if isinstance(used, ast.Attribute) and used.attr in methods:
                    reads[name] |= reads[used.attr]
    return reads


def read_by(function: str) -> set[str]:
    found: set[str] = set()
    for path in closure(ROOT / "functions" / function / "app.py"):
        found |= settings_read(tree(path))
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and re.search(
                r"(^|[._])edge$", ast.unparse(node.value)
            ):
                found |= read_by_edge().get(node.attr, set())
    return found


def functions() -> dict[str, dict[str, Any]]:
    return {
        r["Properties"]["CodeUri"].removeprefix("functions/"): r["Properties"]
        for r in resources("template.yaml", "AWS::Serverless::Function").values()
    }


def given(function: str) -> set[str]:
    own = functions()[function].get("Environment", {}).get("Variables", {})
    return set(own) | set(
        template("template.yaml")["Globals"]["Function"]["Environment"]["Variables"]
    )


def test_the_reading_of_settings_is_found_at_all() -> None:
    assert read_by("evaluate") >= {"FINDINGS_TABLE", "RECHECK_QUEUE_URL", "READ_ROLE_NAME"}


def test_there_is_a_handler_for_each_function_and_a_function_for_each_handler() -> None:
    assert set(functions()) == {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_is_given_what_its_code_reads(function: str) -> None:
    assert read_by(function) - given(function) - RUNTIME == set()


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_is_given_nothing_that_its_code_does_not_read(function: str) -> None:
    own = set(functions()[function].get("Environment", {}).get("Variables", {}))
    assert own - read_by(function) == set()


def test_what_every_function_is_given_is_read_by_one_at_least() -> None:
    every = set(template("template.yaml")["Globals"]["Function"]["Environment"]["Variables"])
    read = set().union(*(read_by(function) for function in functions()))
    assert every - NOT_OURS - read == set()
