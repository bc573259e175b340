"""Modules of one's own, and random weights."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from transferium.errors import BackboneError, InputError
from transferium.models.catalogue import find_backbone, randomised
from transferium.models.heads.scaled_linear import ScaledLinear
from transferium.models.preprocess import CallablePreprocess, ImagePreprocess
from transferium.models.sources.bundled import bundled
from transferium.models.sources.wrapped import fingerprint_module

SMALL = ImagePreprocess(16, 16, "bilinear", (0.5,) * 3, (0.5,) * 3, 32)


def tiny(seed: int = 8) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image.resize((16, 16)))).permute(2, 0, 1).float()


def test_a_module_with_a_callable_transform() -> None:
    backbone = find_backbone(tiny(), "image", transform=to_tensor)
    assert (backbone.name, backbone.width, backbone.blocks) == ("Sequential", 4, ("0", "1"))
    assert isinstance(backbone.preprocess, CallablePreprocess)
    assert backbone.preprocess(Image.new("RGB", (30, 20))).shape == (3, 16, 16)


def test_the_weights_are_copied() -> None:
    module = tiny()
    backbone = find_backbone(module, "image", transform=SMALL)
    nn.init.zeros_(module[0].weight)
    assert backbone.build()[0].weight.abs().sum() > 0
    assert not backbone.build().training
    assert all(p.requires_grad for p in backbone.build().parameters())


def test_the_fingerprint_sees_weights_structure_and_code() -> None:
    class Doubled(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    same, other, half = fingerprint_module(tiny()), fingerprint_module(tiny(1)), tiny().half()
    assert fingerprint_module(tiny()) == same
    assert len({same, other, fingerprint_module(half), fingerprint_module(Doubled(*tiny()))}) == 4


def test_the_fingerprint_does_not_see_where_a_class_of_ours_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    module = nn.Sequential(ScaledLinear(2, 2))
    here, file = fingerprint_module(module), sys.modules[ScaledLinear.__module__]
    for name, same in (("transferium.moved.elsewhere", True), ("another_package.layers", False)):
        monkeypatch.setitem(sys.modules, name, file)
        monkeypatch.setattr(ScaledLinear, "__module__", name)
        assert (fingerprint_module(module) == here) is same


@pytest.mark.parametrize(
    ("module", "transform", "message"),
    [
        (tiny(), None, "needs its preprocessing: give transform="),
        (nn.Conv2d(3, 4, 3), SMALL, r"one feature row per example, \(n, width\); this module gives \(1, 4, 14, 14\)"),
    ],
)
def test_what_cannot_be_a_backbone(module: nn.Module, transform: object, message: str) -> None:
    with pytest.raises((InputError, BackboneError), match=message):
        find_backbone(module, "image", transform=transform)


def test_random_weights_are_drawn_from_their_own_stream() -> None:
    backbone = find_backbone(tiny(), "image", transform=SMALL)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, again, other = randomised(backbone).build(), randomised(backbone).build(), randomised(backbone, 1).build()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)
    assert not torch.equal(first[0].weight, backbone.build()[0].weight)
    assert len({backbone.fingerprint, randomised(backbone).fingerprint, randomised(backbone, 1).fingerprint}) == 3


def test_random_reference_of_images_is_half_the_side() -> None:
    backbone = bundled("efficientnet_lite0")
    half, full = randomised(backbone).preprocess, randomised(backbone, full=True).preprocess
    assert isinstance(half, ImagePreprocess)
    assert (half.size, half.via, half.decode_at_least) == (112, 2, 512)
    assert half.geometry == backbone.preprocess.geometry
    assert full == backbone.preprocess
    assert not randomised(backbone).pretrained


def test_random_features_are_finite_and_carry_signal() -> None:
    """Neither vanished nor exploded after 50 layers, and different for different pictures."""
    module = randomised(bundled("efficientnet_lite0")).build()
    with torch.no_grad():
        features = module(torch.randn(8, 3, 112, 112))
    assert torch.isfinite(features).all()
    assert 1e-3 < features.std(dim=0).mean() < 1e3
