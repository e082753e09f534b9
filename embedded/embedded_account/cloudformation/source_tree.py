"""The special bucket whose keys are local folders, so that functions run from the source tree."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

SOURCE_TREE_BUCKET = "embedded-source-tree"


def source_tree_key(folder: Path) -> str:
    """The key under which the bucket holds *folder*: its absolute path, url-quoted."""
    return quote(str(folder.resolve()), safe="")


def source_tree_path(key: str) -> Path:
    """The folder (or file) that a key of the bucket stands for."""
    return Path(unquote(key))
