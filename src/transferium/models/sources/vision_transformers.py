"""Small vision transformers of transformers: a row for each patch, for masked image modelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from transferium.errors import BackboneError
from transferium.models.preprocess import ImagePreprocess
from transferium.models.sources.transformers_models import (
    load_whole,
    quiet,
    vision_preprocess,
    write_vision_preprocess,
)


class PatchEncoder(nn.Module):
    """``pixels (n, 3, h, w)`` and maybe ``bool (n, patches)``, which are hidden -> ``(n, patches, width)``."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor, hidden: Tensor | None = None) -> Tensor:
        tokens: Tensor = self.model(pixel_values=pixels, bool_masked_pos=hidden).last_hidden_state[:, 1:]
        return tokens


def untrained_vit(side: int, patch: int, layers: int, width: int, heads: int) -> PatchEncoder:
    """A vision transformer with random weights and a token for hidden patches."""
    import transformers

    config = transformers.ViTConfig(
        image_size=side,
        patch_size=patch,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=4 * width,
    )
    return PatchEncoder(transformers.ViTModel(config, add_pooling_layer=False, use_mask_token=True))


def continued_vit(folder: Path) -> tuple[PatchEncoder, ImagePreprocess]:
    """The vision transformer of a folder, and how it reads pictures; its token for hidden patches is new.

    Raises ``BackboneError`` for any other architecture.
    """
    import torch
    import transformers

    trained = load_whole(folder, True)
    if not isinstance(trained, transformers.ViTModel):
        raise BackboneError(f"masked image modelling goes on from a ViT of transformers, and {folder} is none.")
    trained.pooler = None
    width = trained.config.hidden_size
    trained.embeddings.mask_token = nn.Parameter(torch.zeros(1, 1, width))
    return PatchEncoder(trained), vision_preprocess(folder)


def write_vit(encoder: PatchEncoder, preprocess: ImagePreprocess, folder: Path) -> None:
    """The model by ``save_pretrained``, and ``preprocessor_config.json``."""
    with quiet():
        encoder.model.save_pretrained(folder)
    write_vision_preprocess(preprocess, folder)
