"""What the model of a source gets right on labelled target examples, and what its answers tell of their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.functional.matrices import one_hot
from transferium.functional.transferability.leep import leep
from transferium.functional.transferability.nce import nce
from transferium.models.heads.base import AnyHead

Array = NDArray[np.float64]


def on_labels(
    head: AnyHead, classes: Sequence[str], z: Array, known: Domain, fresh: NDArray[np.bool_], called: str
) -> tuple[dict[str, float], Array]:
    """``accuracy``, ``leep`` and ``nce`` on the ``fresh`` examples of ``known``; and the answers.

    ``classes`` are those that the model ``called`` so can name, ``z`` the features of ``known``. Answers are
    ``(n, target classes + 1)``: the last is a class that the target lacks; rows of NaN where an example is not fresh.
    Raises ``DataError`` where none is.
    """
    if not fresh.any():
        raise DataError(f"every example of the target is in {called!r} too, so that nothing can be measured")
    place = {name: i for i, name in enumerate(known.classes)}
    names = np.array([place.get(name, len(place)) for name in classes])
    outputs = one_hot(names[head.predict(z)], len(place) + 1)
    y, probabilities = known.y[fresh], head.outputs(z[fresh])
    scores = {"accuracy": float((outputs[fresh].argmax(axis=1) == y).mean())}
    if len(y) > len(np.unique(y)):
        scores |= {"leep": leep(probabilities, y), "nce": nce(probabilities.argmax(axis=1), y)}
    outputs[~fresh] = np.nan
    return scores, outputs


def label_overlap(known: Domain, classes: Sequence[str]) -> float:
    """The share of the labelled examples ``known`` whose class is one of ``classes``."""
    return float(np.isin(np.array(known.classes)[known.y], list(classes)).mean())
