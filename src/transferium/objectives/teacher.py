"""A frozen copy of the starting network, which objectives compare the moving network with."""

from __future__ import annotations

import copy

import torch
from torch import nn

from transferium.models.model import Model
from transferium.training.feeds.batch import Batch
from transferium.training.loop.view import View


class Teacher:
    """A copy of a model's backbone as it is now, which never learns: no gradient, and eval mode always.

    ``head`` is what reads its features, where logits are asked of it.

    It is not a module, on purpose: the objective that holds one neither trains it, nor puts it into training mode, nor
    writes it into checkpoints. Building the same objective again, as a resumed run does, gives the same copy. It
    follows the batches to their device, in the memory layout that the moving network has there.

    >>> model = Model(nn.Linear(4, 3), nn.Linear(3, 2))
    >>> batch = Batch((torch.ones(5, 4),), None, torch.arange(5))
    >>> Teacher(model).look(View(model, {"target": batch}), "target").features("target").requires_grad
    False
    """

    def __init__(self, model: Model, head: nn.Module | None = None) -> None:
        reader = nn.Identity() if head is None else copy.deepcopy(head)
        self.model = Model(copy.deepcopy(model.backbone), reader).eval().requires_grad_(False)
        self.device: torch.device | None = None

    @torch.no_grad()
    def look(self, view: View, stream: str, taps: frozenset[str] = frozenset()) -> View:
        """``stream`` of the same step through the frozen copy, in one pass: its features and tapped activations."""
        batch = Batch(view.inputs(stream), None, view.index(stream))
        self._follow(batch.inputs[0].device)
        seen = View(self.model, {stream: batch}, taps=taps)
        seen.features(stream)
        return seen

    def _follow(self, device: torch.device) -> None:
        if device == self.device:
            return
        self.model.to(device)
        for parameter in self.model.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.device = device
