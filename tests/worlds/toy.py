"""Small worlds with known answers, and small networks that have everything a big one has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from transferium.data.domain import Domain
from transferium.data.samples import Items, Rows
from transferium.models.backbone import Backbone
from transferium.models.model import Model
from transferium.models.preprocess import ImagePreprocess
from transferium.models.sources.wrapped import wrap_module
from transferium.problems.classes import Classes

PICTURE = ImagePreprocess(16, 18, "bilinear", (0.5, 0.4, 0.3), (0.25, 0.25, 0.25), decode_at_least=36)


def blobs(n: int, seed: int = 0, *, shift: float = 0.0, classes: int = 2) -> Domain:
    """Two (or more) clouds in eight dimensions, told apart by their first coordinates."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    x = rng.normal(size=(n, 8)).astype(np.float32)
    x[np.arange(n), y] += 3
    x[:, -1] += shift
    return Domain(Rows(x), "features", [f"{seed}-{i}" for i in range(n)], y, Classes(_names(classes)), name="blobs")


def pictures(n: int, seed: int = 0) -> Domain:
    """Red or blue pictures of two shapes under noise, a third of them dull enough to be hard."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    items = []
    for label in y:
        height, width = (20, 30) if rng.random() < 0.5 else (24, 20)
        picture = rng.integers(60, 200, (height, width, 3))
        picture[..., 0 if label else 2] += int(rng.integers(5, 60))
        items.append(picture.clip(0, 255).astype(np.uint8))
    return Domain(Items(items), "image", [f"{seed}-{i}" for i in range(n)], y, Classes(_names(2)), name="pictures")


def _names(classes: int) -> tuple[str, ...]:
    return tuple("abcdefgh"[:classes])


class PictureNet(nn.Module):
    """Convolutions, batch norm and dropout, in three blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6))
        self.body = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2))
        self.top = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.top(self.body(self.stem(x).relu()).mean(dim=(2, 3)))


class RowNet(nn.Module):
    """Two layers over feature rows, with or without batch norm and dropout."""

    def __init__(self, *, batch_norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16) if batch_norm else nn.Identity(), nn.ReLU())
        self.high = nn.Sequential(nn.Dropout(dropout), nn.Linear(16, 16), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.high(self.low(x))


def row_model(seed: int = 0, *, batch_norm: bool = False, dropout: float = 0.0, classes: int = 2) -> Model:
    """A model over feature rows of eight."""
    torch.manual_seed(seed)
    return Model(RowNet(batch_norm=batch_norm, dropout=dropout), nn.Linear(16, classes))


def picture_backbone(seed: int = 0) -> Backbone:
    """A backbone for :func:`pictures`."""
    torch.manual_seed(seed)
    backbone = wrap_module(PictureNet(), "image", PICTURE)
    return replace(backbone, blocks=("stem", "body", "top"), source_head=_source_head)


def _source_head() -> nn.Module:
    """The seven classes that :class:`PictureNet` might have been trained with."""
    layer = nn.Linear(5, 7)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        layer.weight.normal_(generator=generator)
        layer.bias.normal_(generator=generator)
    return layer


def weights(module: nn.Module) -> dict[str, Tensor]:
    """Every tensor of a module, copied."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether two sets of tensors are bit-identical."""
    return a.keys() == b.keys() and all(torch.equal(a[name].cpu(), b[name].cpu()) for name in a)


def restyled(domain: Domain) -> Domain:
    """The same pictures, paler and brighter."""
    items = [(110 + 0.4 * np.asarray(picture)).astype(np.uint8) for picture in domain.samples.items]
    return replace(domain, samples=Items(items), name="restyled")
