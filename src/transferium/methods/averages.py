"""Which weights of a run are kept: one epoch's, a moving average's, the mean of the last epochs', or a soup's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferium.methods.base import require_choice
from transferium.methods.checks import at_least, between

if TYPE_CHECKING:
    from transferium.training.best import KeepBest, Score

AVERAGES = ("none", "ema", "swa", "soup")


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
    from transferium.training.average import EMA, SWA
    from transferium.training.best import KeepBest
    from transferium.training.soup import Soup

    lowest = by == "log_loss"
    if average == "soup":
        return Soup(score, by=by, lowest=lowest, start=start, patience=patience, size=soup_size)
    looked_at = {"ema": EMA(ema_decay), "swa": SWA(swa_from)}.get(average)
    return KeepBest(score, by=by, lowest=lowest, start=start, patience=patience, average=looked_at)
