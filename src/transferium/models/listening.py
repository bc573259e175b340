"""Backbones for images that read sounds, as pictures of how loud each pitch is at each moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.graphs.unbound_graph import Tensors, UnboundGraph
from transferium.models.sound_preprocess import SoundPreprocess

if TYPE_CHECKING:
    from torch import nn

MAP = 32
"""How many pixels in a row become one place of the last feature map."""


def listening(backbone: Backbone) -> Backbone:
    """``backbone`` with its last feature map averaged over time alone; its features keep how high a sound is.

    ``width`` is that of the images times the rows of the map, one for each ``MAP`` bands. The fingerprint is another,
    as the pooling is. Raises ``BackboneError`` where a network has no such map, or reads pictures of one size alone.
    """
    if not isinstance(backbone.graph, UnboundGraph):
        raise BackboneError(
            f"{backbone.name} cannot read sounds: of the backbones for images, efficientnet_lite0 does."
        )
    reads = SoundPreprocess(seconds=10)
    graph = backbone.graph
    return replace(
        backbone,
        kind="sound",
        width=backbone.width * -(-reads.bands // MAP),
        blocks=tuple(f"body.{name}" for name in backbone.blocks),
        preprocess=reads,
        fingerprint=hashlib.sha256(f"over time {reads.bands} {backbone.fingerprint}".encode()).hexdigest(),
        build=partial(_heard, backbone.build),
        fresh=None if backbone.fresh is None else partial(_heard, backbone.fresh),
        graph=replace(graph, file=_over_time(graph.file), load=partial(_loaded, graph.load)),
        source_head=None,
    )


def _over_time(file: Path) -> Path:
    """The graph beside ``file`` that ends with the mean over time alone."""
    return file.with_name(f"{file.stem}_over_time{file.suffix}")


def _heard(build: Callable[[], nn.Module]) -> nn.Module:
    from transferium.models.over_time import OverTime

    body = build()
    return OverTime(body).train(body.training)


def _loaded(load: Callable[[Tensors], nn.Module], tensors: Tensors) -> nn.Module:
    return _heard(partial(load, tensors))
