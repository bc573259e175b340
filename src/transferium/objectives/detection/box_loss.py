"""The loss of a detector: which class is where, how central a place lies, and how well its box fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

from transferium.functional.boxes.places import assigned, places
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class BoxLoss(Objective):
    """``(Σ focal(class) + Σ_b (1 - GIoU) + Σ_b BCE(central)) / places with a box``, over all places of a batch.

    ``labels`` holds the boxes of each row of the stream's domain, ``(class, box)`` in each row, and ``side`` how many
    places of the coarser level a row of a picture has. Tian et al. (2019); focal loss: Lin et al. (2017).
    """

    splits = True

    def __init__(self, labels: Sequence[NDArray[Any]], side: int, classes: int, stream: str = "target") -> None:
        super().__init__()
        self.stream, self.classes, self.needs = stream, classes, frozenset({stream})
        where = places(side)
        kinds, boxes = [], []
        for label in labels:
            row = assigned(label, where)
            padded = np.concatenate([label[:, 1:5], np.zeros((1, 4))])
            kinds.append(np.where(row >= 0, np.append(label[:, 0], -1)[row], -1))
            boxes.append(padded[row])
        self.register_buffer("kinds", torch.from_numpy(np.stack(kinds)).long(), persistent=False)
        self.register_buffer("boxes", torch.from_numpy(np.stack(boxes)).float(), persistent=False)
        self.register_buffer("middles", torch.from_numpy(where.middles).float(), persistent=False)
        self.register_buffer("stride", torch.from_numpy(where.stride).float(), persistent=False)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, {len(self.get_buffer('kinds'))} pictures, {self.classes} classes"

    def forward(self, view: View) -> dict[str, Tensor]:
        at = view.index(self.stream).to(self.get_buffer("kinds").device)
        kinds, boxes = self.get_buffer("kinds")[at], self.get_buffer("boxes")[at]
        answers = view.logits(self.stream).float()
        there = kinds >= 0
        count = there.sum().clamp_min(1)
        wanted = torch.zeros_like(answers[..., : self.classes])
        wanted[there] = torch.nn.functional.one_hot(kinds[there], self.classes).to(wanted.dtype)
        named = sigmoid_focal_loss(answers[..., : self.classes], wanted, reduction="sum") / count
        middles, stride = (
            self.get_buffer(name).expand(len(at), *self.get_buffer(name).shape) for name in ("middles", "stride")
        )
        middle, true = middles[there], boxes[there]
        reach = answers[..., self.classes + 1 :][there].clamp(max=8).exp() * stride[there][:, None]
        said = torch.cat([middle - reach[:, :2], middle + reach[:, 2:]], dim=1)
        placed = generalized_box_iou_loss(said, true, reduction="sum") / count
        central = binary_cross_entropy_with_logits(
            answers[..., self.classes][there], _central(middle, true), reduction="sum"
        )
        return {"class": named, "box": placed, "central": central / count}


def _central(middle: Tensor, box: Tensor) -> Tensor:
    """``sqrt(min(l, r) / max(l, r) · min(t, b) / max(t, b))``: 1 in the middle of a box, 0 at its sides."""
    before, behind = middle - box[:, :2], box[:, 2:] - middle
    ratio = torch.minimum(before, behind) / torch.maximum(before, behind).clamp_min(1e-9)
    return ratio.prod(dim=1).clamp(0, 1).sqrt()
