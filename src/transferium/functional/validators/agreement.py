"""Agreement of candidates beyond chance, as models that were made in different ways make different errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, Labels
from transferium.functional.validators.ensemble import FEWEST
from transferium.functional.validators.evidence import CannotScoreError


@dataclass(frozen=True, eq=False)
class Agreement:
    """``value`` in [-1, 1], and the ``influence (rows,)`` of each row on it, whose mean is 0."""

    value: float
    influence: Array

    def lead(self, other: Agreement) -> tuple[float, float]:
        """The difference ``self - other`` and its standard error over the rows, which both share."""
        difference = self.influence - other.influence
        return self.value - other.value, float(difference.std() / np.sqrt(len(difference)))


def peer_agreement(logits: Floats, others: Sequence[Floats]) -> Agreement:
    """``mean_j kappa(candidate, other j)``, from logits ``(rows, classes)`` of each candidate on the same rows.

    ``kappa = (p_o - p_e) / (1 - p_e)``, where ``p_o`` is the share of rows that two answer alike and ``p_e = Σ_c p_c
    q_c`` the share that their class shares alone would make alike. Those that collapsed onto one class agree by
    chance, which counts for nothing, and one that is right about unequal classes is not punished for their shares.
    Two that give the same answer everywhere have a kappa of 0. Prefer it to :func:`ensemble_agreement`, in which those
    that are surest decide. It is fooled where most err alike. Raises ``CannotScoreError`` for fewer than three
    candidates, and ``InputError`` where they answer different rows.
    Cohen, A coefficient of agreement for nominal scales, 1960. The influence is the derivative of the formula in the
    weight of a row (the delta method).

    >>> right, wrong, stuck = (9.0 * np.eye(2)[each] for each in ([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]))
    >>> [peer_agreement(right, [right, wrong]).value, peer_agreement(stuck, [stuck, right]).value]
    [0.5, 0.0]
    """
    if 1 + len(others) < FEWEST:
        raise CannotScoreError(f"agreement needs {FEWEST} candidates or more; found {1 + len(others)}")
    if len({np.shape(each) for each in (logits, *others)}) > 1:
        raise InputError(f"candidates answer the same rows; found {[np.shape(each) for each in (logits, *others)]}")
    classes = np.shape(logits)[1]
    ours, *theirs = (np.asarray(each).argmax(axis=1) for each in (logits, *others))
    kappas = [kappa(ours, each, classes) for each in theirs]
    influence: Array = np.mean([moves for _, moves in kappas], axis=0)
    return Agreement(float(np.mean([value for value, _ in kappas])), influence)


def kappa(a: Labels, b: Labels, classes: int) -> tuple[float, Array]:
    """Cohen's kappa of two candidates' predictions, and the influence of each row on it."""
    p, q = (np.bincount(each, minlength=classes) / len(each) for each in (a, b))
    alike, by_chance = (a == b).astype(np.float64), float(p @ q)
    if by_chance >= 1:
        return 0.0, np.zeros(len(a))
    room = 1 - by_chance
    kappa = (alike.mean() - by_chance) / room
    moves: Array = (alike - alike.mean() - (1 - kappa) * (q[a] + p[b] - 2 * by_chance)) / room
    return float(kappa), moves
