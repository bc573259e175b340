"""A guard against NaN and infinite losses: such a value never changes the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from transferium.errors import NonFiniteError
from transferium.training.distributed.machine import Machine

BLOCK = 50
NORM = "gradient norm"


class Guard:
    """Watches every term and gradient norm of an episode.

    Where reading the device is free (``immediate``) a bad value raises before the optimiser moves. Elsewhere a flag on
    the device makes the (fused) optimisers skip from that step on, and every 50 steps the flag is read. Running
    statistics, which a forward pass changes before its loss is known, go back to their last good values.
    Optimisers that cannot skip (``skips`` False) are guarded at once on every device.
    """

    def __init__(self, modules: Sequence[nn.Module], machine: Machine, *, skips: bool = True) -> None:
        self.machine, self.immediate = machine, machine.immediate or not skips
        self.buffers = [b for m in modules for b in m.buffers(recurse=False) if b.is_floating_point()]
        self.counters = [b for m in modules for b in m.buffers(recurse=False) if not b.is_floating_point()]
        self.remember()
        self.bad = torch.zeros((), dtype=torch.float32, device=machine.device)
        self.seen: list[tuple[int, dict[str, Tensor], Callable[[], str]]] = []

    def remember(self) -> None:
        """Keep the present running statistics as the last good ones."""
        self.good = [b.clone() for b in (*self.buffers, *self.counters)]

    @torch.no_grad()
    def check(self, step: int, values: Mapping[str, Tensor], optimiser: Any, blame: Callable[[], str] = str) -> None:
        """Look at terms or gradient norms before ``optimiser`` uses them; ``blame`` names the cause of a bad value."""
        total = self.machine.sum(torch.stack([v.detach().float() for v in values.values()]).sum())
        if self.immediate:
            if not torch.isfinite(total):
                self._stop(step, values, blame)
            return
        self.bad = torch.maximum(self.bad, (~torch.isfinite(total)).float())
        optimiser.found_inf = self.bad
        self.seen.append((step, {name: value.detach() for name, value in values.items()}, blame))

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Remember the running statistics if all is well, and read the flag at the end of each block."""
        for good, now in zip(self.good, (*self.buffers, *self.counters), strict=True):
            if self.immediate:
                good.copy_(now)
            else:
                good.copy_(torch.where(self.bad > 0, good, now))
        if not self.immediate and (step + 1) % BLOCK == 0:
            self.settle()

    def settle(self) -> None:
        """Read the flag now; raises where a bad value was seen since the last time."""
        if not self.immediate and bool(self.bad > 0):
            for step, values, blame in self.seen:
                if not all(torch.isfinite(v) for v in values.values()):
                    self._stop(step, values, blame)
        self.seen.clear()

    def forgive(self) -> None:
        """Forget what was seen: the weights have been put back to where all was well."""
        self.bad.zero_()
        self.seen.clear()
        self.remember()

    def _stop(self, step: int, values: Mapping[str, Tensor], blame: Callable[[], str]) -> None:
        whose = blame()
        with torch.no_grad():
            for good, now in zip(self.good, (*self.buffers, *self.counters), strict=True):
                now.copy_(good)
        bad = {name: float(v) for name, v in values.items() if not torch.isfinite(v)}
        what = (
            ", ".join(f"{name!r} is {value}" for name, value in bad.items())
            or "the sum of all terms, over all processes, is not finite"
        )
        kept = "The weights are those of the step before." if step else "Nothing was learned in this stage yet."
        raise NonFiniteError(
            f"at step {step}, {what}{whose}. {kept} "
            "Try a lower learning rate (or lr=auto), a smaller clip, or look for bad values in the data."
        )
