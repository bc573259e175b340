"""What all candidates say together: the one whose answers are most like it is never the worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from transferium.errors import InputError
from transferium.functional.linear_classifier import softmax
from transferium.functional.matrices import Array, Floats
from transferium.functional.validators.evidence import CannotScoreError

FEWEST = 3
"""Candidates below which their mean is no ensemble: of two, it follows whichever is surer of itself."""


def ensemble_answers(logits: Sequence[Floats]) -> Array:
    """``mean_k softmax(logits_k)``, ``(rows, classes)``: what the candidates say together.

    Raises ``InputError`` where their shapes differ, and ``CannotScoreError`` for fewer than three.
    """
    if len(logits) < FEWEST:
        raise CannotScoreError(f"an ensemble needs {FEWEST} candidates or more; found {len(logits)}")
    if len({np.shape(each) for each in logits}) > 1:
        raise InputError(f"candidates answer the same rows; found {[np.shape(each) for each in logits]}")
    mean: Array = np.mean([softmax(each) for each in logits], axis=0)
    return mean


def ensemble_agreement(logits: Floats, others: Sequence[Floats]) -> float:
    """The share of rows that a candidate answers as it and all ``others`` together do, in [0, 1].

    It asks nothing of the class shares, and neither one that collapsed nor one that guesses pleases it; a candidate
    that alone is right displeases it, and several that collapsed onto the same class, sure of it, decide alone.
    Hu et al., Towards reliable model selection for unsupervised domain adaptation, NeurIPS 2024 (EnsV).

    >>> a, b, c = np.array([[2.0, 0.0]]), np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> ensemble_agreement(a, [b, c]), ensemble_agreement(b, [a, c]), ensemble_agreement(c, [a, b])
    (1.0, 1.0, 0.0)
    """
    together = ensemble_answers([logits, *others])
    return float((np.asarray(logits).argmax(axis=1) == together.argmax(axis=1)).mean())
