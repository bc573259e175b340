"""Self-supervised terms on held-out examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from transferium.data.domain import Domain
from transferium.training.distributed.machine import own_random_numbers, seed_everything
from transferium.training.loop.episode import Episode
from transferium.training.loop.predict import evaluating
from transferium.training.loop.view import View
from transferium.training.wrappers.keep_best import Score

Measures = Callable[[View], Mapping[str, Tensor]]
AT_ONCE = 32


def held_out_terms(measures: Measures, held: Domain, stream: str = "corpus") -> Score:
    """The mean of each of the ``measures`` over all their items in ``held``, without dropout.

    What is drawn (masks, noise) is the same every time. Every process looks at all of it.
    """

    def score(episode: Episode) -> dict[str, float]:
        stage, machine = episode.stage, episode.machine
        feed = stage.feeds.open(held, augmented=False)
        order = np.arange(len(feed)) if feed.lengths is None else np.argsort(feed.lengths, kind="stable")
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        with evaluating(*stage.modules), own_random_numbers(), torch.no_grad():
            seed_everything(stage.seed, 0, 0)
            # One row more in the last batch, where it would be alone: a spread over rows needs two of them.
            for rows in np.split(order, range(AT_ONCE, len(order) - 1, AT_ONCE)):
                batch = feed.batch(0, rows).to(machine.device)
                with machine.autocast():
                    measured = measures(View(stage.model, {stream: batch}))
                for name, values in measured.items():
                    sums[name] = sums.get(name, 0.0) + float(values.double().sum())
                    counts[name] = counts.get(name, 0) + values.numel()
        return {name: sums[name] / max(1, counts[name]) for name in sums}

    return score
