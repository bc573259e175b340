"""The nearest-neighbour head: it has no weights and keeps the training examples themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.matrices import unit_rows
from transferium.functional.nearest import nearest
from transferium.models.heads.base import AnyHead
from transferium.problems.problem import Link

Metric = Literal["cosine", "euclidean"]
NEVER = -1e4
"""The logit of a class without examples."""


@dataclass(frozen=True, eq=False)
class Neighbours(AnyHead):
    """``p_c = (votes_c + share_c) / (k + 1)``: the labels of the ``k`` nearest examples, and one vote by class shares.

    That one vote keeps every logit ``log p_c`` finite and decides ties for the more frequent class. ``examples (m,
    width)`` are kept in single precision, ``labels (m,)`` count classes from 0. With another ``link`` they are rows of
    zeros and ones ``(m, count)``, each label voting for itself, or amounts ``(m,)``, whose mean is the prediction.
    The saved model holds the features of every training example: do not share it where those are private.

    >>> head = Neighbours(np.array([[0.0], [1.0], [9.0]]), np.array([0, 0, 1]), count=2, k=1, metric="euclidean")
    >>> head.predict(np.array([[0.6], [7.0]])).tolist()
    [0, 1]
    """

    kind: ClassVar[str] = "neighbours"

    examples: NDArray[np.floating[Any]]
    labels: NDArray[Any]
    count: int
    k: int
    metric: Metric = "cosine"
    temperature: float = 1.0
    link: Link = field(default="softmax", kw_only=True)
    _near: tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        examples = np.ascontiguousarray(self.examples, np.float32)
        labels = np.ascontiguousarray(self.labels, np.int64 if self.link == "softmax" else None)
        if examples.ndim != 2 or labels.shape[:1] != examples.shape[:1]:
            raise DataError(
                f"neighbours need examples (m, width) and labels (m,); got {examples.shape} {labels.shape}."
            )
        if not np.isfinite(examples).all():
            raise DataError("neighbours need finite features; some of these are not.")
        if self.metric not in ("cosine", "euclidean"):
            raise DataError(f"a distance is cosine or euclidean; this one is {self.metric!r}.")
        if not 1 <= self.k <= len(labels):
            raise DataError(f"k lies from 1 to the number of examples, {len(labels)}; it was {self.k}.")
        if self.link == "softmax" and not 0 <= labels.min() <= labels.max() < self.count:
            raise DataError(
                f"labels count {self.count} classes from 0; these go from {labels.min()} to {labels.max()}."
            )
        # Distances do not change with the origin; around the middle they are rounded least.
        middle = np.zeros(examples.shape[1]) if self.metric == "cosine" else examples.mean(axis=0, dtype=np.float64)
        rows = unit_rows(examples) if self.metric == "cosine" else examples - middle
        small = rows.astype(np.float32)
        squares = (small.astype(np.float64) ** 2).sum(axis=1)
        for name, value in (("examples", examples), ("labels", labels), ("_near", (middle, small, squares))):
            object.__setattr__(self, name, value)

    @property
    def classes(self) -> int:
        return self.count

    @property
    def width(self) -> int:
        return int(self.examples.shape[1])

    def activations(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The vectors between which distances are measured: directions for the cosine, else the features themselves."""
        return unit_rows(features) if self.metric == "cosine" else np.asarray(features, np.float64)

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        return {"head.examples": np.asarray(self.examples), "head.labels": self.labels}

    def facts(self) -> dict[str, Any]:
        return {"kind": self.kind, "classes": self.count, "k": self.k, "metric": self.metric} | self._saved_link()

    def neighbours(self, features: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Positions ``(n, k)`` of the nearest examples of each row, the nearest first."""
        found = np.empty((len(features), self.k), np.int64)
        for rows, block in self._blocks(features):
            found[rows] = self._nearest(block)[: rows.stop - rows.start]
        return found

    def _nearest(self, block: NDArray[np.float64]) -> NDArray[np.int64]:
        middle, rows, squares = self._near
        placed = self.activations(block) - middle
        known = placed.any(axis=1) if self.metric == "cosine" else np.ones(len(block), bool)
        found = np.tile(np.arange(self.k), (len(block), 1))  # what has no direction is as far from all
        found[known] = nearest(placed[known], rows, squares, self.k)
        return found

    def _scores(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        found = neighbour_scores(self.labels, self._nearest(block), (self.k,), self.count, self.link)
        scores: NDArray[np.float64] = found[0]
        return scores


def neighbour_scores(
    labels: NDArray[Any], at: NDArray[np.int64], ks: tuple[int, ...], count: int, link: Link
) -> NDArray[np.float64]:
    """Scores ``(len(ks), n, count)`` of rows whose nearest examples are ``at (n, at least max(ks))``, in order.

    Classes and labels: the logit of ``(votes + share) / (k + 1)``; amounts: the mean of the neighbours' amounts.
    """
    if link == "softmax":
        return vote(labels[at], np.bincount(labels, minlength=count) / len(labels), ks)
    known = labels.reshape(len(labels), -1).astype(np.float64)
    sums = known[at].cumsum(axis=1)
    if link == "identity":
        return np.stack([sums[:, k - 1] / k for k in ks])
    p = np.stack([(sums[:, k - 1] + known.mean(axis=0)) / (k + 1) for k in ks])
    with np.errstate(divide="ignore"):
        scores: NDArray[np.float64] = np.clip(np.log(p) - np.log1p(-p), NEVER, -NEVER)
    return scores


def vote(labels: NDArray[np.int64], shares: NDArray[np.float64], ks: tuple[int, ...]) -> NDArray[np.float64]:
    """Logits ``(len(ks), n, classes)`` of rows whose nearest examples have ``labels (n, at least max(ks))``, in order.

    >>> np.exp(vote(np.array([[0, 1, 1]]), np.array([0.5, 0.5]), (1, 3))).round(3).tolist()
    [[[0.75, 0.25]], [[0.375, 0.625]]]
    """
    given = np.zeros((len(ks), len(labels), len(shares)))
    everyone = np.arange(len(labels))
    votes = np.zeros((len(labels), len(shares)))
    for place in range(max(ks)):
        votes[everyone, labels[:, place]] += 1
        for at in (i for i, k in enumerate(ks) if k == place + 1):
            given[at] = (votes + shares) / (place + 2)
    logits: NDArray[np.float64] = np.log(given, out=np.full_like(given, NEVER), where=given > 0)
    return logits
