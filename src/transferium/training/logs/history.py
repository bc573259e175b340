"""Records as numbers, read from the device a block at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from transferium.training.distributed.machine import Machine
from transferium.training.loop.finite_guard import BLOCK
from transferium.training.loop.wrapper import Record

NOT_TERMS = ("stage", "step", "epoch", "lr")
MASKED = "mlm"
"""The term that is also told as a perplexity, ``exp`` of it."""
HELD = "val_"
"""What begins the names of held-out scores."""


def figures(rows: Sequence[Mapping[str, Any]]) -> str:
    """The epoch and the loss (the sum of its terms) of the last row, and the last held-out scores.

    >>> figures([{"step": 9, "epoch": 0, "lr": 0.1, "supervised": 0.5, "val_log_loss": 0.4, "val_accuracy": 0.91}])
    'epoch 1, loss 0.5, held-out log loss 0.4, held-out accuracy 0.91'
    """
    if not rows:
        return ""
    last = rows[-1]
    held: Mapping[str, Any] = next((row for row in reversed(rows) if any(name.startswith(HELD) for name in row)), {})
    loss = sum(value for name, value in last.items() if name not in NOT_TERMS and not name.startswith(HELD))
    scores = [
        f"held-out {name.removeprefix(HELD).replace('_', ' ')} {value:.3g}"
        for name, value in held.items()
        if name.startswith(HELD)
    ]
    perplexity = [f"perplexity {math.exp(min(last[MASKED], 99)):.4g}"] if MASKED in last else []
    return ", ".join([f"epoch {last['epoch'] + 1}", f"loss {loss:.3g}", *perplexity, *scores])


class History:
    """Collects the records of one stage; one transfer from the device serves up to 50 of them."""

    def __init__(self, stage: str, machine: Machine) -> None:
        self.stage, self.machine = stage, machine
        self.rows: list[dict[str, Any]] = []
        self.waiting: list[Record] = []

    def add(self, record: Record) -> None:
        """Take one record."""
        self.waiting.append({"stage": self.stage, **record})
        if len(self.waiting) == BLOCK:
            self.flush()

    def flush(self) -> list[dict[str, Any]]:
        """Turn every waiting tensor into a number, averaged over the processes; returns all rows."""
        places = [(i, name) for i, r in enumerate(self.waiting) for name, v in r.items() if isinstance(v, Tensor)]
        if places:
            stacked = torch.stack([self.waiting[i][name].detach().float() for i, name in places])
            numbers = (self.machine.sum(stacked) / self.machine.world).tolist()
            for (i, name), number in zip(places, numbers, strict=True):
                self.waiting[i][name] = number
        self.rows += self.waiting
        self.waiting = []
        return self.rows
