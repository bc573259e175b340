"""Which examples to label next: uncertain ones, far ones, and never the same one twice."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.errors import InputError
from transferium.functional.sampling.active_learning import RULES, margins, next_to_label


def world(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(3), n), rng.standard_normal((n, 4))


@pytest.mark.parametrize("rule", RULES)
def test_each_is_chosen_once_the_most_uncertain_first(rule: str) -> None:
    p, x = world()
    found = next_to_label(p, x, 10, rule=rule).tolist()
    assert len(set(found)) == 10 and found == sorted(found, key=lambda i: margins(p)[i])
    assert sorted(next_to_label(p, x, 99, rule=rule).tolist()) == list(range(60))
    same = next_to_label(p, np.repeat(x[:20], 3, axis=0), 30, rule=rule)
    assert len(set(same.tolist())) == 30


def test_uncertainty_is_the_margin() -> None:
    p, x = world()
    found = next_to_label(p, x, 7, rule="uncertainty")
    assert set(found.tolist()) == set(np.argsort(margins(p))[:7].tolist())


def test_coverage_reaches_every_cluster_and_both_only_where_something_is_uncertain() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(20 * np.eye(4), 15, axis=0) + 0.1 * rng.standard_normal((60, 4))
    p = np.full((60, 2), 0.5)
    p[30:] = (1 - 1e-6, 1e-6)
    assert {i // 15 for i in next_to_label(p, x, 4, rule="coverage").tolist()} == {0, 1, 2, 3}
    assert {i // 15 for i in next_to_label(p, x, 2).tolist()} == {0, 1}


def test_what_makes_no_sense_is_refused() -> None:
    p, x = world()
    with pytest.raises(InputError, match="there is no rule 'best'"):
        next_to_label(p, x, 3, rule="best")
    with pytest.raises(InputError, match="count=0"):
        next_to_label(p, x, 0)
    with pytest.raises(InputError, match="must be finite"):
        next_to_label(p, np.where(x > 2, np.nan, x), 3)
