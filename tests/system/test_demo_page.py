"""The demo's page, in a browser: what it shows, whom it lets in, who can use it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from embedded_account.beliefs import BELIEFS
from embedded_account.not_simulated import NOT_SIMULATED
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from sentinel_cli.demo.acts import BUTTONS

from tests.system.demo import Demo, started

CHROMIUM = (
    os.environ.get("SENTINEL_CHROMIUM")
    or shutil.which("chromium-headless-shell")
    or shutil.which("chromium")
)

PATIENCE = 60_000
"""Milliseconds for what a button sets off, on a machine with other work."""
SEEN_AFTER = (
    ("revoke", "#acts", "Let the role use every model first."),
    ("grant", "#stories", "PutRolePolicy"),
    ("enforce", "#stories", "UpdateGateway"),
    ("log-only", "#stories", "UpdateGateway"),
    ("open", "#slack .message:first-child", "CRITICAL: Gateway answers callers"),
    ("delete", "#slack .message:first-child", "RESOLVED CRITICAL: Gateway answers"),
    ("command", "#stories", "InvokeAgentRuntimeCommand"),
    ("exempt", "#stories", "is SUPPRESSED, and nobody is told"),
    ("revoke-exempt", "#acts", "Let the exempted role use every model first."),
    ("blind", "#slack", "COULD NOT ASSESS"),
    ("see-again", "#slack", "ASSESSED AGAIN"),
    ("stop-trail", "#slack", "CRITICAL: Trail no longer records"),
    ("start-trail", "#slack", "RESOLVED CRITICAL: Trail no longer records"),
    ("replay", "#archive", "gateway_authorizer_none"),
)
"""Every button in an order in which each can be pressed, where it then shows, and what."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One demo for all tests, after its story."""
    with started() as running:
        running.wait_for_story()
        yield running


