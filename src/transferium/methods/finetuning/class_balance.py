"""Class balance: rare classes count more in the loss, or are drawn more often.

Either way the model learns ``p(y | x)`` of a world in which all classes are equally common: balanced accuracy rises,
plain accuracy and the plain log-loss usually fall, since held-out examples still come at their true shares. No
temperature mends that, for it is the prior that differs and not the sureness. So what chooses the epoch and the
temperature counts every held-out class alike (a class's mean loss, averaged over classes), as the training does:
an epoch is not preferred for having learned the rarity of a class, and the probabilities are honest for equal shares.
For other shares ``p_c`` multiply each probability by ``k p_c`` and make them sum to 1 (Saerens et al., 2002). Prefer
drawing where batches are small and a class rare, weights where each example should be seen once an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.class_shares import balanced_weights
from transferium.methods.settings.field import setting

if TYPE_CHECKING:
    from transferium.methods.holdout import HeldOut


@dataclass
class ClassBalance:
    """The settings by which rare classes count as much as others."""

    class_weights: str = setting(
        "none", "what a class counts in the loss: none (its examples) or balanced (all alike)", ("none", "balanced")
    )
    sampling: str = setting(
        "shuffled",
        "what an epoch draws: shuffled (each example once) or balanced (classes alike)",
        choices=("shuffled", "balanced"),
    )

    def check_balance(self) -> None:
        """Raise ``InputError`` for both of them at once."""
        if self.class_weights == self.sampling == "balanced":
            raise InputError(
                "class_weights=balanced and sampling=balanced would count a rare class twice over: use one of them."
            )


def counted_alike(parts: HeldOut) -> HeldOut:
    """The same parts, with weights under which all classes of the held-out part count alike."""
    held = parts.held
    return replace(parts, weights=balanced_weights(held.y, len(held.classes))[held.y])


def at_equal_shares(bias: NDArray[Any], y: NDArray[np.int64]) -> NDArray[Any]:
    """The bias of a linear head fitted to labels ``y``, as if all their classes were equally common: ``b - log k p``.

    Saerens et al., "Adjusting the outputs of a classifier to new a priori probabilities" (2002).

    >>> at_equal_shares(np.zeros(2), np.array([0, 0, 0, 1])).round(2)
    array([-0.41,  0.69])
    """
    return bias + np.log(balanced_weights(y, len(bias)))
