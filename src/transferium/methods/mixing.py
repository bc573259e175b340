"""mixup and CutMix as settings: checked before anything is read, and put around a loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from transferium.errors import InputError

if TYPE_CHECKING:
    from transferium.data.domain import Domain
    from transferium.training.objective import Objective


def check_mixing(mixup: float, cutmix: float) -> None:
    """Raise ``InputError`` for alphas there are no Beta distributions of."""
    for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
        if not (alpha >= 0 and math.isfinite(alpha)):
            raise InputError(f"{name} is the alpha of a Beta distribution, 0 (off) or more; it was {alpha}.")


def mixed(loss: Objective, train: Domain, mixup: float, cutmix: float) -> Objective:
    """``loss`` of mixtures of the target's rows, where an alpha is not 0; raises ``InputError`` for texts."""
    if not (mixup or cutmix):
        return loss
    from transferium.objectives.mixing import Mixed, check_mixable

    check_mixable(train.kind, cutmix)
    return Mixed(loss, "target", len(train.classes), mixup=mixup, cutmix=cutmix)
