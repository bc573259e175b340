"""Random changes to training images, each a pure function of (seed, epoch, example)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from transferium.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

Augment = Callable[["Tensor"], "Tensor"]


@contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Draw from torch's CPU generator as if it had just been seeded by ``key``, and leave it as it was.

    >>> import torch
    >>> with seeded(0, 1):
    ...     a = torch.rand(1)
    >>> with seeded(0, 1):
    ...     bool(a == torch.rand(1))
    True
    """
    import torch

    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1)))
    try:
        yield
    finally:
        generator.set_state(before)


def _simple(size: int) -> Augment:
    from torchvision.transforms import v2

    crop = v2.RandomResizedCrop(size, scale=(0.5, 1.0), ratio=(0.8, 1.25), antialias=True)
    return v2.Compose([crop, v2.RandomHorizontalFlip()])  # type: ignore[no-any-return]


AUGMENTS: dict[str, Callable[[int], Augment]] = {"simple": _simple}


def check_augment(name: str) -> None:
    """Raise ``InputError`` where there is no preset of that name."""
    if name != "none" and name not in AUGMENTS:
        raise InputError(f"there is no augmentation preset {name!r}. {did_you_mean(name, ['none', *AUGMENTS])}")


def find_augment(name: str, size: int) -> Augment | None:
    """The preset of that name for square outputs of ``size`` pixels, or None for ``"none"``.

    It takes and gives ``uint8 (3, h, w)``.
    """
    check_augment(name)
    return None if name == "none" else AUGMENTS[name](size)
