"""Faults: what goes wrong at one call that a function makes, to AWS or to Slack.

Calls are counted over a whole run, in the order in which they are made. A run is determined by its
scenario and schedule, so the number of a call in a recorded run names the same call in the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from embedded_account.calls import Answer, Call
from embedded_account.doorway import Intervene, NoAnswerError, Request, error_answer
from embedded_account.invocation import Killed

from tests.system.stage import Stage

DIES = ("die before", "die after")
READS = ("bedrock-agentcore-control", "cloudtrail", "iam")
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"})
THROTTLED = "ProvisionedThroughputExceededException"


@dataclass(frozen=True, slots=True)
class Point:
    """One call of a recorded run."""

    number: int
    function: str
    service: str
    operation: str

    def __str__(self) -> str:
        return f"{self.number} {self.function} {self.service} {self.operation}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong at a call.

    ``die before`` and ``die after`` its effect; ``throttled``, ``denied`` and ``broken`` answer
    with an error, that call and each like it until the invocation ends; ``conflict`` says that a
    transaction was at the item; ``lost`` lets it happen and loses the answer; ``slow`` takes longer
    than the function may run; ``stale`` reads what was there before the last change; ``meanwhile``
    lets `tend` and everything else that waits happen just before it, but for the events, whose
    order the schedule decides.
    """

    kind: str
    number: int


def faults_at(point: Point) -> list[Fault]:
    """Everything that can go wrong at a call."""
    kinds = [*DIES, "throttled", "denied", "broken", "lost", "slow", "meanwhile"]
    if point.service == "dynamodb" and point.operation in WRITES:
        kinds.append("conflict")
    if point.service in READS and point.operation.startswith("Get"):
        kinds.append("stale")
    return [Fault(kind, point.number) for kind in kinds]


