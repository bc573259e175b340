"""A source whose names mean nothing on the target is called harmful, one that is merely far is not."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.evaluation.adapted import Answers
from transferium.evaluation.source_harm import source_harm

CLASSES = tuple("abcdef")


def said(seed: int, names: np.ndarray, right: float, alone: float, n: int = 240, classes: int = 6) -> str:
    """The sentence where source only is right in a share ``right`` by its own names, then renamed by ``names``."""
    rng = np.random.default_rng(seed)
    y = rng.choice(classes, n)

    def answered(share: float) -> np.ndarray:
        return np.where(rng.random(n) < share, y, rng.choice(classes, n))

    def sure(guess: np.ndarray) -> np.ndarray:
        return np.eye(classes)[guess]

    found = source_harm(Answers(y, CLASSES[:classes]), sure(names[answered(right)]), sure(answered(alone)), seed=seed)
    return found.sentence


@pytest.mark.parametrize("seed", range(4))
def test_permuted_names_and_answers_by_chance_are_harmful(seed: int) -> None:
    assert said(seed, np.roll(np.arange(6), 1), 0.8, 0.9).startswith("The source does harm: source only is right in ")
    assert "points more). Look whether" in said(seed, np.arange(6), 0.0, 0.9)


@pytest.mark.parametrize("seed", range(4))
def test_a_source_that_is_far_but_right_more_often_than_by_chance_is_not(seed: int) -> None:
    assert not said(seed, np.arange(6), 0.3, 0.95)
    assert not said(seed, np.arange(6), 0.9, 0.9)


def test_where_target_labels_do_no_better_nothing_is_said() -> None:
    assert not said(0, np.arange(6), 0.0, 0.0), "inputs that tell nothing are not the source's fault"
    assert not said(0, np.roll(np.arange(6), 1), 0.8, 0.9, n=6), "six labels prove nothing"


def test_of_two_classes_agreement_decides() -> None:
    assert said(0, np.array([1, 0]), 0.8, 0.9, classes=2)
    assert not said(0, np.arange(2), 0.3, 0.9, classes=2)
