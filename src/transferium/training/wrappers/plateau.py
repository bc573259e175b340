"""A rate that falls when the held-out score stops improving."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from transferium.errors import InputError
from transferium.training.loop.episode import Episode
from transferium.training.loop.wrapper import Record


class Plateau:
    """Multiply the rate by ``gamma`` after every ``patience`` epochs in a row without a better score.

    It reads the number ``by`` of the records that have one, such as the ``val_log_loss`` that :class:`KeepBest` adds:
    put it around that. The lowest is best (``lowest=False``: the highest). The schedule's own factor stays, a warm-up
    for example. Prefer it to a fixed curve where the number of epochs needed is unknown.
    """

    name = "plateau"

    def __init__(self, by: str, *, lowest: bool = True, gamma: float = 0.1, patience: int = 2) -> None:
        if not 0 < gamma < 1:
            raise InputError(f"a plateau multiplies the rate by gamma, above 0 and below 1; it was {gamma}.")
        if patience < 1:
            raise InputError(f"a plateau waits for at least 1 epoch; its patience was {patience}.")
        self.by, self.sign, self.gamma, self.patience = by, 1.0 if lowest else -1.0, gamma, patience
        self.best, self.stale, self.scale = math.inf, 0, 1.0

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        episode.lr_scale = self.scale
        for record in records:
            if self.by in record:
                self._look(self.sign * record[self.by])
                episode.lr_scale = self.scale
            yield record

    def _look(self, value: float) -> None:
        if value < self.best:
            self.best, self.stale = value, 0
            return
        self.stale += 1
        if self.stale == self.patience:
            self.scale, self.stale = self.scale * self.gamma, 0

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        best = None if math.isinf(self.best) else self.best
        return {}, {"best": best, "stale": self.stale, "scale": self.scale}

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.best = math.inf if facts["best"] is None else facts["best"]
        self.stale, self.scale = facts["stale"], facts["scale"]
