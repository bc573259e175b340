"""What fine-tuning changes at random: blocks, inputs, labels, and mixtures of two examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.methods.finetuning.learning_rates import IF_IT_MOVES
from transferium.methods.settings.checks import BELOW_1
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import Rule

if TYPE_CHECKING:
    from transferium.data.domain import Domain
    from transferium.training.loop.objective import Objective


AUGMENTS: dict[str, Any] = {
    "range": ("none", "light", "medium", "strong"),
    "choices": (),
    "help": "random changes to training examples: none, light, simple, medium, strong; for images also geometric, "
    "trivial, rand or single ones, as in crop+flip+erase; where a mirror image is something else, as with digits and "
    "writing: digits, or +no-flip at the end; for sounds single ones, as in noise+mask-time; auto: simple for images "
    "and sounds, none for texts",
}


@dataclass
class Augmentation:
    """The settings of what changes at random from step to step."""

    unused_rules: ClassVar[dict[str, Rule]] = {"drop_path": IF_IT_MOVES}
    augments_images: ClassVar[bool] = False
    """Whether the default of ``augment`` is for images, and other data then has no changes."""

    drop_path: float = setting(
        0.0,
        "share of rows that skip the last residual block, less in blocks before it: stochastic depth",
        (0.0, 0.3),
        BELOW_1,
    )
    augment: str | Callable[[list[str]], Sequence[str]] = field(default="auto", metadata=AUGMENTS)
    label_smoothing: float = setting(0.0, "share of each label spread over all classes", (0.0, 0.2), BELOW_1)
    mixup: float = setting(0.0, "alpha of mixup (0: off): pairs of examples mixed with their labels", (0.0, 1.0))
    cutmix: float = setting(0.0, "alpha of CutMix (0: off); with mixup, a coin chooses for each batch", (0.0, 1.0))

    def _augmentation(self, kind: str) -> str | Callable[[list[str]], Sequence[str]]:
        """What changes training examples of a kind of data."""
        images_alone = self.augments_images and self.augment == type(self).augment
        return "none" if images_alone and kind != "image" else self.augment


def mixed(loss: Objective, train: Domain, mixup: float, cutmix: float) -> Objective:
    """``loss`` of mixtures of the target's rows, where an alpha is not 0; raises ``InputError`` for texts."""
    if not (mixup or cutmix):
        return loss
    from transferium.models.modality import is_ragged
    from transferium.objectives.mixing import Mixed, check_mixable

    check_mixable(tokens=is_ragged(train.kind), pictures=train.kind == "image", cutmix=cutmix)
    return Mixed(loss, "target", train.posed.width, mixup=mixup, cutmix=cutmix)
