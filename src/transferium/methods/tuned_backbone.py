"""A trained network described as a backbone."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from torch import nn


def tuned_backbone(backbone: Backbone, module: nn.Module) -> Backbone:
    """``backbone`` with the weights of ``module``: the fingerprint is of the new weights, the rest is unchanged.

    Of a module that an adapter was trained in, the adapter is kept apart from the weights that never moved.
    """
    from transferium.models.peft.adapted_backbone import adapted
    from transferium.models.peft.inject import extract, record_of
    from transferium.models.sources.wrapped import fingerprint_module
    from transferium.training.distributed.sharding import gathered

    whole = gathered(module.state_dict())
    if record_of(module) is not None:
        adapter = extract(module, whole, backbone.build().state_dict())
        assert adapter is not None
        return adapted(backbone, adapter)
    weights = {name: t.detach().cpu().clone() for name, t in whole.items()}
    words = f"tuned {backbone.fingerprint} {fingerprint_module(_build(backbone, weights))}"
    fingerprint = hashlib.sha256(words.encode()).hexdigest()
    return backbone.made_into(fingerprint, partial(_build, backbone, weights), tuned=True)


def _build(backbone: Backbone, weights: dict[str, Any]) -> nn.Module:
    module = backbone.build()
    module.load_state_dict(weights)
    return module.eval()
