"""LP-FT: a linear probe first, then fine-tuning of everything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.holdout import HeldOut
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.heads.linear import linear

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.models.model import Model
    from transferium.training.wrappers.keep_best import KeepBest


@dataclass
class LPFT(FineTune):
    """Solve the linear probe on frozen features, then fine-tune everything from there.

    A head that already fits sends small, useful gradients into the backbone; a random head first distorts the features
    it is given, which costs accuracy away from the training distribution. Prefer it to ``finetune`` with few labels or
    where test data may differ from training data. The probe sees only what is trained on, and is itself the first
    candidate: if no epoch beats it on the held-out part, it is what is kept (unless ``best_epoch`` is the last).
    Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution" (2022).
    """

    name: ClassVar[str] = "lp-ft"

    lr: float | str = setting(5e-5, "peak learning rate of the last block, or auto", (1e-6, 1e-3))
    head_lr: float = setting(5e-5, "peak learning rate of the head", (1e-6, 1e-2))

    def check(self) -> None:
        """Raise ``InputError`` for hidden layers, beside what fine-tuning refuses."""
        super().check()
        if self.hidden is not None:
            raise InputError(
                f"{self.name} starts from the linear probe, so its head is one linear layer; it was given "
                f"hidden={self.hidden!r}. Use finetune for hidden layers."
            )

    def _model(self, task: Task, backbone: Backbone, parts: HeldOut) -> Model:
        """The model, with a linear probe of the training examples as its head."""
        from transferium.methods.finetuning.class_balance import at_equal_shares
        from transferium.methods.frozen.linear_probe import LinearProbe
        from transferium.models.heads.scaled_linear import ScaledLinear

        groups = None if task.groups is None else task.groups[parts.kept]
        probe = linear(LinearProbe().fit(replace(task, train=parts.train, val=None, groups=groups)).head)
        model = super()._model(task, backbone, parts)
        assert isinstance(model.head, ScaledLinear)
        balanced = parts.weights is not None
        model.head.take(probe.weight, at_equal_shares(probe.bias, parts.train.y) if balanced else probe.bias)
        return model

    def _keep_best(self, setup: FineTuneSetup, *, start: bool = True) -> KeepBest:
        return super()._keep_best(setup, start=start)
