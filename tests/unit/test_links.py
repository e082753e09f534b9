"""Every link to the console has the known form, and nothing from an event can bend it."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel.links import Page, Portal, console_link

EVENT = "3f1c0d9e-5b7a-4c55-9a53-0d2f6a1b8c77"
EXECUTION = "arn:aws:states:eu-central-1:111122223333:execution:remediate:3f9a1c7e-1-1"
GATEWAY = "arn:aws:bedrock-agentcore:eu-central-1:444455556666:gateway/orders-mcp-a1b2c3d4e5"
HERE = "https://eu-central-1.console.aws.amazon.com"


@pytest.mark.parametrize(
    ("page", "identifier", "expected"),
    [
        ("event", EVENT, f"{HERE}/cloudtrailv2/home?region=eu-central-1#/events/{EVENT}"),
        (
            "events of a service",
            "bedrock-agentcore.amazonaws.com",
            f"{HERE}/cloudtrailv2/home?region=eu-central-1#/events"
            "?EventSource=bedrock-agentcore.amazonaws.com",
        ),
        (
            "execution",
            EXECUTION,
            f"{HERE}/states/home?region=eu-central-1#/v2/executions/details/{EXECUTION}",
        ),
        (
            "role",
            "ci-deployer",
            f"{HERE}/iam/home?region=eu-central-1#/roles/details/ci-deployer?section=permissions",
        ),
        ("runtime", "orders-AbC123", f"{HERE}/bedrock-agentcore/agents/orders-AbC123"),
        ("gateways", "", f"{HERE}/bedrock-agentcore/toolsAndGateways?region=eu-central-1"),
        (
            "arn",
            GATEWAY,
            "https://console.aws.amazon.com/go/view?arn=arn%3Aaws%3Abedrock-agentcore"
            "%3Aeu-central-1%3A444455556666%3Agateway%2Forders-mcp-a1b2c3d4e5",
        ),
    ],
)
def test_a_page_of_the_console_has_this_address(page: Page, identifier: str, expected: str) -> None:
    assert console_link(page, identifier, partition="aws", region="eu-central-1") == expected


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "us-east-1", "us-east-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_own_console(partition: str, region: str, host: str) -> None:
    link = console_link("event", EVENT, partition=partition, region=region)
    assert link is not None
    assert urlsplit(link).hostname == host


def test_a_partition_without_a_known_console_gets_no_link() -> None:
    assert console_link("event", EVENT, partition="aws-iso", region="us-iso-east-1") is None


def test_with_a_portal_the_link_opens_the_right_account() -> None:
    link = console_link(
        "event",
        EVENT,
        partition="aws",
        region="eu-central-1",
        account="444455556666",
        portal=Portal("https://team.awsapps.com/start/", "Security Audit"),
    )
    assert link is not None
    address, _, query = link.partition("?")
    assert address == "https://team.awsapps.com/start/#/console"
    assert parse_qs(query) == {
        "account_id": ["444455556666"],
        "role_name": ["Security Audit"],
        "destination": [f"{HERE}/cloudtrailv2/home?region=eu-central-1#/events/{EVENT}"],
    }


@given(region=st.text() | st.from_regex(r"\A[a-z]+-[a-z]+-[0-9]+.?\Z"))
def test_whatever_the_region_is_a_link_leads_to_the_console_only(region: str) -> None:
    link = console_link("event", EVENT, partition="aws", region=region)
    if link is not None:
        assert urlsplit(link).hostname == f"{region}.console.aws.amazon.com"


@pytest.mark.parametrize("region", ["evil.example/#", "eu-central-1\n", "eu-central-1@x", "", "."])
def test_a_region_that_is_not_one_gets_no_link(region: str) -> None:
    assert console_link("event", EVENT, partition="aws", region=region) is None


@given(identifier=st.text(alphabet=st.characters()))
def test_an_identifier_stays_in_its_place(identifier: str) -> None:
    link = console_link("event", identifier, partition="aws", region="eu-central-1")
    assert link is not None
    start = f"{HERE}/cloudtrailv2/home?region=eu-central-1#/events/"
    assert link.startswith(start)
    encoded = link.removeprefix(start)
    assert encoded.isascii()
    assert not set(encoded) & set("<>|\"'`&# /?\n")
    assert unquote(encoded) == identifier.encode(errors="replace").decode()
