"""What the deployed functions do with their rights: played, and looked at from outside."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from embedded_account.queues import enqueue
from embedded_account.world import FunctionRan

from tests.system import scenarios as calls
from tests.system.rights import forget_events
from tests.system.stage import REGION, Stage

FUNCTIONS = ("evaluate", "announce", "notify", "tend", "sweep")
FOREIGN_IMAGE = "999988887777.dkr.ecr.eu-central-1.amazonaws.com/agent:1"
ALARM = "sentinel/undelivered"
DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that people or AWS do, and what is seen when every right is there.

    *proves*: statements without which something else is seen.
    """

    name: str
    play: Callable[[Stage], Any]
    expected: Any
    proves: tuple[str, ...]


def begin_cold(stage: Stage) -> None:
    """Give each function a new sandbox, which knows no policy, secret or session yet."""
    for name in FUNCTIONS:
        with stage.inside(name):
            app: Any = importlib.import_module("app")
            session = app.edge.session
            edge: Any = importlib.import_module("sentinel.aws.edge")
            app.edge = edge.Edge()
            app.edge.__dict__["session"] = session


def settle(stage: Stage) -> None:
    """Let what was done become an event, and everything follow from it."""
    stage.clock.advance(3)
    stage.drain()


def heads(stage: Stage, what: str) -> list[dict[str, Any]]:
    """The findings or gaps, as they are stored."""
    items = stage.items("Findings")
    return [json.loads(i["body"]) for i in items if i["sk"] == "head" and i["what"] == what]


def findings(stage: Stage) -> dict[str, int]:
    """How many findings of each rule stand how."""
    stand = [f"{found['rule']} {found['status']}" for found in heads(stage, "finding")]
    return {one: stand.count(one) for one in sorted(stand)}


def blind(stage: Stage) -> list[str]:
    """The operations that failed and the rules that could not judge, as far as they still do."""
    return sorted(gap["cause"] for gap in heads(stage, "gap") if gap["status"] == "OPEN")


def told(stage: Stage) -> tuple[int, int]:
    """How many posts and how many mails there are."""
    return len(stage.account.slack.messages), len(stage.account.mailbox.messages)


def waiting(stage: Stage, queue: str) -> int:
    """How many messages a queue holds, by the beginning of its logical name."""
    sqs = stage.client("sqs", account=stage.hub)
    url = next(url for url in sqs.list_queues()["QueueUrls"] if f"-{queue}" in url)
    wanted = "ApproximateNumberOfMessages"
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[wanted])
    return int(answer["Attributes"][wanted])


def switch(stage: Stage, function: str, source: str, *, on: bool) -> None:
    """Let Lambda poll a source (a part of its ARN) for a function, or not."""
    client = stage.client("lambda", account=stage.hub)
    found = client.list_event_source_mappings(FunctionName=f"sentinel-{function}")
    for mapping in found["EventSourceMappings"]:
        if source in mapping["EventSourceArn"]:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)


def _comes_and_goes(stage: Stage) -> Any:
    calls.create_gateway(stage)
    target = calls.control(stage).create_gateway_target(
        gatewayIdentifier=stage.names["gateway"],
        name="tool",
        targetConfiguration={"mcp": {"mcpServer": {"endpoint": "https://tool.example.com/mcp"}}},
    )
    settle(stage)
    opened = findings(stage), told(stage)
    calls.control(stage).delete_gateway_target(
        gatewayIdentifier=stage.names["gateway"], targetId=target["targetId"]
    )
    calls.delete_gateway(stage)
    settle(stage)
    posts = [message.text.partition(":")[0] for message in stage.account.slack.messages]
    return opened, findings(stage), posts, blind(stage)


def _commands(stage: Stage) -> Any:
    calls.create_runtime(
        stage,
        agentRuntimeArtifact={"containerConfiguration": {"containerUri": FOREIGN_IMAGE}},
    )
    settle(stage)
    calls.run_command(stage)
    settle(stage)
    return findings(stage), told(stage), blind(stage)


def _team(stage: Stage, alias: str) -> dict[str, Any]:
    return {"version": 1, "members": [{"account": stage.member, "alias": alias}]}


def _with_a_policy(stage: Stage) -> Any:
    stage.put_policy(_team(stage, "payments"))
    calls.create_gateway(stage)
    settle(stage)
    swept = stage.invoke("sweep", {"kinds": ["trail"], "regions": [REGION]}).error_type
    stage.invoke("tend")
    named = ["payments" in json.dumps(post.blocks) for post in stage.account.slack.messages]
    return findings(stage), swept, named, blind(stage)


