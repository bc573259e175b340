"""What every method that trains an adapter shares: where it goes, what moves, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.modality import KINDS
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.checks import RATE
from transferium.methods.settings.field import setting
from transferium.models.catalogue import OWN

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.methods.finetuning.trained import Trained
    from transferium.methods.holdout import HeldOut
    from transferium.methods.task import Task
    from transferium.models.backbone import Backbone
    from transferium.models.model import Model
    from transferium.training.loop.param_groups import Group
    from transferium.training.wrappers.keep_best import KeepBest


@dataclass
class AdapterTuning(FineTune):
    """Fine-tuning of an adapter alone, beside the head; a base of each method.

    A subclass is called as the kind of its adapter is (``models/peft/inject.py``), and its settings are those of the
    kind where they have the same names.
    """

    searched: ClassVar[tuple[str, ...]] = ("lr", "head_lr", "weight_decay", "epochs")
    of_adapter: ClassVar[tuple[str, ...]] = ()
    """Which settings are those of the adapter."""

    unfreeze: int | str = setting("all", "not used: only the adapter and the head move", choices=("all",))
    lr: float | str = setting(
        1e-3, "peak learning rate of the adapter, or auto: a range of rates is tested first", (1e-5, 1e-1), RATE
    )
    head_lr: float = setting(1e-3, "peak learning rate of the head", (1e-4, 1e-1), RATE)
    layer_decay: float = setting(1.0, "each block learns at this times the rate of the one above it", (0.5, 1.0))
    weight_decay: float = setting(0.01, "pull of what is new towards zero; biases and norms are left out", (0.0, 0.3))

    def check(self) -> None:
        """Raise ``InputError`` for what would change the backbone itself, beside what fine-tuning refuses."""
        super().check()
        for name in ("hidden", "mirror"):
            if value := getattr(self, name):
                raise InputError(
                    f"{name}={value!r} makes another backbone, and {self.name} keeps an adapter beside the one that it "
                    "was given: leave it out, or use finetune."
                )

    def check_backbone(self, backbone: Backbone) -> None:
        """Raise ``InputError`` for examples that no network is trained on, or that have no network to adapt."""
        super().check_backbone(backbone)
        if backbone.kind in OWN:
            raise InputError(f"{self.name} adapts a backbone, and {KINDS[backbone.kind]} have none: use the probe.")

    def settings_of_adapter(self) -> dict[str, Any]:
        """The settings of the adapter by name."""
        return {name: getattr(self, name) for name in self.of_adapter}

    def _model(self, task: Task, backbone: Backbone, parts: HeldOut) -> Model:
        from transferium.models.peft.inject import inject

        model = super()._model(task, backbone, parts)
        inject(model.backbone, self.name, **self.settings_of_adapter())
        return model

    def _groups(self, setup: FineTuneSetup) -> tuple[Group, ...]:
        from transferium.training.loop.param_groups import layered_groups, plain_groups

        body, blocks, decay = setup.model.backbone, setup.backbone.blocks, self.weight_decay
        moving = layered_groups(body, blocks, lr=float(self.lr), decay=self.layer_decay, weight_decay=decay)
        return (*moving, *plain_groups(setup.model.head.parameters(), self.head_lr, decay, "head"))

    def _left(self, setup: FineTuneSetup, best: KeepBest) -> Trained:
        from transferium.models.peft.inject import record_of

        trained = super()._left(setup, best)
        model, record = trained.model, record_of(trained.model.backbone)
        assert record is not None
        counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
        moving, total = sum(n for n, moves in counts if moves), sum(n for n, _ in counts)
        note = (
            f"{moving:,} of {total:,} parameters were trained ({100 * moving / total:.2g} %): the head, and "
            f"{self.name} in {len(record.layers)} places"
        )
        kept = {"trainable_parameters": moving, "parameters": total} | trained.kept
        return replace(trained, kept=kept, notes=(*trained.notes, note))
