"""Residual blocks that are left out at random, in the networks of three libraries."""

import numpy as np
import pytest
import timm
import torch
from torch import nn

from transferium.errors import InputError
from transferium.models.surgery.drop_path import DropPath, set_drop_path
from worlds.toy import PictureNet, same, weights


def drops(net: nn.Module) -> list[float]:
    return [m.rate for m in net.modules() if isinstance(m, DropPath)]


@pytest.mark.parametrize("name", ["efficientnet_lite0", "test_resnet", "test_vit", "test_convnext"])
@pytest.mark.parametrize("built", [0.0, 0.4])
def test_timms_blocks_get_rates_that_rise_and_parameters_stay(name: str, built: float) -> None:
    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=0, drop_path_rate=built)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))  # some branches start at zero
    before, x = weights(net), torch.randn(2, 3, 160, 160)
    plain = net.eval()(x)
    set_drop_path(net, 0.3)
    assert same(weights(net), before) and torch.equal(net.eval()(x), plain)
    rates = drops(net)
    assert rates[0] == 0 and rates[-1] == pytest.approx(0.3) and rates == sorted(rates)
    assert not any(type(m).__name__ == "DropPath" and not isinstance(m, DropPath) for m in net.modules())
    net.train()
    for m in net.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.training = False
    with torch.no_grad():
        assert not torch.allclose(torch.stack([net(x) for _ in range(4)]), plain, rtol=1e-3), "rows do skip blocks"


def test_transformers_and_torchvision_name_their_places_too() -> None:
    from torchvision.models import efficientnet_b0
    from transformers import Dinov2Config, Dinov2Model

    tiny = Dinov2Config(hidden_size=16, num_hidden_layers=3, num_attention_heads=2, image_size=28, patch_size=14)
    for net in (Dinov2Model(tiny), efficientnet_b0()):
        set_drop_path(net, 0.2)
        assert max(drops(net)) == pytest.approx(0.2) and min(drops(net)) == 0


def test_zero_touches_nothing() -> None:
    net = timm.create_model("test_efficientnet", num_classes=0, drop_path_rate=0.1)
    before = repr(net)
    set_drop_path(net, 0.0)
    assert repr(net) == before


def test_rows_are_dropped_whole_by_the_rate_and_the_rest_makes_up_for_it() -> None:
    torch.manual_seed(0)
    x = torch.rand(4000, 3, 2) + 1
    out = DropPath(0.25).train()(x)
    gone = (out == 0).flatten(1)
    assert (gone.all(1) | ~gone.any(1)).all()
    assert np.isclose(gone[:, 0].float().mean().item(), 0.25, atol=0.03)
    assert torch.allclose(out[~gone[:, 0]], x[~gone[:, 0]] / 0.75)
    assert torch.equal(DropPath(0.25).eval()(x), x)


def test_a_network_without_residual_blocks_is_named() -> None:
    with pytest.raises(InputError, match=r"drop_path=0.1: PictureNet has no residual blocks that can be left out"):
        set_drop_path(PictureNet(), 0.1, "PictureNet")
