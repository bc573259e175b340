"""The features of one domain that one backbone already has, and those still to be computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.embedding.store.open_table import OpenSpace
from transferium.embedding.store.table import Row
from transferium.errors import BackboneError
from transferium.functional.sequences.ragged import ragged
from transferium.models.backbone import Backbone

BATCH = 32
"""Rows written in one transaction: a killed run loses at most these and the rows under way in its workers."""


class Need:
    """One row per distinct content; filled from memory, from the store, and by computing."""

    def __init__(self, backbone: Backbone, keys: Sequence[str], engine: str) -> None:
        self.backbone, self.keys, self.engine = backbone, keys, engine
        self.at: dict[str, int] = {}
        for key in keys:
            if key:
                self.at.setdefault(key, len(self.at))
        self.rows = self._noughts(len(self.at))
        self.done = np.zeros(len(self.at), bool)
        self.reasons: dict[str, str] = {}
        self.computed = 0
        self.space: OpenSpace | None = None
        self._unwritten: list[Row] = []

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        rows = [self.rows] if self.backbone.output == "pooled" else self.rows.tolist()
        return sum(int(row.nbytes) for row in rows)

    @property
    def missing(self) -> list[str]:
        """The keys without a result yet."""
        return [key for key, at in self.at.items() if not self.done[at]]

    def recall(self, rows: Iterable[Row]) -> None:
        """Add rows that were computed before."""
        for row in rows:
            self._take(row)

    def put(self, row: Row, lasting: bool = True) -> None:
        """Add rows that were computed now, and store those that are ``lasting``, one batch at a time."""
        self._take(row)
        self.computed += 1
        if lasting:
            self._unwritten.append(row)
        if len(self._unwritten) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are not stored yet."""
        if self.space is not None:
            self.space.write(self._unwritten)
        self._unwritten = []

    def _take(self, row: Row) -> None:
        at = self.at[row.key]
        if row.vector is None:
            self.reasons[row.key] = row.reason or "unreadable"
        elif self.backbone.output == "tokens" and row.vector.size % max(1, self.backbone.width) == 0:
            self.rows[at] = row.vector.reshape(-1, self.backbone.width)
        elif row.vector.shape != (self.backbone.width,):
            raise BackboneError(
                f"{self.backbone.name} should give {self.backbone.width} features, and gave {row.vector.shape}: what "
                "describes it does not fit it."
            )
        else:
            self.rows[at] = row.vector
        self.done[at] = True

    def _noughts(self, n: int) -> NDArray[Any]:
        """Features of ``n`` examples before any is known; ragged where there is a row for each token."""
        if self.backbone.output == "pooled":
            return np.zeros((n, self.backbone.width), np.float32)
        return ragged(np.zeros((0, self.backbone.width), np.float32) for _ in range(n))

    def features(self) -> tuple[NDArray[Any], NDArray[np.bool_], dict[int, str]]:
        """Rows in the domain's order, which of them are features, and why the others are not."""
        order = np.array([self.at.get(key, -1) for key in self.keys], np.intp)
        problems = {i: self.reasons[key] for i, key in enumerate(self.keys) if key in self.reasons}
        ok = order >= 0
        ok[list(problems)] = False
        if len(self.at) == len(order):
            return self.rows, ok, problems
        features = self._noughts(len(order))
        features[ok] = self.rows[order[ok]]
        return features, ok, problems
