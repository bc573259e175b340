"""The labels of the nearest training examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from transferium.errors import InputError
from transferium.methods.frozen.frozen_classifier import Array, Cached, Candidate, Labels
from transferium.methods.settings.checks import require_choice
from transferium.models.heads.neighbours import Neighbours, vote

KS = (1, 3, 5, 9, 15, 25, 45)


@dataclass
class NearestNeighbours(Cached):
    """Ask the ``k`` training examples whose frozen features are nearest, each with one vote.

    ``p_c = (votes_c + share_c) / (k + 1)``, tempered; ``k`` by log-loss on folds of the training part. Nothing is
    assumed about the shape of a class, so that it wins where classes are many small clusters; elsewhere the probe is
    better, smaller and faster. The saved model holds the features of every training example. Cover & Hart, "Nearest
    neighbor pattern classification" (1967).
    """

    name: ClassVar[str] = "knn"

    ks: tuple[int, ...] = field(default=KS, metadata={"range": (1, 200), "help": "numbers of neighbours to try"})
    metric: Literal["cosine", "euclidean"] = field(
        default="cosine", metadata={"help": "how far is measured: cosine (directions only) or euclidean"}
    )

    def check(self) -> None:
        """Raise ``InputError`` for settings that cannot work."""
        super().check()
        if not self.ks or min(self.ks) < 1:
            raise InputError(f"ks must be whole numbers from 1, as in 1,5,15; they were {self.ks}.")
        require_choice("metric", self.metric, ("cosine", "euclidean"))

    def _candidates(self, smallest: int) -> Sequence[Candidate]:
        usable = [k for k in sorted(set(self.ks)) if k <= smallest]
        return [{"k": k} for k in usable or [smallest]]

    def _answers(self, X: Array, y: Labels, classes: int, held: Array, candidates: Sequence[Candidate]) -> Array:
        head = self._head(X, y, classes, candidates[-1], 1.0)
        return vote(y[head.neighbours(held)], head.shares, tuple(int(c["k"]) for c in candidates))

    def _head(self, X: Array, y: Labels, classes: int, candidate: Candidate, temperature: float) -> Neighbours:
        return Neighbours(X.astype(np.float32), y, classes, int(candidate["k"]), self.metric, temperature)
