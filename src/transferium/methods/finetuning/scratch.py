"""The same training from random weights, to measure what pretraining is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.models.backbone import Backbone


@dataclass
class FromScratch(FineTune):
    """Train the same architecture from random weights with the same budget.

    A reference, not a recommendation: the difference to ``finetune`` is what the pretrained weights brought. With a few
    hundred images expect little more than chance. Nothing holds the first layers near a good place, so that every block
    learns at one, higher, rate.
    """

    name: ClassVar[str] = "scratch"

    lr: float | str = setting(1e-3, "peak learning rate of the backbone, or auto", (1e-4, 1e-2))
    layer_decay: float = setting(1.0, "each block learns at this times the rate of the one above it", (0.5, 1.0))

    batch_norm: str = setting(
        "batch", "statistics of batch norm: kept as they start, or those of each batch", ("kept", "batch")
    )

    def _start(self, task: Task) -> Backbone:
        from transferium.models.catalogue import randomised

        if not task.backbone.pretrained:
            return task.backbone
        # At the size the pretrained one reads: the same architecture and the same budget.
        return randomised(task.backbone, seed=task.seed, full=True)
