"""Models of the CLIP kind: a tower for pictures and one for texts, whose features can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import BackboneError
from transferium.models.backbone import Backbone, WholeModel
from transferium.models.sources.transformers_models import text_preprocess

if TYPE_CHECKING:
    from torch import nn

PARTS = ("vision_model", "visual_projection", "text_model", "text_projection", "logit_scale")
"""What a model of the CLIP kind is known by."""


@dataclass(frozen=True, eq=False)
class Towers:
    """``pictures``, a backbone; features ``(n, width)`` of texts beside it; what cosines are multiplied by."""

    pictures: Backbone
    texts: Callable[[Sequence[str]], NDArray[np.float32]]
    scale: float


def two_towers(backbone: Backbone) -> Towers:
    """The towers of the model that ``backbone``, which reads pictures, is a part of; ``BackboneError`` without them."""
    whole = backbone.whole
    if whole is None:
        raise BackboneError(_none_here(backbone.name))
    model = _build(whole, backbone.name)
    made = backbone.made_into(
        hashlib.sha256(f"pictures beside texts {backbone.fingerprint}".encode()).hexdigest(),
        partial(_build_pictures, whole, backbone.name),
        name=f"{backbone.name} beside texts",
        width=int(model.visual_projection.out_features),
        blocks=_blocks(model),
        fresh=None,
        architecture=None,
    )
    return Towers(made, partial(_features, whole, model), float(model.logit_scale.detach().exp()))


def _build(whole: WholeModel, called: str) -> Any:
    from transferium.models.prompting.whole import build_whole

    model = build_whole(whole, "AutoModel")
    if not all(hasattr(model, part) for part in PARTS):
        raise BackboneError(f"{_none_here(called)} This folder holds a {type(model).__name__}.")
    return model


def _none_here(called: str) -> str:
    return (
        f"pictures are compared with words by a model of the CLIP kind, and {called} is none: take a folder of "
        "transformers with a CLIPModel and its tokenizer.json (one of open_clip must be converted), or learn from a "
        "few labels, as with --shots 8."
    )


def _pictures(model: Any) -> nn.Module:
    from transferium.models.model import Chain
    from transferium.models.sources.encoders import VisionEncoder

    return Chain(VisionEncoder(model.vision_model, "pooler"), model.visual_projection).eval()


def _blocks(model: Any) -> tuple[str, ...]:
    from transferium.models.surgery.blocks import block_names

    return block_names(_pictures(model))


def _build_pictures(whole: WholeModel, called: str) -> nn.Module:
    return _pictures(_build(whole, called))


def _features(whole: WholeModel, model: Any, texts: Sequence[str]) -> NDArray[np.float32]:
    """One text at a time, so that none is padded."""
    import torch

    reads = text_preprocess(whole.folder)
    reads = replace(reads, max_length=min(reads.max_length, int(model.config.text_config.max_position_embeddings)))
    with torch.inference_mode():
        pooled = [model.text_model(input_ids=torch.tensor([ids])).pooler_output for ids in reads(texts)]
        rows: NDArray[np.float32] = model.text_projection(torch.cat(pooled)).numpy()
    return rows
