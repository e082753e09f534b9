"""Functions in the embedded account behave as Lambda's do, in sandboxes and in this process."""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import botocore.handlers
import pytest
from botocore.awsrequest import AWSPreparedRequest
from embedded_account.functions import (
    SANDBOXES_PER_FUNCTION,
    FunctionSpec,
    InProcessRunner,
    Killed,
    ProcessRunner,
    Runner,
)
from embedded_account.invocation import import_paths, lambda_environment

ROLE = "arn:aws-us-gov:iam::111122223333:role/evaluate"
WriteFunction = Callable[..., FunctionSpec]


def credentials(spec: FunctionSpec) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": f"ASIA-{spec.name}",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }


@pytest.fixture
def write_function(tmp_path: Path) -> WriteFunction:
    """Writes a function's source and gives its spec."""

    def write(source: str, name: str = "evaluate", **settings: object) -> FunctionSpec:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "app.py").write_text(textwrap.dedent(source))
        spec = FunctionSpec(
            account="111122223333",
            region="eu-central-1",
            name=name,
            handler="app.handler",
            code=folder,
            layers=(),
            environment={},
            timeout_seconds=10,
            memory_mb=256,
            role_arn=ROLE,
        )
        return replace(spec, **settings)  # type: ignore[arg-type]

    return write


@pytest.fixture
def sandboxes() -> Iterator[ProcessRunner]:
    runner = ProcessRunner("http://127.0.0.1:1", credentials)
    yield runner
    runner.close()


@pytest.fixture
def in_process() -> InProcessRunner:
    return InProcessRunner(credentials)


@pytest.fixture(params=["sandboxes", "in_process"])
def runner(request: pytest.FixtureRequest) -> Runner:
    found: Runner = request.getfixturevalue(request.param)
    return found


# Both runners


