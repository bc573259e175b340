"""One difference, one word, one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.evaluation.verdict import Verdict, verdict
from transferium.functional.bootstrap import Interval
from transferium.problems.classes import Classes
from transferium.problems.regression import Regression


@pytest.mark.parametrize(
    ("difference", "word", "sentence"),
    [
        (
            Interval(0.314, 0.235, 0.392),
            "helped",
            "Transfer helped: ours is 31.4 points more accurate than theirs (95% interval 23.5 to 39.2 points).",
        ),
        (
            Interval(-0.1, -0.15, -0.05),
            "hurt",
            "Transfer hurt: ours is 10.0 points less accurate than theirs (95% interval 5.0 to 15.0 points).",
        ),
        (
            Interval(0.01, -0.02, 0.04),
            "no evidence",
            "No evidence that transfer helped or hurt: the accuracy of ours differs by +1.0 points from that of theirs "
            "(95% interval -2.0 to 4.0 points).",
        ),
    ],
)
def test_the_interval_decides(difference: Interval, word: str, sentence: str) -> None:
    found = verdict(difference, "ours", "theirs", Classes.wording)
    assert (found.word, found.sentence) == (word, sentence)
    assert found.difference_as_dict() == difference.as_dict()


def test_an_amount_is_said_in_its_own_unit() -> None:
    found = verdict(Interval(12.345, 3.0, 20.0), "the probe", "random weights", Regression.wording)
    assert found.sentence == (
        "Transfer helped: the mean absolute error of the probe is 12.35 lower than that of random weights "
        "(95% interval 3 to 20)."
    )


def test_an_interval_that_touches_zero_proves_nothing() -> None:
    assert verdict(Interval(0.1, 0.0, 0.2), "a", "b", Classes.wording).word == "no evidence"


def test_nothing_to_compare_with_has_no_difference() -> None:
    found = Verdict.not_asked("features came as they are")
    assert found.word == "not asked"
    assert found.difference_as_dict() == {"value": None, "low": None, "high": None}


def test_the_difference_pairs_the_examples() -> None:
    """Two models that fail on the same examples differ surely by little; unpaired intervals would overlap."""
    y = np.zeros(300, int)
    a = (np.arange(300) < 90).astype(int)
    b = (np.arange(300) < 105).astype(int)
    problem = Classes(("a", "b"))
    found = problem.compare(y, np.eye(2)[a], np.eye(2)[b], seed=0)
    assert found.value == pytest.approx(0.05)
    assert found.low > 0.02
    swapped = problem.compare(y, np.eye(2)[b], np.eye(2)[a], seed=0)
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))
