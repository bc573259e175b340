"""Records as numbers, read from the device a block at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from transferium.training.distributed.machine import Machine
from transferium.training.loop.finite_guard import BLOCK
from transferium.training.loop.wrapper import Record


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
