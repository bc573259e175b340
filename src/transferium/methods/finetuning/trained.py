"""The fitted result of a trained model: a backbone, a linear head, a temperature, a selection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from transferium.methods.finetuning.weight_averaging import LAST, is_lowered, scored_by
from transferium.models.backbone import Backbone
from transferium.models.heads.linear import Head
from transferium.problems.problem import Link
from transferium.selection.selection import Selection

if TYPE_CHECKING:
    from torch import nn

    from transferium.methods.holdout import HeldOut
    from transferium.models.model import Model
    from transferium.training.distributed.machine import Machine
    from transferium.training.feeds.feeds import Feeds


@dataclass(frozen=True, eq=False)
class Trained:
    """What a generator of stages returns: the model, the description it started from, and how it was watched.

    ``kept`` is what was kept of the last stage (its epoch, or the epochs of a soup), and ``notes`` what else to say.
    With ``mirror``, answers are the mean over a picture and its mirror image.
    """

    model: Model
    backbone: Backbone
    feeds: Feeds
    parts: HeldOut
    at_start: dict[str, float] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    mirror: bool = False


def linear_head(layer: nn.Module, temperature: float, link: Link) -> Head:
    """A trained linear layer in units of the features it reads, with a temperature."""
    from transferium.models.heads.scaled_linear import ScaledLinear

    assert isinstance(layer, ScaledLinear)
    weight, bias = layer.folded()
    return Head(weight, bias, temperature, link=link)


def temperature_of(trained: Trained, machine: Machine) -> float:
    """The temperature that makes held-out probabilities honest; held-out examples are never trained on."""
    from transferium.models.surgery.mirrored import Mirrored
    from transferium.training.loop.predict import predict

    held, model = trained.parts.held, Mirrored(trained.model) if trained.mirror else trained.model
    scores = predict(model, held, trained.feeds, machine)
    return float(held.posed.calibrate(scores, held.y, trained.parts.weights))


def selection_of(trained: Trained, history: list[dict[str, Any]], best_epoch: str) -> Selection:
    """Which epoch was kept, and what every epoch scored. Epoch 0 is the model before the first step.

    Where several stages were looked at, each look says its stage, and epochs are counted through all of them.
    """
    problem = trained.parts.held.posed
    score = scored_by(best_epoch, problem)
    by, lowest = f"val_{score}", is_lowered(score, problem)
    scored = [r for r in history if by in r]
    several = len({r["stage"] for r in scored}) > 1
    looks: list[dict[str, Any]] = (
        [{"epoch": 0, **{f"val_{k}": v for k, v in trained.at_start.items()}}] if trained.at_start else []
    )
    looks += [
        ({"stage": r["stage"]} if several else {})
        | {"epoch": number}
        | {k: v for k, v in r.items() if k.startswith("val_")}
        for number, r in enumerate(scored, 1)
    ]
    if best_epoch == LAST:
        words, chosen = "being the last epoch, whatever it scored", looks[-1]
    else:
        named = "log-loss" if score == "log_loss" else score.replace("_", " ")
        words = f"{'lowest' if lowest else 'highest'} {named}"
        chosen = (min if lowest else max)(looks, key=lambda look: look[by])
    where = {key: chosen[key] for key in ("stage", "epoch") if key in chosen}
    if trained.parts.weights is not None:
        words += ", every class counting alike"
    return Selection(words, trained.parts.data, looks, trained.kept | where, trained.notes)
