"""A greedy soup: the best epochs' weights averaged, as long as that does not score worse."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from transferium.training.loop.episode import Episode
from transferium.training.wrappers.batch_norm_statistics import refresh_statistics
from transferium.training.wrappers.keep_best import KeepBest
from transferium.training.wrappers.weight_average import copied, move, placed


@dataclass(frozen=True, eq=False)
class Ingredient:
    """The model after one epoch: its score (lower is better) and its weights."""

    value: float
    epoch: int
    weights: dict[str, Tensor]


@dataclass(eq=False, repr=False)
class Soup(KeepBest):
    """Keep the best ``size`` epochs of a stage; leave the model, at its end, as the mean of some of them.

    From the best epoch on, in order of score, each epoch's weights join the mean if the mean then scores no worse on
    the same held-out data; else they are left out. The soup therefore never scores worse there than the best epoch,
    which is also why its held-out score is a little optimistic. ``start=True`` makes the weights before the first step
    an epoch like any other. Moving batch-norm statistics are computed anew for every mean of two or more.
    Memory and checkpoints hold ``size`` copies of the model. Prefer it to an average of all epochs where some of them
    went wrong, and where held-out examples are many enough to tell.
    Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
    inference time" (2022), here with the epochs of one run for its many runs.
    """

    size: int = field(default=5, kw_only=True)
    pot: list[Ingredient] = field(default_factory=list, init=False)
    tried: list[dict[str, Any]] = field(default_factory=list, init=False)

    def said(self) -> tuple[str, ...]:
        words = [f"epoch {t['epoch']} {'joined' if t['joined'] else 'did not'} ({t['score']:.4g})" for t in self.tried]
        first = f"a soup was begun with epoch {self.epoch + 1} ({self.by} {self.sign * self.best:.4g})"
        return ("; ".join([first, *words]),)

    def chosen(self) -> dict[str, Any]:
        return super().chosen() | {"soup": [self.epoch + 1, *(t["epoch"] for t in self.tried if t["joined"])]}

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        _, facts = super().memory()
        tensors = {f"{i.epoch}/{name}": tensor for i in self.pot for name, tensor in i.weights.items()}
        pot = [[i.epoch, None if math.isinf(i.value) else i.value] for i in self.pot]
        return tensors, facts | {"pot": pot, "tried": self.tried}

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.tried, self.pot = facts["tried"], []
        for epoch, value in facts["pot"]:
            start = f"{epoch}/"
            weights = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
            self.pot.append(Ingredient(math.inf if value is None else value, epoch, weights))
        super().recall(self.pot[0].weights if self.pot else {}, facts)

    def _consider(self, value: float, epoch: int, episode: Episode) -> None:
        super()._consider(value, epoch, episode)
        weights = self.weights if self.epoch == epoch else copied(episode.stage.model)
        self.pot = sorted([*self.pot, Ingredient(value, epoch, weights)], key=lambda i: (i.value, i.epoch))[: self.size]

    def _finish(self, episode: Episode) -> None:
        model, best = episode.stage.model, self.best
        soup, portions, self.tried = placed(self.pot[0].weights, model), 1, []
        for ingredient in self.pot[1:]:
            trial = placed(soup, model)
            move(trial, placed(ingredient.weights, model), 1 / (portions + 1))
            model.load_state_dict(trial)
            refresh_statistics(episode)
            scores = self.score(episode)
            joined = self._value(scores) <= best < math.inf
            self.tried.append({"epoch": ingredient.epoch + 1, "score": scores[self.by], "joined": joined})
            if joined:
                soup, portions, best = copied(model), portions + 1, self._value(scores)
        model.load_state_dict(soup)
        self.pot = []