def _without_a_policy(stage: Stage) -> Any:
    stage.put_policy(_team(stage, "payments"))
    calls.create_gateway(stage)
    settle(stage)
    stage.client("s3", account=stage.hub).delete_object(
        Bucket=stage.outputs["RecordsBucketName"], Key="policy/current.json"
    )
    stage.clock.advance(61)
    calls.create_gateway(stage, "returns")
    settle(stage)
    named = ["payments" in json.dumps(post.blocks) for post in stage.account.slack.messages]
    begin_cold(stage)
    calls.create_gateway(stage, "third")
    settle(stage)
    swept = stage.invoke("sweep", {"kinds": ["trail"], "regions": [REGION]}).error_type
    stage.invoke("tend")
    return findings(stage), swept, named, blind(stage)


def _tended(stage: Stage) -> Any:
    events = stage.client("events", account=stage.hub)
    bus = stage.outputs["SentinelBusArn"].rpartition("/")[2]
    (rule,) = events.list_rules(EventBusName=bus)["Rules"]
    events.disable_rule(Name=rule["Name"], EventBusName=bus)
    switch(stage, "announce", ":dynamodb:", on=False)
    switch(stage, "evaluate", "Rechecks", on=False)
    calls.create_runtime(
        stage,
        agentRuntimeArtifact={"containerConfiguration": {"containerUri": FOREIGN_IMAGE}},
    )
    settle(stage)
    calls.control(stage).delete_agent_runtime(agentRuntimeId=stage.names["runtime"])
    settle(stage)
    sqs = stage.client("sqs", account=stage.hub)
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.purge_queue(QueueUrl=url)
    switch(stage, "evaluate", "Rechecks", on=True)
    stage.converge(3)
    changes = [item for item in stage.items("Findings") if item["sk"].startswith("change#")]
    marks = [sum(mark in item for item in changes) for mark in ("announced", "told_slack")]
    return findings(stage), told(stage), marks


def _swept(stage: Stage) -> Any:
    calls.create_gateway(stage)
    forget_events(stage)
    asked = {"kinds": ["gateway"], "regions": [REGION], "accounts": [stage.member]}
    stage.clock.advance(3)
    first = stage.invoke("sweep", asked)
    opened = findings(stage)
    calls.delete_gateway(stage)
    forget_events(stage)
    stage.clock.advance(3)
    second = stage.invoke("sweep", asked)
    return [first.error_type, second.error_type], opened, findings(stage), blind(stage)


def _swept_on(stage: Stage) -> Any:
    calls.create_gateway(stage)
    forget_events(stage)
    stage.clock.advance(3)
    with stage.inside("sweep"):
        app: Any = importlib.import_module("app")
        usual, app.LEFT_MILLISECONDS = app.LEFT_MILLISECONDS, 10**9
    asked = {"kinds": ["gateway"], "regions": [REGION], "accounts": [stage.member]}
    left = stage.invoke("sweep", asked).payload["unfinished"]
    with stage.inside("sweep"):
        app.LEFT_MILLISECONDS = usual
    stage.invoke("tend")
    stage.drain()
    return len(left), findings(stage)


def _too_old(stage: Stage) -> Any:
    switch(stage, "announce", ":dynamodb:", on=False)
    calls.create_gateway(stage)
    settle(stage)
    stage.clock.advance(3_700)
    switch(stage, "announce", ":dynamodb:", on=True)
    stage.drain()
    listed = stage.client("s3", account=stage.hub).list_objects_v2(
        Bucket=stage.outputs["RecordsBucketName"], Prefix="aws/lambda/"
    )
    return listed["KeyCount"]


def _untellable(stage: Stage) -> Any:
    stage.client("ssm", account=stage.hub).delete_parameter(Name="/sentinel/slack")
    calls.create_gateway(stage)
    settle(stage)
    return waiting(stage, "UndeliveredQueue")


def _suspects(stage: Stage) -> Any:
    """A message that was received often, and one that is new, in one batch of each queue."""
    sqs = stage.client("sqs", account=stage.hub)
    for url in sqs.list_queues()["QueueUrls"]:
        name = url.rpartition("/")[2]
        if "DeadLetters" in name or "Undelivered" in name:
            continue
        arn = f"arn:aws:sqs:{REGION}:{stage.hub}:{name}"
        enqueue(arn, "no event", {})
        for _ in range(3):
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
        enqueue(arn, "{}", {})
    ran = len(stage.account.world.history)
    stage.drain()
    return [
        entry.outcome.error_type
        for entry in stage.account.world.history[ran:]
        if isinstance(entry, FunctionRan) and len(entry.event["Records"]) > 1
    ]


