"""The predictions of a model, without training it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from transferium.data.domain import Domain
from transferium.training.distributed.machine import Machine
from transferium.training.feeds.feeds import Feeds


@contextmanager
def evaluating(*models: nn.Module) -> Iterator[None]:
    """Eval mode for these models and all that is in them; afterwards the modes that they had."""
    modes = [(module, module.training) for model in models for module in model.modules()]
    for model in models:
        model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@torch.no_grad()
def predict(
    model: nn.Module, domain: Domain, feeds: Feeds, machine: Machine, *, batch_size: int = 64
) -> NDArray[np.float64]:
    """Logits ``(n, classes)`` in the domain's order, without augmentation; of sentences ragged, a row for each word.

    The model's modes are left as they were. Texts go in order of length. Over several processes each does its part and
    all of them get the whole.
    """
    feed = feeds.open(domain, augmented=False)
    order = np.arange(len(feed)) if feed.lengths is None else np.argsort(feed.lengths, kind="stable")
    mine = np.array_split(order, machine.world)[machine.rank]
    longest = -(-len(order) // machine.world)
    done: list[tuple[Any, Any]] = []
    with evaluating(model):
        for start in range(0, longest, batch_size):
            # Processes that hold a part of the model each must make as many passes: one without rows looks at any.
            rows = mine[start : start + batch_size]
            batch = feed.batch(0, rows if len(rows) else order[:1]).to(machine.device)
            with machine.autocast():
                logits = model(*batch.inputs).float().cpu().double().numpy()
            done += [(rows, batch.unpadded(logits))] if len(rows) else []
    return _assemble(len(feed), [part for parts in machine.everyone(done) for part in parts])


def _assemble(n: int, parts: list[tuple[Any, Any]]) -> NDArray[np.float64]:
    first = parts[0][1]
    logits = np.zeros((n, *first.shape[1:]), first.dtype)
    for rows, values in parts:
        logits[rows] = values
    return logits
