"""Which weights of a run are kept: one epoch's, a moving average's, the mean of the last epochs', or a soup's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferium.errors import InputError
from transferium.methods.settings.checks import at_least, between, require_choice

if TYPE_CHECKING:
    from transferium.training.wrappers.keep_best import KeepBest, Score

AVERAGES = ("none", "ema", "swa", "soup")
LAST = "last"
KEPT = ("log_loss", "accuracy", LAST)
"""What may say which epoch is kept."""


def scored_by(best_epoch: str) -> str:
    """The held-out score that is shown, and that rates may wait for: log-loss where the last epoch is kept."""
    return "log_loss" if best_epoch == LAST else best_epoch


def check_kept(best_epoch: str, average: str, patience: int | None) -> None:
    """Raise ``InputError`` where the epoch to keep is none, or where something else chooses among epochs."""
    require_choice("best_epoch", best_epoch, KEPT)
    if best_epoch == LAST and average == "soup":
        raise InputError(
            "average=soup chooses among epochs by their score, and best_epoch=last keeps the last one whatever it "
            "scores: use average=ema or swa, or best_epoch=log_loss or accuracy."
        )
    if best_epoch == LAST and patience is not None:
        raise InputError(
            f"patience={patience} stops when epochs no longer get better, and best_epoch=last would keep the one after "
            "which it stopped: use best_epoch=log_loss or accuracy, or leave patience out."
        )


def check_average(average: str, ema_decay: float, swa_from: float, soup_size: int) -> None:
    """Raise ``InputError`` for an average that cannot be taken."""
    require_choice("average", average, AVERAGES)
    between("ema_decay", ema_decay, 0, 1, ends="[)")
    between("swa_from", swa_from, 0, 1, ends="[)")
    at_least("soup_size", soup_size, 1)


def keep_best(
    score: Score,
    *,
    by: str,
    start: bool,
    patience: int | None,
    average: str,
    ema_decay: float,
    swa_from: float,
    soup_size: int,
) -> KeepBest:
    """What scores each epoch, or the average in its place, and keeps the best of them."""
    from transferium.training.wrappers.keep_best import KeepBest, KeepLast
    from transferium.training.wrappers.soup import Soup
    from transferium.training.wrappers.weight_average import EMA, SWA

    keep, by = (KeepLast if by == LAST else KeepBest), scored_by(by)
    lowest = by == "log_loss"
    if average == "soup":
        return Soup(score, by=by, lowest=lowest, start=start, patience=patience, size=soup_size)
    looked_at = {"ema": EMA(ema_decay), "swa": SWA(swa_from)}.get(average)
    return keep(score, by=by, lowest=lowest, start=start, patience=patience, average=looked_at)