@dataclass
class Watch:
    """Counts the calls of the functions, and lets one fault happen; *fault* None only records.

    It observes the doorway, and stands in front of Slack.
    """

    stage: Stage
    fault: Fault | None = None
    points: list[Point] = field(default_factory=list)
    fired: str = ""
    kills: int = 0
    lost: int = 0
    _dead: set[str] = field(default_factory=set)
    _failing: tuple[str, str, str] | None = None
    _busy: bool = False
    _former: dict[str, list[Answer]] = field(default_factory=dict)

    def begin(self) -> None:
        """Stand at the door from now on."""
        doorway = self.stage.account.doorway
        doorway.observers.append(self)
        slack = doorway.mounts[0]
        doorway.mounts[0] = lambda request: self._slack(request, slack)

    def end(self) -> None:
        """Let nothing go wrong any more, and count no further."""
        self._busy = True

    def before(self, call: Call) -> None:
        """See a call before its effect."""
        self._before(
            call.service, call.operation, lambda code, status: _refusal(call, code, status)
        )
        if self._is_stale(call):
            self._answer_of_old(call)

    def after(self, call: Call, answer: Answer) -> None:
        """See a call after its effect."""
        if call.service in READS and call.operation.startswith("Get"):
            self._former.setdefault(_asked(call), []).append(answer)
        self._after(call.service, call.operation)

    def _slack(self, request: Request, handle: Callable[[Request], Answer | None]) -> Answer | None:
        name = request.url.partition("/api/")[2].partition("?")[0]
        if not name or "X-Amz-Date" in request.headers:
            return handle(request)
        try:
            self._before("slack", name, _slack_refusal)
        except Intervene as instead:
            return instead.answer
        answer = handle(request)
        self._after("slack", name)
        return answer

    def _before(self, service: str, operation: str, refusal: Callable[[str, int], Answer]) -> None:
        running = self.stage.runner.current
        if running is not None and running.trace_id in self._dead:
            raise Killed
        if running is None or self._busy:
            return
        self.points.append(Point(len(self.points), running.spec.name, service, operation))
        here = self._is_here()
        kind = self.fault.kind if self.fault else ""
        if here and kind == "die before":
            self._die("before")
        if here and kind == "slow":
            self.stage.clock.advance(running.spec.timeout_seconds + 1)
            self._die("slow")
        if here and kind == "meanwhile":
            self._meanwhile()
        if here and kind in ("throttled", "denied", "broken", "conflict"):
            self.fired = kind
            self._failing = (running.trace_id, service, operation)
        if self._failing == (running.trace_id, service, operation):
            code, status = _CODES[kind]
            if kind == "conflict":
                self._failing = None
            raise Intervene(refusal(code, status))

    def _after(self, service: str, operation: str) -> None:
        running = self.stage.runner.current
        if running is None or self._busy or not self._is_here() or self.fault is None:
            return
        if self.fault.kind == "die after":
            self._die("after")
        if self.fault.kind == "lost":
            self.fired = "lost"
            self.lost += 1
            raise NoAnswerError(f"the answer of {service} {operation} was lost")

    def _is_here(self) -> bool:
        return self.fault is not None and self.fault.number == len(self.points) - 1

    def _die(self, when: str) -> None:
        running = self.stage.runner.current
        if running is None:
            raise AssertionError("nothing runs that could die")
        self.fired = when
        self.kills += 1
        self._dead.add(running.trace_id)
        raise Killed(f"killed {when} call {len(self.points) - 1}")

    def _meanwhile(self) -> None:
        """Everything that is ready happens now, and `tend`, whole."""
        self.fired = "meanwhile"
        self._busy = True
        try:
            world, now = self.stage.account.world, self.stage.clock.now()
            for delivery in world.pending():
                if delivery.ready_at <= now and delivery.kind != "cloudtrail":
                    world.step(delivery)
            self.stage.invoke("tend")
        finally:
            self._busy = False

    def _is_stale(self, call: Call) -> bool:
        running = self.stage.runner.current
        fault = self.fault
        if running is None or self._busy or fault is None or fault.kind != "stale":
            return False
        reads = call.service in READS and call.operation.startswith("Get")
        return reads and fault.number <= len(self.points) - 1 <= fault.number + 4

    def _answer_of_old(self, call: Call) -> None:
        """What was there before the last change, if it was read; else it was not there yet."""
        self.fired = "stale"
        seen = self._former.get(_asked(call), [])
        if len(seen) > 1:
            raise Intervene(seen[-2])
        if call.service == READS[0]:
            raise Intervene(error_answer(call, "ResourceNotFoundException", "not yet", 404))


_CODES = {
    "throttled": ("ThrottlingException", 400),
    "denied": ("AccessDeniedException", 403),
    "broken": ("InternalServerError", 500),
    "conflict": ("TransactionConflictException", 400),
}


def _refusal(call: Call, code: str, status: int) -> Answer:
    if call.service == "dynamodb":
        status = status if status == 500 else 400
        code = THROTTLED if code == "ThrottlingException" else code
    if call.operation == "TransactWriteItems" and code == "TransactionConflictException":
        reasons = [{"Code": "TransactionConflict"} for _ in call.parameters["TransactItems"]]
        body = {
            "__type": "TransactionCanceledException",
            "message": "Transaction cancelled",
            "CancellationReasons": reasons,
        }
        name = "TransactionCanceledException"
        return Answer(400, {}, json.dumps(body).encode(), name, "Transaction cancelled")
    return error_answer(call, code, "as the fault wants it", status)


def _slack_refusal(code: str, status: int) -> Answer:
    if code == "ThrottlingException":
        return Answer(429, {"Retry-After": "30"}, b"")
    if status == 500:
        return Answer(500, {}, b"")
    return Answer(200, {}, json.dumps({"ok": False, "error": "not_in_channel"}).encode())


def _asked(call: Call) -> str:
    return f"{call.account} {call.region} {call.operation} {sorted(call.parameters.items())}"
