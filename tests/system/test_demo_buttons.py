"""The demo's buttons over HTTP, without a browser: what each does, and what no request may do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from sentinel_cli.demo.acts import BUTTONS

from tests.system.demo import Demo, Visitor, started, until

AGENT, EXEMPT = "support-agent", "research-agent"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One demo for all tests, after its story."""
    with started() as running:
        running.wait_for_story()
        yield running


@pytest.fixture
def visitor(demo: Demo) -> Visitor:
    """Somebody at the demo's page."""
    return Visitor(demo.address)


class World:
    """What can be seen of the demo from shells that have joined in."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._agentcore = demo.client("bedrock-agentcore-control")
        self._iam = demo.client("iam")
        self._trails = demo.client("cloudtrail")

    def authorizers(self) -> list[str]:
        """The kinds of authorizer of the gateways that exist."""
        return sorted(each["authorizerType"] for each in self._agentcore.list_gateways()["items"])

    def engine_mode(self) -> str:
        """What the policy engine of the guarded gateway does."""
        for each in self._agentcore.list_gateways()["items"]:
            found = self._agentcore.get_gateway(gatewayIdentifier=each["gatewayId"])
            if found["authorizerType"] == "AWS_IAM":
                return str(found["policyEngineConfiguration"]["mode"])
        raise AssertionError("there is no guarded gateway")

    def holds(self, role: str, policy: str) -> bool:
        """Whether a role has an inline policy."""
        try:
            self._iam.get_role_policy(RoleName=role, PolicyName=policy)
        except self._iam.exceptions.NoSuchEntityException:
            return False
        return True

    def logs(self) -> bool:
        """Whether the trail logs."""
        return bool(self._trails.get_trail_status(Name="audit")["IsLogging"])

    def statuses(self, of: str, resource: str = "") -> set[str]:
        """How the findings of a rule, or the gaps with a cause, stand."""
        return {
            each["status"]
            for each in self._demo.findings()
            if of in (each.get("rule"), each.get("cause")) and resource in str(each)
        }

    def all(self) -> Any:
        """Everything that a button could change."""
        policies = [self.holds(AGENT, "every-model"), self.holds(EXEMPT, "comparison")]
        standing = sorted((each["id"], each["status"]) for each in self._demo.findings())
        return [self.authorizers(), self.engine_mode(), policies, self.logs(), standing]


@pytest.fixture(scope="module")
def world(demo: Demo) -> World:
    return World(demo)


@pytest.fixture
def press(visitor: Visitor) -> Callable[[str], None]:
    def pressed(button: str) -> None:
        answer = visitor.press(f"/act/{button}")
        assert (answer.status, answer.body) == (303, ""), (button, answer)
        PRESSED.add(button)

    return pressed


PRESSED: set[str] = set()
Press = Callable[[str], None]


def test_a_gateway_is_opened_told_deleted_and_told(
    world: World, visitor: Visitor, press: Press
) -> None:
    assert world.authorizers() == ["AWS_IAM"]

    press("open")
    assert world.authorizers() == ["AWS_IAM", "NONE"]
    until("it is told", lambda: "CRITICAL: Gateway answers" in visitor.latest("slack"))
    press("delete")

    assert world.authorizers() == ["AWS_IAM"]
    until("its end is told", lambda: "RESOLVED CRITICAL" in visitor.latest("slack"))
    assert world.statuses("gateway_authorizer_none") == {"RESOLVED"}
    refused = visitor.press("/act/delete")
    assert refused.status == 409
    assert refused.body == "Create a gateway without an authorizer first."


def test_a_command_is_run_again_and_counted(world: World, visitor: Visitor, press: Press) -> None:
    before = visitor.part("stories").count("InvokeAgentRuntimeCommand")

    press("command")

    def shown() -> bool:
        return visitor.part("stories").count("InvokeAgentRuntimeCommand") > before

    until("the page shows the call", shown)
    assert world.statuses("runtime_shell_command") == {"OPEN"}


def test_a_policy_engine_enforces_again_and_no_more(
    world: World, visitor: Visitor, press: Press
) -> None:
    rule = "gateway_enforcement_dropped"
    assert world.engine_mode() == "LOG_ONLY"

    press("enforce")
    assert world.engine_mode() == "ENFORCE"
    until("it is resolved", lambda: world.statuses(rule) == {"RESOLVED"})
    press("log-only")

    assert world.engine_mode() == "LOG_ONLY"
    until("it is open again", lambda: world.statuses(rule) == {"OPEN"})
    again = "CRITICAL again: Gateway no longer enforces"
    until("that is told", lambda: again in visitor.part("slack"))


def test_a_role_loses_every_model_and_gets_it_again(
    world: World, visitor: Visitor, press: Press
) -> None:
    press("revoke")
    assert not world.holds(AGENT, "every-model")
    until("it is resolved", lambda: world.statuses("iam_bedrock_wildcard", AGENT) == {"RESOLVED"})
    press("grant")

    assert world.holds(AGENT, "every-model")
    until("it is open again", lambda: world.statuses("iam_bedrock_wildcard", AGENT) == {"OPEN"})
    again = "CRITICAL again: Policy grants Bedrock"
    until("that is told", lambda: again in visitor.part("slack"))


def test_what_the_policy_exempts_is_suppressed_and_told_to_nobody(
    world: World, visitor: Visitor, press: Press
) -> None:
    press("exempt")

    assert world.holds(EXEMPT, "comparison")
    until("the page says so", lambda: "is SUPPRESSED, and nobody" in visitor.latest("stories"))
    assert world.statuses("iam_bedrock_wildcard", EXEMPT) == {"SUPPRESSED"}
    until("notify was asked", lambda: "notify starts" in visitor.latest("stories"))
    for surface in ("slack", "mail"):
        assert EXEMPT not in visitor.part(surface)
    press("revoke-exempt")
    assert not world.holds(EXEMPT, "comparison")


def test_a_right_taken_away_is_told_as_a_gap_until_it_is_given_back(
    world: World, visitor: Visitor, press: Press
) -> None:
    press("blind")
    assert world.statuses("GetGateway") == {"OPEN"}
    until("it is told", lambda: "COULD NOT ASSESS" in visitor.part("slack"))
    assert "the gap is OPEN" in visitor.latest("stories")
    press("see-again")

    assert world.statuses("GetGateway") == {"RESOLVED"}
    until("its end is told", lambda: "ASSESSED AGAIN" in visitor.part("slack"))


def test_a_trail_is_stopped_told_started_and_told(
    world: World, visitor: Visitor, press: Press
) -> None:
    press("stop-trail")
    assert not world.logs()
    until("it is told", lambda: "CRITICAL: Trail no longer" in visitor.part("slack"))
    press("start-trail")

    assert world.logs()
    until("it is resolved", lambda: world.statuses("trail_stopped") == {"RESOLVED"})
    until("that is told", lambda: "RESOLVED CRITICAL: Trail" in visitor.part("slack"))


def test_the_sample_archive_is_replayed_and_shown(visitor: Visitor, press: Press) -> None:
    assert "Nothing was replayed yet" in visitor.part("archive")

    press("replay")

    shown = visitor.part("archive")
    assert "ended with 1 after" in shown
    assert "Read 2 files, 15 records." in shown
    assert "exit 1: 8 findings at LOW or above; 1 finding with an unknown part" in shown


BAD = {
    "a button that there is not": ("POST", "/act/nothing", {}, None, 404),
    "no button": ("POST", "/act/", {}, None, 404),
    "a button with a query": ("POST", "/act/grant?now=1", {}, None, 404),
    "a way around": ("POST", "/act/../stop", {}, None, 404),
    "another place": ("POST", "/", {}, None, 404),
    "a button that is got": ("GET", "/act/revoke", {}, None, 405),
    "a stop that is got": ("GET", "/stop", {}, None, 405),
    "another method": ("PUT", "/act/revoke", {}, None, 405),
    "a foreign host": ("POST", "/act/revoke", {"Host": "sentinel.example.com"}, None, 403),
    "a foreign origin": ("POST", "/act/revoke", {"Origin": "http://example.com"}, None, 403),
    "an origin that hides": ("POST", "/stop", {"Origin": "null"}, None, 403),
    "no origin": ("POST", "/act/revoke", {"Origin": ""}, None, 403),
    "no token": ("POST", "/act/revoke", {}, "", 403),
    "a guessed token": ("POST", "/stop", {}, "token=guessed", 403),
    "a body too long": ("POST", "/act/revoke", {}, "token=" + "x" * 5000, 413),
    "a length that is none": ("POST", "/act/revoke", {"Content-Length": "many"}, None, 400),
    "a length below none": ("POST", "/act/revoke", {"Content-Length": "-1"}, None, 400),
    "no length": ("POST", "/act/revoke", {"Transfer-Encoding": "chunked"}, None, 411),
}


def test_a_bad_request_is_refused_in_words_and_changes_nothing(
    demo: Demo, world: World, visitor: Visitor
) -> None:
    before, good = world.all(), urlencode({"token": visitor.token})

    for what, (method, path, headers, body, status) in BAD.items():
        sent = good if body is None else body
        answer = visitor.ask(method, path, visitor.own | headers, sent)
        assert answer.status == status, (what, answer)
        assert 10 < len(answer.body) < 100, (what, answer)
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8", what

    assert world.all() == before
    assert demo.process.poll() is None


def test_a_request_hidden_in_a_body_is_not_answered(world: World, visitor: Visitor) -> None:
    parts, form = urlsplit(visitor.address), urlencode({"token": visitor.token})
    head = f"POST /act/revoke HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: http://{parts.netloc}\r\n"
    hidden = f"{head}Content-Length: {len(form)}\r\n\r\n{form}"

    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as sent:
        sent.sendall(f"{head}Content-Length: 9999\r\n\r\n{hidden}".encode())
        answered = b"".join(iter(lambda: sent.recv(4096), b""))

    assert answered.startswith(b"HTTP/1.1 413 ")
    assert answered.count(b"HTTP/1.1") == 1
    assert world.holds(AGENT, "every-model")


def test_a_page_under_a_foreign_name_is_not_shown(visitor: Visitor) -> None:
    answer = visitor.ask("GET", "/", {"Host": "sentinel.example.com"})

    assert answer.status == 421
    assert "export AWS" not in answer.body


def test_the_policy_of_the_page_lets_nothing_in_from_elsewhere(visitor: Visitor) -> None:
    policy = visitor.ask("GET", "/").headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "*" not in policy


def test_every_button_was_pressed_and_stop_ends_the_demo(demo: Demo, visitor: Visitor) -> None:
    if PRESSED:
        assert {act.id for act in BUTTONS} == PRESSED

    answer = visitor.press("/stop")

    assert (answer.status, answer.body) == (200, "The demo has ended.")
    assert demo.process.wait(timeout=60) == 0
    assert "Traceback" not in demo.said
