"""Keep the best weights, and stop when they no longer get better."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from transferium.training.episode import Episode
from transferium.training.wrapper import Record

Score = Callable[[], dict[str, float]]


class KeepBest:
    """Score the model after every epoch; leave it, at the end, as it was when it scored best.

    ``score()`` gives named numbers, which join the epoch's last record as ``val_<name>``; the lowest ``by`` is best
    (``lowest=False``: the highest). With ``patience``, the stage ends after that many epochs without a better score.
    """

    name = "best"

    def __init__(self, score: Score, *, by: str, lowest: bool = True, patience: int | None = None) -> None:
        self.score, self.by, self.sign, self.patience = score, by, 1.0 if lowest else -1.0, patience
        self.best = math.inf
        self.epoch = -1
        self.stale = 0
        self.weights: dict[str, Tensor] = {}

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        while not self._exhausted() and (record := next(records, None)) is not None:
            if episode.epoch_ended:
                record = record | self._look(episode, record)
            yield record
        if self.weights:
            episode.stage.model.load_state_dict(self.weights)
            self.weights = {}

    def _exhausted(self) -> bool:
        return self.patience is not None and self.stale >= self.patience

    def _look(self, episode: Episode, record: Record) -> dict[str, float]:
        episode.guard.settle()
        scores = self.score()
        value = self.sign * scores[self.by]
        value = math.inf if math.isnan(value) else value
        if value < self.best or not self.weights:
            self.best, self.epoch, self.stale = value, record["epoch"], 0
            self.weights = {k: v.detach().clone() for k, v in episode.stage.model.state_dict().items()}
        else:
            self.stale += 1
        return {f"val_{name}": number for name, number in scores.items()}

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        best = None if math.isinf(self.best) else self.best
        return dict(self.weights), {"best": best, "epoch": self.epoch, "stale": self.stale}

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.weights = tensors
        self.best = math.inf if facts["best"] is None else facts["best"]
        self.epoch, self.stale = facts["epoch"], facts["stale"]
