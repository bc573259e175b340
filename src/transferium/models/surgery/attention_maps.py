"""Where a network for images looks: the strength of its last feature maps at every place, as a backbone of its own."""

from __future__ import annotations

import hashlib
from functools import partial

import torch
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.functional.losses.distillation import attention_map
from transferium.models.backbone import Backbone

Grid = tuple[int, int]


@torch.no_grad()
def last_maps(module: nn.Module, backbone: Backbone) -> tuple[str, Grid]:
    """The part of ``module`` that gives the last feature maps ``(n, c, h, w)`` of more than one place, and ``(h, w)``.

    ``backbone`` describes the module. Raises ``InputError`` where there is none, as in a network for texts.
    """
    found: list[tuple[str, Grid]] = []

    def look(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
            found.append((name, (output.shape[2], output.shape[3])))

    hooks = [
        part.register_forward_hook(lambda _part, _given, output, name=name: look(name, output))
        for name, part in module.named_modules()
        if name
    ]
    before = [(part, part.training) for part in module.modules()]
    try:
        if backbone.kind == "image" and backbone.preprocess is not None:
            module.eval()(torch.from_numpy(backbone.preprocess.made_up()[0])[None].to(next(module.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
        for part, training in before:
            part.training = training
    if not found:
        raise InputError(f"{backbone.name} has no feature maps of images, so that there is no attention to compare.")
    return found[-1]


class AttentionMaps(nn.Module):
    """``mean_c maps²`` of the part ``name`` of ``body``, pooled to ``grid``: images to ``(n, places)``."""

    def __init__(self, body: nn.Module, name: str, grid: Grid) -> None:
        super().__init__()
        self.body, self.name, self.grid = body, name, grid

    def forward(self, *inputs: Tensor) -> Tensor:
        seen: list[Tensor] = []
        hook = self.body.get_submodule(self.name).register_forward_hook(lambda *given: seen.append(given[2]))
        try:
            self.body(*inputs)
        finally:
            hook.remove()
        return attention_map(seen[-1], self.grid)


def attention_backbone(backbone: Backbone, name: str, grid: Grid) -> Backbone:
    """What embeds images as the attention maps of the part ``name``, pooled to ``grid``; stored apart from features."""
    words = f"attention of {name} at {grid} of {backbone.fingerprint}"
    return backbone.made_into(
        hashlib.sha256(words.encode()).hexdigest(),
        partial(_build, backbone, name, grid),
        name=f"attention of {backbone.name}",
        width=grid[0] * grid[1],
        blocks=(),
        fresh=None,
        architecture=None,
    )


def _build(backbone: Backbone, name: str, grid: Grid) -> nn.Module:
    return AttentionMaps(backbone.build(), name, grid).eval()
