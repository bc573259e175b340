"""Keep the best weights, and stop when they no longer get better."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from transferium.data.domain import Domain
from transferium.problems.problem import linked
from transferium.training.loop.episode import Episode
from transferium.training.loop.predict import predict
from transferium.training.loop.wrapper import Record
from transferium.training.wrappers.weight_average import Average, copied, placed

Score = Callable[[Episode], dict[str, float]]


def held_out_score(held: Domain, weights: NDArray[np.float64] | None = None) -> Score:
    """The loss and the headline figure of the stage's model on ``held``, without augmentation: log-loss and accuracy.

    ``weights`` say how much each example counts; None: all alike, or by the number of its words.
    """
    problem = held.posed
    counts = problem.sizes(held.y) if weights is None else weights

    def score(episode: Episode) -> dict[str, float]:
        logits = predict(episode.stage.model, held, episode.stage.feeds, episode.machine)
        return {
            problem.loss_name: float(np.average(problem.losses(logits, held.y), weights=counts)),
            problem.headline: problem.merit(held.y, linked(logits, problem.link), weights),
        }

    return score


@dataclass(eq=False, repr=False)
class KeepBest:
    """Score the model after every epoch; leave it, at the end, as it was when it scored best.

    ``score(episode)`` gives named numbers, which join the epoch's last record as ``val_<name>``; the lowest ``by`` is
    best (``lowest=False``: the highest). ``start=True`` scores the model before its first step as well, as epoch -1, so
    that a stage can never leave it worse, by that score, than it was. With ``patience``, the stage ends after that many
    epochs without a better score.

    With an ``average``, which must be put around the records before this, its weights are scored and kept in the
    model's place.
    """

    name = "best"

    score: Score
    _: KW_ONLY
    by: str
    lowest: bool = True
    start: bool = False
    patience: int | None = None
    average: Average | None = None

    best: float = field(default=math.inf, init=False)
    epoch: int = field(default=-1, init=False)
    stale: int = field(default=0, init=False)
    at_start: dict[str, float] = field(default_factory=dict, init=False)
    weights: dict[str, Tensor] = field(default_factory=dict, init=False)

    @property
    def sign(self) -> float:
        """The sign that makes lower scores better."""
        return 1.0 if self.lowest else -1.0

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        if self.start and episode.step == 0:
            self.at_start = self._look(episode, -1)
        while not self._exhausted() and (record := next(records, None)) is not None:
            if episode.epoch_ended:
                scores = self._look(episode, record["epoch"])
                record = record | {f"val_{name}": number for name, number in scores.items()}
            yield record
        if self.average is not None:
            self.average.forget()
        if self.weights:
            self._finish(episode)
            self.weights = {}

    def said(self) -> tuple[str, ...]:
        """What a reader must know of what was kept, beside the epoch."""
        return () if self.average is None else (self.average.said(),)

    def chosen(self) -> dict[str, Any]:
        """What was kept, counting epochs from 1; 0 is before the first step."""
        return {"epoch": self.epoch + 1}

    def _finish(self, episode: Episode) -> None:
        """Leave the model as it was when it scored best."""
        episode.stage.model.load_state_dict(placed(self.weights, episode.stage.model))

    def _exhausted(self) -> bool:
        return self.patience is not None and self.stale >= self.patience

    def _look(self, episode: Episode, epoch: int) -> dict[str, float]:
        episode.guard.settle()
        with nullcontext() if self.average is None else self.average.shown(episode):
            scores = self.score(episode)
            self._consider(self._value(scores), epoch, episode)
        return scores

    def _value(self, scores: dict[str, float]) -> float:
        """The score that counts, as something to be lowered."""
        value = self.sign * scores[self.by]
        return math.inf if math.isnan(value) else value

    def _consider(self, value: float, epoch: int, episode: Episode) -> None:
        """Keep the model as it is now if it is the best yet."""
        if value < self.best or not self.weights:
            self.best, self.epoch, self.stale = value, epoch, 0
            self.weights = copied(episode.stage.model)
        else:
            self.stale += 1

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        best = None if math.isinf(self.best) else self.best
        facts = {"best": best, "epoch": self.epoch, "stale": self.stale, "at_start": self.at_start}
        return dict(self.weights), facts

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.weights = tensors
        self.best = math.inf if facts["best"] is None else facts["best"]
        self.epoch, self.stale, self.at_start = facts["epoch"], facts["stale"], facts["at_start"]


class KeepLast(KeepBest):
    """Score the model after every epoch, and leave it as it is after the last one.

    Where rates fall to nothing and weights are averaged the last epochs differ by less than a small held-out part can
    tell: choosing among them is choosing by chance.
    """

    def _consider(self, value: float, epoch: int, episode: Episode) -> None:
        self.best, self.epoch = value, epoch
        if self.average is not None:
            self.weights = copied(episode.stage.model)