def test_a_handler_gets_the_event_and_its_result_is_the_payload(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function("def handler(event, context): return {'got': event, 'pair': (1, 2)}")
    outcome = runner.invoke(spec, {"detail": ["a", None]})
    assert outcome.payload == {"got": {"detail": ["a", None]}, "pair": [1, 2]}
    assert (outcome.error_type, outcome.error_message) == (None, None)


def test_the_second_invocation_finds_the_sandbox_warm(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function("seen = []\ndef handler(event, context): seen.append(event); return seen")
    first, second = runner.invoke(spec, 1), runner.invoke(spec, 2)
    assert (first.payload, first.cold) == ([1], True)
    assert (second.payload, second.cold) == ([1, 2], False)


def test_a_changed_configuration_starts_a_new_sandbox(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function("import os\ndef handler(event, context): return os.environ['MODE']")
    assert runner.invoke(replace(spec, environment={"MODE": "off"}), {}).payload == "off"
    changed = runner.invoke(replace(spec, environment={"MODE": "auto"}), {})
    assert (changed.payload, changed.cold) == ("auto", True)


def test_the_context_says_what_lambda_says(runner: Runner, write_function: WriteFunction) -> None:
    spec = write_function(
        """
        def handler(event, context):
            names = ("function_name", "function_version", "invoked_function_arn",
                     "memory_limit_in_mb", "log_group_name", "log_stream_name", "aws_request_id")
            left = context.get_remaining_time_in_millis()
            return [getattr(context, name) for name in names], left
        """
    )
    (name, version, arn, memory, group, stream, request_id), left = runner.invoke(spec, {}).payload
    assert (name, version, memory, group) == ("evaluate", "$LATEST", "256", "/aws/lambda/evaluate")
    assert arn == "arn:aws-us-gov:lambda:eu-central-1:111122223333:function:evaluate"
    assert stream
    assert len(request_id) == 36
    assert 9_000 < left <= 10_000


def test_an_error_of_the_handler_is_its_outcome_and_the_sandbox_stays_warm(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function("def handler(event, context): raise KeyError('gatewayId')")
    outcome = runner.invoke(spec, {})
    assert (outcome.error_type, outcome.error_message) == ("KeyError", "'gatewayId'")
    assert outcome.payload["errorType"] == "KeyError"
    (frame,) = outcome.payload["stackTrace"]
    assert str(spec.code / "app.py") in frame
    assert runner.invoke(spec, {}).cold is False


@pytest.mark.parametrize(
    ("source", "handler", "error_type"),
    [
        ("import no_such_module", "app.handler", "Runtime.ImportModuleError"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError"),
        ("", "app.handler", "Runtime.HandlerNotFound"),
        ("", "handler", "Runtime.MalformedHandlerName"),
        ("", "other.handler", "Runtime.ImportModuleError"),
        ("raise OSError('no table name')", "app.handler", "OSError"),
    ],
)
def test_a_function_that_cannot_be_loaded_answers_with_lambdas_error_type(
    runner: Runner, write_function: WriteFunction, source: str, handler: str, error_type: str
) -> None:
    spec = write_function(source, handler=handler)
    first, second = runner.invoke(spec, {}), runner.invoke(spec, {})
    assert first.error_type == second.error_type == error_type
    assert first.cold
    assert second.cold


def test_a_result_that_json_cannot_say_is_a_marshal_error(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function("def handler(event, context): return {1, 2}")
    assert runner.invoke(spec, {}).error_type == "Runtime.MarshalError"


def test_a_decimal_from_dynamodb_becomes_a_number(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function(
        "from decimal import Decimal\ndef handler(event, context): return Decimal('1.5')"
    )
    assert runner.invoke(spec, {}).payload == 1.5


def test_a_handler_that_exits_ends_its_sandbox(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function("import sys\ndef handler(event, context): sys.exit(3)")
    assert runner.invoke(spec, {}).error_type == "Runtime.ExitError"
    assert runner.invoke(spec, {}).cold


def test_each_invocation_has_the_lines_that_it_printed(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function(
        """
        import sys
        print("loading")
        def handler(event, context):
            print("begin", event)
            print("to stderr", file=sys.stderr)
            print("no newline at the end", end="")
        """
    )
    assert set(runner.invoke(spec, 1).log) == {
        "loading",
        "begin 1",
        "to stderr",
        "no newline at the end",
    }
    assert set(runner.invoke(spec, 2).log) == {"begin 2", "to stderr", "no newline at the end"}


def test_a_function_sees_lambdas_environment_and_nothing_of_the_callers(
    runner: Runner, write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    spec = write_function(
        "import os\ndef handler(event, context): return dict(os.environ)",
        environment={"TABLE": "t", "AWS_REGION": "elsewhere", "AWS_ACCESS_KEY_ID": "own"},
    )
    before = dict(os.environ)
    seen = runner.invoke(spec, {}).payload
    assert dict(os.environ) == before
    assert "SECRET_OF_THE_CALLER" not in seen
    assert "HOME" not in seen
    assert seen["TABLE"] == "t"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "evaluate"
    assert seen["AWS_ACCESS_KEY_ID"] == "ASIA-evaluate"
    assert seen["_X_AMZN_TRACE_ID"].startswith("Root=1-")


def test_two_functions_and_their_layers_do_not_share_modules(
    runner: Runner, write_function: WriteFunction, tmp_path: Path
) -> None:
    layer = tmp_path / "layer" / "python" / "shared"
    layer.mkdir(parents=True)
    (layer / "__init__.py").write_text("from . import state\n")
    (layer / "state.py").write_text("seen = []\n")
    source = """
        import steps, shared.state
        def handler(event, context):
            shared.state.seen.append(context.function_name)
            return steps.NAME, shared.state.seen
    """
    specs = [
        write_function(source, name=name, layers=(tmp_path / "layer",))
        for name in ("evaluate", "notify")
    ]
    for spec in specs:
        (spec.code / "steps.py").write_text(f"NAME = {spec.name!r}\n")
    first, second, again = (runner.invoke(spec, {}).payload for spec in (*specs, specs[0]))
    assert first == ["evaluate", ["evaluate"]]
    assert second == ["notify", ["notify"]]
    assert again == ["evaluate", ["evaluate", "evaluate"]]
    assert not {"app", "steps", "shared", "shared.state"} & sys.modules.keys()


def test_of_two_layers_the_later_wins_and_opt_names_a_layers_file(
    runner: Runner, write_function: WriteFunction, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "python").mkdir(parents=True)
        (tmp_path / name / "python" / "both.py").write_text(f"NAME = {name!r}\n")
    (tmp_path / "first" / "models").mkdir()
    spec = write_function(
        "import both, os\ndef handler(*_): return both.NAME, os.environ['AWS_DATA_PATH']",
        layers=(tmp_path / "first", tmp_path / "second"),
        environment={"AWS_DATA_PATH": "/opt/models"},
    )
    assert runner.invoke(spec, {}).payload == ["second", str(tmp_path / "first" / "models")]


def test_each_invocation_has_a_trace_id_of_its_own(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function(
        "import os\ndef handler(event, context): return os.environ['_X_AMZN_TRACE_ID']"
    )
    assert len({runner.invoke(spec, {}).payload for _ in range(5)}) == 5


def test_printed_lines_reach_on_log_with_their_function(write_function: WriteFunction) -> None:
    spec = write_function("def handler(event, context): print('told')")
    for make in (
        lambda told: ProcessRunner(None, credentials, on_log=told),
        lambda told: InProcessRunner(credentials, on_log=told),
    ):
        lines: list[tuple[str, str]] = []

        def told(spec: FunctionSpec, line: str, lines: list[tuple[str, str]] = lines) -> None:
            lines.append((spec.name, line))

        runner: Runner = make(told)
        runner.invoke(spec, {})
        runner.close()
        assert lines == [("evaluate", "told")]


# Sandboxes


def test_a_timeout_kills_the_sandbox_and_the_next_invocation_starts_another(
    sandboxes: ProcessRunner, write_function: WriteFunction
) -> None:
    spec = write_function(
        """
        import os, time
        def handler(event, context):
            print(os.getpid())
            if event: time.sleep(60)
        """,
        timeout_seconds=0.3,
    )
    outcome = sandboxes.invoke(spec, {"sleep": True})
    assert outcome.error_type == "Sandbox.Timedout"
    assert (outcome.error_message or "").endswith("Error: Task timed out after 0.30 seconds")
    assert outcome.duration_ms >= 300
    with pytest.raises(ProcessLookupError):
        os.kill(int(outcome.log[0]), 0)
    assert sandboxes.invoke(spec, {}).cold


def test_several_invocations_of_one_function_run_at_the_same_time_up_to_the_cap(
    sandboxes: ProcessRunner, write_function: WriteFunction, tmp_path: Path
) -> None:
    spec = write_function(
        f"""
        import os, pathlib, time
        folder = pathlib.Path({str(tmp_path)!r}) / "running"
        def handler(event, context):
            (folder / str(os.getpid())).touch()
            while event["together"] > len(list(folder.iterdir())): time.sleep(0.01)
            return os.getpid()
        """,
        timeout_seconds=60,
    )
    (tmp_path / "running").mkdir()
    event = {"together": SANDBOXES_PER_FUNCTION}
    with ThreadPoolExecutor(SANDBOXES_PER_FUNCTION + 4) as pool:
        calls = [pool.submit(sandboxes.invoke, spec, event) for _ in range(12)]
        pids = [call.result().payload for call in calls]
    assert len(set(pids)) == SANDBOXES_PER_FUNCTION
    assert len(pids) == 12


def test_the_account_can_kill_an_invocation_by_the_trace_id_that_botocore_sends(
    write_function: WriteFunction,
) -> None:
    spec = write_function(
        """
        import boto3
        print("started")
        def handler(event, context):
            boto3.client("sqs").list_queues()
            boto3.client("sqs").list_queues()
            return "survived"
        """
    )
    trace_ids: list[str] = []

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            trace_ids.append(self.headers["X-Amzn-Trace-Id"])
            self.rfile.read(int(self.headers["Content-Length"]))
            if len(trace_ids) == 2:
                os.kill(killable.sandbox_of(trace_ids[-1]), signal.SIGKILL)
            with suppress(ConnectionError):
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Prints nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    killable = ProcessRunner(f"http://127.0.0.1:{server.server_port}", credentials)
    try:
        outcome = killable.invoke(spec, {})
        assert outcome.error_type == "Runtime.ExitError"
        assert (outcome.error_message or "").endswith("Runtime exited with error: signal: killed")
        assert outcome.log == ("started",)
        assert len(trace_ids) == 2
        assert len(set(trace_ids)) == 1
        with pytest.raises(KeyError):
            killable.sandbox_of(trace_ids[0])
        after = killable.invoke(spec, {})
        assert (after.payload, after.cold) == ("survived", True)
        assert len(set(trace_ids)) == 2
    finally:
        killable.close()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_sandbox_that_died_between_two_invocations_is_replaced(
    sandboxes: ProcessRunner, write_function: WriteFunction
) -> None:
    spec = write_function("import os\ndef handler(event, context): return os.getpid()")
    pid = sandboxes.invoke(spec, {}).payload
    time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.05)
    after = sandboxes.invoke(spec, {})
    assert after.error_type is None
    assert after.payload != pid


def test_more_output_than_a_pipe_holds_does_not_stop_the_function(
    sandboxes: ProcessRunner, write_function: WriteFunction
) -> None:
    spec = write_function(
        "def handler(event, context):\n  for n in range(5000): print(n, 'x' * 90)"
    )
    outcome = sandboxes.invoke(spec, {})
    assert [line.split()[0] for line in outcome.log] == [str(n) for n in range(5000)]


def test_closing_kills_busy_sandboxes_too_and_starts_no_other(
    sandboxes: ProcessRunner, write_function: WriteFunction
) -> None:
    spec = write_function("import time\ndef handler(event, context): time.sleep(60)")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(sandboxes.invoke, spec, {})
        while not sandboxes._running:
            time.sleep(0.01)
        sandboxes.close()
        assert call.result(timeout=5).error_type == "Runtime.ExitError"
    with pytest.raises(RuntimeError, match="closed"):
        sandboxes.invoke(spec, {})


def test_a_function_cannot_import_the_embedded_accounts_own_modules_by_accident(
    sandboxes: ProcessRunner, write_function: WriteFunction
) -> None:
    spec = write_function("import runtime_api\ndef handler(event, context): pass")
    assert sandboxes.invoke(spec, {}).error_type == "Runtime.ImportModuleError"


@pytest.mark.skipif(
    importlib.util.find_spec("awslambdaric") is None,
    reason="awslambdaric (AWS's runtime client) is not installed in this Python",
)
def test_awss_own_runtime_client_runs_in_the_same_sandbox(write_function: WriteFunction) -> None:
    spec = write_function("def handler(event, context):\n  print('told')\n  return event['n'] + 1")
    runner = ProcessRunner(None, credentials, client="awslambdaric")
    try:
        outcome = runner.invoke(spec, {"n": 1})
        assert (outcome.payload, outcome.log) == (2, ("told",))
        broken = replace(spec, handler="other.handler")
        assert runner.invoke(broken, {}).error_type == "Runtime.ImportModuleError"
    finally:
        runner.close()


# In this process


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_killed_invocation_loses_what_the_module_remembered(
    in_process: InProcessRunner, write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise Killed("after call 3")

    monkeypatch.setattr(sys, "die_here", die, raising=False)
    spec = write_function(
        """
        import sys
        seen = []
        def handler(event, context):
            seen.append(event)
            try:
                if event == "die": sys.die_here()
            except Exception: pass
            return seen
        """
    )
    assert in_process.invoke(spec, 1).payload == [1]
    outcome = in_process.invoke(spec, "die")
    assert outcome.error_type == "Runtime.Killed"
    assert "after call 3" in (outcome.error_message or "")
    after = in_process.invoke(spec, 2)
    assert (after.payload, after.cold) == ([2], True)
    assert in_process.current is None


def test_a_fault_inside_botocore_kills_the_invocation_and_names_it_by_its_trace_id(
    in_process: InProcessRunner, write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []

    def die(request: AWSPreparedRequest, **_: object) -> None:
        assert in_process.current is not None
        sent = request.headers["X-Amzn-Trace-Id"]
        seen.append(
            (sent.decode() if isinstance(sent, bytes) else sent, in_process.current.trace_id)
        )
        raise Killed("before call 1")

    builtin = [*botocore.handlers.BUILTIN_HANDLERS, ("before-send", die)]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", builtin)
    spec = write_function(
        """
        import boto3
        def handler(event, context):
            try: boto3.client("sqs").list_queues()
            except Exception: return "went on"
        """
    )
    assert in_process.invoke(spec, {}).error_type == "Runtime.Killed"
    ((sent, running),) = seen
    assert sent == running


def test_the_remaining_time_and_the_timeout_follow_the_given_clock(
    write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    runner = InProcessRunner(credentials, clock=clock)

    def wait(seconds: float) -> None:
        clock.now += timedelta(seconds=seconds)

    monkeypatch.setattr(sys, "wait_here", wait, raising=False)
    spec = write_function(
        """
        import sys
        def handler(event, context):
            sys.wait_here(event)
            return context.get_remaining_time_in_millis()
        """
    )
    assert runner.invoke(spec, 4).payload == 6_000
    late = runner.invoke(spec, 10.5)
    assert (late.error_type, late.duration_ms) == ("Sandbox.Timedout", 10_500)
    assert runner.invoke(spec, 1).cold


def test_a_function_may_cause_another_and_each_finds_its_own_world_again(
    in_process: InProcessRunner, write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = write_function(
        "import os\ndef handler(event, context):\n  print('inner')\n  return os.environ['TABLE']",
        name="inner",
        environment={"TABLE": "memory"},
    )
    names: list[str] = []

    def call_inner() -> object:
        outcome = in_process.invoke(inner, {})
        assert in_process.current is not None
        names.append(in_process.current.spec.name)
        return outcome.payload

    monkeypatch.setattr(sys, "call_inner", call_inner, raising=False)
    outer = write_function(
        """
        import os, sys
        def handler(event, context):
            print("before")
            answer = sys.call_inner()
            print("after")
            return answer, os.environ["TABLE"], sys.modules["app"].__file__
        """,
        name="outer",
        environment={"TABLE": "findings"},
    )
    outcome = in_process.invoke(outer, {})
    assert outcome.payload == ["memory", "findings", str(outer.code / "app.py")]
    assert outcome.log == ("before", "after")
    assert names == ["outer"]


def test_a_module_imported_while_the_handler_runs_is_still_there_the_next_time(
    runner: Runner, write_function: WriteFunction
) -> None:
    spec = write_function(
        """
        def handler(event, context):
            import steps
            steps.seen.append(event)
            return steps.seen
        """
    )
    (spec.code / "steps.py").write_text("seen = []\n")
    assert [runner.invoke(spec, number).payload for number in (1, 2)] == [[1], [1, 2]]


def test_boto3s_default_session_keeps_each_functions_own_role(
    in_process: InProcessRunner, write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import boto3
        def handler(event, context):
            boto3.client("sts")
            return boto3.DEFAULT_SESSION.get_credentials().access_key
    """
    before = boto3.Session(aws_access_key_id="ASIA-caller", aws_secret_access_key="secret")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", before)
    specs = [write_function(source, name=name) for name in ("evaluate", "notify")]
    keys = [in_process.invoke(spec, {}).payload for spec in (*specs, specs[0])]
    assert keys == ["ASIA-evaluate", "ASIA-notify", "ASIA-evaluate"]
    assert boto3.DEFAULT_SESSION is before


def test_a_logging_handler_made_at_import_prints_to_the_invocation_that_runs(
    in_process: InProcessRunner, write_function: WriteFunction
) -> None:
    source = """
        import logging, sys
        logger = logging.getLogger("shared-by-name")
        if not logger.handlers: logger.addHandler(logging.StreamHandler(sys.stdout))
        def handler(event, context): logger.warning("from %s", context.function_name)
    """
    specs = [write_function(source, name=name) for name in ("evaluate", "notify")]
    logs = [in_process.invoke(spec, {}).log for spec in specs]
    assert logs == [("from evaluate",), ("from notify",)]


def test_a_loaded_function_runs_on_after_a_fork(
    in_process: InProcessRunner, write_function: WriteFunction
) -> None:
    spec = write_function("seen = []\ndef handler(event, context): seen.append(event); return seen")
    in_process.invoke(spec, "before")
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = in_process.invoke(spec, "in the child")
        os.write(write_end, json.dumps([outcome.payload, outcome.cold]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert json.loads(os.read(read_end, 1_000)) == [["before", "in the child"], False]
    os.close(read_end)
    os.close(write_end)
    assert in_process.invoke(spec, "in the parent").payload == ["before", "in the parent"]


# What an invocation needs


def test_a_layer_without_a_python_folder_stands_for_itself(
    write_function: WriteFunction, tmp_path: Path
) -> None:
    spec = write_function("", layers=(tmp_path / "src",))
    assert import_paths(spec) == (spec.code, tmp_path / "src")


def test_without_an_endpoint_the_environment_names_none(write_function: WriteFunction) -> None:
    spec = write_function("")
    assert "AWS_ENDPOINT_URL" not in lambda_environment(spec, credentials(spec), None)
    url = "http://127.0.0.1:5000"
    assert lambda_environment(spec, credentials(spec), url)["AWS_ENDPOINT_URL"] == url
