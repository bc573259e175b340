"""A pretrained encoder with everything that must travel with it. Describing one needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transferium.data.domain import Kind
from transferium.models.preprocess import Preprocess

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen description; ``build()`` makes the torch module, and is not needed once a graph is exported.

    The module maps one preprocessed batch to pooled features ``(n, width)``: images come as
    ``float32 (n, 3, h, w)``, texts as ``int64 ids (n, t)`` and ``int64 mask (n, t)``.
    ``blocks`` are dotted module names in forward order, from the input on: together they hold every parameter.
    ``fingerprint`` is the SHA-256 of weights, architecture and pooling; two backbones that share it are one.
    """

    name: str
    kind: Kind
    width: int
    blocks: tuple[str, ...]
    preprocess: Preprocess
    fingerprint: str
    build: Callable[[], nn.Module]
    licence: str = "unknown"
    size_bytes: int = 0
    pretrained: bool = True
