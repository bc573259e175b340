"""Fine-tuning with weighted terms that hold it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.training.loop.objective import Objective

Term = tuple[float, "Callable[[], Objective]"]


@dataclass
class Regularised(FineTune):
    """``supervised + Σ weight · term``; a term of weight 0 is not even built, and what is left is ``finetune``.

    Mixup and CutMix change what the supervised loss sees; the terms see the inputs as they came, in another pass.
    """

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        """Each weight with what builds its term."""
        raise NotImplementedError(f"{type(self).__name__} does not say what holds it back")

    def _objective(self, setup: FineTuneSetup) -> Objective:
        objective = super()._objective(setup)
        for weight, build in self._terms(setup):
            if weight:
                objective = objective + weight * build()
        return objective

    def _require_moving(self, setup: FineTuneSetup) -> None:
        """Raise ``InputError`` where there is nothing to hold back."""
        if not any(p.requires_grad for p in setup.model.backbone.parameters()):
            raise InputError(
                f"{self.name} holds the backbone back, and unfreeze={self.unfreeze!r} moves nothing of it: unfreeze "
                f"a block, as in unfreeze=1, or use {FineTune.name}."
            )
