"""A rule: one small function that judges a subject, and what follows from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
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
    """All children of the subject (targets of a gateway), or all others of its kind beside it."""

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


@dataclass(frozen=True)
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
        return tuple(
            kind
            for need in self.needs.values()
            for kind in get_args(need)
            if isinstance(kind, type) and issubclass(kind, Subject)
        )

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

    Further parameters are needs, by type; keyword-only ones are settings. Raises TypeError when a
    parameter is neither, or when the docstring lacks its Risk or Fix.
    """

    def declared(judge: Callable[..., Findings]) -> Rule:
        hints = get_type_hints(judge)
        first, *rest = inspect.signature(judge).parameters.values()
        subjects = get_args(hints[first.name]) or (hints[first.name],)
        settings = {
            p.name: Setting(p.name, hints[p.name], p.default)
            for p in rest
            if p.kind is p.KEYWORD_ONLY
        }
        needs = {p.name: hints[p.name] for p in rest if p.kind is not p.KEYWORD_ONLY}
        for name, need in needs.items():
            if (get_origin(need) or need) not in NEEDS:
                kinds = ", ".join(kind.__name__ for kind in NEEDS)
                raise TypeError(f"{judge.__name__}: parameter {name} must be one of {kinds}")
        made = Rule(judge, severity, tuple(crosswalk), subjects, needs, settings)
        for section in ("Risk", "Fix"):
            if not made.sections.get(section):
                raise TypeError(f"{made.id}: the docstring needs a section '{section}:'")
        return made

    return declared
