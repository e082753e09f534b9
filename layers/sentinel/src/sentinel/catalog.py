"""The catalog: every rule and subject, found by looking, and what follows from them.

A file in ``rules/`` is a rule of the same name; a class in ``subjects/`` with a kind is a subject.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import ModuleType

from sentinel import rules as rules_package
from sentinel import subjects as subjects_package
from sentinel.rule import NotARule, Rule
from sentinel.subject import Activity, Resource, Subject


def _modules(package: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        yield module.name, importlib.import_module(f"{package.__name__}.{module.name}")


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule by its id."""
    return rules_in(rules_package)


def rules_in(package: ModuleType) -> Mapping[str, Rule]:
    """The rules of a package by their ids. Raises NotARule for a file without its rule."""
    found: dict[str, Rule] = {}
    for name, module in _modules(package):
        made = getattr(module, name, None)
        if not isinstance(made, Rule):
            raise NotARule(f"{module.__name__} must define a rule named {name}")
        found[name] = made
    return found


@cache
def subjects() -> Mapping[str, type[Subject]]:
    """Every kind of subject by its name."""
    found: dict[str, type[Subject]] = {}
    for _, module in _modules(subjects_package):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Subject) and "kind" in vars(value):
                found[value.kind] = value
    return dict(sorted(found.items()))


def rules_for(kind: type[Subject]) -> tuple[Rule, ...]:
    """The rules that judge a kind of subject."""
    return _rules_by_kind().get(kind, ())


def touched_by(kind: type[Subject]) -> tuple[type[Resource], ...]:
    """The kinds whose verdicts may change when a resource of *kind* does: its parent."""
    return _parents_by_kind().get(kind, ())


@cache
def _rules_by_kind() -> Mapping[type[Subject], tuple[Rule, ...]]:
    kinds = subjects().values()
    return {k: tuple(r for r in rules().values() if k in r.subjects) for k in kinds}


@cache
def _parents_by_kind() -> Mapping[type[Subject], tuple[type[Resource], ...]]:
    return {
        kind: (kind.parent,)
        for kind in subjects().values()
        if issubclass(kind, Resource)
        and kind.parent is not None
        and any(kind in r.related() and kind.parent in r.subjects for r in rules().values())
    }


@cache
def watched() -> Mapping[str, Mapping[str, tuple[type[Subject], ...]]]:
    """Which kinds each CloudTrail event tells of: event source, event name, kinds.

    A kind is watched when a rule judges it, or when a rule on its parent reads it.
    """
    found: dict[str, dict[str, tuple[type[Subject], ...]]] = {}
    for kind in subjects().values():
        if not rules_for(kind) and not touched_by(kind):
            continue
        for source in kind.sources:
            for name in kind.events:
                names = found.setdefault(source, {})
                names[name] = (*names.get(name, ()), kind)
    return found


def resources(chosen: Iterable[Rule] | None = None) -> tuple[type[Resource], ...]:
    """The kinds that a sweep lists: resources that a rule of *chosen* (all, if None) judges."""
    judged = {
        subject
        for r in (rules().values() if chosen is None else chosen)
        for subject in r.subjects
        if issubclass(subject, Resource)
    }
    return tuple(sorted(judged, key=lambda kind: kind.kind))


def activities() -> tuple[type[Activity], ...]:
    """The kinds of activity that a rule judges."""
    kinds = (kind for kind in subjects().values() if rules_for(kind))
    return tuple(kind for kind in kinds if issubclass(kind, Activity))


def read_actions() -> frozenset[str]:
    """Every IAM action that the rules' reads need."""
    return frozenset().union(*(r.reads() for r in rules().values()))
