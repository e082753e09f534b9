"""The synthetic archive: the same each time, and the rules find in it what was planted."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import corpus, replay, replay_archives
from benchmarks.corpus_calls import VIOLATIONS


def test_the_corpus_is_reproducible_and_near_to_real_trails(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    size = corpus.write(first, records=3_000, rate=0.05)
    assert corpus.write(second, records=3_000, rate=0.05) == size
    truth = json.loads((first / "truth.json").read_text())
    assert truth == json.loads((second / "truth.json").read_text())
    assert len(truth) == len(VIOLATIONS)
    assert sum(map(len, truth.values())) == size.violations > 40
    assert 1_200 < size.plain / size.records < 1_900
    assert 5 < size.plain / size.compressed < 9


def test_the_rules_find_exactly_what_was_planted(tmp_path: Path) -> None:
    archive = replay_archives.generated(tmp_path, records=3_000, rate=0.05, seed=7)
    summary = replay.check(archive)
    assert summary["records"] == 3_000
    assert summary["errors"] == []
    assert replay_archives.generated(tmp_path, records=3_000, rate=0.05, seed=7) == archive
