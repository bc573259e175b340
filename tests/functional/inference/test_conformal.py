"""Conformal thresholds: the rank that the theorem asks for, and the coverage that follows."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.errors import DataError, InputError
from transferium.functional.inference.conformal import class_scores, conformal_threshold


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_the_stated_coverage_is_kept_on_average_and_not_by_much_exceeded(coverage: float) -> None:
    rng, n, draws = np.random.default_rng(0), 99, 2000
    scores = rng.exponential(size=(draws, n + 1))
    kept = [scores[i, n] <= conformal_threshold(scores[i, :n], coverage) for i in range(draws)]
    # Exactly coverage on average, for n + 1 is a multiple of 1 / (1 - coverage): three standard errors of a share.
    assert abs(np.mean(kept) - coverage) < 3 * np.sqrt(coverage * (1 - coverage) / draws)


def test_the_rank_is_that_of_the_theorem() -> None:
    assert conformal_threshold(np.arange(9)[::-1], 0.9) == 8
    assert conformal_threshold(np.arange(99), 0.9) == 89
    assert conformal_threshold(np.arange(10), 0.8) == 8, "the 9th of 10, for 0.8 of 11 is 8.8"
    np.testing.assert_allclose(class_scores(np.array([[0.7, 0.2, 0.1]])), [[0.3, 0.8, 0.9]])


def test_what_cannot_be_calibrated_is_said() -> None:
    with pytest.raises(DataError, match=r"a coverage of 0\.95 needs 19 or more examples to calibrate on; there are 18"):
        conformal_threshold(np.arange(18), 0.95)
    with pytest.raises(DataError, match="not finite"):
        conformal_threshold(np.full(40, np.nan), 0.9)
    with pytest.raises(InputError, match="between 0 and 1"):
        conformal_threshold(np.arange(18), 1.0)
