"""An AWS account, and its neighbours, in one process: start it, get clients, deploy, watch, stop.

moto keeps the state, the doorway lets calls in, the world lets things happen. Since moto's state
belongs to the process, so does the account: there is one at a time.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.model_instances import reset_model_data
from moto.iam.models import iam_backends
from moto.moto_api._internal import mock_random
from moto.sns.models import sns_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from embedded_account import agentcore, cloudformation, trails
from embedded_account.authorization import Authorizer, Organization, Refusal
from embedded_account.authorization.moto_state import ROOT_KEY_PREFIX
from embedded_account.call_reader import UnreadableCallError, credential_scope
from embedded_account.calls import Answer, Call, Caller
from embedded_account.clock import Clock, VirtualClock, WallClock, clock_repairs
from embedded_account.cloudtrail_record import event_of, record_of
from embedded_account.doorway import (
    IN_PROCESS_URL,
    Doorway,
    Hall,
    Listener,
    NoAnswerError,
    Observer,
    Request,
    Tell,
    in_process,
    repaired,
)
from embedded_account.event_bus import EventBuses, Targets
from embedded_account.function_urls import FunctionUrl, Response, forbidden, response_of, route
from embedded_account.function_urls import Request as UrlRequest
from embedded_account.functions import InProcessRunner, ProcessRunner
from embedded_account.invocation import FunctionSpec, Outcome, Runner
from embedded_account.mailbox import Mailbox, installed
from embedded_account.queues import (
    EventSource,
    QueuePoller,
    enqueue,
    event_source_of,
    queue_repairs,
)
from embedded_account.schedule import Schedule
from embedded_account.slack_sink import AnswerLost, SlackSink
from embedded_account.streams import (
    AsynchronousInvocations,
    SendToDestination,
    StreamPoller,
    invoke_repair,
    mapping_repairs,
)
from embedded_account.trails import LoggingTrail, delivers, logging_trails
from embedded_account.world import CallMade, EventFailed, FunctionRan, SinkMessage, World

HUB = "111122223333"
MEMBER = "444455556666"
ORGANIZATION = "o-exampleorgid"
REGIONS = ("eu-central-1", "us-east-1")
SOURCE_TREE_BUCKET = "embedded-source-tree"

Mode = Literal["server", "in-process"]
MakeRunner = Callable[["EmbeddedAccount"], Runner]


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
        self._make_runner = runner or _usual_runner
        self._port = port
        self._open = ExitStack()
        self.authorizer = Authorizer(Organization(ORGANIZATION, frozenset(self.accounts)))
        self._access = Access(self.authorizer, enforce=authorize)
        self.doorway = Doorway(
            Hall(
                identify=self.authorizer.who,
                refusal_of=self._access.refusal_of,
                new_id=self.world.new_id,
                now=self.world.clock.now,
                begin=self._begin,
            )
        )
        self.lambdas = Lambdas(self.world, lambda: self.runner, self._send_to_destination)
        targets = Targets(enqueue, self.lambdas.invoke_later, self._publish, self._start_execution)
        self.buses = EventBuses(self.world, self._access, targets)
        self.schedule = Schedule(self.world, self.buses.deliver)
        self._streams = StreamPoller(
            self.world,
            functools.partial(event_sources, "dynamodb"),
            self.lambdas.invoke,
            self._may_poll,
            self._send_to_destination,
        )
        queues = QueuePoller(
            self.world,
            functools.partial(event_sources, "sqs"),
            self.lambdas.invoke,
            self._may_poll,
        )
        for source in (queues, self._streams, self.schedule):
            self.world.add_source(source.deliveries)
        self.world.interfere = self._interfere
        self.slack = SlackSink(
            clock=self.world.clock.now, on_message=functools.partial(self._left, "slack")
        )
        self.mailbox = Mailbox(on_mail=functools.partial(self._left, "mail"))
        self.doorway.mounts += [self._slack, self._function_url]
        self.agentcore: agentcore.AgentCore
        self.deployed: cloudformation.Deployed
        self._session: Any = None
        self._clients: dict[tuple[str, ...], Any] = {}
        self.runner: Runner

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
        settings = {
            "iam": {"load_aws_managed_policies": True},
            "stepfunctions": {"execute_state_machine": True},
        }
        self.agentcore = agentcore.install()
        self.agentcore.now = self.world.clock.now
        trails.repair()
        self.deployed = cloudformation.install(self._clients_for, now=self.world.clock.now)
        with ExitStack() as opening:
            opening.enter_context(patch.dict(default_user_config, settings))
            opening.enter_context(patch.object(boto3, "DEFAULT_SESSION", None))
            opening.enter_context(repaired(self._repairs()))
            opening.enter_context(installed(self.mailbox))
            if self.mode == "server":
                listener = Listener(self.doorway, self._port)
                opening.callback(listener.close)
                self.endpoint_url = self.url = listener.url
            else:
                opening.enter_context(in_process(self.doorway))
            self._session = _session()
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
            self._clients[key] = self._session.client(
                service,
                region_name=key[2],
                endpoint_url=self.endpoint_url,
                config=Config(retries={"total_max_attempts": 1}),
                **self.credentials(key[1], as_),
            )
        return self._clients[key]

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

    def _clients_for(self, account: str, region: str) -> Callable[[str], Any]:
        return lambda service: self.client(service, account, region)

    def _left(self, sink: str, message: Any) -> None:
        self.world.record(SinkMessage(self.world.clock.now(), sink, message))

    def _slack(self, request: Request) -> Answer | None:
        path = urlsplit(request.url).path
        if "X-Amz-Date" in request.headers or not path.startswith(("/api/", "/services/")):
            return None
        target = request.url.removeprefix(self.url)
        try:
            return Answer(*self.slack.handle(request.method, target, request.headers, request.body))
        except AnswerLost as lost:
            raise NoAnswerError("Slack's answer was lost") from lost

    def url_of(
        self, function_name: str, account: str | None = None, region: str | None = None
    ) -> str:
        """Return where a function's URL can be reached on this machine."""
        backend = lambda_backends[account or self.hub][region or self.regions[0]]
        configuration = backend.get_function(function_name).url_config
        if configuration is None:
            raise LookupError(f"function {function_name} has no function URL")
        return f"{self.url}/lambda-url/{_url_id(configuration)}/"

    def _function_url(self, request: Request) -> Answer | None:
        split = urlsplit(request.url)
        found = _URL_PATH.match(split.path) or _URL_HOST.match(split.netloc)
        if found is None:
            return None
        configuration = _url_configuration(found[1])
        caller = None
        if "Authorization" in request.headers:
            scope = credential_scope(request.url, request.headers)
            caller = self.authorizer.who(scope.access_key_id)
        arn = configuration.function.function_arn
        url = FunctionUrl(
            found[1], self.lambdas.spec_of(arn), configuration.config.get("AuthType", "AWS_IAM")
        )
        path = split.path.removeprefix(f"/lambda-url/{found[1]}") or "/"
        target = f"{path}?{split.query}" if split.query else path
        event = route(
            url,
            UrlRequest(
                request.method,
                target,
                tuple(request.headers.items()),
                request.body,
                at=self.world.clock.now(),
            ),
            caller,
        )
        if url.auth_type == "AWS_IAM" and not self._access.may_use_url(caller, arn):
            event = forbidden()
        response = (
            event if isinstance(event, Response) else response_of(self.lambdas.invoke(arn, event))
        )
        headers = dict(response.headers)
        if len(response.cookies) > 1:
            raise NotImplementedError("a function URL's answer with several cookies")
        headers |= dict(zip(("Set-Cookie",), response.cookies, strict=False))
        return Answer(response.status, headers, response.body)

    def _repairs(self) -> tuple[Any, ...]:
        return (
            *clock_repairs(self.world.clock),
            *self.buses.repairs(),
            *queue_repairs(self.world),
            *mapping_repairs(self._streams),
            invoke_repair(self.lambdas.answer),
        )

    def _begin(self, call: Call) -> Tell:
        """Remember which trails log now: StopLogging is still told by the one that it stops."""
        before = logging_trails(call.account) if call.service == "cloudtrail" else ()

        def tell(answer: Answer) -> None:
            self.world.record(CallMade(call.at, call, answer))
            self._emit(call, answer, before)
            self.world.wake()

        return tell

    def _emit(self, call: Call, answer: Answer, before: Sequence[LoggingTrail]) -> None:
        if not before and not logging_trails(call.account):
            return
        hears_reads = self.buses.hears_reads(call.account, call.region)
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
        service = mapping.source_arn.split(":")[2]
        try:
            role = self.lambdas.role_of(mapping.function_arn)
        except LookupError as gone:
            return str(gone)
        refusals = (
            self._access.role_may(
                role, action, mapping.source_arn, service="lambda.amazonaws.com", source_arn=None
            )
            for action in _POLLING_ACTIONS[service]
        )
        return next((refusal for refusal in refusals if refusal is not None), None)

    def _publish(self, topic_arn: str, message: str) -> None:
        _, _, _, region, account, _ = topic_arn.split(":", 5)
        backend = sns_backends[account][region]
        if topic_arn not in backend.topics:
            raise LookupError(f"topic {topic_arn} does not exist")
        backend.publish(message=message, arn=topic_arn)

    def _start_execution(self, state_machine_arn: str, role_arn: str, text: str) -> None:
        _, _, _, region, account, _ = state_machine_arn.split(":", 5)
        client = self.client("stepfunctions", account, region, as_=role_arn.rpartition("/")[2])
        try:
            client.start_execution(
                stateMachineArn=state_machine_arn, name=self.world.new_id(), input=text
            )
        except client.exceptions.StateMachineDoesNotExist as gone:
            raise LookupError(str(gone)) from gone

    def _send_to_destination(
        self, function_arn: str, destination: str, text: str, key: str
    ) -> None:
        """Send as the function's role, which needs the right; a refusal loses the text."""
        _, _, _, region, account, _ = function_arn.split(":", 5)
        service = destination.split(":")[2]
        role = self.lambdas.role_of(function_arn).rpartition("/")[2]
        client = self.client(service, account, region, as_=role)
        try:
            if service == "sqs":
                client.send_message(QueueUrl=_queue_url(destination), MessageBody=text)
            elif service == "sns":
                client.publish(TopicArn=destination, Message=text)
            elif service == "s3":
                bucket = destination.rpartition(":")[2]
                client.put_object(Bucket=bucket, Key=key, Body=text.encode())
            else:
                raise NotImplementedError(f"no destination of kind {service}: {destination}")
        except ClientError as refused:
            error = refused.response["Error"]
            lost = EventFailed(
                self.world.clock.now(),
                function_arn,
                destination,
                error["Code"],
                error["Message"],
                final=True,
            )
            self.world.record(lost)


