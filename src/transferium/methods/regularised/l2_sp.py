"""L2-SP and L2: fine-tuning with weights held near where they start, or held small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.field import setting

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup, Term
    from transferium.training.loop.objective import Objective


@dataclass
class L2SPTuning(FineTune):
    """Fine-tune with the backbone's weights pulled towards where they start, not towards zero.

    ``supervised + alpha/2 Σ (w - w0)² + beta/2 ||w_head||²``, the first sum over the backbone's moving parameters, the
    second over the head's weights. It takes the place of weight decay, whose default here is 0. Prefer it to
    ``finetune`` with few labels on inputs like those of pretraining; it is cheaper than ``delta`` and ``lwf``, which
    hold what the network does rather than its weights. The defaults are those of the authors' program.
    Li, Grandvalet & Davoine, "Explicit inductive bias for transfer learning with convolutional networks" (2018).
    """

    name: ClassVar[str] = "l2-sp"

    weight_decay: float = setting(0.0, "pull towards zero beside the two others", (0.0, 0.3))
    alpha: float = setting(0.1, "pull of the backbone's weights towards where they start", (1e-3, 1.0))
    beta: float = setting(0.01, "pull of the head's weights towards zero", (1e-4, 0.1))

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        from transferium.objectives.weight_distance import L2

        yield self.alpha, lambda: self._near_start(setup)
        yield self.beta, lambda: L2(setup.model.head, name="l2_head")

    def _near_start(self, setup: FineTuneSetup) -> Objective:
        from transferium.objectives.weight_distance import L2SP

        setup.require_moving(self.name, self.unfreeze)
        return L2SP(setup.model.backbone)


@dataclass
class L2Tuning(FineTune):
    """Fine-tune with all moving weights pulled towards zero: the baseline of ``l2-sp``.

    ``supervised + alpha/2 ||w||²`` over backbone and head, biases and norms left out. Unlike ``weight_decay``, which
    is kept out of AdamW's scaling and is 0 by default here, the pull is part of the gradient. It draws pretrained
    weights away from what was learned: prefer ``l2-sp``, and this to compare it with.
    Li, Grandvalet & Davoine, "Explicit inductive bias for transfer learning with convolutional networks" (2018).
    """

    name: ClassVar[str] = "l2"

    weight_decay: float = setting(0.0, "pull towards zero beside the term", (0.0, 0.3))
    alpha: float = setting(0.01, "pull of all moving weights towards zero", (1e-5, 0.1))

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        from transferium.objectives.weight_distance import L2

        yield self.alpha, lambda: L2(setup.model)
