"""The files that paths mean, and what is said of paths that mean none."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sentinel_cli.archive import Source, SourceError, UnreadableError, expand, load, read, sources


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"[]")


def found(*paths: str | Path) -> list[str]:
    return [item.name for item in expand([str(path) for path in paths]) if isinstance(item, Source)]


def refused(*paths: str | Path) -> list[SourceError]:
    return [item for item in expand([str(path) for path in paths]) if isinstance(item, SourceError)]


def test_a_folder_gives_its_archives_at_any_depth_in_sorted_order(tmp_path: Path) -> None:
    write(tmp_path, "b/2.json.gz", "a.json", "b/1.jsonl", "b/c/x.ndjson.gz", "notes.txt", "x.log")
    names = [str(tmp_path / name) for name in ("a.json", "b/1.jsonl", "b/2.json.gz")]
    assert found(tmp_path) == [*names, str(tmp_path / "b/c/x.ndjson.gz")]


def test_a_named_file_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    write(tmp_path, "trail.log", "odd[1].json")
    assert found(tmp_path / "trail.log") == [str(tmp_path / "trail.log")]
    assert found(tmp_path / "odd[1].json") == [str(tmp_path / "odd[1].json")]


def test_globs_find_files_and_folders_once(tmp_path: Path) -> None:
    write(tmp_path, "a/1.json", "a/2.json", "b/3.json")
    everything = [str(tmp_path / name) for name in ("a/1.json", "a/2.json", "b/3.json")]
    assert found(tmp_path / "*") == everything
    assert found(tmp_path / "**" / "*.json") == everything
    assert found(tmp_path / "a", tmp_path / "*", tmp_path / "a/1.json") == everything


def test_a_path_that_means_nothing_is_said_in_its_place(tmp_path: Path) -> None:
    write(tmp_path, "a.json", "empty/readme.txt")
    items = list(expand([str(tmp_path / name) for name in ("gone", "*.gz", "empty", "a.json")]))
    messages = [item.message for item in items if isinstance(item, SourceError)]
    assert ["does not exist" in messages[0], "no file matches" in messages[1]] == [True, True]
    assert "holds no archive" in messages[2]
    assert items[-1] == Source(str(tmp_path / "a.json"))


def test_a_path_that_cannot_be_looked_up_is_said() -> None:
    assert len(refused("a\0b", "x" * 5000)) == 2


NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so root becomes nobody; others stay who they are."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_what_may_not_be_read_is_said() -> None:
    with as_nobody(), tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write(place, "closed/a.json", "b.json")
        (place / "b.json").chmod(0)
        (place / "closed").chmod(0)
        try:
            assert "cannot be listed" in refused(place)[0].message
            assert "no permission" in read(Source(str(place / "b.json")), {}).errors[0].message
        finally:
            (place / "closed").chmod(0o700)


def test_no_permission_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sources, "FileIO", deny)
    (error,) = read(Source(str(tmp_path / "a.json")), {}).errors
    assert error.message == "no permission to read it; change its mode or your user"


def test_a_file_that_vanished_is_said(tmp_path: Path) -> None:
    assert "no longer exists" in read(Source(str(tmp_path / "a.json")), {}).errors[0].message


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"[1]")
    with path.open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        assert load(Source("-")) == b"[1]"


def test_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(b"x" * 5000)
    assert load(Source(f"/dev/fd/{reading}")) == b"x" * 5000
    os.close(reading)


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LARGEST_FILE", 10 * 1024 * 1024)
    with pytest.raises(UnreadableError, match="larger than 10 MiB"):
        load(Source("/dev/zero"))