def _queue_url(arn: str) -> str:
    _, _, _, region, account, name = arn.split(":", 5)
    return f"https://sqs.{region}.amazonaws.com/{account}/{name}"


@functools.cache
def _loader() -> Any:
    """Keep what was read: botocore's models take a tenth of a second for each service."""
    return botocore.loaders.create_loader()


def _session() -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", _loader())
    return boto3.session.Session(botocore_session=session)


def _usual_runner(account: EmbeddedAccount) -> Runner:
    def credentials(spec: FunctionSpec) -> dict[str, str]:
        keys = account.credentials(spec.account, spec.role_arn.rpartition("/")[2])
        return {name.upper(): value for name, value in keys.items()}

    if account.mode == "server":
        return ProcessRunner(account.endpoint_url, credentials)
    return InProcessRunner(credentials, clock=account.world.clock.now)


def event_sources(service: str) -> list[EventSource]:
    """Return every enabled event source mapping of a service (``sqs``, ``dynamodb``)."""
    return [
        event_source_of(mapping)
        for account in tuple(lambda_backends.values())
        for backend in tuple(account.values())
        for mapping in tuple(backend._event_source_mappings.values())
        if mapping.enabled and f":{service}:" in mapping.event_source_arn
    ]


class Lambdas:
    """The functions that moto knows: what they are made of, and their invocation."""

    def __init__(
        self, world: World, runner: Callable[[], Runner], send_to_destination: SendToDestination
    ) -> None:
        self._world = world
        self._runner = runner
        self._unpacked: dict[str, Path] = {}
        self._asynchronous = AsynchronousInvocations(
            world, self.invoke, _invoke_settings, send_to_destination
        )

    def invoke(self, function_arn: str, event: Any) -> Outcome:
        """Invoke a function and wait for its outcome. Raises LookupError when it does not exist."""
        outcome = self._runner().invoke(self.spec_of(function_arn), event)
        self._world.record(FunctionRan(self._world.clock.now(), function_arn, event, outcome))
        return outcome

    def invoke_later(self, function_arn: str, event: Any) -> None:
        """Accept an asynchronous invocation; raises LookupError for an unknown function."""
        _function(function_arn)
        self._asynchronous.accept(function_arn, event)

    def answer(
        self,
        function: Any,
        body: bytes | str,
        headers: Mapping[str, str],
        response_headers: dict[str, str],
    ) -> bytes:
        """Answer Lambda's Invoke: RequestResponse, Event or DryRun."""
        event = json.loads(body or "{}")
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return b""
        if kind == "Event":
            self.invoke_later(function.function_arn, event)
            return b""
        outcome = self.invoke(function.function_arn, event)
        if outcome.error_type is not None:
            response_headers["x-amz-function-error"] = "Unhandled"
        log = "\n".join(outcome.log).encode()[-4096:]
        response_headers["x-amz-log-result"] = base64.b64encode(log).decode()
        response_headers["X-Amz-Executed-Version"] = "$LATEST"
        return json.dumps(outcome.payload).encode()

    def role_of(self, function_arn: str) -> str:
        """Return the ARN of a function's execution role."""
        return str(_function(function_arn).role)

    def spec_of(self, function_arn: str) -> FunctionSpec:
        """Return what a runner needs to know of a function."""
        function = _function(function_arn)
        layers = lambda_backends[function.account_id][function.region]
        return FunctionSpec(
            account=function.account_id,
            region=function.region,
            name=function.function_name,
            handler=function.handler,
            code=self._folder(function.code, function.code_bytes),
            layers=tuple(
                self._folder(version.content, version.code_bytes)
                for version in map(
                    layers.layers_versions_by_arn, (layer["Arn"] for layer in function.layers)
                )
                if version is not None
            ),
            environment=dict(function.environment_vars),
            timeout_seconds=float(function.timeout),
            memory_mb=int(function.memory_size),
            role_arn=function.role,
        )

    def _folder(self, location: Mapping[str, str], archive: bytes) -> Path:
        """Return the folder that a key of the source tree names, or where the zip was unpacked."""
        if location.get("S3Bucket") == SOURCE_TREE_BUCKET:
            return Path(unquote(location["S3Key"]))
        digest = hashlib.sha256(archive).hexdigest()
        if digest not in self._unpacked:
            folder = Path(tempfile.mkdtemp(prefix="embedded-function-"))
            with zipfile.ZipFile(io.BytesIO(archive)) as package:
                package.extractall(folder)
            self._unpacked[digest] = folder
        return self._unpacked[digest]

    def close(self) -> None:
        """Remove what was unpacked."""
        for folder in self._unpacked.values():
            shutil.rmtree(folder)
        self._unpacked.clear()


