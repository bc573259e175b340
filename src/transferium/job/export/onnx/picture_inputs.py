"""Pictures as inputs of an exported graph: 8-bit pixels, normalised inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.job.export.onnx.inner_graph import Arrays, Features, Network
from transferium.job.export.onnx.onnx_graph import GraphParts, described
from transferium.models.backbone import Backbone
from transferium.models.preprocess import ImagePreprocess


def pixels(graph: GraphParts, backbone: Backbone, network: Network | None) -> tuple[list[bytes], str]:
    """8-bit pixels, normalised inside by the very operations of ``ImagePreprocess.normalise``."""
    pre = _of_pictures(backbone)
    assert network is not None
    scale = [np.float32(1 / (255 * std)) for std in pre.std]
    shift = [np.float32(mean / std) for mean, std in zip(pre.mean, pre.std, strict=True)]
    scaled = graph.add("Mul", graph.cast("pixels", "float32"), graph.constant(scale, "float32"))
    rows = graph.add("Sub", scaled, graph.constant(shift, "float32"))
    planes = graph.add("Transpose", rows, perm=[0, 3, 1, 2])
    inputs = [described("pixels", "uint8", ["n", pre.size, pre.size, 3])]
    if not network.one_by_one:
        return inputs, network.together(graph, planes)
    return inputs, network.each(graph, [planes], [("float32", [3, pre.size, pre.size])], lambda _body, one: one)


def told_of_pictures(backbone: Backbone) -> dict[str, Any]:
    return _of_pictures(backbone).to_json() | {
        "input": "pixels: uint8 (n, size, size, 3), RGB",
        "steps": [
            "decode; of a JPEG at a reduced scale while its shorter side keeps decode_at_least pixels",
            "turn as EXIF says; RGB, what is transparent on white",
            "resize the shorter side to resize by interpolation, and cut size x size from the centre (crop: center), "
            "or resize to size x size (crop: squash); with via, at via times both, and average via x via pixels",
        ],
        "inside": "(pixel / 255 - mean) / std",
    }


def some_pictures(backbone: Backbone, features: Features) -> tuple[Arrays, NDArray[Any]]:
    from PIL import Image

    pre = _of_pictures(backbone)
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (3, pre.size * pre.via, pre.size * pre.via, 3), np.uint8)
    cut = [Image.fromarray(one) for one in pixels]
    seen = [np.asarray(one.reduce(pre.via) if pre.via > 1 else one) for one in cut]
    return {"pixels": np.stack(seen)}, np.concatenate([features(pre.normalise(one)[None]) for one in cut])


def _of_pictures(backbone: Backbone) -> ImagePreprocess:
    assert isinstance(backbone.preprocess, ImagePreprocess)
    return backbone.preprocess
