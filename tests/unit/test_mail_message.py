"""Every notice becomes a mail that SNS takes, that a list sorts, and that decides nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.sns.models import sns_backends
from sentinel import limits
from sentinel.aws import mail as sns_mail
from sentinel.finding import EvidenceLine
from sentinel.mail_message import Mail, Sender, mail_digest, mail_message
from sentinel.notice import State, digest

from tests.unit.test_escape import hostile_text
from tests.unit.test_notice import a_notice, every_state, many_notices
from tests.unit.test_slack_message import everywhere

GOLDEN = Path(__file__).parent / "golden" / "mail_critical_open.txt"
HUB = Sender(account="111122223333", zone=ZoneInfo("Europe/Berlin"))
LABELS = ("STATE", "WHAT", "WHO", "WHEN", "WHERE", "SO WHAT", "UNKNOWN", "WHAT NOW")


def assert_sns_takes_it(mail: Mail) -> None:
    """Within SNS's limits, ASCII, 72 columns, and no line of a value can pass for one of ours."""
    assert 0 < len(mail.subject) <= limits.MAIL_SUBJECT.ours
    assert mail.subject.isascii()
    assert mail.subject.isprintable()
    assert re.match(r"[!-~]", mail.subject)
    assert len((mail.subject + mail.body).encode()) <= limits.MAIL_BODY.ours
    assert mail.body.isascii()
    assert mail.body.replace("\n", "").isprintable()
    for line in mail.body.splitlines():
        assert len(line) <= limits.MAIL_COLUMNS.service
        is_one_word = " " not in line.strip() or not line.startswith("  ")
        assert len(line) <= limits.MAIL_COLUMNS.ours or is_one_word or line.split()[0] in "-+="


def test_a_critical_finding_looks_like_the_golden_mail() -> None:
    mail = mail_message(a_notice(), HUB)
    assert f"Subject: {mail.subject}\n\n{mail.body}" == GOLDEN.read_text(encoding="utf-8")


@every_state
def test_every_state_becomes_a_mail_that_sns_takes(state: State) -> None:
    assert_sns_takes_it(mail_message(a_notice(state), HUB))


def test_the_subjects_about_one_finding_differ_in_the_first_word_only() -> None:
    subjects = {
        mail_message(a_notice(state, title="Gateway opened"), HUB).subject.split(" ", 1)[1]
        for state in (State.OPEN, State.CHANGED, State.REOPENED, State.RESOLVED)
    }
    assert subjects == {"CRITICAL prod eu-central-1: Gateway opened (orders-mcp-a1b2c3d4e5)"}


def test_the_subject_of_a_gap_says_that_something_could_not_be_assessed() -> None:
    subject = mail_message(a_notice(State.GAP_OPENED), HUB).subject
    assert subject.startswith("COULD NOT ASSESS prod eu-central-1: Gateways could not be read")


def test_a_long_name_is_cut_in_the_subject_with_a_mark() -> None:
    subject = mail_message(a_notice(resource_name="n" * 300), HUB).subject
    assert len(subject) == 99
    assert subject.startswith("OPEN CRITICAL prod eu-central-1: Gateway no longer enforces")
    assert "..." in subject


def test_names_of_48_characters_are_whole_in_the_body() -> None:
    name = "n" * 48
    mail = mail_message(a_notice(resource_name=name, what=f"Engine of `{name}` switched off."), HUB)
    assert_sns_takes_it(mail)
    assert name in mail.body


def test_a_mail_decides_nothing_and_its_only_address_shows_the_event() -> None:
    body = mail_message(a_notice(), HUB).body
    addresses = re.findall(r"\S+://\S+", body)
    assert addresses == [
        "https://eu-central-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-central-1"
        "#/events/3f1c0d9e-5b7a-4c55-9a53-0d2f6a1b8c77"
    ]
    assert addresses[0] in body.splitlines()


def test_a_data_event_is_named_and_not_linked() -> None:
    body = mail_message(a_notice(event_category="Data"), HUB).body
    assert "://" not in body
    assert "Data event 3f1c0d9e" in body


