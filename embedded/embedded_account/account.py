"""An AWS account, and its neighbours, in one process: start it, get clients, deploy, watch, stop.

moto keeps the state, the doorway lets calls in, the world lets things happen. Since moto's state
belongs to the process, so does the account: there is one at a time.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from unittest.mock import patch

import boto3
import botocore.session
from botocore.config import Config
from moto.awslambda.models import lambda_backends
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.model_instances import reset_model_data
from moto.moto_api._internal import mock_random

from embedded_account import agentcore, aws_managed_policies, cloudformation, garbage, trails
from embedded_account.access import Access
from embedded_account.alarms import Alarms
from embedded_account.asynchronous import invoke_repair
from embedded_account.authorization import Authorizer, Organization
from embedded_account.calls import Answer, Call
from embedded_account.clock import Clock, VirtualClock, WallClock, clock_repairs
from embedded_account.cloudtrail_record import event_of, event_region, record_of
from embedded_account.destinations import Destinations
from embedded_account.doorway import Doorway, Hall, Observer, Tell
from embedded_account.dynamodb_answers import answer_repairs
from embedded_account.event_bus import EventBuses, Targets
from embedded_account.function_logs import FunctionLogs, logging_repairs
from embedded_account.functions import InProcessRunner, ProcessRunner
from embedded_account.invocation import FunctionSpec, Runner
from embedded_account.lambdas import Lambdas, event_sources, url_id
from embedded_account.listener import IN_PROCESS_URL, Listener, in_process, sender
from embedded_account.mailbox import Mailbox, installed
from embedded_account.moto_repairs import repaired
from embedded_account.mounts import FunctionUrlMount, SlackMount
from embedded_account.queue_gaps import queue_gap_repairs
from embedded_account.queues import EventSource, QueuePoller, enqueue, queue_repairs
from embedded_account.schedule import Schedule
from embedded_account.service_models import client_loader
from embedded_account.slack_sink import SlackSink
from embedded_account.streams import StreamPoller, mapping_repairs
from embedded_account.trails import LoggingTrail, delivers, logging_trails
from embedded_account.transactions import transaction_repair
from embedded_account.world import CallMade, Entry, EventFailed, SinkMessage, World

HUB = "111122223333"
MEMBER = "444455556666"
ORGANIZATION = "o-exampleorgid"
REGIONS = ("eu-central-1", "us-east-1")

Mode = Literal["server", "in-process"]
MakeRunner = Callable[["EmbeddedAccount"], Runner]

_LOGGER = logging.getLogger(__name__)


class EmbeddedAccount:
    """A hub account and its members in some Regions, all in this process.

    *mode* says how clients reach it: ``server`` over HTTP on 127.0.0.1, ``in-process`` without a
    socket. *clock* is virtual in-process and the wall's otherwise, unless given. *runner* makes
    what invokes functions, once the endpoint is known. *seed* determines every identifier. Use it
    as a context manager.
    """

    def __init__(
        self,
        hub: str = HUB,
        members: Sequence[str] = (MEMBER,),
        regions: Sequence[str] = REGIONS,
        mode: Mode = "in-process",
        *,
        runner: MakeRunner | None = None,
        authorize: bool = True,
        clock: Clock | None = None,
        seed: int = 0,
        port: int = 0,
    ) -> None:
        self.hub = hub
        self.accounts = (hub, *members)
        self.regions = tuple(regions)
        self.mode = mode
        self.endpoint_url: str | None = None
        self.url = IN_PROCESS_URL
        self.world = World(clock or (WallClock() if mode == "server" else VirtualClock()), seed)
        self.authorizer = Authorizer(Organization(ORGANIZATION, frozenset(self.accounts)))
        now = self.world.clock.now
        self.slack = SlackSink(clock=now, on_message=functools.partial(self._left, "slack"))
        self.mailbox = Mailbox(on_mail=functools.partial(self._left, "mail"))
        self.agentcore: agentcore.AgentCore
        self.deployed: cloudformation.Deployed
        self.runner: Runner
        self._make_runner = runner or _usual_runner
        self._port = port
        self._open = ExitStack()
        self._access = Access(self.authorizer, enforce=authorize)
        self._session: Any = None
        self._inner_session: Any = None
        self._clients: dict[tuple[str, str, str, str], Any] = {}
        self._inner_clients: dict[tuple[str, str, str, str], Any] = {}
        self._connect()

    def _connect(self) -> None:
        """Tie the parts together: who calls whom, and which of them the world asks for work."""
        self.lambdas = Lambdas(
            self.world,
            lambda: self.runner,
            lambda *what: destinations.send(*what),
            FunctionLogs(self.world.clock.now, self._access.lambda_may),
        )
        destinations = Destinations(self.world, self.client, self.lambdas.role_of)
        targets = Targets(
            enqueue,
            self.lambdas.invoke_later,
            destinations.publish,
            destinations.start_execution,
        )
        self.buses = EventBuses(self.world, self._access, targets)
        self.schedule = Schedule(self.world, self.buses.deliver)
        self._alarms = Alarms(self.world, self.buses)
        tables, queues = (functools.partial(event_sources, name) for name in ("dynamodb", "sqs"))
        invoke, may_poll = self.lambdas.invoke, self._may_poll
        self._streams = StreamPoller(self.world, tables, invoke, may_poll, destinations.send)
        polled = QueuePoller(self.world, queues, invoke, may_poll)
        for source in (polled, self._streams, self.schedule):
            self.world.add_source(source.deliveries)
        self.world.interfere = self._interfere
        identify, now = self.authorizer.who, self.world.clock.now
        self.doorway = Doorway(
            Hall(identify, self._access.refusal_of, self.world.new_id, now, self._begin)
        )
        self.doorway.mounts += [
            SlackMount(self.slack),
            FunctionUrlMount(self.lambdas, self._access, identify, now),
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Empty moto, put the repairs in force, and let calls in."""
        reset_model_data()
        BackendDict.reset()
        mock_random.seed(self.world.seed)
        now = self.world.clock.now
        self.agentcore = agentcore.install()
        self.agentcore.now = now
        trails.repair()
        self.deployed, answer = cloudformation.prepare(self._clients_for, now=now)
        self.doorway.own_services["cloudformation"] = answer
        with ExitStack() as opening:
            settings = {"stepfunctions": {"execute_state_machine": True}}
            opening.enter_context(patch.dict(default_user_config, settings))
            opening.enter_context(patch.object(boto3, "DEFAULT_SESSION", None))
            opening.enter_context(repaired(self._repairs()))
            opening.enter_context(installed(self.mailbox))
            if self.mode == "server":
                listener = Listener(self.doorway, self._port)
                opening.callback(listener.close)
                self.endpoint_url = self.url = listener.url
                self.world.subscribe(_warn)
            else:
                opening.enter_context(in_process(self.doorway))
            self._session = self._inner_session = _session()
            if self.mode == "server":
                self._inner_session = _session()
                self._inner_session.events.register("before-send", sender(self.doorway))
            self.runner = self._make_runner(self)
            opening.callback(self.runner.close)
            opening.callback(self.lambdas.close)
            self._open = opening.pop_all()

    def stop(self) -> None:
        """Let nothing in any more, end every sandbox, and take the repairs back."""
        with self._open:
            self.world.stop()

    def credentials(self, account: str, principal: str = "root") -> dict[str, str]:
        """Return keys of ``root``, a role's name or a user's name, as ``boto3.client`` takes them.

        A role's session is made without asking its trust policy, as the Lambda service does.
        """
        return self._access.credentials(account, principal, self.regions[0])

    def client(
        self, service: str, account: str | None = None, region: str | None = None, as_: str = "root"
    ) -> Any:
        """Return a boto3 client of *as_*: ``root``, a role's or a user's name.

        It makes one attempt for every call: what the account answers is what the test sees.
        """
        key = (service, account or self.hub, region or self.regions[0], as_)
        if key not in self._clients:
            self._clients[key] = self._new_client(self._session, self.endpoint_url, *key)
        return self._clients[key]

    def _new_client(
        self,
        session: boto3.session.Session,
        endpoint_url: str | None,
        service: str,
        account: str,
        region: str,
        as_: str,
    ) -> Any:
        return session.client(
            service,
            region_name=region,
            endpoint_url=endpoint_url,
            config=Config(retries={"total_max_attempts": 1}),
            **self.credentials(account, as_),
        )

    def deploy(
        self,
        template: Path,
        stack_name: str,
        parameters: Mapping[str, Any] | None = None,
        account: str | None = None,
        region: str | None = None,
        source_root: Path | None = None,
        source_layers: Mapping[str, Path] | None = None,
    ) -> cloudformation.Stack:
        """Create or update a stack; its functions run from the source tree."""
        where = (account or self.hub, region or self.regions[0])
        with garbage.left_alone():
            return cloudformation.deploy(
                template,
                stack_name=stack_name,
                parameters=parameters,
                account=where[0],
                region=where[1],
                clients=self._clients_for(*where),
                source_root=source_root,
                source_layers=source_layers,
                deployed=self.deployed,
                now=self.world.clock.now,
            )

    def command_shell(
        self, agent_runtime_arn: str, *, as_: str = "root", account: str | None = None
    ) -> Answer:
        """Open an interactive shell in an agent as a principal of *account*, the agent's if None.

        InvokeAgentRuntimeCommandShell is a WebSocket, which no client of boto3 speaks. The answer
        has status 101, or the refusal's. Raises agentcore's refusals of a runtime that is not
        there.
        """
        keys = self.credentials(account or agent_runtime_arn.split(":")[4], as_)
        call = agentcore.command_shell(
            agent_runtime_arn,
            self.authorizer.who(keys["aws_access_key_id"]),
            request_id=self.world.new_id(),
            at=self.world.clock.now(),
        )
        return self.doorway.admit(call, lambda: Answer(101))

    def url_of(
        self, function_name: str, account: str | None = None, region: str | None = None
    ) -> str:
        """Return where a function's URL can be reached on this machine."""
        backend = lambda_backends[account or self.hub][region or self.regions[0]]
        configuration = backend.get_function(function_name).url_config
        if configuration is None:
            raise LookupError(f"function {function_name} has no function URL")
        return f"{self.url}/lambda-url/{url_id(configuration)}/"

    def _clients_for(self, account: str, region: str) -> Callable[[str], Any]:
        """CloudFormation's clients: inside the account, without a socket in either mode."""

        def client(service: str) -> Any:
            key = (service, account, region, "root")
            if key not in self._inner_clients:
                self._inner_clients[key] = self._new_client(self._inner_session, None, *key)
            return self._inner_clients[key]

        return client

    def _left(self, sink: str, message: Any) -> None:
        self.world.record(SinkMessage(self.world.clock.now(), sink, message))

    def _repairs(self) -> tuple[Any, ...]:
        return (
            *clock_repairs(self.world.clock),
            *self.buses.repairs(),
            *queue_repairs(self.world),
            *queue_gap_repairs(),
            *mapping_repairs(self._streams),
            invoke_repair(self.lambdas.answer),
            transaction_repair(),
            *answer_repairs(),
            *logging_repairs(),
            aws_managed_policies.snapshot_repair(),
        )

    def _begin(self, call: Call) -> Tell:
        """Remember which trails log now: StopLogging is still told by the one that it stops."""
        aws_managed_policies.load_if_named(call)
        before = logging_trails(call.account) if call.service == "cloudtrail" else ()
        tell_alarm = self._alarms.before(call)

        def tell(answer: Answer) -> None:
            self.world.record(CallMade(call.at, call, answer))
            self._emit(call, answer, before)
            tell_alarm(answer)
            self.world.wake()

        return tell

    def _emit(self, call: Call, answer: Answer, before: Sequence[LoggingTrail]) -> None:
        if not before and not logging_trails(call.account):
            return
        hears_reads = self.buses.hears_reads(call.account, event_region(call))
        record = record_of(call, answer, event_id=self.world.new_id(), include_reads=hears_reads)
        if record is None or not delivers(record, before):
            return
        event = event_of(record)
        publish = functools.partial(
            self.buses.publish, event["account"], event["region"], "default", event
        )
        label = f"{call.service} {call.operation} -> {event['account']} {event['region']}"
        self.world.later("cloudtrail", label, publish)

    @contextmanager
    def _interfere(self, faults: Sequence[Observer]) -> Iterator[None]:
        before = self.doorway.observers
        self.doorway.observers = [*before, *faults]
        try:
            yield
        finally:
            self.doorway.observers = before

    def _may_poll(self, mapping: EventSource) -> str | None:
        try:
            role = self.lambdas.role_of(mapping.function_arn)
        except LookupError as gone:
            return str(gone)
        return self._access.may_poll(role, mapping.source_arn)


def _warn(entry: Entry) -> None:
    if isinstance(entry, EventFailed):
        _LOGGER.warning(
            "EventBridge: %s -> %s: %s: %s%s",
            entry.rule_arn,
            entry.target_arn,
            entry.code,
            entry.message,
            "" if entry.final else " (tried again)",
        )


def _session() -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", client_loader())
    return boto3.session.Session(botocore_session=session)


def _usual_runner(account: EmbeddedAccount) -> Runner:
    def credentials(spec: FunctionSpec) -> dict[str, str]:
        keys = account.credentials(spec.account, spec.role_arn.rpartition("/")[2])
        return {name.upper(): value for name, value in keys.items()}

    if account.mode == "server":
        return ProcessRunner(account.endpoint_url, credentials)
    return InProcessRunner(credentials, clock=account.world.clock.now)
