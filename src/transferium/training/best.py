"""Keep the best weights, and stop when they no longer get better."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch import Tensor

from transferium.data.domain import Domain
from transferium.training.episode import Episode
from transferium.training.predict import predict
from transferium.training.wrapper import Record

Score = Callable[[Episode], dict[str, float]]


def held_out_score(held: Domain) -> Score:
    """Log-loss (natural logarithm) and accuracy of the stage's model on ``held``, without augmentation."""

    def score(episode: Episode) -> dict[str, float]:
        logits = predict(episode.stage.model, held, episode.stage.feeds, episode.machine)
        top = logits.max(axis=1, keepdims=True)
        logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        right = logits.argmax(axis=1) == held.y
        return {"log_loss": float(-logs[np.arange(len(held)), held.y].mean()), "accuracy": float(right.mean())}

    return score


class KeepBest:
    """Score the model after every epoch; leave it, at the end, as it was when it scored best.

    ``score(episode)`` gives named numbers, which join the epoch's last record as ``val_<name>``; the lowest ``by`` is
    best (``lowest=False``: the highest). ``start=True`` scores the model before its first step as well, as epoch -1, so
    that a stage can never leave it worse, by that score, than it was. With ``patience``, the stage ends after that many
    epochs without a better score.
    """

    name = "best"

    def __init__(
        self, score: Score, *, by: str, lowest: bool = True, start: bool = False, patience: int | None = None
    ) -> None:
        self.score, self.by, self.sign, self.start, self.patience = score, by, 1.0 if lowest else -1.0, start, patience
        self.best = math.inf
        self.epoch = -1
        self.stale = 0
        self.at_start: dict[str, float] = {}
        self.weights: dict[str, Tensor] = {}

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        if self.start and episode.step == 0:
            self.at_start = self._look(episode, -1)
        while not self._exhausted() and (record := next(records, None)) is not None:
            if episode.epoch_ended:
                scores = self._look(episode, record["epoch"])
                record = record | {f"val_{name}": number for name, number in scores.items()}
            yield record
        if self.weights:
            episode.stage.model.load_state_dict(self.weights)
            self.weights = {}

    def _exhausted(self) -> bool:
        return self.patience is not None and self.stale >= self.patience

    def _look(self, episode: Episode, epoch: int) -> dict[str, float]:
        episode.guard.settle()
        scores = self.score(episode)
        value = self.sign * scores[self.by]
        value = math.inf if math.isnan(value) else value
        if value < self.best or not self.weights:
            self.best, self.epoch, self.stale = value, epoch, 0
            self.weights = {k: v.detach().clone() for k, v in episode.stage.model.state_dict().items()}
        else:
            self.stale += 1
        return scores

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        best = None if math.isinf(self.best) else self.best
        facts = {"best": best, "epoch": self.epoch, "stale": self.stale, "at_start": self.at_start}
        return dict(self.weights), facts

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.weights = tensors
        self.best = math.inf if facts["best"] is None else facts["best"]
        self.epoch, self.stale, self.at_start = facts["epoch"], facts["stale"], facts["at_start"]
