"""Rules and subjects are found by looking, and a newcomer's mistake is told in one sentence."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sentinel import catalog
from sentinel.rule import Rule
from sentinel.subject import Activity, Resource
from sentinel.subjects import (
    AgentRuntime,
    CommandRun,
    Gateway,
    GatewayTarget,
    Harness,
    ResourcePolicy,
    Trail,
)

RULES = Path(catalog.__file__).parent / "rules"
MODEL = (RULES / "gateway_enforcement_dropped.py").read_text()
NAME = "gateway_enforcement_dropped"


@pytest.fixture
def rules_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., dict[str, Rule]]]:
    """Writes a package with one rule, and gives its rules as the catalog finds them."""
    package = "house_rules"
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(source: str, name: str = NAME) -> dict[str, Rule]:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        module: ModuleType = importlib.import_module(package)
        return dict(catalog.rules_in(module))

    yield written
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


def test_a_file_in_the_package_is_a_rule_and_nothing_is_registered(
    rules_of: Callable[..., dict[str, Rule]],
) -> None:
    assert list(rules_of(MODEL)) == [NAME]


def test_a_rule_that_is_not_named_like_its_file_is_refused(
    rules_of: Callable[..., dict[str, Rule]],
) -> None:
    with pytest.raises(TypeError, match=r"^house_rules.other must define a rule named other$"):
        rules_of(MODEL, "other")


def test_a_function_that_is_not_declared_a_rule_is_refused(
    rules_of: Callable[..., dict[str, Rule]],
) -> None:
    source = MODEL[: MODEL.index("@rule")] + MODEL[MODEL.index("def ") :]
    with pytest.raises(TypeError, match=f"must define a rule named {NAME}$"):
        rules_of(source)


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ("Risk:", "Danger:", "the docstring needs a section 'Risk:'"),
        ("Fix:", "Cure:", "the docstring needs a section 'Fix:'"),
        ("gateway: Gateway,", "gateway,", "parameter gateway needs a type"),
        (
            "gateway: Gateway,",
            "gateway: str,",
            "the first parameter must be a kind of sentinel.subjects, or a union of kinds",
        ),
        (
            "before: Before[Gateway]",
            "before: Gateway",
            "parameter before must be one of Lookup, Each, Before, Earlier, Account; settings come"
            " after a *",
        ),
        (
            "before: Before[Gateway]",
            "*, limit: int",
            "setting limit needs a default",
        ),
        (
            "gateway: Gateway, before: Before[Gateway]",
            "",
            "the first parameter must be a kind of sentinel.subjects, or a union of kinds",
        ),
        (
            "gateway: Gateway,",
            "gateway: CommandRun,",
            "parameter before asks for a baseline, which only a resource has",
        ),
        (
            "before: Before[Gateway]",
            "before: Earlier[CommandRun]",
            "parameter before asks for earlier activities, which only an activity has",
        ),
    ],
)
def test_a_declaration_that_is_no_rule_says_what_is_missing_in_one_sentence(
    rules_of: Callable[..., dict[str, Rule]], old: str, new: str, sentence: str
) -> None:
    assert old in MODEL
    source = MODEL.replace(old, new).replace(
        "import Gateway\n", "import CommandRun, Gateway\nfrom sentinel import Earlier\n"
    )
    with pytest.raises(TypeError) as caught:
        rules_of(source)
    assert str(caught.value) == f"{NAME}: {sentence}"


def test_every_rule_file_is_in_the_catalog() -> None:
    files = {path.stem for path in RULES.glob("*.py")} - {"__init__"}
    assert set(catalog.rules()) == files


def test_every_kind_that_a_rule_judges_is_in_the_catalog() -> None:
    kinds = {kind for rule in catalog.rules().values() for kind in rule.subjects}
    assert kinds <= set(catalog.subjects().values())


def test_a_kind_finds_its_rules() -> None:
    assert "jwt_authorizer_unpinned" in {rule.id for rule in catalog.rules_for(Harness)}
    assert catalog.rules_for(GatewayTarget) == ()


def test_a_child_touches_the_parent_whose_rules_read_it() -> None:
    assert catalog.touched_by(GatewayTarget) == (Gateway,)
    assert catalog.touched_by(Trail) == ()


def test_a_call_is_watched_for_its_own_rules_and_for_those_of_its_parent() -> None:
    watched = catalog.watched()["bedrock-agentcore.amazonaws.com"]
    assert watched["CreateGateway"] == (Gateway,)
    assert watched["CreateGatewayTarget"] == (GatewayTarget,)
    assert watched["PutResourcePolicy"] == (ResourcePolicy,)


def test_resources_are_swept_and_activities_are_not() -> None:
    assert all(issubclass(kind, Resource) for kind in catalog.resources())
    assert catalog.activities() == (CommandRun,)
    assert all(issubclass(kind, Activity) for kind in catalog.activities())


def test_a_sweep_of_one_rule_lists_only_what_it_judges() -> None:
    rule = catalog.rules()["inbound_jwt_removed"]
    assert catalog.resources([rule]) == (Harness, AgentRuntime)


def test_a_union_of_kinds_in_a_need_counts_for_what_is_read() -> None:
    rule = catalog.rules()["inbound_jwt_removed"]
    assert {kind.kind for kind in rule.related()} == {"harness", "runtime", "resource-policy"}


def test_the_account_need_asks_for_the_right_to_list_buckets() -> None:
    assert "s3:ListAllMyBuckets" in catalog.rules()["agent_artifact_foreign"].reads()
