"""Batch spectral shrinkage: fine-tuning with small singular values of each batch's features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.field import setting
from transferium.problems.catalogue import OF_EXAMPLES
from transferium.system.processes import refuse_several

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup, Term
    from transferium.training.loop.objective import Objective


@dataclass
class BSS(FineTune):
    """Fine-tune with the smallest singular values of each batch's features shrunk.

    ``supervised + eta · Σ_{i <= smallest} σ_{-i}(F)²`` for a batch's features ``F (n, width)``. Directions that hardly
    vary are those that transfer worst; giving them up keeps a few labels from being fitted with them. It does not hold
    the backbone where it was. Prefer it to ``finetune`` with few labels on inputs unlike those of pretraining, and
    ``l2-sp`` or ``delta`` where they are alike. An epoch's last, smaller batch is left out, and one process trains it
    in one pass a step. The defaults are the paper's.
    Chen et al., "Catastrophic forgetting meets negative transfer: batch spectral shrinkage for safe transfer learning"
    (2019).
    """

    name: ClassVar[str] = "bss"
    problems: ClassVar[tuple[str, ...]] = OF_EXAMPLES

    eta: float = setting(0.001, "how strongly the smallest singular values are shrunk", (1e-5, 0.1))
    smallest: int = setting(1, "how many singular values are shrunk", (1, 8))

    def check(self) -> None:
        """As for ``finetune``, in one pass a step."""
        super().check()
        if self.eta and self.accumulate > 1:
            raise InputError(
                f"bss shrinks the spectrum of a whole batch, and accumulate={self.accumulate} would split it: use "
                "accumulate=1 and a smaller batch_size."
            )

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        yield self.eta, lambda: self._shrunk(setup)

    def _shrunk(self, setup: FineTuneSetup) -> Objective:
        from transferium.objectives.spectrum import SpectralShrinkage

        setup.require_moving(self.name, self.unfreeze)
        refuse_several("bss shrinks the spectrum of a whole batch", "train it with one process")
        rows, width = min(self.batch_size, len(setup.parts.train)), setup.backbone.width
        if self.smallest > min(rows, width):
            raise InputError(
                f"smallest={self.smallest}: batches of {rows} examples with {width} features have "
                f"{min(rows, width)} singular values; give a number from 1 to {min(rows, width)}."
            )
        return SpectralShrinkage(self.smallest)

    def _whole_batches(self) -> bool:
        return bool(self.eta)
