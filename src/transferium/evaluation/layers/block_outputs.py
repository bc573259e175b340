"""What the blocks of a network put out for some examples: run in PyTorch, one example at a time."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]


@dataclass
class BlockOutputs:
    """One block's outputs: means over places or tokens ``(n, channels)``, and over all places the least and the most.

    ``low`` and ``high`` are ``(channels,)``.
    """

    mean: Array
    low: Array
    high: Array


def need_torch() -> None:
    """Raise ``BackboneError`` where PyTorch is not installed."""
    if find_spec("torch") is None:
        raise BackboneError("PyTorch is not installed, without which layers cannot be looked into")


def block_outputs(module: nn.Module, backbone: Backbone, some: Domain) -> dict[str, BlockOutputs]:
    """The outputs of each block by its name, of those that are modules and are called; from the input on."""
    import torch

    from transferium.training.feeds.feeds import Feeds

    found: dict[str, list[Array]] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            out = output[0] if isinstance(output, (tuple, list)) else getattr(output, "last_hidden_state", output)
            if isinstance(out, torch.Tensor):
                found.setdefault(name, []).append(_by_channel(out[0].double().numpy()))

        return hook

    known = dict(module.named_modules())
    hooks = [known[name].register_forward_hook(keep(name)) for name in backbone.blocks if name in known]
    feed = Feeds(backbone.preprocess).open(some, augmented=False)
    with torch.no_grad():
        for row in range(len(some)):
            module(*feed.batch(0, np.array([row])).inputs)
    for hook in hooks:
        hook.remove()
    stacked = {name: np.stack(found[name]) for name in backbone.blocks if name in found}
    return {
        name: BlockOutputs(rows[:, 0], rows[:, 1].min(axis=0), rows[:, 2].max(axis=0)) for name, rows in stacked.items()
    }


def _by_channel(out: Array) -> Array:
    """``(3, channels)``: mean, least and most, of pictures ``(channels, h, w)`` over places, of texts over tokens."""
    axes = (1, 2) if out.ndim == 3 else (0,) if out.ndim == 2 else ()
    return np.stack([out.mean(axis=axes), out.min(axis=axes), out.max(axis=axes)])
