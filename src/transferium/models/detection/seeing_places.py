"""Backbones for images that read scenes: a row for each place of the picture, of which a detector makes boxes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from transferium.errors import BackboneError
from transferium.functional.boxes.views import Window
from transferium.models.backbone import Backbone
from transferium.models.detection.scene_preprocess import STRIDE, ScenePreprocess
from transferium.models.graphs.unbound_graph import Tensors, UnboundGraph
from transferium.models.preprocess import ImagePreprocess

if TYPE_CHECKING:
    from torch import nn

    from transferium.models.detection.over_levels import OverLevels

SIDE = 320
"""Pixels of the square that a scene is read as: 400 places of 16 pixels, and 100 of 32."""
LEVELS = {"efficientnet_lite0": (320, 112), "efficientnet_lite1": (320, 112), "efficientnet_lite2": (352, 120)}
"""Channels at strides 32 and 16 of backbones that are described without torch."""


def seeing_places(backbone: Backbone) -> Backbone:
    """``backbone`` before it pools, at strides 32 and 16 (see ``OverLevels``), and with the whole picture in a square.

    Raises ``BackboneError`` where a network has no such maps, or reads its pictures its own way.
    """
    read = backbone.preprocess
    if not isinstance(read, ImagePreprocess) or not backbone.any_size:
        raise BackboneError(f"{backbone.name} cannot read scenes: take a convolutional network, as efficientnet_lite0.")
    coarse, fine = LEVELS.get(backbone.name) or _channels(backbone)
    graph = backbone.graph if isinstance(backbone.graph, UnboundGraph) else None
    return backbone.made_into(
        hashlib.sha256(f"over levels {backbone.fingerprint}".encode()).hexdigest(),
        partial(_over_levels, backbone.build),
        kind="scene",
        output="tokens",
        width=coarse + 4 * fine,
        blocks=tuple(f"body.{name}" for name in backbone.blocks),
        preprocess=ScenePreprocess.like_images(read, SIDE),
        fresh=None if backbone.fresh is None else partial(_over_levels, backbone.fresh),
        graph=None if graph is None else _graph_over_levels(graph),
    )


def view(backbone: Backbone, window: Window, *, mirrored: bool) -> Backbone:
    """The same backbone of scenes that sees another part of each picture, or its mirror image."""
    assert isinstance(backbone.preprocess, ScenePreprocess)
    return replace(backbone, preprocess=backbone.preprocess.seen(window, mirrored=mirrored))


def _channels(backbone: Backbone) -> tuple[int, int]:
    from transferium.models.detection.over_levels import levels_of

    body = backbone.build()
    strides = [level["reduction"] for level in levels_of(body)[-2:]]
    if not hasattr(body, "forward_intermediates") or strides != [16, STRIDE]:
        raise BackboneError(
            f"{backbone.name} has no feature maps at strides 16 and 32, of which boxes are made: take a convolutional "
            "network of timm, or efficientnet_lite0."
        )
    return _over_levels(lambda: body).channels


def _graph_over_levels(graph: UnboundGraph) -> UnboundGraph:
    """The graph beside that of ``graph`` which ends before its last convolution, and its weights without that one."""
    file = graph.file.with_name(f"{graph.file.stem}_over_levels{graph.file.suffix}")
    return replace(graph, file=file, fold=partial(_inner, graph.fold), load=partial(_loaded, graph.load))


def _inner(fold: Callable[[Tensors], Tensors], tensors: Tensors) -> Tensors:
    """Without the last convolution, kernel and bias, which makes the pooled features."""
    return dict(list(fold(tensors).items())[:-2])


def _loaded(load: Callable[[Tensors], nn.Module], tensors: Tensors) -> nn.Module:
    return _over_levels(partial(load, tensors))


def _over_levels(build: Callable[[], nn.Module]) -> OverLevels:
    from transferium.models.detection.over_levels import OverLevels

    body = build()
    return OverLevels(body).train(body.training)
