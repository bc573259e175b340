"""Architectures that come with no weights: described here, with no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from transferium.models.backbone import Backbone
from transferium.models.preprocess import ImagePreprocess
from transferium.models.wrapped import randomised

if TYPE_CHECKING:
    from torch import nn

_HALF = (0.5, 0.5, 0.5)


def small_cnn() -> Backbone:
    """A LeNet for pictures of 28 pixels: it learns everything from the examples it is given."""
    architecture = Backbone(
        name="small_cnn",
        kind="image",
        width=1024,
        blocks=("first", "second"),
        preprocess=ImagePreprocess(28, 28, "bilinear", _HALF, _HALF, decode_at_least=28),
        fingerprint=hashlib.sha256(b"small_cnn 28 32 64").hexdigest(),
        build=_small_cnn,
        licence="none: random weights",
        pretrained=False,
        fresh=_small_cnn,
        any_size=False,
    )
    return replace(randomised(architecture), name=architecture.name)


def _small_cnn() -> nn.Module:
    from transferium.models.small_cnn import SmallCNN

    return SmallCNN()


UNTRAINED: dict[str, Callable[[], Backbone]] = {"small_cnn": small_cnn}
