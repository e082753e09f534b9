"""Reads one file into the records that rules watch, and counts every other one.

`strict` parses everything; without it CloudTrail's own layout is scanned. Both give the same for
whatever AWS writes; `scan` says what of other files it cannot see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sentinel_cli.archive.decompress import text_of
from sentinel_cli.archive.engine import FASTEST, Engine, Text
from sentinel_cli.archive.parse import MOST_ERRORS, BadLine, values
from sentinel_cli.archive.scan import NotCompactError, scan
from sentinel_cli.archive.shapes import NOT_A_RECORD, Record, Watch, is_watched, records_of
from sentinel_cli.archive.sources import Source, SourceError, UnreadableError, load


@dataclass(frozen=True, slots=True)
class FileResult:
    """What one file holds: `total` = watched records + `unwatched` + the sum of `skipped`.

    A record comes with its position: the 1-based line in JSON Lines, else the 0-based index of
    the record in the file. `errors` tells what could not be read, the whole file or lines of it.
    """

    source: Source
    records: list[tuple[int, Record]] = field(default_factory=list)
    total: int = 0
    unwatched: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[SourceError, ...] = ()
    has_lines: bool = False

    @classmethod
    def unreadable(cls, source: Source, message: str) -> FileResult:
        """A file of which nothing could be read."""
        return cls(source, errors=(SourceError(source.name, message),))


def read(
    source: Source, watch: Watch, *, strict: bool = False, engine: Engine = FASTEST
) -> FileResult:
    """Read one file; whatever is wrong with it is in the result's `errors`, never raised."""
    try:
        return read_bytes(load(source), source, watch, strict=strict, engine=engine)
    except UnreadableError as error:
        return FileResult.unreadable(source, str(error))


def read_bytes(
    data: bytes, source: Source, watch: Watch, *, strict: bool = False, engine: Engine = FASTEST
) -> FileResult:
    """Read a file's bytes; raise UnreadableError when nothing can be read of them."""
    text = text_of(data, engine, source.name)
    result = None if strict or source.is_json_lines else _scanned(text, source, watch, engine)
    return _parsed(text, source, watch, engine) if result is None else result


def _scanned(text: Text, source: Source, watch: Watch, engine: Engine) -> FileResult | None:
    try:
        found = scan(text, watch, engine)
    except NotCompactError:
        return None
    records = [(index, record) for index, record in found.records if is_watched(record, watch)]
    return FileResult(source, records, found.total, found.total - len(records))


def _parsed(text: Text, source: Source, watch: Watch, engine: Engine) -> FileResult:
    read_values = values(text, engine, json_lines=source.is_json_lines)
    has_lines = any(value.line for value in read_values)
    records: list[tuple[int, Record]] = []
    skipped: Counter[str] = Counter()
    errors: list[SourceError] = []
    refusal: UnreadableError | None = None
    total = unwatched = 0
    for value in read_values:
        if isinstance(value, BadLine):
            errors.append(SourceError(f"{source.name}:{value.line}", value.message))
            continue
        try:
            found = list(records_of(value.content, engine))
        except UnreadableError as error:
            refusal = refusal or error
            total += 1
            skipped[NOT_A_RECORD] += 1
            continue
        for record in found:
            if record is None:
                skipped[NOT_A_RECORD] += 1
            elif is_watched(record, watch):
                records.append((value.line if has_lines else total, record))
            else:
                unwatched += 1
            total += 1
    if refusal is not None and not records and not unwatched:
        # Nothing in the file is a record: it is another kind of file.
        errors.append(SourceError(source.name, str(refusal)))
        total, skipped = 0, Counter()
    return FileResult(
        source, records, total, unwatched, dict(skipped), _shortened(errors, source), has_lines
    )


def _shortened(errors: list[SourceError], source: Source) -> tuple[SourceError, ...]:
    more = len(errors) - MOST_ERRORS
    if more <= 0:
        return tuple(errors)
    rest = SourceError(source.name, f"{more:,} more lines could not be read")
    return (*errors[:MOST_ERRORS], rest)
