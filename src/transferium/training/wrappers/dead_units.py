"""Dead hidden units: units with the same output for every example."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from transferium.data.domain import Domain
from transferium.models.heads.hidden import HiddenHead
from transferium.models.model import Model
from transferium.training.distributed.machine import Machine
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.predict import predict

SATURATED = 1e-3
"""A unit that moves by less is dead. Of a rectifier nothing less than exactly nothing counts: it may fire for one."""
MOST = 2000
"""Examples that are looked at, spread evenly over the domain."""


class Range:
    """A forward hook that keeps the smallest and the largest output of each unit."""

    def __init__(self) -> None:
        self.low: Any = np.inf
        self.high: Any = -np.inf

    def __call__(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        values = output.detach().float()
        self.low = np.minimum(self.low, values.amin(dim=0).cpu().numpy())
        self.high = np.maximum(self.high, values.amax(dim=0).cpu().numpy())


def dead_units(model: Model, domain: Domain, feeds: Feeds, machine: Machine) -> list[tuple[int, int]]:
    """``(dead, all)`` units of each hidden layer of the model's head, over ``domain`` without augmentation.

    A unit is dead when its output is the same for every example: a rectifier that never fires, a tanh that is
    saturated. The layers above cannot use it, and no gradient reaches what lies below it.
    """
    head = model.head
    if not isinstance(head, HiddenHead):
        return []
    some = domain.take(np.unique(np.linspace(0, len(domain) - 1, min(MOST, len(domain))).astype(np.int64)))
    ranges = [Range() for _ in head.activations]
    hooks = [layer.register_forward_hook(seen) for layer, seen in zip(head.activations, ranges, strict=True)]
    try:
        predict(model, some, feeds, machine)
    finally:
        for hook in hooks:
            hook.remove()
    counts = []
    for layer, seen in zip(head.activations, ranges, strict=True):
        found = [span for span in machine.everyone((seen.low, seen.high)) if not np.isscalar(span[0])]
        moved = np.max([high for _, high in found], axis=0) - np.min([low for low, _ in found], axis=0)
        limit = 0.0 if isinstance(layer, torch.nn.ReLU) else SATURATED
        counts.append((int((moved <= limit).sum()), len(moved)))
    return counts
