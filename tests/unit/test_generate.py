"""What follows from the catalog is what is in the tree, and a missing piece is told in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sentinel import catalog
from sentinel.finding import Findings, Severity
from sentinel.rule import NotARule
from sentinel.rule import rule as declared
from sentinel.subjects import CommandRun, Gateway, IamPolicy
from sentinel_cli import generate, rule_page
from sentinel_cli.failure import Failure, known

from tests.conftest import ROOT

RULE = "gateway_authorizer_none"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the generator reads and writes."""
    for name in ("template.yaml", "member.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("events", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def test_what_is_generated_is_current() -> None:
    late = [str(path.relative_to(ROOT)) for path in generate.stale(ROOT)]
    assert not late, f"{', '.join(late)}: {generate.COMMAND}"


def test_the_command_that_mends_it_is_named() -> None:
    assert generate.COMMAND == "run: .venv/bin/sentinel generate"


def test_a_changed_file_is_found_and_written_again_and_then_nothing_is_left(checkout: Path) -> None:
    page = checkout / f"docs/rules/{RULE}.md"
    page.write_text("edited by hand")
    (checkout / "docs/rules/trail_stopped.md").unlink()
    assert sorted(path.name for path in generate.stale(checkout)) == [
        f"{RULE}.md",
        "trail_stopped.md",
    ]
    assert len(generate.write(checkout)) == 2
    assert generate.stale(checkout) == []


def test_a_generated_block_that_was_edited_is_found(checkout: Path) -> None:
    template = checkout / "template.yaml"
    template.write_text(template.read_text().replace("StopLogging, ", ""))
    assert generate.stale(checkout) == [template]


def test_a_template_without_its_block_says_which_block(checkout: Path) -> None:
    template = checkout / "template.yaml"
    template.write_text(template.read_text().replace("# generated: change pattern", "#"))
    with pytest.raises(Failure, match="exactly one block '# generated: change pattern'"):
        generate.stale(checkout)


@pytest.mark.parametrize("name", ["violation", "compliant"])
def test_a_rule_without_its_pair_says_what_to_write(checkout: Path, name: str) -> None:
    (checkout / f"events/{RULE}/{name}.json").unlink()
    with pytest.raises(Failure) as caught:
        generate.stale(checkout)
    assert str(caught.value) == f"rule {RULE} needs an example: write events/{RULE}/{name}.json"


def test_a_rule_without_its_risk_is_told_in_a_sentence_and_is_no_bug() -> None:
    def no_risk(gateway: Gateway) -> Findings:
        """Something is wrong."""
        return iter(())

    no_risk.__annotations__ = {"gateway": Gateway, "return": Findings}
    with pytest.raises(NotARule) as caught:
        declared(Severity.LOW)(no_risk)
    assert str(known(caught.value)) == "no_risk: the docstring needs a section 'Risk:'"
    assert known(TypeError("ours")) is None


def test_a_read_of_which_nobody_said_what_it_is_limited_to_says_where_to_say_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generate, "RESOURCES", {})
    with pytest.raises(Failure, match=r"say in RESOURCES of sentinel_cli\.generate what"):
        generate.read_rights()


def test_every_limit_belongs_to_a_read_that_a_rule_needs() -> None:
    assert set(generate.RESOURCES) == set(catalog.read_actions())


def test_a_pattern_names_exact_sources_and_the_calls_of_each() -> None:
    made = generate.pattern([Gateway, IamPolicy])
    assert made["source"] == ["aws.bedrock-agentcore", "aws.bedrock-agentcore-control", "aws.iam"]
    agentcore, iam = made["detail"]["$or"]
    assert agentcore["eventName"] == sorted(Gateway.events)
    assert iam == {"eventSource": ["iam.amazonaws.com"], "eventName": sorted(IamPolicy.events)}


def test_the_pattern_of_one_service_needs_no_choice() -> None:
    assert "$or" not in generate.pattern([CommandRun])["detail"]


def test_a_pattern_that_eventbridge_would_refuse_is_refused_here() -> None:
    kinds = list(catalog.subjects().values())
    assert len(json.dumps(generate.pattern(kinds))) <= generate.PATTERN_LIMIT
    with pytest.raises(Failure, match="EventBridge takes 2048"):
        generate.pattern(
            type(
                f"Kind{n}",
                (),
                {
                    "sources": (f"service{n}.amazonaws.com",),
                    "events": {f"CreateSomethingLong{n}": None},
                },
            )
            for n in range(40)
        )


def test_a_page_says_why_what_to_do_and_shows_the_event() -> None:
    rule = catalog.rules()[RULE]
    page = rule_page.page(rule, ROOT / "events" / RULE)
    for text in (
        rule.title,
        rule.sections["Risk"],
        rule.sections["Fix"],
        '"authorizerType": "NONE"',
    ):
        assert text in page
    assert "## Also known as" in page


def test_the_page_of_a_change_rule_says_that_it_needs_a_baseline() -> None:
    name = "gateway_enforcement_dropped"
    page = rule_page.page(catalog.rules()[name], ROOT / "events" / name)
    assert "silent without one" in page
    assert "LOG_ONLY" in page


def test_the_page_of_an_activity_says_that_no_sweep_sees_it() -> None:
    name = "runtime_shell_command"
    assert "No sweep can see a call" in rule_page.page(
        catalog.rules()[name], ROOT / "events" / name
    )


def test_the_schema_of_the_policy_knows_every_list() -> None:
    schema = json.loads((ROOT / "docs/policy.schema.json").read_text())
    assert "trusted_accounts" in schema["$defs"]["Lists"]["properties"]
