"""The step schedule as tutorials write it: a drop every few epochs."""

from __future__ import annotations

from dataclasses import dataclass

from transferium.training.loop.schedule import Schedule


@dataclass(frozen=True)
class StepEvery(Schedule):
    """``gamma ** (epoch // every)`` in a stage of ``epochs``: ``torch.optim.lr_scheduler.StepLR``, by the step.

    Epochs of a warm-up count, and ``drops`` does not. Prefer ``Schedule("step")``, which spreads its drops over any
    number of epochs.

    >>> schedule = StepEvery("step", gamma=0.1, every=7, epochs=25)
    >>> [round(schedule.factor(epoch * 4, 100), 4) for epoch in (0, 6, 7, 14, 24)]
    [1.0, 1.0, 0.1, 0.01, 0.001]
    """

    gamma: float = 0.1
    every: int = 1
    epochs: int = 1

    def curve(self, step: int, warm: int, total: int) -> float:
        """The level at ``step`` of ``total``."""
        return float(self.gamma ** (step * self.epochs // (self.every * total)))
