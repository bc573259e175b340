"""The ensemble validator: how far a candidate's predictions agree with the mean prediction of all candidates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from transferium.errors import InputError
from transferium.functional.linear_classifier import softmax
from transferium.functional.matrices import Array, Floats
from transferium.functional.validators.evidence import CannotScoreError

FEWEST = 3
"""The fewest candidates of an ensemble: the mean of two only follows the more confident one."""


def ensemble_answers(logits: Sequence[Floats]) -> Array:
    """``mean_k softmax(logits_k)``, ``(rows, classes)``: the mean prediction of the candidates.

    Raises ``InputError`` where their shapes differ, and ``CannotScoreError`` for fewer than three.
    """
    if len(logits) < FEWEST:
        raise CannotScoreError(f"an ensemble needs {FEWEST} candidates or more; found {len(logits)}")
    if len({np.shape(each) for each in logits}) > 1:
        raise InputError(f"candidates answer the same rows; found {[np.shape(each) for each in logits]}")
    mean: Array = np.mean([softmax(each) for each in logits], axis=0)
    return mean


def ensemble_agreement(logits: Floats, others: Sequence[Floats]) -> float:
    """The share of rows where a candidate predicts the same class as the mean of it and all ``others``, in [0, 1].

    It makes no assumption about class shares, and scores a collapsed or a random candidate low. It fails where only
    one candidate is right (its score is low), or where several confident ones collapsed onto the same class.
    Hu et al., Towards reliable model selection for unsupervised domain adaptation, NeurIPS 2024 (EnsV).

    >>> a, b, c = np.array([[2.0, 0.0]]), np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> ensemble_agreement(a, [b, c]), ensemble_agreement(b, [a, c]), ensemble_agreement(c, [a, b])
    (1.0, 1.0, 0.0)
    """
    together = ensemble_answers([logits, *others])
    return float((np.asarray(logits).argmax(axis=1) == together.argmax(axis=1)).mean())
