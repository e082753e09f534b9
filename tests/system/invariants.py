"""What must hold after every run, whatever went wrong: pure functions over what a run left behind.

R1, R2 and so on number what the project promises.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from embedded_account.world import CallMade, DeliveryBroke, FunctionRan, SinkMessage
from sentinel.finding import Severity
from sentinel.moment import parse

from tests.system import model
from tests.system.faults import Watch
from tests.system.scenarios import Scenario, Truth
from tests.system.stage import Stage

MARKS = ("announced", "told_slack", "told_mail")
QUEUES = ("Changes", "Activities", "Rechecks")


@dataclass
class Story:
    """What was done, what was true when, and what the system left behind."""

    scenario: Scenario
    truths: list[tuple[datetime, Truth]] = field(default_factory=list)
    findings: Sequence[Mapping[str, Any]] = ()
    memory: Sequence[Mapping[str, Any]] = ()
    history: Sequence[Any] = ()
    posts: Sequence[Any] = ()
    mails: Sequence[Any] = ()
    queued: Mapping[str, int] = field(default_factory=dict)
    dead: int = 0
    kills: int = 0
    lost: int = 0
    faulty: bool = False
    _from: int = 0

    @classmethod
    def begun(cls, stage: Stage, scenario: Scenario) -> Story:
        """A story that begins now."""
        return cls(scenario, _from=len(stage.account.world.history))

    def became(self, stage: Stage, truth: Truth) -> None:
        """Something changed now."""
        self.truths.append((stage.clock.now(), truth))

    def end(self, stage: Stage, watch: Watch) -> None:
        """Look at everything that the system left behind."""
        self.findings, self.memory = stage.items("Findings"), stage.items("Memory")
        self.history = stage.account.world.history[self._from :]
        self.posts = tuple(stage.account.slack.messages)
        self.mails = tuple(stage.account.mailbox.messages)
        self.queued = _lengths(stage)
        self.dead = self.queued.pop("dead")
        self.kills, self.lost, self.faulty = watch.kills, watch.lost, bool(watch.fired)

    def heads(self) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
        """The findings and gaps: each item and its body."""
        for item in self.findings:
            if item["sk"] == "head":
                yield item, json.loads(item["body"])

    def open_gaps(self) -> list[dict[str, Any]]:
        """The gaps that are open."""
        return [b for i, b in self.heads() if i["what"] == "gap" and i["status"] == "OPEN"]

    def changes(self) -> dict[str, list[Mapping[str, Any]]]:
        """The changes of each finding and gap, in order."""
        found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for item in sorted(self.findings, key=lambda item: str(item["sk"])):
            if str(item["sk"]).startswith("change#"):
                found[str(item["pk"])].append(item)
        return found

    def true_at(self, moment: datetime) -> Truth:
        """What was true just before a moment: time stands still while a call is made."""
        known = [truth for at, truth in self.truths if at < moment]
        return known[-1] if known else {}


def violations(story: Story) -> Iterator[str]:
    """Everything that does not hold."""
    for check in (
        r0_nothing_fails_by_itself,
        r1_every_delivery_is_accounted_for,
        r3_findings_stand_as_the_truth_does,
        r4_watermarks_never_go_back,
        r13_lives_are_legal_and_writes_conditional,
        r14_every_change_is_told,
        r15_nothing_is_told_twice_without_a_crash,
        r16_the_message_shows_the_last_change,
        r17_nothing_is_resolved_that_is_not,
    ):
        for wrong in check(story):
            yield f"{check.__name__}: {wrong}"


def r0_nothing_fails_by_itself(story: Story) -> Iterator[str]:
    """Without a fault no function fails, and with one the account itself does not."""
    for entry in story.history:
        if isinstance(entry, DeliveryBroke):
            yield entry.traceback
        if isinstance(entry, FunctionRan) and entry.outcome.error_type and not story.faulty:
            yield f"{entry.function_arn}: {entry.outcome.error_message}"


def r1_every_delivery_is_accounted_for(story: Story) -> Iterator[str]:
    """delivered = judged + rechecked + skipped + failed, and no queue holds anything at rest."""
    for entry in story.history:
        if not isinstance(entry, FunctionRan) or not entry.function_arn.endswith("-evaluate"):
            continue
        if entry.outcome.error_type or "Records" not in entry.event:
            continue
        numbers = counted(entry.outcome.log)
        ended = sum(numbers.get(n, 0) for n in ("Judged", "Rechecked", "Skipped", "Failed"))
        if not len(entry.event["Records"]) == numbers.get("Delivered") == ended:
            yield f"{len(entry.event['Records'])} records came to {numbers}"
    for queue, length in story.queued.items():
        if length:
            yield f"{length} messages are left in {queue}"
    if story.dead:
        yield f"{story.dead} messages are dead"


def r3_findings_stand_as_the_truth_does(story: Story) -> Iterator[str]:
    """At rest each rule's finding stands as the last truth does, whatever came when."""
    if not story.truths:
        return
    _, last = story.truths[-1]
    opened = [b for i, b in story.heads() if i["what"] == "finding" and i["status"] == "OPEN"]
    for rule, severity in last.items():
        standing = [body for body in opened if body["rule"] == rule]
        expected = 0 if severity is None else 1
        if len(standing) != expected:
            yield f"{rule}: {len(standing)} findings are open, expected {expected}"
        for body in standing:
            if severity is not None and body["problem"]["severity"] != severity:
                yield f"{rule}: severity {body['problem']['severity']}, expected {severity}"
            if story.scenario.activity and body["problem"]["count"] != len(story.truths):
                yield f"{rule}: counted {body['problem']['count']}, expected {len(story.truths)}"
    cured = [gap["cause"] for gap in story.open_gaps() if _was_read(story, gap)]
    if cured:
        yield f"gaps are still open: {cured}"


