"""Learning without forgetting: fine-tuning that keeps the predictions of the starting network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import Rule
from transferium.problems.catalogue import OF_EXAMPLES

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup, Term
    from transferium.training.loop.objective import Objective


@dataclass
class LwF(FineTune):
    """Fine-tune without forgetting what the starting network answered on the same inputs.

    The starting network's answers on the new inputs are distilled into the moving one.
    ``keep=answers``, as in the paper:
    ``supervised + strength · T² · mean_i KL(softmax(g0(f0_i) / T) || softmax(g(f_i) / T))``, with the
    classifier ``g`` of pretraining trained along at the backbone's rate, and ``g0``, ``f0`` as they started.
    ``keep=features``, for a backbone that came without its classifier:
    ``supervised + strength · mean_ij ((f_ij - f0_ij) / spread)²``, which keeps every linear classifier there ever was
    and is stricter. ``auto`` is answers where they can be had; the history says which, ``kept_answers`` or
    ``kept_features``. Each step makes one more forward pass, of the frozen network. Prefer it where the old task must
    go on working, ``delta`` where only what the classes need is to be kept, ``l2-sp`` where passes are dear.
    Li & Hoiem, "Learning without forgetting" (2016).
    """

    name: ClassVar[str] = "lwf"
    problems: ClassVar[tuple[str, ...]] = OF_EXAMPLES
    unused_rules: ClassVar[dict[str, Rule]] = {
        "temperature": Rule("keep", lambda m: m.keep != "features", "keep=answers")
    }

    strength: float = setting(1.0, "how strongly what was answered before is kept", (1e-2, 10.0))
    keep: str = setting("auto", "answers of the old classifier, the features, or auto", ("auto", "answers", "features"))
    temperature: float = setting(2.0, "what answers are softened by", (1.0, 5.0), {"above": 0})

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        yield self.strength, lambda: self._kept(setup)

    def _own_rate(self) -> float:
        return float(self.lr)

    def _kept(self, setup: FineTuneSetup) -> Objective:
        setup.require_moving(self.name, self.unfreeze)
        known = setup.backbone.source_head is not None
        if self.keep == "answers" and not known:
            raise InputError(
                f"keep=answers needs the classifier that the backbone was trained with, and {setup.backbone.name} "
                "came without one: use keep=features."
            )
        return self._answers(setup) if known and self.keep != "features" else self._features(setup)

    def _answers(self, setup: FineTuneSetup) -> Objective:
        import torch

        from transferium.objectives.distillation import Distillation

        assert setup.backbone.source_head is not None
        # A new layer draws weights before the old ones are put in: not from the run's random numbers.
        with torch.random.fork_rng(devices=[]):
            head = setup.backbone.source_head()
        return Distillation(setup.model, head, temperature=self.temperature)

    def _features(self, setup: FineTuneSetup) -> Objective:
        from transferium.objectives.distillation import FeatureDistillation

        features = setup.task.embed(setup.parts.train, setup.backbone).features
        spread = float(np.sqrt(np.mean((features - features.mean(axis=0, dtype=np.float64)) ** 2)))
        return FeatureDistillation(setup.model, scale=spread or 1.0)