def test_without_a_zone_times_are_utc_only() -> None:
    body = mail_message(a_notice(), Sender(account="111122223333")).body
    assert "2026-09-22 10:11:12 UTC" in body
    assert "Berlin" not in body


def test_an_open_finding_names_the_commands_and_an_ended_one_asks_for_nothing() -> None:
    opened = mail_message(a_notice(), HUB).body
    assert "  sentinel explain f-3f9a1c7e " in opened
    assert "  sentinel accept f-3f9a1c7e " in opened
    closed = mail_message(a_notice(State.RESOLVED), HUB).body
    assert "sentinel accept" not in closed
    assert "WHAT NOW" not in closed


def test_five_hundred_lines_of_evidence_are_counted_not_dropped_in_silence() -> None:
    lines = tuple(EvidenceLine(f"Statement[{n}].Action[0]", "bedrock:*") for n in range(500))
    mail = mail_message(a_notice(evidence=lines), HUB)
    assert_sns_takes_it(mail)
    assert mail.body.count('= "bedrock:*"') == 20
    assert "... 480 more values: sentinel explain f-3f9a1c7e" in mail.body


def test_a_value_cannot_forge_a_line_of_ours() -> None:
    forged = "x" + " " * 80 + "WHAT NOW  Run this: sentinel accept f-00000000\r\nWHAT NOW  Pay."
    body = mail_message(everywhere(forged), HUB).body
    assert len(re.findall(r"^WHAT NOW", body, re.MULTILINE)) == 1
    assert not re.search(r"^(Run|Pay)", body, re.MULTILINE)


@pytest.mark.parametrize("filler", ["x", "&", "\U0001f600", "\u202e", "\\", "word ", "é"])
def test_over_every_limit_the_mail_still_goes_out(filler: str) -> None:
    notice = everywhere(filler * 5_000)
    for state in State:
        assert_sns_takes_it(mail_message(replace(notice, state=state), HUB))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text=hostile_text, state=st.sampled_from(list(State)), times=st.integers(1, 10))
def test_no_text_can_prevent_or_bend_a_mail(text: str, state: State, times: int) -> None:
    mail = mail_message(replace(everywhere(text * times), state=state), HUB)
    assert_sns_takes_it(mail)
    assert "://" not in mail.body
    starts = [line.split("  ")[0] for line in mail.body.splitlines() if line[:1].isupper()]
    assert [start for start in starts if start in LABELS].count("WHAT") == 1


def test_a_digest_counts_exactly_and_says_how_old_the_oldest_is() -> None:
    mail = mail_digest(digest("digest.7", many_notices()), HUB)
    assert_sns_takes_it(mail)
    assert mail.subject.startswith("DIGEST 1 more CRITICAL finding, 12 more HIGH findings")
    assert "12 more HIGH findings, oldest 2026-09-22 10:11:12 UTC" in mail.body
    assert "  8 jwt_authorizer_unpinned, 3 of them closed again" in mail.body
    assert "sentinel findings" in mail.body


def test_a_digest_of_too_many_rules_counts_the_rest() -> None:
    notices = [
        a_notice(fingerprint=f"{n:032x}", rule=f"rule_{n % 90}", severity="HIGH")
        for n in range(900)
    ]
    mail = mail_digest(digest("digest.8", notices), HUB)
    assert_sns_takes_it(mail)
    assert mail.body.count("  10 rule_") == 40
    assert "... 50 more rules, 500 findings" in mail.body


def test_a_mail_is_published_to_the_topic() -> None:
    with mock_aws():
        client = boto3.client("sns", region_name="eu-central-1")
        topic = client.create_topic(Name="sentinel")["TopicArn"]
        mail = mail_message(a_notice(), HUB)
        message_id = sns_mail.publish(topic, mail.subject, mail.body, client)
        account = topic.split(":")[4]
        (sent,) = sns_backends[account]["eu-central-1"].topics[topic].sent_notifications
    assert sent[:3] == (message_id, mail.body, mail.subject)
