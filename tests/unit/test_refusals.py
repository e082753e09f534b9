"""What replay and judge say of a file that is nothing for them, and what each would take."""

from __future__ import annotations

from pathlib import Path

import pytest
from sentinel.policy import Policy
from sentinel_cli.judging import judge
from sentinel_cli.replay import replay

POLICY = '{"Version": "2012-10-17", "Statement": []}'


def refusals(path: Path, text: str) -> tuple[str, str]:
    """How replay and judge refuse a file of this text."""
    path.write_text(text)
    reports = (
        replay([str(path)], Policy(), strict=False, jobs=1),
        judge([str(path)], Policy()),
    )
    first, second = ([error.message for error in report.errors] for report in reports)
    return "; ".join(first), "; ".join(second)


@pytest.mark.parametrize("text", ["<html>", '{"a": 1}', "[1]", "", " "])
def test_judge_names_what_it_takes_and_replay_what_that_takes(tmp_path: Path, text: str) -> None:
    replayed, judged = refusals(tmp_path / "x.json", text)
    assert "expected CloudTrail records" in replayed
    assert "expected CloudTrail records" not in judged
    assert "a policy document" in judged and "get-gateway" in judged


def test_replay_of_a_policy_points_to_judge(tmp_path: Path) -> None:
    replayed, judged = refusals(tmp_path / "policy.json", POLICY)
    assert "`sentinel judge` takes policies" in replayed
    assert judged == ""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("null", "a JSON null"),
        ("[1]", "a JSON number"),
        ("[1.5]", "a JSON number"),
        ("true", "a JSON boolean"),
        ('["x"]', "a JSON text"),
        ("[[]]", "a JSON list"),
    ],
)
def test_what_is_no_object_is_named_as_json_names_it(tmp_path: Path, text: str, named: str) -> None:
    assert all(named in told for told in refusals(tmp_path / "x.json", text))


def test_no_preposition_is_doubled_in_what_the_parser_says(tmp_path: Path) -> None:
    for told in refusals(tmp_path / "x.json", '{"a": "b'):
        assert "Unterminated string starting at line 1 column 7" in told


def test_a_page_that_was_saved_as_gzip_is_said_to_be_none(tmp_path: Path) -> None:
    for told in refusals(tmp_path / "x.json.gz", "<html>xyz"):
        assert "nor gzip as its name says (starts with '<html>xy'); expected " in told
    assert "nor gzip" not in refusals(tmp_path / "x.json.gz", '{"a": 1}')[0]
