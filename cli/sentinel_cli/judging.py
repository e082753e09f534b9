"""Judging whatever people have: events, policies, exports of an account, resources as read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sentinel.aws import clock
from sentinel.policy import Policy
from sentinel.record import Skip
from sentinel.subjects import IamPolicy

from sentinel_cli import handed_in
from sentinel_cli.archive import FASTEST, Source, SourceError, UnreadableError, expand
from sentinel_cli.archive import load as load_bytes
from sentinel_cli.archive.decompress import text_of
from sentinel_cli.archive.parse import BadLine, values
from sentinel_cli.archive.shapes import is_watched, records_of
from sentinel_cli.handed_in import HandedIn
from sentinel_cli.offline import OfflineJudge, Place
from sentinel_cli.replay import watch
from sentinel_cli.report import Report

EXPECTED = (
    "JSON: events or CloudTrail records, a policy document, the output of"
    " get-account-authorization-details, get-gateway, get-agent-runtime or get-harness"
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One JSON value of a file; *text* is how it was written, where it stands alone.

    A policy is judged by its text: once parsed, it no longer shows a key that is there twice.
    """

    source: str
    line: int
    content: Any
    text: str = ""

    def place(self, index: int | None = None) -> Place:
        """Where the value, or an element of it, stands."""
        return Place(self.source, None if self.line else index, self.line)


class Judging:
    """Judges values as they come; events wait, to be judged in the order of their times."""

    def __init__(self, policy: Policy) -> None:
        self.report = Report(policy)
        self._judge = OfflineJudge(policy)
        self._watch = watch()
        self._events: list[tuple[str, Place, Any]] = []

    def file(self, source: Source) -> None:
        """Judge what is in a file; keep its events."""
        self.report.files += 1
        try:
            pieces = list(self._pieces(source))
        except UnreadableError as error:
            self.report.add_errors([SourceError(source.name, error.told(EXPECTED))], whole=True)
            return
        refusals = [refusal for piece in pieces if (refusal := self._piece(piece))]
        if refusals and len(refusals) == len(pieces):
            self.report.add_errors([SourceError(source.name, refusals[0])], whole=True)
            return
        for _ in refusals:
            self._judge.result.skip(Skip.NOT_A_RECORD)

    def finish(self) -> Report:
        """Judge the events, and give the report."""
        for _, place, record in sorted(self._events, key=lambda event: event[0]):
            self._judge.judge(record, place)
        report = self.report
        report.add(self._judge.result)
        report.records = report.judged + report.unwatched + sum(report.skipped.values())
        return report

    def _piece(self, piece: _Piece) -> str:
        """Judge a value, or keep its events; why it is neither, if so."""
        document = handed_in.read(piece.content, piece.text, piece.source)
        if document is not None:
            self._document(document, piece.place())
            return ""
        try:
            records = list(records_of(piece.content, FASTEST))
        except UnreadableError as error:
            return error.told(EXPECTED)
        for index, record in enumerate(records):
            if record is None:
                self._judge.result.skip(Skip.NOT_A_RECORD)
            elif not is_watched(record, self._watch):
                self._judge.result.skip(Skip.UNWATCHED)
            else:
                self._events.append((str(record.get("eventTime")), piece.place(index), record))
        return ""

    def _document(self, document: HandedIn, place: Place) -> None:
        now = clock.now()
        self._judge.result.unwatched += document.passed_over
        for role, policies in document.held.items():
            self._judge.world.tell(IamPolicy, role, policies)
        for subject in document.subjects:
            self._judge.subject(subject, now, place)

    def _pieces(self, source: Source) -> Iterator[_Piece]:
        text = text_of(load_bytes(source), FASTEST, source.name)
        whole = bytes(text).decode("utf-8-sig", "replace")
        if handed_in.is_encoded_policy(whole):
            yield _Piece(source.name, 0, whole)
            return
        found = values(text, FASTEST, json_lines=source.is_json_lines)
        alone = Counter(value.line for value in found)
        lines = whole.split("\n")
        for value in found:
            if isinstance(value, BadLine):
                error = SourceError(f"{source.name}:{value.line}", value.message)
                self.report.add_errors([error], whole=False)
                continue
            written = lines[value.line - 1] if value.line else whole
            own = written if alone[value.line] == 1 else ""
            yield _Piece(source.name, value.line, value.content, own)


def judge(paths: Sequence[str], policy: Policy) -> Report:
    """Judge everything in some files, folders, globs, or in standard input.

    What cannot be read is in the report's errors.
    """
    judging = Judging(policy)
    for source in expand(paths):
        if isinstance(source, SourceError):
            judging.report.add_errors([source], whole=True)
        else:
            judging.file(source)
    return judging.finish()
