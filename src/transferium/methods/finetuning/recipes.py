"""Recipes of tutorials and courses, exactly as they teach them, to compare with better methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import Rule, when
from transferium.problems.catalogue import OF_EXAMPLES

if TYPE_CHECKING:
    from transferium.training.loop.schedule import Schedule


@dataclass
class Recipe:
    """Fine-tuning without what tutorials leave out: one rate, no warm-up, no clipping, a plain new linear layer.

    Beside ``FineTune``, and before it, as a base of each recipe.
    """

    augments_images: ClassVar[bool] = True

    head: str = setting("linear", "a new head's features: linear (taken as they are), or scaled to about 1")
    layer_decay: float = setting(1.0, "each block learns at this times the rate of the one above it", (0.5, 1.0))
    warmup: float = setting(0.0, "share of all steps over which the rate rises", (0.0, 0.3))
    clip: float | None = setting(None, "largest gradient norm (none: no limit)", (0.1, 10.0))
    schedule: str = setting("constant", "how the rate falls; constant: not at all")


@dataclass
class FrozenSGD(Recipe, FineTune):
    """A recipe of PyTorch's tutorial: frozen backbone, a new linear layer, plain SGD.

    SGD at 0.001 with momentum 0.9, a tenth of it every 7 of 25 epochs.
    "ConvNet as fixed feature extractor" of PyTorch's "Transfer learning for computer vision tutorial" (Chilamkurthy):
    batches of 4, random resized crops (8 to 100 % of the area) and mirror images, the epoch of the highest accuracy
    kept. Two differences: frozen batch norms keep their statistics here, which the tutorial lets drift, and the epoch
    is chosen on a part of train. The probe solves the same problem to its optimum, in seconds, without augmentation:
    prefer it.
    """

    name: ClassVar[str] = "frozen-sgd"
    unused_rules: ClassVar[dict[str, Rule]] = {"drop_every": when("schedule", "step")}

    epochs: int = setting(25, "passes over the training examples", (1, 100))
    batch_size: int = setting(4, "examples per step, over all processes", (4, 256))
    unfreeze: int | str = setting("none", "what moves beside the head: none, or as in finetune")
    optimiser: str = setting("sgd", "adamw, adam or sgd", ("adamw", "adam", "sgd"))
    lr: float | str = setting(1e-3, "learning rate of what is unfrozen", (1e-5, 1e-2))
    head_lr: float = setting(1e-3, "learning rate of the new layer", (1e-4, 1e-1))
    weight_decay: float = setting(0.0, "pull towards zero; biases and norms are left out", (0.0, 0.3))
    schedule: str = setting("step", "how the rate falls; step: by gamma, every drop_every epochs")
    drop_every: int = setting(7, "epochs between two drops of the rate", (1, 30))
    gamma: float = setting(0.1, "what a drop multiplies the rate by", (0.01, 0.5))
    augment: str = setting("crop:0.92+flip", "random changes to training examples; this default is for images")
    best_epoch: str = setting("accuracy", "which epoch is kept: log_loss, accuracy or last")

    def check(self) -> None:
        """Raise ``InputError`` for settings that cannot work."""
        super().check()
        if self.drops != type(self).drops:
            raise InputError(
                f"frozen-sgd drops the rate every drop_every epochs, however often that is; it was given drops="
                f"{self.drops}: set drop_every, or use finetune with schedule=step."
            )

    def _schedule(self) -> Schedule:
        from transferium.training.loop.step_every import StepEvery

        if self.schedule != "step":
            return super()._schedule()
        return StepEvery("step", self.warmup, gamma=self.gamma, every=self.drop_every, epochs=self.epochs)


@dataclass
class FrozenDense(Recipe, FineTune):
    """A recipe of Keras's blog: frozen backbone, a layer of 256 units, dropout, Adam.

    256 rectified units, dropout of a half, a linear layer, Adam at 1e-4, geometric changes.
    The small network on a frozen convolutional base of Chollet, "Building powerful image classification models using
    very little data" (Keras blog, 2016), and of many courses since, with its rotations of up to 40 degrees, shifts and
    zooms of up to a fifth and mirror images (the post itself uses RMSprop; courses have settled on Adam). Prefer the
    probe where classes are separated by a plane in feature space, as they mostly are; look at the selection's notes for
    units that never fire.
    """

    name: ClassVar[str] = "frozen-dense"
    problems: ClassVar[tuple[str, ...]] = OF_EXAMPLES

    epochs: int = setting(20, "passes over the training examples", (1, 100))
    unfreeze: int | str = setting("none", "what moves beside the head: none, or as in finetune")
    hidden: int | str | None = setting(256, "widths of hidden layers before the last linear one: 256 or 512,128")
    head_dropout: float = setting(0.5, "share of hidden units that each step leaves out", (0.0, 0.5))
    optimiser: str = setting("adam", "adamw, adam or sgd", ("adamw", "adam", "sgd"))
    head_lr: float = setting(1e-4, "learning rate of the new layers", (1e-5, 1e-2))
    weight_decay: float = setting(0.0, "pull towards zero; biases and norms are left out", (0.0, 0.3))
    augment: str = setting("geometric", "random changes to training examples; this default is for images")


@dataclass
class AllAdam(Recipe, FineTune):
    """Everything trainable, Adam at 1e-4 for 20 epochs, the best epoch kept.

    The usual second exercise of a course and the first thing competition notebooks try: no rate of its own for any
    part, batch norms that follow the new data. ``finetune`` differs by lower rates towards the input, a warm-up and a
    falling rate; where labels are few this recipe forgets most. Kingma & Ba, "Adam: a method for stochastic
    optimization" (2015).
    """

    name: ClassVar[str] = "all-adam"

    epochs: int = setting(20, "passes over the training examples", (1, 100))
    optimiser: str = setting("adam", "adamw, adam or sgd", ("adamw", "adam", "sgd"))
    lr: float | str = setting(1e-4, "learning rate of the backbone", (1e-6, 1e-2))
    head_lr: float = setting(1e-4, "learning rate of the new layer", (1e-6, 1e-1))
    weight_decay: float = setting(0.0, "pull towards zero; biases and norms are left out", (0.0, 0.3))
    batch_norm: str = setting("batch", "statistics of batch norm: those of each batch, or kept as pretrained")
    augment: str = setting("none", "random changes to training examples, as in finetune")


@dataclass
class AllAdamW(Recipe, FineTune):
    """Everything trainable, AdamW at 1e-4 with weight decay 1e-4, batches of 64.

    What starter scripts use: one rate and a decay that is too small to hold anything back. ``l2-sp`` pulls towards the
    pretrained weights instead of towards zero. Loshchilov & Hutter, "Decoupled weight decay regularization" (2019).
    """

    name: ClassVar[str] = "all-adamw"

    epochs: int = setting(10, "passes over the training examples", (1, 100))
    batch_size: int = setting(64, "examples per step, over all processes", (8, 256))
    lr: float | str = setting(1e-4, "learning rate of the backbone", (1e-6, 1e-2))
    head_lr: float = setting(1e-4, "learning rate of the new layer", (1e-6, 1e-1))
    weight_decay: float = setting(1e-4, "pull towards zero; biases and norms are left out", (0.0, 0.3))
    batch_norm: str = setting("batch", "statistics of batch norm: those of each batch, or kept as pretrained")
    augment: str = setting("none", "random changes to training examples, as in finetune")
