"""The demo's page, in a browser: what it shows, whom it lets in, who can use it."""

from __future__ import annotations

import http.client
import os
import re
import shutil
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.system.demo import Demo, started

pytestmark = pytest.mark.xdist_group("demo")
CHROMIUM = (
    os.environ.get("SENTINEL_CHROMIUM")
    or shutil.which("chromium-headless-shell")
    or shutil.which("chromium")
)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One demo for all tests, after its story."""
    with started() as running:
        running.wait_for(r"^Press Ctrl-C to stop\.$")
        assert not re.search(r"^(missing|failed): ", running.said, re.M), running.said
        yield running


@pytest.fixture(scope="module")
def address(demo: Demo) -> str:
    """Where the page is."""
    return demo.wait_for(r"^  (http://127\.0\.0\.1:\d+/)$")[1]


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
    expect(page.locator("tbody tr").first).to_be_visible()


def test_a_foreign_host_is_refused(address: str) -> None:
    status, _, body = _asked(address, "GET", "/", {"Host": "sentinel.example.com"})

    assert status == 421
    assert "export AWS" not in body


@pytest.mark.parametrize(
    ("origin", "with_token"),
    [("", True), ("null", True), ("http://sentinel.example.com", True), ("own", False)],
)
def test_a_post_from_elsewhere_is_refused(address: str, origin: str, with_token: bool) -> None:
    _, _, page = _asked(address, "GET", "/", {})
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found is not None
    token = found[1] if with_token else "guessed"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if origin:
        headers["Origin"] = address.rstrip("/") if origin == "own" else origin

    status, _, _ = _asked(address, "POST", "/act/grant", headers, urlencode({"token": token}))

    assert status == 403


def test_the_policy_of_the_page_lets_nothing_in_from_elsewhere(address: str) -> None:
    _, headers, _ = _asked(address, "GET", "/", {})
    policy = headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "*" not in policy


def _asked(
    address: str, method: str, path: str, headers: dict[str, str], body: str = ""
) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()
