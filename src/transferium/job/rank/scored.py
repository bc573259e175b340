"""A candidate with its scores, and what the scores are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWER = {"a_distance": "domains lie near one another", "mmd": "domains lie near one another", "loss": "little is lost"}
"""Scores of which less is better; of all others more is."""
NAIVE = ("size_mb", "published_accuracy", "examples")
"""What is known without looking at the target: the baseline that scores have to beat."""


@dataclass(frozen=True, eq=False)
class Scored:
    """``scores`` by name, and the ``seconds`` that they took with the embedding.

    ``outputs`` are answers for the target's labelled examples, each by a model that had not seen it (rows of NaN where
    there is none): with them two candidates are compared on the same examples. ``notes`` are for the reader.
    """

    name: str
    scores: dict[str, float]
    seconds: float
    outputs: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"name": self.name, "scores": self.scores, "seconds": round(self.seconds, 3)}

    def better_by(self, score: str) -> float:
        """The score, signed so that more is better."""
        return -self.scores[score] if score in LOWER else self.scores[score]