@pytest.fixture(scope="module")
def address(demo: Demo) -> str:
    """Where the page is."""
    return demo.address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(browser: Browser, address: str, **context: object) -> tuple[Page, list[str]]:
    """The page, and the errors of its console; a request to anywhere else is one."""
    page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)

    def only_here(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            errors.append(f"asked for {route.request.url}")
            route.abort()

    page.route("**/*", only_here)
    page.goto(address)
    return page, errors


def test_the_page_shows_the_story_and_what_people_got(browser: Browser, address: str) -> None:
    page, errors = opened(browser, address)

    expect(page.locator("#stories .story")).to_have_count(5)
    expect(page.locator("#slack .message")).to_have_count(4)
    expect(page.locator("#slack")).to_contain_text("RESOLVED CRITICAL")
    expect(page.locator("#slack")).to_contain_text("How it looked before (1)")
    expect(page.locator("#stories")).to_contain_text("after it was opened.")
    page.get_by_role("tab", name="Mail").click()
    expect(page.locator("#panel-mail")).to_be_visible()
    expect(page.locator("#panel-slack")).to_be_hidden()
    expect(page.locator("#mail .mail")).to_have_count(5)
    assert errors == []


def test_axe_finds_nothing(browser: Browser, address: str, scheme: str) -> None:
    page, errors = opened(browser, address, color_scheme=scheme)

    for path in ("", "fidelity"):
        page.goto(address + path)
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert errors == []


def test_a_phone_scrolls_in_one_direction_only(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, viewport={"width": 360, "height": 700})

    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_button_makes_the_call_and_the_message_appears(browser: Browser, address: str) -> None:
    page, errors = opened(browser, address)
    create = page.get_by_role("button", name="Create a gateway without an authorizer", exact=True)
    delete = page.get_by_role("button", name="Delete the gateway without an authorizer", exact=True)
    expect(delete).to_be_disabled()

    create.focus()
    page.keyboard.press("Enter")

    first = page.locator("#slack .message").first
    expect(first).to_contain_text("orders-mcp-2", timeout=20_000)
    expect(page.locator("#log")).to_contain_text("CRITICAL: Gateway answers callers")
    expect(create).to_be_focused()
    expect(page.locator("#stories .story").first).to_contain_text("live read", timeout=20_000)
    delete.click()
    expect(first).to_contain_text("RESOLVED", timeout=20_000)
    expect(page.locator("#problem")).to_be_empty()
    assert errors == []


def test_what_was_opened_stays_open_when_the_page_changes(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address)
    call = page.locator("details[data-key=code-command]")
    call.locator("summary").click()
    expect(call.locator("pre")).to_contain_text("invoke_agent_runtime_command")

    page.get_by_role("button", name="Run a shell command inside an agent", exact=True).click()

    expect(page.locator("#stories .story").first).to_contain_text(
        "InvokeAgentRuntimeCommand", timeout=20_000
    )
    expect(call).to_have_attribute("open", "")


def test_the_tabs_work_by_arrow_keys(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address)
    page.get_by_role("tab", name="Slack").focus()

    page.keyboard.press("ArrowRight")

    expect(page.get_by_role("tab", name="Mail")).to_be_focused()
    expect(page.locator("#panel-mail")).to_be_visible()


def test_everything_can_be_read_without_script(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, java_script_enabled=False)

    expect(page.locator("#panel-slack")).to_be_visible()
    expect(page.locator("#panel-mail")).to_be_visible()
    expect(page.locator("#slack")).to_contain_text("CRITICAL")


def test_what_is_not_simulated_is_one_link_away(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address)

    page.get_by_role("link", name="What is not simulated").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("What is not simulated")
    expect(page.locator("dt")).to_have_text([each.what for each in NOT_SIMULATED])
    expect(page.locator("tbody tr")).to_have_count(len(BELIEFS))
    untried = sum(not belief.tried_live for belief in BELIEFS)
    expect(page.locator("main")).to_contain_text(f"Nobody has tried {untried} of these")


def press(page: Page, name: str) -> None:
    """Press a button, and wait until what it does is done, without a problem."""
    button = page.locator(f"button[data-key=act-{name}]")
    expect(button).to_be_enabled(timeout=PATIENCE)
    button.click()
    expect(page.locator("#doing")).to_be_empty(timeout=PATIENCE)
    expect(page.locator("#problem")).to_be_empty()


@pytest.mark.long
def test_every_button_can_be_pressed_on_a_phone_and_shows_what_it_did(
    browser: Browser, address: str
) -> None:
    page, errors = opened(browser, address, viewport={"width": 360, "height": 700})
    shown = page.locator("#acts form button").all_text_contents()
    assert shown == [act.title for act in BUTTONS]

    calls = page.locator("#stories h4")
    for button, part, words in SEEN_AFTER:
        made = calls.count()
        press(page, button)
        expect(calls).to_have_count(made + (button != "replay"), timeout=PATIENCE)
        expect(page.locator(part)).to_contain_text(words, timeout=PATIENCE)

    assert {button for button, _, _ in SEEN_AFTER} == {act.id for act in BUTTONS}
    expect(page.get_by_role("tab", name="Archive")).to_have_attribute("aria-selected", "true")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert errors == []


def test_every_copy_button_copies_what_stands_beside_it(browser: Browser, address: str) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    page, errors = opened(browser, address, permissions=permissions)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

    copies = page.locator("button.copy:visible")
    assert copies.count() > len(BUTTONS) // 2
    for copy in copies.all():
        copy.click()
        expect(copy).to_have_text("Copied")
        beside = page.locator(f"[id='{copy.get_attribute('data-copy')}']").text_content()
        assert page.evaluate("navigator.clipboard.readText()") == beside
    assert errors == []


def test_stop_ends_the_demo_and_the_page_says_so(
    browser: Browser, demo: Demo, address: str
) -> None:
    page, _ = opened(browser, address)

    page.get_by_role("button", name="Stop", exact=True).click()

    expect(page.locator("#link")).to_have_text("The demo has ended.")
    expect(page.get_by_role("button", name="Replay the sample archive")).to_be_disabled()
    assert demo.process.wait(timeout=60) == 0
