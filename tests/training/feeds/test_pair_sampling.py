"""Pairs are drawn: as many as were asked for, of the right kind, and never of an example with itself."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.training.feeds.pair_sampling import draw_pairs


@pytest.mark.parametrize("y", [[0, 0, 1, 1, 1], [2, 0, 2, 0, 5, 5, 2], [3, 1, 1, 3, 1, 1, 1, 1]])
def test_every_example_has_its_pairs(y: list[int]) -> None:
    labels = np.array(y)
    first, second = draw_pairs(labels, each=300, seed=1)
    alike = labels[first] == labels[second]
    assert (first != second).all()
    for i in range(len(labels)):
        mine = first == i
        assert (mine & alike).sum() == 300 and (mine & ~alike).sum() == 300
        assert set(second[mine & alike]) == set(np.flatnonzero(labels == labels[i])) - {i}
        assert set(second[mine & ~alike]) == set(np.flatnonzero(labels != labels[i]))


def test_one_that_is_alone_in_its_class_has_unlike_pairs_alone() -> None:
    first, second = draw_pairs(np.array([0, 1, 1]), each=4, seed=0)
    assert (first == 0).sum() == 4 and len(first) == 4 * 3 + 4 * 2
    assert (np.array([0, 1, 1])[second[first == 0]] == 1).all()


def test_their_number_grows_with_the_examples_and_not_with_their_square() -> None:
    y = np.random.default_rng(0).integers(0, 50, 200_000)
    assert len(draw_pairs(y, each=2, seed=0)[0]) == 800_000


def test_a_seed_decides() -> None:
    y = np.arange(40) % 4
    assert np.array_equal(draw_pairs(y, 3, 5)[1], draw_pairs(y, 3, 5)[1])
    assert not np.array_equal(draw_pairs(y, 3, 5)[1], draw_pairs(y, 3, 6)[1])
