"""LoRA and DoRA as methods of fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transferium.methods.peft.adapter_tuning import AdapterTuning
from transferium.methods.settings.field import setting

TARGETS = (
    "the layers that get an update: all (linear layers and plain convolutions), attention, or names and patterns with "
    "commas between, as in query,value"
)


@dataclass
class LowRankUpdates:
    """The settings of a low-rank update. Before ``AdapterTuning``, as a base of LoRA and DoRA."""

    of_adapter: ClassVar[tuple[str, ...]] = ("rank", "alpha", "stabilised", "targets")

    rank: int = setting(8, "rank of each update", (2, 64))
    alpha: float = setting(16.0, "each update is multiplied by alpha / rank", (4.0, 64.0), {"above": 0})
    stabilised: bool = setting(False, "divide alpha by the root of the rank instead (rsLoRA)", (False, True))
    targets: str = setting("all", TARGETS, choices=())


@dataclass
class LoRA(LowRankUpdates, AdapterTuning):
    """Fine-tune low-rank updates of frozen weights.

    ``W + alpha / rank · B A`` for each target, ``A (rank, in)`` random and ``B (out, rank)`` zero at the start, so that
    training begins from the pretrained network. Linear layers and plain convolutions of any backbone; merged into the
    weights for use, so that it then costs nothing. ``stabilised`` divides by ``√rank``, which keeps large ranks
    learning. Prefer it to ``finetune`` where many models share one backbone, or memory is short: a run keeps the
    adapter beside its graph, and no other weights. Hu et al., "LoRA: low-rank adaptation of large language models"
    (2022); Kalajdzievski, "A rank stabilization scaling factor for fine-tuning with LoRA" (2023).
    """

    name: ClassVar[str] = "lora"


@dataclass
class DoRA(LowRankUpdates, AdapterTuning):
    """Fine-tune low-rank updates of the directions of frozen weights, and their lengths apart.

    ``m (W + alpha / rank · B A) / ‖W + alpha / rank · B A‖`` row by row, ``m`` starting at the rows' lengths; the norm
    is a constant to the gradient. As ``lora`` in everything else; a step takes longer. Prefer it to ``lora`` at low
    ranks. Liu et al., "DoRA: weight-decomposed low-rank adaptation" (2024).
    """

    name: ClassVar[str] = "dora"
