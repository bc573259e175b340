"""A text encoder that stops at an earlier layer, or takes the mean of all of them: ``NAME@3``, ``NAME@mean``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.preprocess import TextPreprocess

if TYPE_CHECKING:
    from torch import nn

MEAN, ALL = "mean", "all"
"""The mean over what all layers give; and, where candidates are compared, each layer and that mean."""
_NAMED, _LINK = re.compile(rf"(.+)@(\d+|{MEAN}|{ALL})"), re.compile(r"(.+)\.(\d+)")


def split_layer(name: str) -> tuple[str, str]:
    """The name of a backbone and of its layer, ``""`` where none is named.

    >>> split_layer("all_minilm_l6_v2@3"), split_layer("all_minilm_l6_v2"), split_layer("resnet18@weights.pth")
    (('all_minilm_l6_v2', '3'), ('all_minilm_l6_v2', ''), ('resnet18@weights.pth', ''))
    """
    found = _NAMED.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")


def layer_names(text: Backbone) -> list[str]:
    """What the layers of an encoder are called after the ``@``: numbers from the input on, and ``mean``.

    Raises ``BackboneError`` for one that has no layers of one width.
    """
    return [*map(str, range(1, len(_layers(text)[1]) + 1)), MEAN]


def at_layer(text: Backbone, layer: str) -> Backbone:
    """The backbone of texts that pools what ``layer`` gives in the place of the last one; later ones are left out.

    The last layer is ``text`` itself. It needs PyTorch, which exports it once. Raises ``BackboneError`` where there is
    no such layer.
    """
    chain, blocks = _layers(text)
    names = layer_names(text)
    if layer not in names:
        raise BackboneError(
            f"{text.name} has {len(blocks)} layers, and {layer!r} is none of them: say {text.name}@1 to "
            f"{text.name}@{len(blocks)}, or {text.name}@{MEAN} for the mean of all."
        )
    if layer == str(len(blocks)):
        return text
    gone = set() if layer == MEAN else set(blocks[int(layer) :])
    return text.made_into(
        hashlib.sha256(f"layer {layer} of {text.fingerprint}".encode()).hexdigest(),
        partial(_built, text.build, chain, layer),
        name=f"{text.name}@{layer}",
        blocks=tuple(block for block in text.blocks if block not in gone),
        fresh=None if text.fresh is None else partial(_built, text.fresh, chain, layer),
        architecture=None if text.architecture is None else {**text.architecture, "chain": chain, "layer": layer},
    )


def _layers(text: Backbone) -> tuple[str, list[str]]:
    """The name of the chain that the layers are links of, and the names of the layers."""
    links = [found for found in map(_LINK.fullmatch, text.blocks) if found]
    chain = links[-1][1] if links else ""
    layers = [found[0] for found in links if found[1] == chain]
    if not isinstance(text.preprocess, TextPreprocess) or text.output != "pooled" or len(layers) < 2:
        raise BackboneError(
            f"{text.name} has no layers to choose from: an encoder of texts has, such as all_minilm_l6_v2@3 or "
            f"hf/<owner>/<name>@{MEAN}."
        )
    return chain, layers


def _built(build: Callable[[], nn.Module], chain: str, layer: str) -> nn.Module:
    return stopped(build(), chain, layer)


def stopped(module: nn.Module, chain: str, layer: str) -> nn.Module:
    """The text encoder ``module`` that pools what ``layer`` of its ``chain`` gives from now on.

    Raises ``BackboneError`` for another module.
    """
    from torch import nn

    encoder: Any = module
    if not hasattr(encoder, "of_all_layers"):
        raise BackboneError(f"a {type(module).__name__} is no encoder of texts whose layers can be chosen from.")
    if layer == MEAN:
        encoder.of_all_layers = True
        return module
    holder, _, name = chain.rpartition(".")
    links: Any = module.get_submodule(chain)
    setattr(module.get_submodule(holder), name, nn.ModuleList(list(links)[: int(layer)]))
    return module