def r4_watermarks_never_go_back(story: Story) -> Iterator[str]:
    """What a rule has judged of a subject is never taken back to an older time."""
    latest: dict[str, datetime] = {}
    for put in _puts(story):
        item = {name: next(iter(value.values())) for name, value in put["Item"].items()}
        if not item["sk"].startswith("rule#"):
            continue
        key, as_of = f"{item['pk']} {item['sk']}", parse(json.loads(item["body"])["as_of"])
        if as_of < latest.get(key, as_of):
            yield f"{key} went back from {latest[key]} to {as_of}"
        latest[key] = max(as_of, latest.get(key, as_of))


def r13_lives_are_legal_and_writes_conditional(story: Story) -> Iterator[str]:
    """Changes have no gap, moves are legal, the head is as the last change, no write is blind."""
    heads = {str(item["pk"]): item for item, _ in story.heads()}
    for key, items in story.changes().items():
        moved = [_moved(item) for item in items]
        yield from (f"{key}: {wrong}" for wrong in model.violations(moved))
        head = heads[key]
        if (head["status"], json.loads(head["body"])["change"]) != (
            moved[-1].status,
            moved[-1].number,
        ):
            yield f"{key}: the head is not as its last change left it"
    for put in _puts(story):
        if not put.get("ConditionExpression"):
            yield f"{put['Item']['pk']} {put['Item']['sk']} was written without a condition"


def r14_every_change_is_told(story: Story) -> Iterator[str]:
    """Each row of the outbox has its three marks at rest, has left it, and was really told."""
    shown = {_block_id(e.message) for e in story.history if _is_post(e)}
    mailed = 0
    for key, items in story.changes().items():
        for item in items:
            missing = [mark for mark in MARKS if mark not in item]
            if missing:
                yield f"{key} {item['sk']} lacks {missing}"
            elif "outbox" in item:
                yield f"{key} {item['sk']} is told and still in the outbox"
            elif _was_told(item["told_slack"]) and f"notice:{item['id']}" not in shown:
                yield f"{key} {item['sk']} is marked as told in Slack and never was"
            mailed += _was_told(item.get("told_mail", "nobody"))
    if mailed > len(story.mails):
        yield f"{mailed} changes are marked as mailed, and {len(story.mails)} mails came"


def r15_nothing_is_told_twice_without_a_crash(story: Story) -> Iterator[str]:
    """A mail doubles once at most for each time that its mark could be lost: in a crash, with an
    answer, or because the table refused it. A post never does: the bot finds what it posted.
    """
    failures = story.kills + story.lost + _refused_marks(story)
    for sink, told, allowed in (
        ("Slack", Counter(map(_told, story.posts)), 0),
        ("mail", Counter((mail.subject, mail.body) for mail in story.mails), failures),
    ):
        doubles = sum(count - 1 for count in told.values())
        if doubles > allowed:
            yield f"{doubles} doubles in {sink} after {failures} failures"


def _refused_marks(story: Story) -> int:
    """How often the table refused an update for a reason other than its condition."""
    return sum(
        entry.call.operation == "UpdateItem"
        and entry.answer.error_code not in (None, "ConditionalCheckFailedException")
        for entry in story.history
        if isinstance(entry, CallMade)
    )


