"""What a notice says, whatever surface shows it; and the table of limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel import limits
from sentinel.notice import (
    TELLING,
    EvidenceLine,
    Notice,
    Quoted,
    State,
    commands,
    data_event,
    digest,
    digest_headline,
    event_link,
    headline,
    prose,
    shown,
    span,
    status,
    unseen,
    when,
    where,
    who,
)
from sentinel.record import Actor
from slack_sdk.models.blocks import (
    ContextBlock,
    HeaderBlock,
    SectionBlock,
)

OPENED = datetime(2026, 9, 22, 10, 11, 12, tzinfo=UTC)
FINGERPRINT = "3f9a1c7e" + "0" * 24


def a_notice(state: str = State.OPEN, **changes: Any) -> Notice:
    """A CRITICAL finding that an event showed, in *state*."""
    members: dict[str, Any] = {
        "id": f"{FINGERPRINT}.1.1",
        "fingerprint": FINGERPRINT,
        "rule": "gateway_enforcement_dropped",
        "title": "Gateway no longer enforces its policies",
        "severity": "CRITICAL",
        "state": state,
        "what": "Policy engine set from `ENFORCE` to `LOG_ONLY`.",
        "so_what": "Anybody whom the authorizer admits can call every tool behind it.",
        "fix": "Set the policy engine's mode to ENFORCE again, then review what was let through.",
        "account": "444455556666",
        "account_alias": "prod",
        "region": "eu-central-1",
        "partition": "aws",
        "resource": (
            "arn:aws:bedrock-agentcore:eu-central-1:444455556666:gateway/orders-mcp-a1b2c3d4e5"
        ),
        "resource_name": "orders-mcp-a1b2c3d4e5",
        "opened_at": OPENED,
        "actor": Actor(
            arn="arn:aws:sts::444455556666:assumed-role/ci-deployer/gh-4711",
            principal="arn:aws:iam::444455556666:role/ci-deployer",
            session="gh-4711",
            source_ip="198.51.100.7",
            user_agent="aws-cli/2.31.0 md/awscrt#0.27.6",
        ),
        "event_name": "UpdateGateway",
        "event_id": "3f1c0d9e-5b7a-4c55-9a53-0d2f6a1b8c77",
        "event_category": "Management",
        "event_time": OPENED,
        "evidence": (EvidenceLine("policyEngineConfiguration.mode", "LOG_ONLY", "ENFORCE"),),
    }
    return Notice(**(members | _OF_STATE.get(state, {}) | changes))


_OF_STATE: dict[str, dict[str, Any]] = {
    State.REOPENED: {"episode": 2, "id": f"{FINGERPRINT}.2.1"},
    State.RESOLVED: {"closed_at": OPENED + timedelta(minutes=2, seconds=54)},
    State.SUPPRESSED: {"exemption": "planned test until Friday"},
    State.GAP_OPENED: {
        "gap": "bedrock-agentcore:GetGateway was denied; deploy member.yaml there.",
        "title": "Gateways could not be read",
        "actor": None,
        "event_id": None,
        "event_name": None,
        "event_time": None,
        "event_category": None,
        "evidence": (),
    },
    State.GAP_CLOSED: {
        "closed_at": OPENED + timedelta(hours=1),
        "title": "Gateways could not be read",
        "evidence": (),
    },
}

every_state = pytest.mark.parametrize("state", list(State))


def words_of(words: tuple[object, ...]) -> str:
    """A sentence as one plain text."""
    return "".join(
        word.text
        if isinstance(word, Quoted)
        else f"{word:%H:%M:%S}"
        if isinstance(word, datetime)
        else str(word)
        for word in words
    )


@every_state
def test_every_state_has_a_row_and_a_sentence(state: State) -> None:
    notice = a_notice(state)
    label, rest = status(notice)
    assert state in TELLING
    assert label
    assert words_of(rest)


def test_a_state_without_words_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="MELTED"):
        headline(a_notice("MELTED"))
    with pytest.raises(KeyError, match="MELTED"):
        status(a_notice("MELTED"))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.OPEN, "CRITICAL: Gateway no longer enforces its policies (orders-mcp-a1b2c3d4e5)"),
        (State.REOPENED, "CRITICAL again: Gateway no longer enforces its policies "),
        (State.RESOLVED, "RESOLVED CRITICAL: Gateway no longer enforces its policies "),
        (State.SUPPRESSED, "SUPPRESSED CRITICAL: Gateway no longer enforces its policies "),
        (State.GAP_OPENED, "COULD NOT ASSESS: Gateways could not be read "),
    ],
)
def test_the_headline_says_state_severity_and_resource(state: State, expected: str) -> None:
    assert headline(a_notice(state)).startswith(expected)


def test_a_title_that_names_the_resource_does_not_repeat_it() -> None:
    notice = a_notice(title="Gateway orders-mcp no longer enforces", resource_name="orders-mcp")
    assert headline(notice) == "CRITICAL: Gateway orders-mcp no longer enforces"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.OPEN, ("Open", " since 10:11:12.")),
        (State.REOPENED, ("Opened again", " at 10:11:12 by ci-deployer, episode 2.")),
        (State.RESOLVED, ("Closed", " at 10:14:06, 2 min 54 s after it was opened.")),
        (State.SUPPRESSED, ("Suppressed", " by an exemption: planned test until Friday")),
    ],
)
def test_the_status_tells_what_became_of_it(state: State, expected: tuple[str, str]) -> None:
    label, rest = status(a_notice(state))
    assert (label, words_of(rest)) == expected


def test_a_problem_seen_often_says_how_often() -> None:
    assert words_of(status(a_notice(count=4))[1]) == " since 10:11:12, seen 4 times."


def test_only_a_suppressed_finding_is_not_told_on_its_own() -> None:
    assert [state for state in State if not TELLING[state].first] == [State.SUPPRESSED]


def test_what_got_worse_or_opened_again_asks_a_person_to_look_twice() -> None:
    twice = [state for state in State if TELLING[state].reply]
    assert twice == [State.RAISED, State.REOPENED]
    assert TELLING[State.RAISED].alone, "mail and webhook cannot edit"


def test_the_caller_is_told_with_session_address_and_tool() -> None:
    expected = "ci-deployer, session gh-4711, from 198.51.100.7 with aws-cli/2.31.0"
    assert words_of(who(a_notice())) == expected


def test_an_unknown_caller_is_said_to_be_unknown_and_why() -> None:
    assert "live read" in words_of(who(a_notice(actor=None, event_id=None)))
    assert "names nobody" in words_of(who(a_notice(actor=None)))


def test_the_place_names_account_region_and_the_whole_arn() -> None:
    place = words_of(where(a_notice()))
    assert place.startswith("444455556666 prod, eu-central-1, arn:aws:bedrock-agentcore:")


def test_without_an_event_the_time_is_that_of_the_first_look() -> None:
    assert words_of(when(a_notice(event_time=None))) == "10:11:12, when it was first seen"


def test_guards_that_were_not_read_are_named_and_counted() -> None:
    missing = words_of(unseen(a_notice(unread=tuple(f"guard {n}" for n in range(12)))))
    assert missing.startswith("Not read, so it lowered nothing: guard 0, guard 1,")
    assert missing.endswith("guard 9 and 2 more.")
    assert unseen(a_notice()) == ()


def test_an_open_finding_with_a_gap_says_what_was_not_assessed() -> None:
    assert "Not assessed: the targets" in words_of(unseen(a_notice(gap="the targets")))


@every_state
def test_only_commands_that_exist_are_named(state: State) -> None:
    named = [command.split()[:2] for command, _ in commands(a_notice(state))]
    existing = ("explain", "findings", "accept", "sweep", "rules")
    assert named
    assert all(word == "sentinel" and verb in existing for word, verb in named)


def test_a_management_event_is_linked_and_a_data_event_is_named() -> None:
    management = a_notice()
    link = event_link(management)
    assert link is not None
    assert link.endswith("#/events/3f1c0d9e-5b7a-4c55-9a53-0d2f6a1b8c77")
    assert data_event(management) == ()

    data = a_notice(event_category="Data")
    assert event_link(data) is None
    assert data.event_id is not None
    assert data.event_id in words_of(data_event(data))


def test_a_finding_of_a_sweep_has_no_event_to_point_at() -> None:
    notice = a_notice(event_category=None, event_id=None)
    assert event_link(notice) is None
    assert data_event(notice) == ()


def test_values_between_backticks_and_arns_are_quoted() -> None:
    arn = "arn:aws-us-gov:iam::444455556666:role/ci"
    words = prose(f"Set from `A B` to `C` by {arn}.")
    assert [word.text for word in words if isinstance(word, Quoted)] == ["A B", "C", arn]
    assert words_of(words) == f"Set from A B to C by {arn}."


@given(text=st.text(alphabet=st.sampled_from("`ab :/arn") | st.characters()))
def test_prose_loses_nothing_but_its_backticks(text: str) -> None:
    kept = words_of(prose(text))
    wanted = [c for c in text if c != "`" and not c.isspace()]
    assert [c for c in kept if c not in "`'" and not c.isspace()] == [c for c in wanted if c != "'"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("LOG_ONLY", '"LOG_ONLY"'),
        (None, "(absent)"),
        (["a", 1, True], '["a", 1, true]'),
        ({"é": None}, '{"é": null}'),
    ],
)
def test_a_value_is_shown_as_json(value: object, expected: str) -> None:
    assert shown(value) == expected


def test_a_value_that_is_no_json_is_shown_as_what_it_is() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert "list that cannot be shown" in shown(nested)
    assert "dict that cannot be shown" in shown({(1, 2): 3})
    assert "int that cannot be shown" in shown(10**5_000)
    assert shown(float("nan")) == "NaN"


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(minutes=2, seconds=54), "2 min 54 s"),
        (timedelta(hours=3, minutes=5, seconds=9), "3 h 5 min"),
        (timedelta(days=2, seconds=4), "2 d 4 s"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(length: timedelta, expected: str) -> None:
    assert span(length) == expected


def many_notices() -> list[Notice]:
    """12 HIGH findings of two rules (3 closed again), a CRITICAL one, a suppressed one, a gap."""
    high = [
        a_notice(
            State.RESOLVED if n < 3 else State.OPEN,
            fingerprint=f"{n:032x}",
            severity="HIGH",
            rule="jwt_authorizer_unpinned" if n < 8 else "runtime_shell_command",
            opened_at=OPENED + timedelta(minutes=n),
        )
        for n in range(12)
    ]
    opened_before = a_notice(State.OPEN, fingerprint=f"{0:032x}", severity="HIGH")
    suppressed = a_notice(State.SUPPRESSED, fingerprint="e" * 32)
    gap = a_notice(State.GAP_OPENED, fingerprint="a" * 32)
    return [opened_before, *high, a_notice(fingerprint="c" * 32), suppressed, gap]


def test_a_digest_counts_each_finding_once_and_the_worst_comes_first() -> None:
    gathered = digest("digest.1", many_notices())
    assert [(g.severity, g.rule, g.count, g.ended) for g in gathered.groups] == [
        ("CRITICAL", "gateway_enforcement_dropped", 1, 0),
        ("HIGH", "jwt_authorizer_unpinned", 8, 3),
        ("HIGH", "runtime_shell_command", 4, 0),
        ("COULD NOT ASSESS", "gateway_enforcement_dropped", 1, 0),
    ]
    assert gathered.groups[1].oldest == OPENED


def test_the_headline_of_a_digest_has_the_exact_counts() -> None:
    assert digest_headline(digest("digest.1", many_notices())) == (
        "1 more CRITICAL finding, 12 more HIGH findings, 1 more COULD NOT ASSESS"
    )


ROWS = pytest.mark.parametrize("limit", limits.ALL, ids=[limit.of for limit in limits.ALL])


@ROWS
def test_we_allow_ourselves_no_more_than_the_service_takes(limit: limits.Limit) -> None:
    assert 0 < limit.ours <= limit.service


@pytest.mark.parametrize(
    ("limit", "service"),
    [
        (limits.SLACK_HEADER, HeaderBlock.text_max_length),
        (limits.SLACK_SECTION, SectionBlock.text_max_length),
        (limits.SLACK_FIELDS, SectionBlock.fields_max_length),
        (limits.SLACK_CONTEXT_ELEMENTS, ContextBlock.elements_max_length),
        (limits.SLACK_BLOCK_ID, SectionBlock.block_id_max_length),
    ],
    ids=lambda value: value.of if isinstance(value, limits.Limit) else str(value),
)
def test_a_limit_is_the_one_that_the_service_publishes(limit: limits.Limit, service: int) -> None:
    assert limit.service == service
