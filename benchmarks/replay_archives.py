"""The archives that `benchmarks.replay` reads: generated ones, and real ones where they lie."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sentinel_cli.archive import FASTEST
from sentinel_cli.archive.decompress import text_of

from benchmarks import corpus

REAL_FILES = "cloudtrail/invictus"
_HEAD, _TAIL = b'{"Records":[', b"]}"


@dataclass(frozen=True, slots=True)
class Archive:
    """The `.json.gz` files under a folder; a round reads them `times` over, to last long enough."""

    name: str
    folder: Path
    times: int = 1

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, sorted."""
        return tuple(sorted(self.folder.rglob("*.json.gz")))

    def texts(self) -> Iterable[bytes | bytearray]:
        """Yield each file decompressed."""
        return (text_of(path.read_bytes(), FASTEST) for path in self.paths)


def generated(folder: Path, records: int, rate: float, seed: int) -> Archive:
    """Return the generated archive, from `folder` if it is there."""
    name = f"{records}-records-rate-{rate}-seed-{seed}"

    def make(target: Path) -> None:
        corpus.write(target, records, rate, seed)

    return Archive(f"{rate:.1%} relevant", _kept(folder / name, make) / "AWSLogs")


def truth(archive: Archive) -> dict[str, list[str]]:
    """Return what a generated archive must give: rule -> eventIDs."""
    answers: dict[str, list[str]] = json.loads((archive.folder.parent / "truth.json").read_bytes())
    return answers


def real(data: Path) -> Archive:
    """Return the real trail's files as they are."""
    return Archive("real, as it is", data / REAL_FILES, times=5)


def joined(folder: Path, files: Archive, least: int = 30_000) -> Archive:
    """Return the records of all files in one file, repeated until there are `least` records.

    CloudTrail writes large files for busy accounts; the records' bytes stay as they are.
    """
    bodies = [text.strip()[len(_HEAD) : -len(_TAIL)] for text in files.texts()]
    text = _HEAD + b",".join(map(bytes, bodies)) + _TAIL
    times = -(-least // len(json.loads(text)["Records"]))

    def make(target: Path) -> None:
        target.mkdir(parents=True)
        for number in range(times):
            (target / f"{number:02}.json.gz").write_bytes(gzip.compress(text, mtime=0))

    return Archive("real, joined", _kept(folder / f"joined-{times}", make))


def _kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """Make a folder, or take it if an earlier run made it whole."""
    if not folder.is_dir():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder
