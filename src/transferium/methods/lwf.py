"""Held back by what the network answered before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from transferium.methods.checks import at_least
from transferium.methods.finetune import setting
from transferium.methods.held_back import HeldBack, Term

if TYPE_CHECKING:
    from transferium.methods.ground import Ground
    from transferium.training.objective import Objective


@dataclass
class LwF(HeldBack):
    """Fine-tune with the features held near those of the starting network on the new inputs.

    ``supervised + strength · mean_ij ((f_ij - f0_ij) / scale)²``, ``scale`` being the spread of the starting features.
    The paper distils the answers of the old task's head; a backbone comes without that head, so this keeps the features
    themselves, and with them every linear head that ever read them: feature distillation, which is stricter. Each step
    makes one more forward pass, of the frozen network. Prefer it where the old features must go on serving something
    else, ``delta`` where only what the classes need is to be kept, ``l2-sp`` where passes are dear.
    After Li & Hoiem, "Learning without forgetting" (2016).
    """

    name: ClassVar[str] = "lwf"

    strength: float = setting(1.0, "how strongly features are held, in units of their spread", (1e-2, 10.0))

    def check(self) -> None:
        """As for ``finetune``; the strength is 0 or more."""
        super().check()
        at_least("strength", self.strength, 0)

    def _terms(self, ground: Ground) -> Iterator[Term]:
        yield self.strength, lambda: self._kept(ground)

    def _kept(self, ground: Ground) -> Objective:
        from transferium.objectives.kept_features import KeptFeatures

        self._require_moving(ground)
        features = ground.task.embed(ground.parts.train, ground.backbone).features
        spread = float(np.sqrt(np.mean((features - features.mean(axis=0, dtype=np.float64)) ** 2)))
        return KeptFeatures(ground.model, scale=spread or 1.0)
