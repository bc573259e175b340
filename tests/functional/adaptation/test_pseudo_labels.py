"""Which answers are believed, and which cluster is which class."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.errors import InputError
from transferium.functional.adaptation.pseudo_labels import RULES, believed, centroid_labels


def answers(n: int = 400, seed: int = 0) -> np.ndarray:
    """Class 0 is answered surely, class 2 hardly ever."""
    rng = np.random.default_rng(seed)
    guess = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    sure = np.clip(rng.normal(np.array([0.97, 0.85, 0.6])[guess], 0.05), 0.4, 1.0)
    p = np.repeat(((1 - sure) / 2)[:, None], 3, axis=1)
    p[np.arange(n), guess] = sure
    return p


def test_fixed_is_a_threshold() -> None:
    p = answers()
    assert (believed(p, threshold=0.9) == (p.max(axis=1) >= 0.9)).all()
    assert believed(p, threshold=0.0).all() and not believed(p * 0.99 + 0.01 / 3, threshold=1.0).any()


def test_balanced_takes_the_surest_of_every_class_alike() -> None:
    p = answers()
    kept, guess, sure = believed(p, threshold=0.9, rule="balanced"), p.argmax(axis=1), p.max(axis=1)
    share = believed(p, threshold=0.9).mean()
    for c in range(3):
        here = guess == c
        assert kept[here].mean() == pytest.approx(share, abs=1 / here.sum())
        assert sure[here & kept].min() >= sure[here & ~kept].max()


def test_flex_lowers_the_bar_for_classes_that_are_rarely_sure() -> None:
    p = answers()
    guess = p.argmax(axis=1)
    fixed, flex = believed(p, threshold=0.9), believed(p, threshold=0.9, rule="flex")
    assert (flex[guess == 0] == fixed[guess == 0]).all()
    assert flex[guess == 2].all() and fixed[guess == 2].mean() < 0.05


def test_centroids_gather_a_cluster_that_the_answers_split() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    x = rng.normal(size=(300, 5)) * 0.3 + 2 * np.eye(5)[y]
    p = np.full((300, 3), 0.1)
    noisy = np.where(rng.random(300) < 0.35, (y + 1) % 3, y)
    p[np.arange(300), noisy] = 0.8
    assert (p.argmax(axis=1) == y).mean() < 0.7 and (centroid_labels(x, p) == y).mean() > 0.99


def test_a_class_nobody_predicts_gets_no_rows() -> None:
    p = np.tile([0.6, 0.39, 0.01], (10, 1))
    assert set(centroid_labels(np.random.default_rng(0).normal(size=(10, 2)), p)) == {0}


def test_bad_settings_are_named() -> None:
    with pytest.raises(InputError, match=r"there is no rule 'flx' for pseudo-labels. Did you mean 'flex'"):
        believed(answers(), rule="flx")
    for rule in RULES:
        with pytest.raises(InputError, match=r"threshold=1.5 must be from 0 to 1"):
            believed(answers(), rule=rule, threshold=1.5)
