"""The synthetic archive: the same each time, and every planted record is found in it."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import corpus
from benchmarks.corpus_calls import VIOLATIONS
from benchmarks.replay_scan import assert_same, assert_truth


def test_the_corpus_is_reproducible_and_every_violation_is_cut_out(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    size = corpus.write(first, records=3_000, rate=0.05)
    assert corpus.write(second, records=3_000, rate=0.05) == size
    truth = json.loads((first / "truth.json").read_text())
    assert truth == json.loads((second / "truth.json").read_text())
    assert len(truth) == len(VIOLATIONS)
    assert sum(map(len, truth.values())) == size.violations > 40
    paths = sorted(first.rglob("*.json.gz"))
    total, watched = assert_same(paths)
    assert (len(paths), total) == (size.files, 3_000)
    assert watched >= size.violations
    assert assert_truth(first, paths) == size.violations
    assert 1_200 < size.plain / size.records < 1_900
    assert 5 < size.plain / size.compressed < 9
