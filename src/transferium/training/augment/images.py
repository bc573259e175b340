"""Recipes for images as torchvision transforms.

The order is always geometry, frame, mirror, colour, erasing, whatever the order of the names: whatever costs by the
pixel sees only the pixels that are kept.

TrivialAugmentWide: Müller and Hutter, "TrivialAugment: Tuning-free yet state-of-the-art data augmentation" (2021).
RandAugment: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space" (2020).
Random erasing: Zhong et al., "Random erasing data augmentation" (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torchvision.transforms import InterpolationMode, v2

from transferium.training.augment.recipe import IMAGES, read_for
from transferium.training.augment.warp import WARPS, Warp

if TYPE_CHECKING:
    from torch import Tensor

_GREY = [124, 116, 104]  # ImageNet's mean colour, which normalisation turns into about zero
_BILINEAR = InterpolationMode.BILINEAR


def _perspective(amount: float, _size: int) -> Any:
    return v2.RandomPerspective(amount, p=0.5, interpolation=_BILINEAR, fill=_GREY)


def _blur(amount: float, size: int) -> Any:
    widest = max(0.5, size / 112)
    return v2.RandomApply([v2.GaussianBlur(2 * round(2 * widest) + 1, (0.1, widest))], p=amount)


def _trivial(amount: float, _size: int) -> Any:
    return v2.RandomApply([v2.TrivialAugmentWide(interpolation=_BILINEAR, fill=_GREY)], p=amount)


def _rand(amount: float, _size: int) -> Any:
    return v2.RandAugment(2, round(amount), interpolation=_BILINEAR, fill=_GREY)


AFTER: dict[str, Callable[[float, int], Any]] = {
    "perspective": _perspective,
    "flip": lambda amount, _size: v2.RandomHorizontalFlip(amount),
    "flip-vertical": lambda amount, _size: v2.RandomVerticalFlip(amount),
    "colour": lambda amount, _size: v2.ColorJitter(amount, amount, amount),
    "hue": lambda amount, _size: v2.ColorJitter(hue=amount),
    "grey": lambda amount, _size: v2.RandomGrayscale(amount),
    "blur": _blur,
    "trivialaugment": _trivial,
    "randaugment": _rand,
    "erase": lambda amount, _size: v2.RandomErasing(amount, scale=(0.02, 0.25), value=_GREY),
}
"""What happens to the framed picture, in this order."""


def build(amounts: Mapping[str, float], size: int, *, squash: bool = False) -> Augment:
    """The changes of a recipe that was read, on ``uint8 (3, h, w)``, ending at ``(3, size, size)``."""
    steps = [*_frame(amounts, size, squash)]
    steps += [make(amounts[name], size) for name, make in AFTER.items() if name in amounts]
    changes: Augment = v2.Compose(steps)
    return changes


def _frame(amounts: Mapping[str, float], size: int, squash: bool) -> list[Any]:
    """From a picture of any size to the square that the backbone reads."""
    warps = {name: amounts[name] for name in WARPS if name in amounts}
    cut = amounts.get("crop", 0.0)
    if cut:
        ratio = 1 + cut / 2
        crop = v2.RandomResizedCrop(size, scale=(1 - cut, 1.0), ratio=(1 / ratio, ratio), antialias=True)
        return [crop, Warp(size, warps)] if warps else [crop]
    if warps:
        return [Warp(size, warps, squash=squash)]
    return [v2.Resize((size, size), antialias=True) if squash else v2.CenterCrop(size)]


Augment = Callable[["Tensor"], "Tensor"]


def find_augment(recipe: str, size: int, *, squash: bool = False) -> Augment | None:
    """The changes that ``recipe`` names, for square outputs of ``size`` pixels; None where there are none.

    It takes and gives ``uint8 (3, h, w)``. Where no crop is named the output is the centre of the picture, or with
    ``squash`` all of it.
    """
    amounts = read_for(IMAGES, recipe)
    if not amounts:
        return None
    from transferium.training.augment.images import build

    return build(amounts, size, squash=squash)
