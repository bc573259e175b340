"""How much a network computes for one example."""

from __future__ import annotations

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import BackboneError
from transferium.evaluation.layers.block_outputs import need_torch
from transferium.models.backbone import Backbone


def multiply_adds(backbone: Backbone, domain: Domain) -> int:
    """The multiply-adds of convolutions and matrix products for the first example, as it is read; half of its FLOPs.

    Sums, normalisation and activation functions are not counted, as is usual. Raises ``BackboneError`` where there is
    no network, and where PyTorch, which counts, is missing.
    """
    if not backbone.blocks:
        raise BackboneError(f"no network of {backbone.name} is known whose multiply-adds could be counted")
    need_torch()
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from transferium.training.feeds.feeds import Feeds

    module = backbone.build().eval()
    inputs = Feeds(backbone.preprocess).open(domain, augmented=False).batch(0, np.array([0])).inputs
    # Attention as plain matrix products: the counter knows no other kernel of a CPU.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops()) // 2
