"""Amounts in standard deviations from their mean, as a network learns them, and the fitted head in their own unit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.models.heads.linear import linear


@dataclass(frozen=True)
class Scale:
    """``(y - mean) / std`` by the training part, so that rates and losses do not depend on the unit.

    >>> import numpy as np
    >>> scale = Scale.of(np.array([1.0, 3.0]))
    >>> scale.mean, scale.std
    (2.0, 1.0)
    """

    mean: float
    std: float

    @classmethod
    def of(cls, amounts: NDArray[Any]) -> Scale:
        """The scale of the training part's amounts."""
        return cls(float(amounts.mean()), float(amounts.std()) or 1.0)

    def done(self, task: Task) -> Task:
        """The same task with scaled amounts."""
        return replace(task, train=self._scaled(task.train), val=None if task.val is None else self._scaled(task.val))

    def undone(self, fitted: Fitted) -> Fitted:
        """The same model with a head in the amounts' own unit; figures of training stay scaled, and a note says so."""
        head = linear(fitted.head)
        own = replace(head, weight=head.weight * self.std, bias=head.bias * self.std + self.mean)
        note = f"figures of training are in standard deviations of the training amounts ({self.std:.4g})"
        selection = replace(fitted.selection, notes=(*fitted.selection.notes, note))
        return replace(fitted, head=own, selection=selection)

    def scaled(self, amounts: NDArray[Any]) -> NDArray[Any]:
        """The amounts in standard deviations."""
        scaled: NDArray[Any] = (amounts - self.mean) / self.std
        return scaled

    def _scaled(self, domain: Domain) -> Domain:
        return replace(domain, labels=self.scaled(domain.y))
