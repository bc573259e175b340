"""Known examples beside a served model: which are nearest to a new one, and whether it is like any of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.embedding.embed import Embedding
from transferium.errors import InputError
from transferium.functional.matrices import unit_rows
from transferium.job.features.features_folder import described, is_features, read_features
from transferium.job.features.nearest_examples import Near
from transferium.models.backbone import Backbone

SHOWN = 5
LOOKED_AT = 2000
"""Examples, spread over all, whose nearest other one says what is near here."""
STRANGE = 0.01
"""The share of known examples that would themselves be called unlike all others."""
MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class Examples:
    """Directions ``(n, width)`` of known examples, their ids and labels, and the cosine below which one is ``strange``.

    That is the ``STRANGE`` quantile, over known examples, of the cosine to the nearest other one.
    """

    directions: NDArray[np.float32]
    ids: list[str]
    labels: list[str] | None
    floor: float

    @classmethod
    def read(cls, folder: Path, backbone: Backbone) -> Examples:
        """The examples whose features ``transferium embed`` wrote to ``folder`` by this ``backbone``.

        Raises ``InputError`` where it did not, or where they are too many to be kept in memory.
        """
        if not is_features(folder):
            raise InputError(f"{folder} holds no features: transferium embed DATA --backbone RUN --out {folder}")
        told = described(folder)
        if told["examples"] * told["width"] * 4 > MOST_BYTES:
            raise InputError(
                f"{folder} holds {told['examples']:,} vectors of {told['width']:,} numbers, more than the "
                f"{MOST_BYTES:,} bytes that are kept in memory: embed a part of the data."
            )
        blocks = list(read_features(folder, told, backbone).blocks())
        directions = np.concatenate([unit_rows(block.vectors).astype(np.float32) for block in blocks])
        labels = [label for block in blocks for label in block.labels or ()]
        ids = [name for block in blocks for name in block.ids]
        return cls(directions, ids, labels or None, usual_floor(directions))

    def near(self, embedding: Embedding) -> list[dict[str, Any]]:
        """For each new example the nearest known ones, and whether it is ``familiar``; an ``error`` if unreadable."""
        answers: list[dict[str, Any]] = []
        for i, row in enumerate(unit_rows(embedding.features).astype(np.float32)):
            if not embedding.ok[i]:
                answers.append({"error": embedding.problems.get(i, "it cannot be read")})
                continue
            cosines = self.directions @ row
            best = np.argsort(-cosines, kind="stable")[:SHOWN].tolist()
            labels = self.labels
            found = [Near(self.ids[at], None if labels is None else labels[at], float(cosines[at])) for at in best]
            answers.append({"near": [asdict(one) for one in found], "familiar": found[0].similarity >= self.floor})
        return answers


def usual_floor(directions: NDArray[np.float32]) -> float:
    """The cosine to the nearest other example that all but ``STRANGE`` of them have; -1 of fewer than two."""
    if len(directions) < 2:
        return -1.0
    at = np.linspace(0, len(directions) - 1, min(LOOKED_AT, len(directions))).astype(int)
    nearest = np.empty(len(at))
    for k, i in enumerate(at.tolist()):
        cosines = directions @ directions[i]
        cosines[i] = -1
        nearest[k] = cosines.max()
    return float(np.quantile(nearest, STRANGE))
