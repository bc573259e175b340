"""Which weights of a run are kept: one epoch's, a moving average's, the mean of the last epochs', or a soup's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.errors import InputError
from transferium.methods.settings.checks import BELOW_1
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import Rule, when
from transferium.problems.problem import Problem

if TYPE_CHECKING:
    from transferium.training.wrappers.keep_best import KeepBest, Score

LAST = "last"


def scored_by(best_epoch: str, problem: Problem) -> str:
    """The held-out score that is shown, and that rates may wait for: the loss where the last epoch is kept.

    Where a problem has no accuracy, its headline figure is meant.
    """
    return problem.headline if best_epoch == "accuracy" else problem.loss_name


def is_lowered(score: str, problem: Problem) -> bool:
    """Whether a held-out score is the better the lower it is."""
    return score == problem.loss_name or problem.lower_is_better


def _stops(m: Any) -> bool:
    return m.patience is None or m.patience < max(m.epochs, getattr(m, "epochs_per_stage", 0))


@dataclass
class WeightAveraging:
    """The settings that say which weights are kept, and on which examples they are scored."""

    unused_rules: ClassVar[dict[str, Rule]] = {
        "patience": Rule("epochs", _stops, "more epochs than that"),
        "ema_decay": when("average", "ema"),
        "swa_from": when("average", "swa"),
        "soup_size": when("average", "soup"),
    }

    patience: int | None = setting(None, "stop after this many epochs without a better one (none: never)", (2, 10))
    best_epoch: str = setting(
        "log_loss",
        "which epoch is kept: that of the best held-out log_loss or accuracy, or the last one",
        ("log_loss", "accuracy"),
        choices=("log_loss", "accuracy", LAST),
    )
    average: str = setting(
        "none",
        "weights that are scored and kept: none (each epoch's), ema (moving average), swa (mean of the last epochs) or "
        "soup (of the best epochs)",
        ("none", "ema", "swa", "soup"),
    )
    ema_decay: float = setting(0.999, "how slowly the moving average forgets", (0.9, 0.9999), BELOW_1)
    swa_from: float = setting(
        0.5,
        "share of the epochs after which swa holds the rate and takes the mean; not before the warm-up ends",
        (0.25, 0.9),
        BELOW_1,
    )
    soup_size: int = setting(5, "best epochs that a soup may be made of; as many copies of the model are kept", (2, 10))
    val_share: float = setting(
        0.2,
        "share of train held out to choose the epoch, where there is no val part",
        bounds={"above": 0, "most": 0.5},
    )

    def check_averaging(self, schedule: str) -> None:
        """Raise ``InputError`` where the epoch to keep is none, or where something else chooses among epochs."""
        if self.best_epoch == LAST and self.average == "soup":
            raise InputError(
                "average=soup chooses among epochs by their score, and best_epoch=last keeps the last one whatever it "
                "scores: use average=ema or swa, or best_epoch=log_loss or accuracy."
            )
        if self.best_epoch == LAST and self.patience is not None:
            raise InputError(
                f"patience={self.patience} stops when epochs no longer get better, and best_epoch=last would keep the "
                "one after which it stopped: use best_epoch=log_loss or accuracy, or leave patience out."
            )
        if schedule == "plateau" and self.average == "swa":
            raise InputError(
                "average=swa takes the mean of epochs at one rate, and schedule=plateau goes on lowering it: use "
                "average=ema, or another schedule."
            )

    def _scorer(self, score: Score, problem: Problem, *, start: bool, swa_from: float) -> KeepBest:
        """What scores each epoch, or the average in its place, and keeps the best of them."""
        from transferium.training.wrappers.keep_best import KeepBest, KeepLast
        from transferium.training.wrappers.soup import Soup
        from transferium.training.wrappers.weight_average import EMA, SWA

        by, patience = scored_by(self.best_epoch, problem), self.patience
        lowest = is_lowered(by, problem)
        if self.average == "soup":
            return Soup(score, by=by, lowest=lowest, start=start, patience=patience, size=self.soup_size)
        keep = KeepLast if self.best_epoch == LAST else KeepBest
        looked_at = {"ema": EMA(self.ema_decay), "swa": SWA(swa_from)}.get(self.average)
        return keep(score, by=by, lowest=lowest, start=start, patience=patience, average=looked_at)
