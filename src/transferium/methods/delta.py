"""Held back by feature maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from transferium.errors import InputError
from transferium.methods.checks import at_least
from transferium.methods.finetune import setting
from transferium.methods.held_back import HeldBack, Term
from transferium.models.head import linear

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from transferium.methods.ground import Ground
    from transferium.training.batch import Batch
    from transferium.training.objective import Objective

EXAMPLES = 256
"""How many training examples the channels are weighed on."""
AT_ONCE = 32


@dataclass
class DELTA(HeldBack):
    """Fine-tune with the feature maps held near those of the starting network, most where the classes are read from.

    ``supervised + alpha · Σ_l 1/2 mean_i Σ_j c W_lj mean_p (f_lijp - f0_lijp)² + beta/2 ||w_head||²`` over the ``c``
    channels ``j`` of the last ``layers`` blocks. ``W = softmax(standardised rise / 5)``: the rise in the loss of the
    linear probe when one channel of the starting network is switched off, on up to 256 training examples. Weighing the
    last block costs a pooling and a head for each channel; earlier blocks cost what lies behind them, too.
    ``attention=no`` is DELTA without attention: all channels count alike. Each step makes one more forward pass, of
    the frozen network. The mean is over rows where the authors' program sums them: its ``alpha`` counts a batch of 64
    as 64 times this one. Prefer it to ``l2-sp`` where weights should be free as long as features stay.
    Li et al., "DELTA: deep learning transfer using feature map with attention for convolutional networks" (2019).
    """

    name: ClassVar[str] = "delta"

    weight_decay: float = setting(0.0, "pull of all weights towards zero", (0.0, 0.3))
    alpha: float = setting(0.01, "how strongly feature maps are held", (1e-4, 1.0))
    beta: float = setting(0.01, "pull of the head's weights towards zero", (1e-4, 0.1))
    layers: int = setting(1, "how many of the last blocks are held", (1, 4))
    attention: bool = setting(True, "weigh channels by the loss without them; no: all alike", (False, True))

    def check(self) -> None:
        """As for ``finetune``; both strengths are 0 or more, and one layer or more is held."""
        super().check()
        at_least("alpha", self.alpha, 0)
        at_least("beta", self.beta, 0)
        at_least("layers", self.layers, 1)

    def _terms(self, ground: Ground) -> Iterator[Term]:
        from transferium.objectives.l2 import L2

        yield self.alpha, lambda: self._kept(ground)
        yield self.beta, lambda: L2(ground.model.head, name="l2_head")

    def _kept(self, ground: Ground) -> Objective:
        from transferium.objectives.kept_maps import KeptMaps

        self._require_moving(ground)
        layers = self._layers(ground)
        return KeptMaps(ground.model, layers, self._attention(ground, layers) if self.attention else None)

    def _layers(self, ground: Ground) -> tuple[str, ...]:
        modules = dict(ground.model.backbone.named_modules())
        blocks = tuple(name for name in ground.backbone.blocks if name in modules)
        if self.layers > len(blocks):
            raise InputError(
                f"layers={self.layers}: this backbone has {len(blocks)} blocks with an output to hold "
                f"({', '.join(blocks)}); give a number from 1 to {len(blocks)}."
            )
        return blocks[-self.layers :]

    def _attention(self, ground: Ground, layers: tuple[str, ...]) -> list[Tensor]:
        """Channel weights of each layer, from the starting network and a linear probe of what is trained on."""
        from transferium.functional.losses.feature_maps import attention_from
        from transferium.objectives.channel_attention import loss_rises

        body, head = ground.model.backbone, _probed(ground)
        blocks, batches = ground.backbone.blocks, _some_batches(ground)
        return [attention_from(loss_rises(body, head, layer, blocks, batches)) for layer in layers]


def _probed(ground: Ground) -> Callable[[Tensor], Tensor]:
    """The linear probe of the examples that are trained on, from features to logits. It draws no random number."""
    import torch
    from torch import nn

    from transferium.methods.probe import LinearProbe

    task, parts = ground.task, ground.parts
    groups = None if task.groups is None else task.groups[parts.kept]
    seen = replace(task, train=parts.train, val=None, groups=groups, backbone=ground.backbone)
    probe = linear(LinearProbe().fit(seen).head)
    device = _device(ground)
    weight, bias = (torch.from_numpy(array).float().to(device) for array in (probe.weight, probe.bias))
    return partial(nn.functional.linear, weight=weight, bias=bias)


def _some_batches(ground: Ground) -> list[Batch]:
    """Training examples spread evenly over the part that is trained on, without augmentation."""
    n = len(ground.parts.train)
    rows = np.linspace(0, n - 1, min(n, EXAMPLES)).round().astype(np.int64)
    feed, device = ground.feeds.open(ground.parts.train, augmented=False), _device(ground)
    return [feed.batch(0, rows[i : i + AT_ONCE]).to(device) for i in range(0, len(rows), AT_ONCE)]


def _device(ground: Ground) -> torch.device:
    """Where the network is: a range test before this stage has taken it to the accelerator."""
    return next(ground.model.parameters()).device
