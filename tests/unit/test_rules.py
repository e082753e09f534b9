"""Every rule fires on its violation, is silent on its twin, and explains itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sentinel import catalog, cloudtrail
from sentinel.finding import Outcome, Verdict
from sentinel.judge import judge
from sentinel.record import Unreadable
from sentinel.rule import Rule
from sentinel.subject import Resource
from sentinel.subjects import GatewayTarget, IamPolicy, Trail

from tests.unit.worlds import World

EVENTS = Path(__file__).parent.parent.parent / "events"
each_rule = pytest.mark.parametrize("rule", catalog.rules().values(), ids=lambda rule: rule.id)


def verdicts(rule: Rule, name: str) -> list[Verdict]:
    """Judge the events of a file in order; those before the last make the state."""
    document: Any = json.loads((EVENTS / rule.id / f"{name}.json").read_text())
    world = World(children={GatewayTarget: [], IamPolicy: [], Trail: []})
    found = []
    for event in document if isinstance(document, list) else [document]:
        record = cloudtrail.opened(event)
        try:
            sightings = cloudtrail.sightings(record)
        except Unreadable:
            continue
        for seen in sightings:
            if seen.kind in rule.subjects and seen.subject is not None:
                verdict = judge(rule, seen.subject, world, {}, as_of=record.time)
                found.append(verdict)
                if isinstance(seen.subject, Resource):
                    world.live[seen.kind.kind, seen.identity.key] = seen.subject
                    if not verdict.problems:
                        world.baselines[seen.identity.key] = seen.subject
    return found


@each_rule
def test_a_rule_fires_on_its_violation(rule: Rule) -> None:
    assert verdicts(rule, "violation")[-1].outcome is Outcome.VIOLATION


@each_rule
def test_a_rule_is_silent_on_the_compliant_twin(rule: Rule) -> None:
    assert [v.outcome for v in verdicts(rule, "compliant") if v.problems] == []


@each_rule
def test_a_rule_says_what_is_wrong_why_and_what_to_do(rule: Rule) -> None:
    assert rule.title and not rule.title.startswith("Ensure")
    assert {"Risk", "Fix", "Silent", "Blind"} <= rule.sections.keys()


@each_rule
def test_a_rule_reads_only_by_named_actions_that_mint_no_token(rule: Rule) -> None:
    for action in rule.reads():
        name = action.split(":")[1]
        assert "*" not in action
        assert name.startswith(("Get", "List", "Describe"))
        assert not name.startswith(("GetWorkloadAccessToken", "GetResourceOauth", "GetResourceApi"))


def test_every_pair_of_events_has_its_rule() -> None:
    assert {folder.name for folder in EVENTS.iterdir()} == set(catalog.rules())
