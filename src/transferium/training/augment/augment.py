"""Random changes to training examples, each a pure function of (seed, epoch, example)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from transferium.errors import InputError
from transferium.training.augment.recipe import check_recipe
from transferium.training.augment.rewriting import Rewrite, say_rewrite


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


def check_augment(augment: str | Rewrite) -> None:
    """Raise ``InputError`` where ``augment`` is neither a recipe for images or texts nor a function of texts."""
    if isinstance(augment, str):
        check_recipe(augment)
    elif not callable(augment):
        raise InputError(
            f"augment takes a recipe such as 'strong', or a function that rewrites texts; it was given {augment!r}."
        )


def say_augment(augment: str | Rewrite) -> str:
    """A recipe as it was written; a function by its qualified name."""
    return augment if isinstance(augment, str) else say_rewrite(augment)
