"""Small networks for adapters: a transformer for pictures and one for texts, and an adapter that has moved."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import torch
from timm.models import VisionTransformer
from torch import nn

from transferium.models.backbone import Backbone
from transferium.models.peft.inject import Record
from transferium.models.sources.transformers_models import transformers_folder
from transferium.models.sources.wrapped import wrap_module
from worlds.bert import saved_text
from worlds.toy import PICTURE


def small_vit() -> Any:
    """Two blocks over four patches."""
    torch.manual_seed(0)
    return VisionTransformer(img_size=16, patch_size=8, embed_dim=12, depth=2, num_heads=2, num_classes=0).eval()


@functools.cache
def vit_backbone() -> Backbone:
    """:func:`small_vit` for :func:`worlds.toy.pictures`."""
    return wrap_module(small_vit(), "image", PICTURE)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    saved_text(Path(folder.name))
    return folder


@functools.cache
def bert_backbone() -> Backbone:
    """A BERT of two layers for :func:`worlds.bert.sayings`."""
    return transformers_folder(Path(_folder().name), "text", 20)


def stirred(module: nn.Module, record: Record, by: float = 0.1) -> nn.Module:
    """The module with everything that its adapter trains moved away from its start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name in record.moving:
            parameter = module.get_parameter(name)
            parameter.add_(by * torch.randn(parameter.shape, generator=generator))
    return module
