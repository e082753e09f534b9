"""The team's policy.yaml, read with the line of every mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from sentinel.policy import Policy, PolicyError, parse

from sentinel_cli.failure import Failure


def load(path: Path | None) -> Policy:
    """The policy in a file; without one the packaged defaults. Raises Failure with all mistakes."""
    return Policy() if path is None else read(path)


def read(path: Path) -> Policy:
    """The policy in a file. Raises Failure that names each mistake with its line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Failure(f"cannot read {path}: {reason}; expected the team's policy in YAML") from None
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise Failure(f"{path}{line}: it is not YAML: {problem}") from None
    except RecursionError:
        raise Failure(f"{path}: it is nested too deep to be a policy") from None
    mistakes = [f"{path}:{line}: {name!r} is there twice" for line, name in _repeated(tree)]
    if not mistakes:
        try:
            return parse({} if document is None else document)
        except PolicyError as error:
            mistakes = [f"{path}:{_line(tree, problem)}: {problem}" for problem in error.problems]
    raise Failure("the policy cannot be used\n  " + "\n  ".join(mistakes))


def _repeated(node: Any) -> Iterator[tuple[int, str]]:
    """The keys that a mapping holds twice: YAML would keep the last one in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                yield key.start_mark.line + 1, str(key.value)
            seen.add(str(key.value))
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for element in node.value:
            yield from _repeated(element)


def _line(tree: Any, problem: str) -> int:
    """The line of the member that a problem names, or of the nearest one around it."""
    node, line = tree, 1
    for part in problem.split(":", 1)[0].split("."):
        if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
            continue
        found = _member(node, part)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
    return line


def _member(node: Any, name: str) -> tuple[Any, Any] | None:
    members = node.value if isinstance(node, yaml.MappingNode) else ()
    return next(((key, value) for key, value in members if key.value == name), None)
