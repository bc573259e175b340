"""A stage in which the learning rate only rises, to see which rates the training can use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from transferium.errors import NonFiniteError
from transferium.training.loop.episode import Episode
from transferium.training.loop.schedule import Schedule
from transferium.training.loop.wrapper import Record
from transferium.training.wrappers.weight_average import copied, placed

LOWEST, HIGHEST = 1e-7, 1.0
RISING = Schedule("exponential", gamma=HIGHEST / LOWEST)
_MEMORY, _BURST, _FIRST = 0.8, 4.0, 5


class RangeTest:
    """Note the training loss at each rate, end when it bursts, and put the model back bit for bit.

    It ends when the running mean of the loss is above four times its lowest, or when a loss is no number. ``rates``,
    and the ``lr`` of the records, are those of a group whose rate before the schedule is ``LOWEST``, whatever the ratio
    of other groups to it. The stage's schedule should be ``RISING``.
    Smith, "Cyclical learning rates for training neural networks" (2017).
    """

    name = "range test"

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.weights: dict[str, Tensor] = {}

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        model = episode.stage.model
        if not self.weights:
            self.weights = copied(model)
        while not self._burst():
            try:
                record = next(records, None)
            except NonFiniteError:
                break
            if record is None or not math.isfinite(loss := self._loss(record, episode)):
                break
            rate = LOWEST * episode.stage.schedule.factor(record["step"], episode.total)
            self.rates.append(rate)
            self.losses.append(loss)
            yield record | {"lr": rate}
        model.load_state_dict(placed(self.weights, model))
        episode.guard.forgive()
        self.weights = {}

    def _loss(self, record: Record, episode: Episode) -> float:
        """The sum of the terms, over all processes."""
        terms = torch.stack([v.detach().float() for v in record.values() if isinstance(v, Tensor)])
        return float(episode.machine.sum(terms.sum())) / episode.machine.world

    def _burst(self) -> bool:
        running, lowest = 0.0, math.inf
        for i, loss in enumerate(self.losses):
            running = _MEMORY * running + (1 - _MEMORY) * loss
            mean = running / (1 - _MEMORY ** (i + 1))
            lowest = min(lowest, mean)
            if i >= _FIRST and mean > _BURST * lowest:
                return True
        return False

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(self.weights), {"rates": self.rates, "losses": self.losses}

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.weights = tensors
        self.rates, self.losses = list(facts["rates"]), list(facts["losses"])
