"""The policy: every mistake is named with its place, and what is chosen is never guessed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sentinel import catalog
from sentinel.policy import Exemption, Mode, Policy, PolicyError, parse, unread
from sentinel.subject import Identity

from tests.conftest import ROOT
from tests.unit.worlds import ACCOUNT, NOW

RULE = "runtime_shell_command"
OF = Identity("aws", ACCOUNT, "eu-central-1", "gateway", "arn:aws:x:::gateway/orders-1", "orders-1")
GOOD = {"rule": RULE, "resource": "*", "owner": "ann", "reason": "why", "expires": "2026-12-31"}


def problems(document: Any) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        parse(document)
    return caught.value.problems


def without(member: str) -> dict[str, Any]:
    return {"exemptions": [{k: v for k, v in GOOD.items() if k != member}]}


def exempting(**more: Any) -> dict[str, Any]:
    return {"exemptions": [GOOD | more]}


def test_the_packaged_default_has_no_exemption_and_only_shadows() -> None:
    policy = parse({})
    assert policy == Policy()
    assert (policy.modes.default, policy.exemptions) == (Mode.SHADOW, ())
    assert policy.admits("111122223333", "us-east-1")


def test_the_policy_in_git_is_valid_and_is_the_default() -> None:
    assert parse(yaml.safe_load((ROOT / "policy.yaml").read_text())) == Policy()


@pytest.mark.parametrize("member", ["owner", "reason", "expires", "resource", "rule"])
def test_an_exemption_without_what_makes_it_reviewed_is_refused(member: str) -> None:
    assert problems(without(member)) == (f"exemptions.0.{member}: is missing",)


@pytest.mark.parametrize("member", ["owner", "reason", "resource"])
@pytest.mark.parametrize("value", ["", "   "])
def test_an_exemption_with_an_empty_word_is_refused(member: str, value: str) -> None:
    (problem,) = problems(exempting(**{member: value}))
    assert problem.startswith(f"exemptions.0.{member}: ")


@pytest.mark.parametrize(
    "document, expected",
    [
        ({"member": []}, "member: there is no such entry; docs/policy.schema.json lists them"),
        ({"lists": {"trusted": []}}, "lists.trusted: there is no such entry"),
        ({"members": [{"account": 444455556666}]}, "put the number into quotes"),
        ({"members": [{"account": "4444"}]}, "members.0.account: expected an account id of 12"),
        ({"members": [{"account": f"{ACCOUNT}\n"}]}, "expected an account id of 12 digits"),
        ({"members": [{"account": "٤٤٤٤٥٥٥٥٦٦٦٦"}]}, "expected an account id of 12 digits"),
        ({"members": [{}]}, "members.0.account: is missing"),
        ({"members": [{"account": ACCOUNT}] * 2}, "members.1.account: 444455556666 is a member"),
        ({"lists": {"agents": "text"}}, "lists.agents: "),
        ({"modes": {"default": "loud"}}, "modes.default: Input should be 'off', 'shadow'"),
        ({"modes": {"default": True}}, "modes.default: "),
        ({"modes": {"rules": {"nonsense": "auto"}}}, "there is no rule 'nonsense'"),
        ({"disabled": ["nonsense"]}, "disabled: there is no rule 'nonsense'"),
        ({"settings": {"nonsense": {}}}, "settings: there is no rule 'nonsense'"),
        ({"settings": {RULE: {"nonsense": 1}}}, "no setting 'nonsense'; it has agents"),
        ({"settings": {RULE: {"agents": 7}}}, f"settings.{RULE}.agents: "),
        ({"settings": {"trail_stopped": {"x": 1}}}, "it has none"),
        (exempting(rule="nonsense"), "exemptions.0.rule: there is no rule 'nonsense'"),
        (exempting(expires="soon"), "exemptions.0.expires: "),
        ({"version": 2}, "version: "),
        ([], "policy: expected a mapping"),
        (None, "policy: expected a mapping"),
        ("text", "policy: expected a mapping"),
    ],
)
def test_every_mistake_is_named_with_its_place_and_what_was_expected(
    document: Any, expected: str
) -> None:
    (problem,) = problems(document)
    assert expected in problem


def test_all_mistakes_are_told_at_once() -> None:
    found = problems({"disabled": ["a", "b"], "settings": {"c": {}}})
    assert len(found) == 3


def test_off_without_quotes_is_off_though_yaml_reads_false() -> None:
    document = yaml.safe_load(f"modes: {{default: off, rules: {{{RULE}: off}}}}")
    assert document["modes"]["default"] is False
    modes = parse(document).modes
    assert (modes.default, modes.rules[RULE]) == (Mode.OFF, Mode.OFF)


@pytest.mark.parametrize("expires", ["2026-12-31", date(2026, 12, 31), "2026-12-31T00:00:00Z"])
def test_a_date_without_a_zone_is_utc(expires: Any) -> None:
    (exemption,) = parse(exempting(expires=expires)).exemptions
    assert exemption.ends == datetime(2026, 12, 31, tzinfo=UTC)


def test_an_end_with_a_zone_keeps_it() -> None:
    (exemption,) = parse(exempting(expires="2026-12-31T00:00:00+02:00")).exemptions
    assert exemption.ends == datetime(2026, 12, 30, 22, tzinfo=UTC)


def exemption(**more: Any) -> Exemption:
    return parse(exempting(**more)).exemptions[0]


@pytest.mark.parametrize(
    "more, covers",
    [
        ({}, True),
        ({"resource": OF.key}, True),
        ({"resource": "orders-*"}, True),
        ({"resource": "orders-?"}, True),
        ({"resource": "orders"}, False),
        ({"resource": "[o]rders-1"}, False),
        ({"account": ACCOUNT}, True),
        ({"account": "111122223333"}, False),
        ({"rule": "trail_stopped"}, False),
    ],
)
def test_an_exemption_covers_its_rule_resource_and_account_and_no_more(
    more: dict[str, Any], covers: bool
) -> None:
    assert exemption(**more).covers(RULE, OF, NOW) is covers


def test_an_exemption_ends_at_its_end() -> None:
    held = exemption()
    assert held.covers(RULE, OF, held.ends - timedelta(microseconds=1))
    assert not held.covers(RULE, OF, held.ends)


def test_of_several_exemptions_the_longest_counts() -> None:
    long, short = GOOD | {"expires": "2027-01-01"}, GOOD | {"expires": "2026-10-01"}
    policy = parse({"exemptions": [short, long]})
    found = policy.exemption(RULE, OF, NOW)
    assert found is not None and found.ends.year == 2027
    assert policy.exemption("trail_stopped", OF, NOW) is None


@given(st.text(alphabet="*?ab", min_size=1, max_size=200))
def test_a_hostile_pattern_is_answered_at_once(pattern: str) -> None:
    held = Exemption(**{**GOOD, "resource": pattern, "expires": NOW + timedelta(days=1)})
    assert held.covers(RULE, OF, NOW) in (True, False)


def test_members_name_what_is_watched() -> None:
    policy = parse(
        {
            "members": [
                {"account": ACCOUNT, "regions": ["eu-central-1"], "alias": "orders"},
                {"account": "111122223333"},
            ]
        }
    )
    assert policy.admits(ACCOUNT, "eu-central-1")
    assert not policy.admits(ACCOUNT, "eu-west-1")
    assert policy.admits(ACCOUNT, "us-east-1"), "where IAM is told"
    assert policy.admits("111122223333", "us-east-1")
    assert not policy.admits("999988887777", "us-east-1")
    assert (policy.alias(ACCOUNT), policy.alias("999988887777")) == ("orders", "")


def test_a_rules_own_setting_wins_over_the_list_and_the_list_over_the_default() -> None:
    rule = catalog.rules()[RULE]
    lists = {"lists": {"agents": ["role/a"], "shell_users": ["role/b"]}}
    policy = parse(lists | {"settings": {RULE: {"agents": ["role/c"]}}})
    chosen = policy.settings_for(rule)
    assert chosen["agents"] == frozenset({"role/c"})
    assert chosen["shell_users"] == frozenset({"role/b"})
    assert chosen["trusted_accounts"] == frozenset()


def test_what_no_rule_reads_is_named_and_what_one_reads_is_not() -> None:
    assert list(unread(parse({}))) == []
    every = {"agents": ["a"], "shell_users": ["b"], "issuers": ["c"], "deployers": ["d"]}
    told = list(unread(parse({"lists": every, "modes": {"default": "auto"}})))
    assert [line.split(":")[0] for line in told] == ["lists.issuers", "lists.deployers", "modes"]
    assert told[0] == "lists.issuers: no rule of this version reads it"


@pytest.mark.parametrize(
    "document",
    [
        {"lists": {"agents": "role/a"}},
        {"members": 4},
        {"settings": {"jwt_authorizer_unpinned": {"shared_issuers": "login.example"}}},
    ],
)
def test_a_value_where_a_list_belongs_is_told_without_the_words_of_the_code(
    document: dict[str, Any],
) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(document)
    assert caught.value.problems[0].endswith(": expected a list")


def test_a_setting_that_nobody_chose_is_left_to_the_rule() -> None:
    rule = catalog.rules()["jwt_authorizer_unpinned"]
    assert parse({}).settings_for(rule) == {}
    chosen = parse({"settings": {rule.id: {"shared_issuers": ["login.example"]}}})
    assert chosen.settings_for(rule) == {"shared_issuers": frozenset({"login.example"})}


def test_the_same_policy_is_the_same_text_and_reads_back() -> None:
    lists = {"agents": ["b", "a", "c"], "trusted_accounts": ["444455556666", "111122223333"]}
    document = {"lists": lists, "disabled": ["trail_stopped", RULE], **exempting()}
    turned = {"lists": {k: v[::-1] for k, v in lists.items()}, "disabled": [RULE, "trail_stopped"]}
    text = parse(document).document()
    assert text == parse({**turned, **exempting()}).document()
    assert parse(json.loads(text)) == parse(document)
    assert json.loads(text)["lists"]["agents"] == ["a", "b", "c"]


def test_the_order_of_members_regions_and_settings_is_kept() -> None:
    document = {
        "members": [{"account": ACCOUNT, "regions": ["us-east-1", "eu-central-1"]}],
        "settings": {RULE: {"agents": ["b", "a"]}},
    }
    stored = json.loads(parse(document).document())
    assert stored["members"][0]["regions"] == ["us-east-1", "eu-central-1"]
    assert stored["settings"][RULE]["agents"] == ["b", "a"]


def test_the_schema_is_beside_the_rule_pages() -> None:
    assert Path(ROOT / "docs/policy.schema.json").exists()
