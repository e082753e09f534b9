"""The baseline: which state of a resource later ones are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel import catalog
from sentinel.finding import Severity, Verdict


def is_good(verdicts: Sequence[Verdict]) -> bool:
    """Whether a state may become the baseline, by what all rules said of it.

    It was judged whole, nothing worse than MEDIUM was found, and no rule that compares found any
    change: that is to be seen until somebody accepts it.
    """
    compares = {rule.id for rule in catalog.rules().values() if rule.compares}
    return all(
        not verdict.gap
        and verdict.severity < Severity.HIGH
        and not (verdict.problems and verdict.rule in compares)
        for verdict in verdicts
    )
