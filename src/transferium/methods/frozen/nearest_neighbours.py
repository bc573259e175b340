"""Nearest neighbours: the labels of the nearest training examples are the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from transferium.methods.frozen.frozen_classifier import Array, Cached, Candidate, Labels
from transferium.methods.settings.field import setting
from transferium.models.heads.neighbours import Metric, Neighbours, neighbour_scores
from transferium.problems.catalogue import OF_EXAMPLES
from transferium.problems.problem import Problem

KS = (1, 3, 5, 9, 15, 25, 45)


@dataclass
class NearestNeighbours(Cached):
    """A vote of the ``k`` training examples with the nearest frozen features, one vote each.

    ``p_c = (votes_c + share_c) / (k + 1)``, tempered; ``k`` by log-loss on folds of the training part. Nothing is
    assumed about the shape of a class, so that it wins where classes are many small clusters; elsewhere the probe is
    better, smaller and faster. The saved model holds the features of every training example. Cover & Hart, "Nearest
    neighbor pattern classification" (1967).
    """

    name: ClassVar[str] = "knn"
    problems: ClassVar[tuple[str, ...]] = OF_EXAMPLES

    ks: tuple[int, ...] = setting(KS, "numbers of neighbours to try", (1, 200))
    metric: str = setting(
        "cosine", "how far is measured: cosine (directions only) or euclidean", choices=("cosine", "euclidean")
    )

    def _candidates(self, smallest: int) -> Sequence[Candidate]:
        usable = [k for k in sorted(set(self.ks)) if k <= smallest]
        return [{"k": k} for k in usable or [smallest]]

    def _answers(self, X: Array, y: Labels, problem: Problem, held: Array, candidates: Sequence[Candidate]) -> Array:
        head = self._head(X, y, problem, candidates[-1], 1.0)
        ks = tuple(int(c["k"]) for c in candidates)
        return neighbour_scores(head.labels, head.neighbours(held), ks, problem.width, problem.link)

    def _head(self, X: Array, y: Labels, problem: Problem, candidate: Candidate, temperature: float) -> Neighbours:
        k, metric = int(candidate["k"]), cast("Metric", self.metric)
        return Neighbours(X.astype(np.float32), y, problem.width, k, metric, temperature, link=problem.link)
