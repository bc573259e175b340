"""What all self-supervised terms have in common: their values item by item, of which the loss is the mean."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class SelfSupervised(Objective):
    """A term on examples without labels. Held-out figures are means over all items.

    What is measured of a batch as a whole (the spread of features in VICReg) is one item of that batch.
    """

    needs_inputs = True
    terms: ClassVar[tuple[str, ...]] = ()
    """Which of the measures are lowered; the others are only looked at."""

    def __init__(self, stream: str = "corpus") -> None:
        super().__init__()
        self.stream, self.needs = stream, frozenset({stream})

    def measures(self, view: View) -> dict[str, Tensor]:
        """By name, a value for each token, pair or picture."""
        raise NotImplementedError

    def lowered(self) -> tuple[str, ...]:
        """The names of the measures that make up the loss."""
        return self.terms

    def forward(self, view: View) -> dict[str, Tensor]:
        measured = self.measures(view)
        # Where a batch has nothing to guess (texts of special tokens alone), there is nothing to learn: 0.
        return {name: measured[name].sum() / max(1, measured[name].numel()) for name in self.lowered()}


class Together(SelfSupervised):
    """Several terms at once; their names must differ."""

    def __init__(self, *parts: SelfSupervised) -> None:
        super().__init__(parts[0].stream)
        self.parts = nn.ModuleList(parts)

    def lowered(self) -> tuple[str, ...]:
        return tuple(name for part in self._parts() for name in part.lowered())

    def measures(self, view: View) -> dict[str, Tensor]:
        return {name: value for part in self._parts() for name, value in part.measures(view).items()}

    def _parts(self) -> list[SelfSupervised]:
        return [part for part in self.parts if isinstance(part, SelfSupervised)]
