"""The house rules: who may import whom, and what no shipped line may say."""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sentinel
from hatchling.builders.wheel import WheelBuilder

from tests.conftest import ROOT

SENTINEL = ROOT / "layers/sentinel/src/sentinel"
COMMAND = ROOT / "cli/sentinel_cli"
EMBEDDED = ROOT / "embedded/embedded_account"
FUNCTIONS = ROOT / "functions"
MODULE_LINES, FUNCTION_LINES, HANDLER_LINES = 400, 50, 40
CLOCK = SENTINEL / "aws/clock.py"


@dataclass(frozen=True)
class Import:
    """One import: where it stands, and the module that it names.

    An import by dots stays in its own package, and breaks no law.
    """

    path: Path
    line: int
    module: str

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    def breaks(self, law: str) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}: {law}"


def sources(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def core() -> list[Path]:
    return [path for path in sources(SENTINEL) if SENTINEL / "aws" not in path.parents]


def shipped() -> list[Path]:
    return sources(SENTINEL, FUNCTIONS)


def imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(path, node.lineno, name.name)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found = node.module or ""
            for name in node.names:
                module = found == "sentinel" and name.name not in sentinel.__all__
                yield Import(path, node.lineno, f"sentinel.{name.name}" if module else found)


def broken(paths: list[Path], law: str, allowed: set[str]) -> list[str]:
    """The imports of anything but the standard library and what is *allowed*, by dotted prefix."""
    return [
        one.breaks(law)
        for path in paths
        for one in imports(path)
        if one.top not in sys.stdlib_module_names
        and not any(one.module == may or one.module.startswith(f"{may}.") for may in allowed)
    ]


def none(found: list[str]) -> None:
    assert not found, "\n".join(found)


def test_the_core_imports_pydantic_and_the_standard_library_only() -> None:
    allowed = {"sentinel", "pydantic", "pydantic_core"}
    none(broken(core(), "the core knows pydantic and the standard library", allowed))


def test_the_core_does_not_import_the_edge() -> None:
    law = "dependencies point from sentinel.aws to the core"
    found = [i for path in core() for i in imports(path)]
    none([i.breaks(law) for i in found if i.module.startswith("sentinel.aws")])


def test_the_edge_imports_the_core_and_botocore_only() -> None:
    allowed = {"sentinel", "pydantic", "boto3", "botocore"}
    none(broken(sources(SENTINEL / "aws"), "sentinel.aws knows boto3 and the core", allowed))


def test_a_rule_imports_sentinel_its_subjects_and_its_iam_only() -> None:
    law = "a rule imports sentinel, sentinel.subjects and sentinel.iam"
    allowed = ("sentinel", "sentinel.subjects", "sentinel.iam")
    found = [i for path in sources(SENTINEL / "rules") for i in imports(path)]
    none([i.breaks(law) for i in found if i.top == "sentinel" and i.module not in allowed])
    none(broken(sources(SENTINEL / "rules"), law, {"sentinel"}))


def test_subjects_know_no_rules_and_iam_knows_nothing_else_of_the_sentinel() -> None:
    law = "subjects are below the rules, and sentinel.iam is below everything"
    found = [i for path in sources(SENTINEL / "subjects") for i in imports(path)]
    none([i.breaks(law) for i in found if i.module.startswith("sentinel.rule")])
    found = [i for path in sources(SENTINEL / "iam") for i in imports(path)]
    allowed = ("sentinel.iam",)
    none([i.breaks(law) for i in found if i.top == "sentinel" and not i.module.startswith(allowed)])


def test_functions_import_the_sentinel_and_powertools_only() -> None:
    allowed = {"sentinel", "aws_lambda_powertools"}
    none(broken(sources(FUNCTIONS), "functions are wiring", allowed))


def test_the_embedded_account_imports_nothing_of_the_sentinel() -> None:
    law = "a wrong belief must not sit in both"
    found = [i for path in sources(EMBEDDED) for i in imports(path)]
    none([i.breaks(law) for i in found if i.top in ("sentinel", "sentinel_cli")])


def test_nothing_that_ships_imports_the_command_or_the_embedded_account() -> None:
    law = "only the command and the tests know it"
    found = [i for path in shipped() for i in imports(path)]
    none([i.breaks(law) for i in found if i.top in ("sentinel_cli", "embedded_account")])


def test_a_handler_is_under_forty_lines() -> None:
    long = {path: len(path.read_text().splitlines()) for path in sources(FUNCTIONS)}
    none([f"{path.relative_to(ROOT)} has {n} lines" for path, n in long.items() if n >= 40])


OWN = sources(SENTINEL, FUNCTIONS, COMMAND, EMBEDDED)
STILL_TOO_LONG = {COMMAND / "demo/story.py", COMMAND / "demo/deployment.py"}
"""What is to be taken apart; nothing is added here."""


@pytest.mark.parametrize(
    "path", sorted(set(OWN) - STILL_TOO_LONG), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_module_and_its_functions_are_short_enough_to_read(path: Path) -> None:
    text = path.read_text()
    lines = len(text.splitlines())
    found = [f"{path.relative_to(ROOT)} has {lines} lines; look for the missing idea"]
    found = found if lines > MODULE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
            if length > FUNCTION_LINES:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines")
    none(found)


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_first_what_it_is_for(path: Path) -> None:
    described = ast.get_docstring(ast.parse(path.read_text()))
    assert described, path
    assert len(described.splitlines()[0]) <= 100


def said(pattern: str, paths: list[Path], law: str) -> list[str]:
    found = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {law}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if found.search(line)
    ]


def test_time_is_read_and_waited_for_in_one_place() -> None:
    pattern = r"datetime\.(now|utcnow|today)\(|\btime\.(time|sleep|monotonic)\("
    command = [path for path in sources(COMMAND) if COMMAND / "demo" not in path.parents]
    paths = [path for path in (*shipped(), *command) if path != CLOCK]
    none(said(pattern, paths, "time is read in sentinel.aws.clock"))


def test_no_partition_is_taken_for_granted_in_what_ships() -> None:
    templates = [ROOT / "template.yaml", ROOT / "member.yaml"]
    none(said(r"arn:aws:", [*shipped(), *templates], "an ARN carries its partition"))


def test_globs_are_matched_in_linear_time() -> None:
    found = [i for path in (*shipped(), *sources(COMMAND)) for i in imports(path)]
    none([i.breaks("match with sentinel.iam.any_matches") for i in found if i.top == "fnmatch"])


def test_no_client_is_made_when_a_module_is_imported() -> None:
    found = []
    for path in shipped():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                continue
            for call in (c for c in ast.walk(node) if isinstance(c, ast.Call)):
                made = ast.unparse(call.func)
                if made.split(".")[-1] in ("client", "resource", "Session"):
                    found.append(f"{path.relative_to(ROOT)}:{call.lineno}: {made}(...)")
    none(found)


def test_boto3_is_imported_only_when_a_client_is_made() -> None:
    found = []
    for path in shipped():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                named = ast.unparse(node)
                if re.search(r"\bboto3\b", named):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {named}")
    none(found)


def test_no_shipped_line_knows_of_a_laptop() -> None:
    pattern = r"AWS_ENDPOINT_URL|endpoint_url|is_local|embedded_account"
    none(said(pattern, shipped(), "production code has no branch for local"))


def test_the_wheel_is_core_and_command_and_nothing_else(tmp_path: Path) -> None:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(built).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sentinel", "sentinel_cli"}
    assert "sentinel/iam/actions.json" in names
    assert {f"sentinel/rules/{path.name}" for path in (SENTINEL / "rules").glob("*.py")} <= set(
        names
    )
    assert not [name for name in names if name.endswith(".pyc")]