def _function(function_arn: str) -> Any:
    _, _, _, region, account, _, name, *_ = function_arn.split(":")
    try:
        return lambda_backends[account][region].get_function(name)
    except UnknownFunctionException as unknown:
        raise LookupError(f"function {function_arn} does not exist") from unknown


def _invoke_settings(function_arn: str) -> Mapping[str, Any]:
    configurations = _function(function_arn).event_invoke_config
    # moto appends on every PutFunctionEventInvokeConfig and goes on answering the first
    return configurations[-1].config if configurations else {}


class Access:
    """Who calls, with which keys, and whether they may; all may when it does not *enforce*."""

    def __init__(self, authorizer: Authorizer, *, enforce: bool) -> None:
        self._authorizer = authorizer
        self._enforce = enforce
        self._keys: dict[tuple[str, str], dict[str, str]] = {}

    def refusal_of(self, call: Call) -> Refusal | None:
        """Return why the caller may not make the call, or None."""
        return self._authorizer.check(call) if self._enforce else None

    def may_use_url(self, caller: Caller | None, function_arn: str) -> bool:
        """Whether a signed request may invoke a function through its URL."""
        if caller is None or not self._enforce:
            return caller is not None
        context = {"lambda:FunctionUrlAuthType": "AWS_IAM"}
        action = "lambda:InvokeFunctionUrl"
        return self._authorizer.check_action(caller, action, function_arn, context) is None

    def service_may(
        self, principal: str, action: str, resource: str, *, source_arn: str
    ) -> str | None:
        """Return why *resource*'s policy does not let a service act for *source_arn*, or None."""
        if not self._enforce:
            return None
        refusal = self._authorizer.check_service(principal, action, resource, source_arn)
        return refusal.message if refusal is not None else None

    def role_may(
        self, role_arn: str, action: str, resource: str, *, service: str, source_arn: str | None
    ) -> str | None:
        """Return why *service* cannot do *action* with a role that it was handed, or None."""
        if not self._enforce:
            return None
        try:
            refusal = self._authorizer.check_role(
                role_arn, action, resource, service=service, source_arn=source_arn
            )
        except LookupError as unknown:
            return str(unknown)
        return refusal.message if refusal is not None else None

    def credentials(self, account: str, principal: str, region: str) -> dict[str, str]:
        """Return keys of a root, a role or a user, the same each time."""
        if principal == "root":
            key = f"{ROOT_KEY_PREFIX}{account}"
            return {"aws_access_key_id": key, "aws_secret_access_key": "root"}
        if (account, principal) not in self._keys:
            self._keys[account, principal] = _new_keys(account, principal, region)
        return self._keys[account, principal]


