"""Runs the whole system on this machine, without AWS: deploys it, plays a story, shows it."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentinel_cli.demo.act import Stage
    from sentinel_cli.demo.deployment import Deployment
    from sentinel_cli.demo.story import Told
    from sentinel_cli.demo.timeline import Timeline

WARM_RUNS = 20


def run(*, once: bool = False, port: int = 0, page: bool = True) -> int:
    """Run the demo until Ctrl-C, or play the story *once* and check that it happened.

    *port* is the page's, 0 for any that is free; without *page* only the story is told. Returns
    the exit code: 2 when something of the story is missing or the demo cannot start.
    """
    began = time.monotonic()
    from sentinel_cli.demo.deployment import NoCheckoutError, deployed

    try:
        with ExitStack() as running:
            deployment = running.enter_context(deployed())
            return _show(deployment, running, began, once=once, port=port, page=page)
    except NoCheckoutError as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped")
        return 0


def _show(
    deployment: Deployment,
    running: ExitStack,
    began: float,
    *,
    once: bool,
    port: int,
    page: bool,
) -> int:
    from sentinel_cli.demo.act import Stage
    from sentinel_cli.demo.timeline import Timeline

    stage = Stage(deployment)
    failures = _failures(deployment)
    if once:
        timeline = Timeline(deployment, lambda: None)
        _say(f"AgentCore Sentinel in an embedded account (not AWS), ready in {_since(began)}\n")
        return _finish_once(stage, timeline, [*_tell(stage, began), *failures])
    stop = threading.Event()
    address = _serve(deployment, stage, running, stop, port) if page else ""
    _say(f"AgentCore Sentinel in an embedded account (not AWS), ready in {_since(began)}")
    _say(f"\n  {address}\n" if address else "")
    for role, line in deployment.export_lines().items():
        _say(f"Join in from another shell, as the {role} (unset AWS_PROFILE there):\n{line}\n")
    for line in _tell(stage, began):
        _say(f"missing: {line}")
    _say("\nPress Ctrl-C to stop.")
    stop.wait()
    return 0


def _failures(deployment: Deployment) -> list[str]:
    """What goes wrong on the way from now on; it is printed as it happens, too."""
    from embedded_account.world import EventFailed, FunctionRan

    found: list[str] = []

    def hear(entry: object) -> None:
        if isinstance(entry, EventFailed):
            found.append(f"{entry.target_arn} did not take an event: {entry.message}")
        elif isinstance(entry, FunctionRan) and entry.outcome.error_type is not None:
            found.append(f"{entry.function_arn} failed: {entry.outcome.error_message}")
        else:
            return
        _say(f"failed: {found[-1]}")

    deployment.account.world.subscribe(hear)
    return found


def _serve(
    deployment: Deployment, stage: Stage, running: ExitStack, stop: threading.Event, port: int
) -> str:
    from sentinel_cli.demo.page import Page

    page = Page(deployment, stage, stop.set)
    address = page.serve(port)
    running.callback(page.close)
    return address


def _tell(stage: Stage, began: float) -> list[str]:
    """Play the story and print each step as it happens; what was not told."""
    from sentinel_cli.demo.story import play

    missing: list[str] = []
    for told in play(stage):
        _say(f"{_since(began, told.performed.returned)}  {told.performed.act.title}")
        _say(_outcome(told))
        missing += told.missing
    return missing


def _outcome(told: Told) -> str:
    if told.performed.act.expected is None:
        return f"            {told.headline}"
    reached = [
        f"{name} after {seconds:.2f} s" if seconds is not None else f"{name}: nothing came"
        for name, seconds in (("Slack", told.slack), ("mail", told.mail))
    ]
    return f"            {', '.join(reached)}\n            {told.headline}"


def _finish_once(stage: Stage, timeline: Timeline, missing: list[str]) -> int:
    if missing:
        for line in missing:
            _say(f"missing: {line}")
        return 2
    _say(f"\nThe story happened. {WARM_RUNS} warm runs, from boto3's return of CreateGateway:")
    return _measure(stage, timeline)


def _measure(stage: Stage, timeline: Timeline) -> int:
    """Create open gateways; print when each hop was over, and how long it took until Slack."""
    import statistics

    from sentinel_cli.demo.acts import OPEN
    from sentinel_cli.demo.story import told_of, wait_for_live_read
    from sentinel_cli.demo.timeline import medians

    traces, returned, seconds = [], [], []
    for _ in range(WARM_RUNS):
        opened = told_of(OPEN, stage)
        missing = (*opened.missing, *wait_for_live_read(stage, stage.open_gateway))
        if missing or opened.slack is None:
            _say("\n".join(f"missing: {line}" for line in missing))
            return 2
        seconds.append(opened.slack)
        traces.append(timeline.trace(opened.performed.request_id))
        returned.append(_wall(opened.performed.returned))
    before = 0.0
    for name, reached in medians(traces, returned):
        _say(f"  {name:<14} {reached:7.1f} ms   +{reached - before:6.1f}")
        before = reached
    _say(
        f"median {statistics.median(seconds):.3f} s to the body in Slack's sink "
        f"(fastest {min(seconds):.3f}, slowest {max(seconds):.3f})"
    )
    return 0


def _wall(monotonic: float) -> datetime:
    return datetime.fromtimestamp(time.time() - (time.monotonic() - monotonic), UTC)


def _since(began: float, now: float | None = None) -> str:
    return f"{(time.monotonic() if now is None else now) - began:7.3f} s"


def _say(line: str) -> None:
    print(line, flush=True)
