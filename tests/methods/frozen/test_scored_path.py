"""The path of any problem: what every penalty scored, and two paths put together."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from transferium.methods.frozen.scored_path import ScoredPath, scored_path
from transferium.problems.classes import Classes
from transferium.problems.multi_label import MultiLabel
from transferium.problems.problem import Problem
from transferium.problems.regression import Regression

X = np.random.default_rng(0).normal(size=(60, 5))
AMOUNTS = X @ np.arange(5.0) + np.random.default_rng(1).normal(size=60)
SIGNS = (AMOUNTS > 0).astype(np.int64)


@pytest.mark.parametrize(
    ("problem", "y"),
    [
        (Classes(("a", "b")), SIGNS),
        (MultiLabel(("a", "b")), np.column_stack([SIGNS, 1 - SIGNS]).astype(np.int8)),
        (Regression(("y",)), AMOUNTS),
    ],
)
def test_two_paths_join_in_the_order_of_c(problem: Problem, y: NDArray[np.float64]) -> None:
    def path(Cs: list[float]) -> ScoredPath:
        return scored_path(problem, X, y, 2, Cs, np.arange(60) % 2, np.ones(60))

    one, other = path([1.0, 10.0]), path([0.1, 3.0])
    joined = one.joined(other)
    assert joined.Cs.tolist() == [0.1, 1.0, 3.0, 10.0]
    assert (np.diff(np.linalg.norm(joined.coef, axis=(1, 2))) > 0).all()
    for name in ("oof_scores", "loss", "merit", "converged"):
        np.testing.assert_array_equal(getattr(joined, name)[[1, 3]], getattr(one, name))
        np.testing.assert_array_equal(getattr(joined, name)[[0, 2]], getattr(other, name))
