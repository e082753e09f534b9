"""Lets one process be many sandboxes: a function's modules and variables, in place while it runs.

Each interior has its own copy of what the function and its layers consist of, so that what one
function keeps in a module (a client made with its role's credentials, say) is never seen by
another, nor by the test. Modules from elsewhere, the standard library and site-packages, are
shared; boto3's default session is not.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any


class Interior:
    """What lies inside one sandbox; ``entered()`` puts it in place, nested if need be.

    *folders* are the import path, the function's code first. A library that a layer brings along
    and that this process has already loaded from elsewhere stays the loaded one: extension modules
    load only once.
    """

    def __init__(self, folders: tuple[Path, ...], environment: Mapping[str, str]) -> None:
        self._path = [str(folder) for folder in folders]
        self._environment = dict(environment)
        self._code_names = _importable_names(folders[0])
        self._layer_names = frozenset().union(*map(_importable_names, folders[1:]))
        self._layer_prefixes = tuple(f"{folder}{os.sep}" for folder in folders[1:])
        self._names = tuple(self._code_names | self._layer_names)
        self._modules: dict[str, ModuleType] = {}
        self._boto3_session: Any = None
        importlib.invalidate_caches()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Puts the interior in place of what is outside, and everything back afterwards."""
        outer_environment, outer_path = dict(os.environ), list(sys.path)
        outer_modules = self._take_out_modules()
        outer_session = _exchange_boto3_session(self._boto3_session)
        sys.modules.update(self._modules)
        sys.path[:0] = self._path
        _set_environment(self._environment)
        try:
            yield
        finally:
            self._modules = self._take_out_modules()
            self._boto3_session = _exchange_boto3_session(outer_session)
            sys.modules.update(outer_modules)
            sys.path[:] = outer_path
            _set_environment(outer_environment)

    def _take_out_modules(self) -> dict[str, ModuleType]:
        """Removes the modules that go by this interior's names, and returns them."""
        named = [name for name in sys.modules if name.startswith(self._names)]
        found = {name: sys.modules[name] for name in named if self._owns(name)}
        for name in found:
            del sys.modules[name]
        return found

    def _owns(self, name: str) -> bool:
        top = name.partition(".")[0]
        if top in self._code_names:
            return True
        return top in self._layer_names and _place(sys.modules[name]).startswith(
            self._layer_prefixes
        )


def _importable_names(folder: Path) -> frozenset[str]:
    names = (
        entry.name.removesuffix(".py")
        for entry in folder.iterdir()
        if entry.is_dir() or entry.suffix == ".py"
    )
    return frozenset(name for name in names if name.isidentifier() and name != "__pycache__")


def _place(module: ModuleType) -> str:
    """Where a module lies; a package without ``__init__.py`` has a path and no file."""
    file = getattr(module, "__file__", None)
    return file or next((f"{path}{os.sep}" for path in getattr(module, "__path__", ())), "")


def _exchange_boto3_session(session: Any) -> Any:
    """Sets boto3's default session, which holds credentials, and returns the former one."""
    boto3: Any = sys.modules.get("boto3")
    if boto3 is None:
        return None
    former, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, session
    return former


def _set_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
