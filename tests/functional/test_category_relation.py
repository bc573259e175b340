"""What pretraining's classes have to do with new ones, where the answer is known."""

import numpy as np
import pytest

from transferium.errors import InputError
from transferium.functional.category_relation import direct_relation, reverse_relation


def joint(seed: int = 0) -> np.ndarray:
    """``p(y, s)`` of three classes and five source classes."""
    table = np.random.default_rng(seed).random((3, 5)) ** 2
    return table / table.sum()


def test_bayes_turns_the_reverse_relation_into_the_one_of_the_joint() -> None:
    table = joint()
    given_source = (table / table.sum(axis=0)).T
    assert np.allclose(reverse_relation(given_source, table.sum(axis=0)), table / table.sum(axis=1, keepdims=True))


def test_sure_predictions_drawn_from_the_joint_give_it_back() -> None:
    table, rng = joint(1), np.random.default_rng(2)
    drawn = rng.choice(15, 40_000, p=table.ravel())
    y, s = np.divmod(drawn, 5)
    assert np.allclose(direct_relation(np.eye(5)[s], y, 3), table / table.sum(axis=1, keepdims=True), atol=0.02)


def test_a_class_that_was_not_seen_is_related_to_what_is_common() -> None:
    source = np.array([[0.8, 0.2], [0.4, 0.6]])
    assert np.allclose(direct_relation(source, np.array([0, 0]), 2), [[0.6, 0.4], [0.6, 0.4]])
    assert np.allclose(reverse_relation(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0.6, 0.4]))[1], [0.6, 0.4])


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match=r"one label for each row, and a row: found 3 and 2"):
        direct_relation(np.ones((3, 2)), np.array([0, 1]), 2)
    with pytest.raises(InputError, match=r"p\(y \| s\) has 4 source classes and p\(s\) has shape \(5,\)"):
        reverse_relation(np.ones((4, 2)), np.ones(5))
