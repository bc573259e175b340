"""DELTA's term: the distance of feature maps from those of the starting network, with a weight for each channel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from transferium.functional.losses.feature_maps import feature_map_gap
from transferium.models.model import Model
from transferium.objectives.teacher import Teacher
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class FeatureMapDistillation(Objective):
    """``Σ_l 1/2 mean_i Σ_j c W_lj mean_p (f_lijp - f0_lijp)²`` at tapped layers ``l``: DELTA's behaviour term.

    ``layers`` are dotted names within the backbone, ``f0`` their outputs in a frozen copy of the model as it is now, on
    the same inputs (augmented alike). ``attention`` holds one vector of channel weights ``W`` for each layer, from
    :func:`~transferium.objectives.channel_attention.loss_rises`; None is DELTA without attention, ``1/c`` for every
    channel. A text's padding does not count.
    Li et al., "DELTA: deep learning transfer using feature map with attention for convolutional networks" (2019).
    """

    def __init__(
        self,
        model: Model,
        layers: Sequence[str],
        attention: Sequence[Tensor] | None = None,
        *,
        stream: str = "target",
        name: str = "delta",
    ) -> None:
        super().__init__()
        self.layers, self.stream, self.name = tuple(layers), stream, name
        self.needs, self.taps = frozenset({stream}), frozenset(f"backbone.{layer}" for layer in layers)
        self.teacher, self.attended = Teacher(model), attention is not None
        for i, weights in enumerate(attention or ()):
            self.register_buffer(f"attention{i}", weights.float())

    def extra_repr(self) -> str:
        return f"layers={self.layers}, attention={self.attended}, stream={self.stream!r}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        start = self.teacher.look(view, self.stream, self.taps)
        gaps = []
        for i, layer in enumerate(self.layers):
            moved, was = (v.activation(self.stream, f"backbone.{layer}") for v in (view, start))
            weights = self.get_buffer(f"attention{i}") if self.attended else None
            gaps.append(feature_map_gap(moved, was, weights, _token_mask(view.inputs(self.stream), moved)))
        return {self.name: torch.stack(gaps).sum()}


def _token_mask(inputs: tuple[Tensor, ...], maps: Tensor) -> Tensor | None:
    """The mask of a batch of texts, where ``maps`` has one position for each token."""
    if len(inputs) == 1 or maps.ndim != 3 or maps.shape[:2] != inputs[1].shape:
        return None
    return inputs[1]
