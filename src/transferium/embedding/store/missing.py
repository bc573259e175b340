"""The features of one domain that one backbone already has, and those still to be computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.embedding.store.open_table import OpenSpace
from transferium.embedding.store.table import Row
from transferium.errors import BackboneError
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
        self.rows = np.zeros((len(self.at), backbone.width), np.float32)
        self.done = np.zeros(len(self.at), bool)
        self.reasons: dict[str, str] = {}
        self.computed = 0
        self.space: OpenSpace | None = None
        self._unwritten: list[Row] = []

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
        elif row.vector.shape != (self.backbone.width,):
            raise BackboneError(
                f"{self.backbone.name} should give {self.backbone.width} features, and gave {row.vector.shape}: what "
                "describes it does not fit it."
            )
        else:
            self.rows[at] = row.vector
        self.done[at] = True

    def features(self) -> tuple[NDArray[np.float32], NDArray[np.bool_], dict[int, str]]:
        """Rows in the domain's order, which of them are features, and why the others are not."""
        order = np.array([self.at.get(key, -1) for key in self.keys], np.intp)
        problems = {i: self.reasons[key] for i, key in enumerate(self.keys) if key in self.reasons}
        ok = order >= 0
        ok[list(problems)] = False
        if len(self.at) == len(order):
            return self.rows, ok, problems
        features = np.zeros((len(order), self.backbone.width), np.float32)
        features[ok] = self.rows[order[ok]]
        return features, ok, problems
