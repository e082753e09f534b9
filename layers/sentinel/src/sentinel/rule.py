"""A rule: one small function that judges a subject, and what follows from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from types import UnionType
from typing import (
    Any,
    Generic,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

from sentinel.finding import Findings, Severity
from sentinel.subject import Activity, Resource, Subject

R = TypeVar("R", bound=Resource)
A = TypeVar("A", bound=Activity)


@dataclass(frozen=True, slots=True)
class Lookup(Generic[R]):
    """Another resource by its key, read when asked; None when it does not exist."""

    read: Callable[[str], R | None]

    def __call__(self, key: str) -> R | None:
        return self.read(key)


@dataclass(frozen=True, slots=True)
class Each(Generic[R]):
    """All children of the subject (targets of a gateway), or all of its kind beside it."""

    read: Callable[[], Sequence[R]]

    def __call__(self) -> Sequence[R]:
        return self.read()


@dataclass(frozen=True, slots=True)
class Before(Generic[R]):
    """The baseline: the last state of the subject that was accepted as good, None without one."""

    read: Callable[[], R | None]

    def __call__(self) -> R | None:
        return self.read()


@dataclass(frozen=True, slots=True)
class Earlier(Generic[A]):
    """Past activities of a kind on the same subject, newest first, without the one being judged."""

    read: Callable[[timedelta], Sequence[A]]

    def within(self, span: timedelta) -> Sequence[A]:
        return self.read(span)


@runtime_checkable
class Account(Protocol):
    """The account around a subject: what is known of it beside the subject itself."""

    @property
    def id(self) -> str: ...

    def owned_buckets(self) -> frozenset[str]: ...


NEEDS = (Lookup, Each, Before, Earlier, Account)


@dataclass(frozen=True, slots=True)
class Setting:
    """A keyword-only parameter of a rule, which ``policy.yaml`` may change."""

    name: str
    type: Any
    default: Any

    def shown(self) -> str:
        """The default as people read it."""
        value = self.as_json()
        return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)

    def as_json(self) -> Any:
        """The default as JSON has it; a set is a sorted list."""
        return sorted(self.default) if isinstance(self.default, frozenset) else self.default


class NotARule(TypeError):
    """A declaration that is no rule: what it lacks, in one sentence."""


@dataclass(frozen=True, eq=False)
class Rule:
    """A judgement on one or more kinds of subject, and what its signature and docstring say."""

    judge: Callable[..., Findings]
    severity: Severity
    crosswalk: tuple[str, ...]
    subjects: tuple[type[Subject], ...]
    needs: Mapping[str, Any]
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The function's name, which is the file's."""
        return self.judge.__name__

    @cached_property
    def sections(self) -> Mapping[str, str]:
        """The docstring: ``title`` and the sections under their headings, such as Risk and Fix."""
        lines = (inspect.getdoc(self.judge) or "").splitlines() or [""]
        found: dict[str, list[str]] = {"title": [lines[0].rstrip(".")]}
        heading = "title"
        for line in lines[1:]:
            if line.endswith(":") and not line.startswith(" ") and " " not in line.strip():
                heading = line[:-1]
                found[heading] = []
            elif line.strip() and heading != "title":
                found[heading].append(line.strip())
        return {name: " ".join(text) for name, text in found.items()}

    @property
    def title(self) -> str:
        """What is wrong, in one sentence."""
        return self.sections["title"]

    @property
    def compares(self) -> bool:
        """Whether the rule judges a change, and so is silent without a baseline."""
        return any((get_origin(need) or need) is Before for need in self.needs.values())

    def related(self) -> tuple[type[Subject], ...]:
        """The kinds that the rule's needs read, beside its subjects."""
        return tuple(kind for need in self.needs.values() for kind in _kinds(get_args(need)))

    @property
    def counts(self) -> bool:
        """Whether the rule looks at earlier activities."""
        return any((get_origin(need) or need) is Earlier for need in self.needs.values())

    def ways(self) -> str:
        """How what the rule judges is seen, in a sentence."""
        names = ", ".join(sorted({name for kind in self.subjects for name in kind.events}))
        if all(issubclass(kind, Activity) for kind in self.subjects):
            return (
                f"CloudTrail events ({names}), which are data events: a trail must select them. No"
                " sweep can see a call."
            )
        baseline = " It compares with a baseline and is silent without one."
        live = f"CloudTrail events ({names}), a live read, and the sweep."
        return live + (baseline if self.compares else "")

    def reads(self) -> frozenset[str]:
        """The IAM actions that judging needs: those of the subjects and of every need."""
        kinds = (*self.subjects, *self.related())
        actions: Iterable[frozenset[str]] = (k.reads() for k in kinds if issubclass(k, Resource))
        account = any(need is Account for need in self.needs.values())
        return frozenset().union(*actions, {"s3:ListAllMyBuckets"} if account else ())


def rule(
    severity: Severity, *, crosswalk: Iterable[str] = ()
) -> Callable[[Callable[..., Findings]], Rule]:
    """Declare a rule. Its first parameter is the subject, or a union of kinds of subject.

    Further parameters are needs, by type; keyword-only ones are settings. Raises NotARule, in one
    sentence, for anything else, and when the docstring lacks its Risk or Fix.
    """

    def declared(judge: Callable[..., Findings]) -> Rule:
        hints = get_type_hints(judge)
        parameters = list(inspect.signature(judge).parameters.values())
        for parameter in parameters:
            if parameter.name not in hints:
                raise NotARule(f"{judge.__name__}: parameter {parameter.name} needs a type")
        settings = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
        subject, *needs = [p.name for p in parameters if p.name not in settings] or [""]
        made = Rule(
            judge=judge,
            severity=severity,
            crosswalk=tuple(crosswalk),
            subjects=_kinds((hints.get(subject),)),
            needs={name: hints[name] for name in needs},
            settings={n: Setting(n, hints[n], p.default) for n, p in settings.items()},
        )
        problem = next(_problems(made), None)
        if problem:
            raise NotARule(f"{made.id}: {problem}")
        return made

    return declared


def _kinds(hints: Iterable[Any]) -> tuple[type[Subject], ...]:
    """The kinds of subject among types, and in unions of them."""
    found: list[type[Subject]] = []
    for hint in hints:
        if isinstance(hint, type) and issubclass(hint, Subject):
            found.append(hint)
        elif isinstance(hint, UnionType):
            found.extend(_kinds(get_args(hint)))
    return tuple(found)


def _problems(made: Rule) -> Iterator[str]:
    """What keeps a declaration from being a rule."""
    if not made.subjects:
        yield "the first parameter must be a kind of sentinel.subjects, or a union of kinds"
    for name, need in made.needs.items():
        kind = get_origin(need) or need
        if kind not in NEEDS:
            expected = ", ".join(known.__name__ for known in NEEDS)
            yield f"parameter {name} must be one of {expected}; settings come after a *"
        if kind is Earlier and not all(issubclass(s, Activity) for s in made.subjects):
            yield f"parameter {name} asks for earlier activities, which only an activity has"
        if kind is Before and not all(issubclass(s, Resource) for s in made.subjects):
            yield f"parameter {name} asks for a baseline, which only a resource has"
    for setting in made.settings.values():
        if setting.default is inspect.Parameter.empty:
            yield f"setting {setting.name} needs a default"
    for section in ("Risk", "Fix"):
        if not made.sections.get(section):
            yield f"the docstring needs a section '{section}:'"
