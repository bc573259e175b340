"""Stochastic normalisation: fine-tuning that uses the statistics of pretraining in some channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.field import setting
from transferium.problems.catalogue import OF_EXAMPLES

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.training.loop.wrapper import Wrapper


@dataclass
class StochNorm(FineTune):
    """Fine-tune with batch normalisation by the moving statistics, at random.

    Each batch-norm channel is normalised, with probability ``p``, by its moving statistics.
    ``y_c = moving_c(x)`` with probability ``p``, else ``batch_c(x)``: the statistics of pretraining stay in use and
    stop a small batch from deciding alone. The tuned backbone is an ordinary one. ``p = 0`` is ``finetune`` with
    ``batch_norm=batch``; ``p = 1`` normalises by moving statistics alone, which go on moving. Prefer it to that where
    labels are few; ``finetune`` with ``batch_norm=kept``, the default, holds the statistics altogether and is cheaper.
    It needs a backbone with batch norm. Kou et al., "Stochastic normalization" (2020).
    """

    name: ClassVar[str] = "stochnorm"
    problems: ClassVar[tuple[str, ...]] = OF_EXAMPLES

    batch_norm: str = setting(
        "batch", "statistics of batch norm: those of each batch, mixed with the moving ones", ("batch",)
    )
    p: float = setting(
        0.5, "probability that a channel is normalised by its moving statistics", (0.0, 1.0), {"most": 1}
    )

    def check(self) -> None:
        """As for ``finetune``; statistics are not kept."""
        super().check()
        if self.p and self.batch_norm == "kept":
            raise InputError(
                "stochnorm mixes moving statistics with each batch's, and batch_norm=kept has only the pretrained "
                "ones: use batch_norm=batch, or the method finetune."
            )

    def _network_wrappers(self, setup: FineTuneSetup) -> list[Wrapper]:
        from transferium.training.wrappers.stochastic_norm import StochasticNorm

        if self.p:
            self._require_batch_norm(setup)
        return [StochasticNorm(self.p)]

    def _require_batch_norm(self, setup: FineTuneSetup) -> None:
        from transferium.training.loop.freeze import has_batch_norm, split_modules

        body = setup.model.backbone
        if not has_batch_norm(list(body.modules())):
            raise InputError(
                f"stochnorm needs batch norm, and {setup.backbone.name} has none: use finetune, l2-sp or delta."
            )
        if not has_batch_norm(split_modules(body)[0]):
            raise InputError(
                f"every batch norm of {setup.backbone.name} is frozen with unfreeze={self.unfreeze!r}: unfreeze a "
                "block that has one, or use finetune."
            )
