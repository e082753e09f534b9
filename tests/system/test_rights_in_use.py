"""Every right of every role is used by a scenario, and missed when it is taken away.

Scenarios run through the deployed functions with IAM enforced. `-s` shows what is granted and used.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.system.reading_scenarios import READING
from tests.system.rights import ROLES, STATEMENTS, Granted, Used, deployed, take_away, used
from tests.system.rights_scenarios import WORKING, Scenario, begin_cold
from tests.system.stage import Stage

SCENARIOS = (*WORKING, *READING)
BY_STATEMENT = {proved: scenario for scenario in SCENARIOS for proved in scenario.proves}
JOBS = 2
UNUSED: Mapping[str, str] = {}
"""Rights that no scenario can use, as ``Role.Statement action-or-resource``, and why not."""


@dataclass(frozen=True, slots=True)
class Played:
    """What was seen of a scenario, the rights that it used, and its own error, if it had one."""

    seen: Any
    used: frozenset[Used]
    error: str = ""


def _play(stage: Stage, scenario: Scenario, without: Granted | None) -> Played:
    statements = deployed(stage)
    if without:
        take_away(stage, without)
    begin_cold(stage)
    since = len(stage.account.authorizer.uses)
    try:
        seen = scenario.play(stage)
    except Exception:  # noqa: BLE001 - the test that asks for it shows it
        return Played(None, frozenset(), traceback.format_exc())
    return Played(seen, used(stage, statements, since))


def _all(stage: Stage, cases: Iterable[tuple[Scenario, Granted | None]]) -> Iterator[Played]:
    parts = [partial(_play, scenario=scenario, without=without) for scenario, without in cases]
    return stage.play_all(parts, JOBS)


@pytest.fixture(scope="module")
def whole(stage: Stage) -> dict[str, Played]:
    """Each scenario, with every right, by its name."""
    played = _all(stage, ((scenario, None) for scenario in SCENARIOS))
    return {scenario.name: one for scenario, one in zip(SCENARIOS, played, strict=True)}


@pytest.fixture(scope="module")
def lacking(stage: Stage, request: pytest.FixtureRequest) -> dict[str, Played]:
    """The scenario of each statement that a chosen test asks for, without that statement."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    asked = (i.callspec.params.get("statement") for i in items if hasattr(i, "callspec"))
    chosen = [s for s in asked if isinstance(s, Granted) and str(s) in BY_STATEMENT]
    played = _all(stage, [(BY_STATEMENT[str(statement)], statement) for statement in chosen])
    return {str(statement): one for statement, one in zip(chosen, played, strict=True)}


def _rights(statement: Granted) -> Iterator[str]:
    for right in (*statement.actions, *statement.resources):
        yield f"{statement} {right}"


def _in_use(whole: Mapping[str, Played]) -> frozenset[str]:
    uses = {use for played in whole.values() for use in played.used}
    return frozenset(
        f"{use.statement} {right}" for use in uses for right in (use.action, use.resource)
    )


def table(statements: Iterable[Granted], in_use: frozenset[str]) -> str:
    """What each role is granted and what is used of it, in numbers."""
    many = tuple(statements)
    lines = [f"{'role':<14}{'statements':>12}{'actions':>12}{'resources':>12}"]
    for role in ROLES:
        own = [statement for statement in many if statement.role == role]
        actions = [f"{s} {action}" for s in own for action in s.actions]
        resources = [f"{s} {resource}" for s in own for resource in s.resources]
        touched = [s for s in own if any(right in in_use for right in _rights(s))]
        cells = [f"{len(touched)}/{len(own)}"]
        for rights in (actions, resources):
            cells.append(f"{sum(right in in_use for right in rights)}/{len(rights)}")
        lines.append(f"{role:<14}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join((*lines, "used/granted"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_with_every_right_a_scenario_shows_what_it_should(
    whole: dict[str, Played], scenario: Scenario
) -> None:
    played = whole[scenario.name]
    assert played.error == ""
    assert played.seen == scenario.expected


def test_every_action_and_resource_of_every_statement_is_used(
    stage: Stage, whole: dict[str, Played]
) -> None:
    statements, in_use = deployed(stage), _in_use(whole)
    print("\n" + table(statements, in_use))
    granted = {right for statement in statements for right in _rights(statement)}
    assert sorted(granted - in_use - UNUSED.keys()) == []


def test_no_exception_is_stale(stage: Stage, whole: dict[str, Played]) -> None:
    granted = {right for statement in deployed(stage) for right in _rights(statement)}
    assert sorted(right for right in UNUSED if right not in granted) == []
    assert sorted(_in_use(whole) & UNUSED.keys()) == []


def test_every_statement_of_the_templates_is_deployed_and_has_its_scenario(stage: Stage) -> None:
    names = [str(statement) for statement in STATEMENTS]
    assert [str(statement) for statement in deployed(stage)] == names
    assert sorted(BY_STATEMENT) == sorted(names)
    assert sum(len(scenario.proves) for scenario in SCENARIOS) == len(names)


def _named(statement: Granted) -> str:
    scenario = BY_STATEMENT.get(str(statement))
    return f"{statement}: {scenario.name if scenario else 'no scenario'}"


@pytest.mark.long
@pytest.mark.parametrize("statement", STATEMENTS, ids=_named)
def test_without_a_statement_its_scenario_goes_wrong(
    lacking: dict[str, Played], whole: dict[str, Played], statement: Granted
) -> None:
    assert str(statement) in BY_STATEMENT, "give it a scenario that needs it"
    scenario, played = BY_STATEMENT[str(statement)], lacking[str(statement)]
    print(f"\n{statement}: {scenario.name}: {played.seen}")
    assert played.error == ""
    assert whole[scenario.name].seen == scenario.expected
    assert played.seen != scenario.expected, f"{scenario.name} goes well without {statement}"
