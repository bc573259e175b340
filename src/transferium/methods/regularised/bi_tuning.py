"""Bi-Tuning: fine-tuning with contrastive terms between examples and classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.checks import BELOW_1
from transferium.methods.settings.field import setting
from transferium.problems.classes import Classes
from transferium.system.processes import refuse_several

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup, Term
    from transferium.training.loop.objective import Objective


@dataclass
class BiTuning(FineTune):
    """Fine-tune with two contrastive terms beside the cross-entropy.

    They work over a queue of each class's last examples.
    ``supervised + strength · (cce + ccl)``: the classifier's prototype of a class must find its examples among those of
    all classes, and an example's projection those of its class; see ``objectives/contrast.py``. The queue starts with
    the pretrained features of the training examples. Keys are the momentum encoder's answer to the same augmented
    view, where the paper draws a second one: feeds give each example one view a step, and a key still differs by
    its weights and by dropout. Prototypes are scored by the classifier itself, where the paper's program scores unit
    vectors. Prefer it to ``finetune`` where classes are many and alike and have a few dozen examples each; it costs one
    more forward pass a step, and trains in one process.
    Zhong et al., "Bi-tuning of pre-trained representations" (2020).
    """

    name: ClassVar[str] = "bi-tuning"
    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)

    strength: float = setting(1.0, "weight of the two contrastive terms", (0.1, 10.0))
    keys: int = setting(40, "examples of each class that the queue holds", (8, 40))
    key_momentum: float = setting(0.999, "how slowly the key encoder follows, per step", (0.9, 0.999), BELOW_1)
    temperature: float = setting(0.07, "of the projections' cosines", (0.02, 1.0), {"above": 0})
    projection: int = setting(128, "dimensions of the projections", (32, 256))

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        yield self.strength, lambda: self._contrast(setup)

    def _contrast(self, setup: FineTuneSetup) -> Objective:
        from transferium.objectives.contrast import BiContrast

        setup.require_moving(self.name, self.unfreeze)
        refuse_several("bi-tuning contrasts with one queue of keys", "train it with one process")
        contrast = BiContrast(
            setup.model,
            setup.backbone.width,
            setup.task.classes,
            keys=self.keys,
            momentum=self.key_momentum,
            temperature=self.temperature,
            dimensions=self.projection,
        )
        train = setup.parts.train
        contrast.fill(setup.task.embed(train, setup.backbone).features, train.y)
        return contrast
