"""Whether a source does harm, by target labels that came afterwards: its names fit them no better than other names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.evaluation.adapted import Answers
from transferium.functional.bootstrap import Interval, paired_interval

Array = NDArray[np.float64]
NAMINGS = 2000
"""Random namings of the classes that source only's answers are compared under."""
SURE = 0.05
"""The share of random namings that may fit as well, at most, where the source's own fits."""
FEWEST = 5
"""The fewest labels for each class: of fewer, a far but honest source may have none right."""
FEWEST_CLASSES = 4
"""With fewer classes there are too few namings to tell one from the rest."""


@dataclass(frozen=True)
class SourceHarm:
    """``sentence`` says that the source does harm, and is empty where that was not found.

    ``by_chance`` is the share of random namings of the classes under which source only's answers are right as often as
    under the source's own; ``gain`` how much more often labelled target examples alone, each by a model that had not
    seen it, are answered rightly than by source only. Both are shares, made with target labels.
    """

    sentence: str
    by_chance: float
    gain: Interval


def source_harm(answers: Answers, source_only: Array, alone: Array, *, seed: int) -> SourceHarm:
    """Whether the source teaches the target's classes by the wrong names, or nothing of them.

    ``source_only`` and ``alone`` are probabilities ``(n, classes)``, those of ``alone`` out of fold. A source does harm
    where both hold: ``alone`` is surely right more often, so that the inputs do tell the classes apart; and source only
    is right no more often than with its classes' names dealt out at random, so that what it learned is not about these
    classes. A far source that is often wrong, but rarely by such an accident, does none. With fewer than four classes,
    names can hardly be dealt out otherwise: there it must be surely better than answers that do not depend on the
    example (Cohen's kappa above nought).
    """
    y, guess = answers.y, source_only.argmax(axis=1)
    gain = paired_interval(alone.argmax(axis=1) == y, guess == y, seed=seed, groups=answers.groups)
    at = np.zeros((len(answers.classes), len(answers.classes)))
    np.add.at(at, (y, guess), 1)
    used = np.flatnonzero(at.sum(axis=0) + at.sum(axis=1))
    at = at[np.ix_(used, used)]
    by_chance = as_good_by_chance(at, seed=seed)
    fits = by_chance <= SURE if len(used) >= FEWEST_CLASSES else surely_agrees(at)
    if fits or gain.low <= 0 or len(y) < FEWEST * len(used):
        return SourceHarm("", by_chance, gain)
    right = 100 * float((guess == y).mean())
    sentence = (
        f"The source does harm: source only is right in {right:.1f} %, no more often than by chance if classes had "
        "other names, while a probe of these labels alone, each example by a model that had not seen it, is right in "
        f"{right + 100 * gain.value:.1f} % ({100 * gain.low:.1f} to {100 * gain.high:.1f} points more). Look whether "
        "the source's labels and class names mean what the target's do."
    )
    return SourceHarm(sentence, by_chance, gain)


def as_good_by_chance(confusion: Array, *, seed: int) -> float:
    """The share of namings under which at least as many answers are right: ``confusion[truth, answer]`` renamed.

    >>> as_good_by_chance(np.eye(6), seed=0) < 0.01, as_good_by_chance(np.ones((6, 6)), seed=0)
    (True, 1.0)
    """
    rng, n = np.random.default_rng(seed), len(confusion)
    rows, right = np.arange(n), float(np.trace(confusion))
    dealt = [confusion[rows, rng.permutation(n)].sum() for _ in range(NAMINGS)]
    return float((1 + (np.array(dealt) >= right - 1e-9).sum()) / (1 + NAMINGS))


def surely_agrees(confusion: Array) -> bool:
    """Whether Cohen's kappa of truth and answer is above nought by more than two standard errors.

    >>> surely_agrees(np.array([[40.0, 10.0], [10.0, 40.0]])), surely_agrees(np.array([[25.0, 25.0], [25.0, 25.0]]))
    (True, False)
    """
    p = confusion / confusion.sum()
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    expected = float(rows @ columns)
    spread = expected + expected**2 - float((rows * columns * (rows + columns)).sum())
    error = (max(spread, 0.0) / confusion.sum()) ** 0.5
    return bool(np.trace(p) - expected > 2 * error)