def _url_id(configuration: Any) -> str:
    return str(urlsplit(configuration.url).netloc.partition(".")[0])


def _url_configuration(url_id: str) -> Any:
    for account in tuple(lambda_backends.values()):
        for backend in tuple(account.values()):
            for function in backend.list_functions():
                if function.url_config is not None and _url_id(function.url_config) == url_id:
                    return function.url_config
    raise UnreadableCallError(f"no function has the URL id {url_id}")


_URL_PATH = re.compile(r"/lambda-url/([0-9a-f]+)(?=/|$)")
_URL_HOST = re.compile(r"([0-9a-f]+)\.lambda-url\.")
_POLLING_ACTIONS = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "dynamodb": (
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
    ),
}


def _new_keys(account: str, principal: str, region: str) -> dict[str, str]:
    partition = get_partition(region)
    iam = iam_backends[account][partition]
    role = next((role for role in iam.roles.values() if role.name == principal), None)
    if role is None:
        key = iam.create_access_key(principal)
        return {
            "aws_access_key_id": key.access_key_id,
            "aws_secret_access_key": key.secret_access_key,
        }
    session = sts_backends[account][partition].assume_role(
        region_name=region,
        role_session_name=principal[:64],
        role_arn=role.arn,
        policy="",
        duration=43_200,
        external_id="",
    )
    return {
        "aws_access_key_id": session.access_key_id,
        "aws_secret_access_key": session.secret_access_key,
        "aws_session_token": session.session_token,
    }