def _rings(stage: Stage) -> Any:
    stage.client("cloudwatch", account=stage.hub).set_alarm_state(
        AlarmName=ALARM, StateValue="ALARM", StateReason="a demonstration"
    )
    stage.drain()
    return blind(stage)


def _logged(stage: Stage) -> Any:
    stage.clock.advance(DAY)
    calls.create_gateway(stage)
    settle(stage)
    stage.invoke("sweep", {"kinds": ["trail"], "regions": [REGION]})
    stage.invoke("tend")
    logs = stage.client("logs", account=stage.hub)
    today = f"{stage.clock.now():%Y/%m/%d}"
    groups = {name: stage.function(name).logs_to for name in FUNCTIONS}
    return [
        name
        for name, group in groups.items()
        if logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=today)["logStreams"]
    ]


OPEN, RESOLVED = f"{calls.AUTHORIZER} OPEN", f"{calls.AUTHORIZER} RESOLVED"
ARTIFACT = "agent_artifact_foreign"
WORKING = (
    Scenario(
        "a gateway comes and goes",
        _comes_and_goes,
        (({OPEN: 1}, (1, 1)), {RESOLVED: 1}, ["RESOLVED CRITICAL"], []),
        (
            "ForwardRole.Forward",
            "EvaluateRole.Queues",
            "EvaluateRole.Rechecks",
            "EvaluateRole.Findings",
            "EvaluateRole.Memory",
            "EvaluateRole.ReadMembers",
            "AnnounceRole.Stream",
            "AnnounceRole.Streams",
            "AnnounceRole.Findings",
            "AnnounceRole.Bus",
            "NotifyRole.Findings",
            "NotifyRole.SlackSecret",
            "NotifyRole.Mail",
            "ReadRole.BedrockAgentcore2",
        ),
    ),
    Scenario(
        "a foreign agent is told, and a command in it",
        _commands,
        ({f"{ARTIFACT} OPEN": 1, f"{calls.COMMAND} OPEN": 1}, (2, 2), []),
        ("NotifyRole.Memory",),
    ),
    Scenario(
        "a policy is followed",
        _with_a_policy,
        ({OPEN: 1}, None, [True], []),
        (
            "EvaluateRole.ReadPolicy",
            "NotifyRole.ReadPolicy",
            "TendRole.ReadPolicy",
            "SweepRole.ReadPolicy",
        ),
    ),
    Scenario(
        "a policy that was taken away is followed no more",
        _without_a_policy,
        ({OPEN: 3}, None, [True, False], []),
        (
            "EvaluateRole.ListPolicy",
            "NotifyRole.ListPolicy",
            "TendRole.ListPolicy",
            "SweepRole.ListPolicy",
        ),
    ),
    Scenario(
        "what was left undone is done",
        _tended,
        ({f"{ARTIFACT} RESOLVED": 1}, (1, 2), [2, 2]),
        (
            "TendRole.Findings",
            "TendRole.FindingsIndexes",
            "TendRole.Memory",
            "TendRole.MemoryIndexes",
            "TendRole.Rechecks",
            "TendRole.Bus",
            "TendRole.SlackSecret",
            "TendRole.Mail",
        ),
    ),
    Scenario(
        "a sweep finds a gateway, and that it is gone",
        _swept,
        ([None, None], {OPEN: 1}, {RESOLVED: 1}, []),
        (
            "SweepRole.Findings",
            "SweepRole.FindingsIndexes",
            "SweepRole.Memory",
            "SweepRole.ReadMembers",
        ),
    ),
    Scenario(
        "a sweep that ran out of time goes on",
        _swept_on,
        (1, {OPEN: 1}),
        ("TendRole.Sweep",),
    ),
    Scenario(
        "changes that could not be announced are kept",
        _too_old,
        1,
        ("AnnounceRole.FailuresBucket", "AnnounceRole.Failures"),
    ),
    Scenario(
        "a change that could not be told is kept",
        _untellable,
        1,
        ("NotifyRole.Undelivered",),
    ),
    Scenario(
        "a suspect message takes no other along",
        _suspects,
        [None, None, None],
        ("EvaluateRole.FinishedMessages",),
    ),
    Scenario(
        "an alarm is told",
        _rings,
        [ALARM],
        ("TendRole.Alarms",),
    ),
    Scenario(
        "what a function says can be read",
        _logged,
        list(FUNCTIONS),
        tuple(f"{name.title()}Role.Logs" for name in FUNCTIONS),
    ),
)
