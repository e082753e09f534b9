"""Builds what is deployed, by the SAM CLI, from a copy of the tree; looks at what came out."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.conftest import ROOT

SAM = ROOT / ".tools/sam/bin/sam"
RUNTIME = ROOT / ".tools/runtime/bin/python3.13"
FUNCTIONS = ("Announce", "Evaluate", "Notify", "Sweep", "Tend")

Architecture = Literal["arm64", "x86_64"]


class BuildFailed(AssertionError):
    """The SAM CLI did not build or deploy; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What ``sam build`` left in *folder*."""

    folder: Path

    @property
    def template(self) -> Path:
        """The template that names the built folders."""
        return self.folder / "template.yaml"

    @property
    def layer(self) -> Path:
        """The layer, as Lambda lays it below /opt."""
        return self.folder / "SentinelLayer"

    def function(self, name: str) -> Path:
        """The code of a function, by the first word of its logical id."""
        return self.folder / f"{name}Function"

    def files(self, suffix: str = "") -> dict[str, Path]:
        """Every file with the suffix, by its path in the layer or function."""
        found = sorted(path for path in self.folder.rglob(f"*{suffix}") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in found}


def missing() -> str:
    """Why nothing can be built and run as Lambda would, or nothing."""
    if not SAM.exists():
        return "no SAM CLI: make .tools/sam/.ready"
    if not RUNTIME.exists():
        return "no Python 3.13 with Lambda's runtime client: make .tools/runtime/.ready"
    return ""


def build(architecture: Architecture, folder: Path) -> Artifact:
    """Build a copy of the tree in *folder*. Raises BuildFailed."""
    tree = folder / "tree"
    for folder_name in ("functions", "layers"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder_name, tree / folder_name, ignore=ignored)
    template = tree / "template.yaml"
    template.write_text((ROOT / "template.yaml").read_text().replace("arm64", architecture))
    sam(["build"], tree, {"ARCH": architecture})
    return Artifact(tree / ".aws-sam/build")


def sam(arguments: list[str], folder: Path, more: Mapping[str, str]) -> str:
    """Run the SAM CLI in *folder* without the caller's AWS settings. Raises BuildFailed."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "HOME": str(folder),
        "PATH": f"{RUNTIME.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": str(RUNTIME),
        "SAM_CLI_TELEMETRY": "0",
    }
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [SAM, *arguments],
        cwd=folder,
        env={**environment, **more},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"sam {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
    return done.stdout
