"""The link to the console has the known form, and nothing from an event can bend it."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel.links import event_page

EVENT = "3f1c0d9e-5b7a-4c55-9a53-0d2f6a1b8c77"
HERE = "https://eu-central-1.console.aws.amazon.com"


def test_an_event_has_a_page_of_its_own() -> None:
    expected = f"{HERE}/cloudtrailv2/home?region=eu-central-1#/events/{EVENT}"
    assert event_page(EVENT, partition="aws", region="eu-central-1") == expected


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "us-east-1", "us-east-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_own_console(partition: str, region: str, host: str) -> None:
    link = event_page(EVENT, partition=partition, region=region)
    assert link is not None
    assert urlsplit(link).hostname == host


def test_a_partition_without_a_known_console_gets_no_link() -> None:
    assert event_page(EVENT, partition="aws-iso", region="us-iso-east-1") is None


@given(region=st.text() | st.from_regex(r"\A[a-z]+-[a-z]+-[0-9]+.?\Z"))
def test_whatever_the_region_is_a_link_leads_to_the_console_only(region: str) -> None:
    link = event_page(EVENT, partition="aws", region=region)
    if link is not None:
        assert urlsplit(link).hostname == f"{region}.console.aws.amazon.com"


@pytest.mark.parametrize("region", ["evil.example/#", "eu-central-1\n", "eu-central-1@x", "", "."])
def test_a_region_that_is_not_one_gets_no_link(region: str) -> None:
    assert event_page(EVENT, partition="aws", region=region) is None


@given(identifier=st.text(alphabet=st.characters()))
def test_an_identifier_stays_in_its_place(identifier: str) -> None:
    link = event_page(identifier, partition="aws", region="eu-central-1")
    assert link is not None
    start = f"{HERE}/cloudtrailv2/home?region=eu-central-1#/events/"
    assert link.startswith(start)
    encoded = link.removeprefix(start)
    assert encoded.isascii()
    assert not set(encoded) & set("<>|\"'`&# /?\n")
    assert unquote(encoded) == identifier.encode(errors="replace").decode()