def r16_the_message_shows_the_last_change(story: Story) -> Iterator[str]:
    """The message of a finding says RESOLVED if and only if the finding is; where Slack refused
    the edit, the last reply in its thread says so.
    """
    ends = {
        _root(item["value"]): item["pk"] for item in story.findings if item["sk"] == "note#slack"
    }
    status = {item["pk"]: item["status"] for item, _ in story.heads() if item["what"] == "finding"}
    for post in story.posts:
        key = ends.get(post.ts)
        replies = [reply for reply in story.posts if reply.thread_ts == post.ts]
        said = {one.text.startswith("RESOLVED") for one in (post, *replies[-1:])}
        if key in status and (status[key] == "RESOLVED") not in said:
            yield f"{key} is {status[key]}, and its message says {post.text[:40]!r}"


def r17_nothing_is_resolved_that_is_not(story: Story) -> Iterator[str]:
    """A finding is closed only at a time at which its problem was gone."""
    if story.scenario.activity:
        return
    for items in story.changes().values():
        for item in items:
            body = json.loads(item["body"])
            rule = body.get("rule")
            if item["move"] != "resolved" or rule not in story.scenario.rules:
                continue
            at = parse(item["at"])
            if story.true_at(at).get(rule) is not None:
                yield f"{rule} was resolved at {at}, while it was violated"


def counted(log: Sequence[str]) -> dict[str, int]:
    """The metrics that a function printed, in CloudWatch's embedded metric format."""
    found: dict[str, int] = {}
    for line in log:
        if '"_aws"' not in line:
            continue
        document = json.loads(line)
        for group in document["_aws"]["CloudWatchMetrics"]:
            for metric in group["Metrics"]:
                value = document[metric["Name"]]
                found[metric["Name"]] = int(sum(value) if isinstance(value, list) else value)
    return found


def _was_read(story: Story, gap: Mapping[str, Any]) -> bool:
    """Whether what could not be read was read since: without that a gap stays."""
    return any(
        isinstance(entry, CallMade)
        and entry.at > parse(gap["changed_at"])
        and entry.answer.error_code is None
        and (entry.call.operation, entry.call.account, entry.call.region)
        == (gap["cause"], gap["account"], gap["region"])
        for entry in story.history
    )


def _puts(story: Story) -> Iterator[Mapping[str, Any]]:
    """What took effect of the transactions on the findings table."""
    for entry in story.history:
        if (
            isinstance(entry, CallMade)
            and entry.call.operation == "TransactWriteItems"
            and entry.answer.error_code is None
        ):
            for write in entry.call.parameters["TransactItems"]:
                yield write["Put"]


def _moved(item: Mapping[str, Any]) -> model.Moved:
    body = json.loads(item["body"])
    problem = body.get("problem", {"severity": Severity.INFORMATIONAL, "count": 1})
    return model.Moved(
        int(str(item["sk"]).removeprefix("change#")),
        str(item["move"]),
        body["status"],
        body["episode"],
        str(problem["severity"]),
        problem["count"],
    )


def _told(message: Any) -> tuple[str, str]:
    """What may be posted once: a finding's message, whatever it says by now, and each reply."""
    block_id = _block_id(message)
    finding, _, _ = block_id.partition(".")
    whole = message.thread_ts or finding == "notice:digest"
    return message.thread_ts or "", block_id if whole else finding


def _is_post(entry: object) -> bool:
    """Whether an entry of the history is a message that was posted or edited."""
    return isinstance(entry, SinkMessage) and entry.sink == "slack"


def _block_id(message: Any) -> str:
    return str(next((b["block_id"] for b in message.blocks if b.get("block_id")), message.text))


def _was_told(mark: str) -> bool:
    """Whether a mark says that a message of its own was sent."""
    return not mark.startswith(("nobody", "off", "digest"))


def _root(note: str) -> object:
    return json.loads(note)["ts"]


def _lengths(stage: Stage) -> dict[str, int]:
    """How many messages lie in each queue, and in all dead-letter queues together."""
    sqs = stage.client("sqs", account=stage.hub)
    lengths: dict[str, int] = {}
    dead = 0
    for url in sqs.list_queues()["QueueUrls"]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        length = sum(int(found[name]) for name in names)
        if "DeadLetters" in url or "Undelivered" in url:
            dead += length
        else:
            lengths[url.rpartition("/")[2]] = length
    return {**lengths, "dead": dead}
