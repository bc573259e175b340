"""DELTA: fine-tuning with feature maps held near those of the starting network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.field import setting
from transferium.models.heads.linear import linear
from transferium.problems.classes import Classes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from transferium.methods.finetuning.setup import FineTuneSetup, Term
    from transferium.training.feeds.batch import Batch
    from transferium.training.loop.objective import Objective

EXAMPLES = 256
"""The number of training examples from which the channel weights are computed."""
AT_ONCE = 32


@dataclass
class DELTA(FineTune):
    """Fine-tune with the feature maps held near those of the starting network.

    They are held most where the classes are read from.
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
    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)

    weight_decay: float = setting(0.0, "pull of all weights towards zero", (0.0, 0.3))
    alpha: float = setting(0.01, "how strongly feature maps are held", (1e-4, 1.0))
    beta: float = setting(0.01, "pull of the head's weights towards zero", (1e-4, 0.1))
    layers: int = setting(1, "how many of the last blocks are held", (1, 4))
    attention: bool = setting(True, "weigh channels by the loss without them; no: all alike", (False, True))

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        from transferium.objectives.weight_distance import L2

        yield self.alpha, lambda: self._kept(setup)
        yield self.beta, lambda: L2(setup.model.head, name="l2_head")

    def _kept(self, setup: FineTuneSetup) -> Objective:
        from transferium.objectives.feature_maps import FeatureMapDistillation

        setup.require_moving(self.name, self.unfreeze)
        layers = self._layers(setup)
        return FeatureMapDistillation(setup.model, layers, self._attention(setup, layers) if self.attention else None)

    def _layers(self, setup: FineTuneSetup) -> tuple[str, ...]:
        modules = dict(setup.model.backbone.named_modules())
        blocks = tuple(name for name in setup.backbone.blocks if name in modules)
        if self.layers > len(blocks):
            raise InputError(
                f"layers={self.layers}: this backbone has {len(blocks)} blocks with an output to hold "
                f"({', '.join(blocks)}); give a number from 1 to {len(blocks)}."
            )
        return blocks[-self.layers :]

    def _attention(self, setup: FineTuneSetup, layers: tuple[str, ...]) -> list[Tensor]:
        """Channel weights of each layer, from the starting network and a linear probe of what is trained on."""
        from transferium.functional.losses.feature_maps import attention_from
        from transferium.objectives.channel_attention import loss_rises

        body, head = setup.model.backbone, _probed(setup)
        blocks, batches = setup.backbone.blocks, _some_batches(setup)
        return [attention_from(loss_rises(body, head, layer, blocks, batches)) for layer in layers]


def _probed(setup: FineTuneSetup) -> Callable[[Tensor], Tensor]:
    """The linear probe of the examples that are trained on, from features to logits. It draws no random number."""
    import torch
    from torch import nn

    from transferium.methods.frozen.linear_probe import LinearProbe

    task, parts = setup.task, setup.parts
    groups = None if task.groups is None else task.groups[parts.kept]
    seen = replace(task, train=parts.train, val=None, groups=groups, backbone=setup.backbone)
    probe = linear(LinearProbe().fit(seen).head)
    device = _device(setup)
    weight, bias = (torch.from_numpy(array).float().to(device) for array in (probe.weight, probe.bias))
    return partial(nn.functional.linear, weight=weight, bias=bias)


def _some_batches(setup: FineTuneSetup) -> list[Batch]:
    """Training examples spread evenly over the part that is trained on, without augmentation."""
    n = len(setup.parts.train)
    rows = np.linspace(0, n - 1, min(n, EXAMPLES)).round().astype(np.int64)
    feed, device = setup.feeds.open(setup.parts.train, augmented=False), _device(setup)
    return [feed.batch(0, rows[i : i + AT_ONCE]).to(device) for i in range(0, len(rows), AT_ONCE)]


def _device(setup: FineTuneSetup) -> torch.device:
    """Where the network is: a range test before this stage has taken it to the accelerator."""
    return next(setup.model.parameters()).device
