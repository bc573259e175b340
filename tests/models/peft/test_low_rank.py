"""Low-rank updates: the formula, the start, who gets one, and what is left after merging."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from transferium.errors import InputError
from transferium.models.peft.inject import inject, merge_and_unload
from transferium.models.peft.low_rank import LowRank
from worlds.toy import PictureNet, weights


def lora(module: nn.Module, **settings: Any) -> list[str]:
    return list(inject(module, "lora", **settings).layers)


def updates(module: nn.Module) -> list[nn.Parameter]:
    return [p for part in module.modules() if isinstance(part, LowRank) for p in part.parameters()]


def stirred(module: nn.Module) -> nn.Module:
    """The module with every update moved away from its start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in updates(module):
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return module


def test_a_linear_layer_answers_by_the_formula() -> None:
    layer = nn.Linear(6, 4)
    net = nn.Sequential(copy.deepcopy(layer))
    lora(net, rank=2, alpha=8.0)
    stirred(net)
    a, b = updates(net)
    assert (a.shape, b.shape) == ((2, 6), (4, 2))
    x = torch.randn(5, 6)
    slow = torch.stack([layer.weight @ row + layer.bias + (8.0 / 2) * (b @ (a @ row)) for row in x])
    torch.testing.assert_close(net(x), slow, rtol=1e-5, atol=1e-6)


def test_a_convolution_answers_as_two_convolutions_would() -> None:
    layer = nn.Conv2d(3, 5, 3, padding=1, stride=2)
    net = nn.Sequential(copy.deepcopy(layer))
    lora(net, rank=2, alpha=4.0)
    stirred(net)
    a, b = updates(net)
    x = torch.randn(2, 3, 8, 8)
    down = nn.functional.conv2d(x, a.view(2, 3, 3, 3), padding=1, stride=2)
    slow = layer(x) + (4.0 / 2) * nn.functional.conv2d(down, b.view(5, 2, 1, 1))
    torch.testing.assert_close(net(x), slow, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet10t", "test_vit", "test_efficientnet", "test_convnext"])
def test_nothing_is_changed_at_the_start_and_little_by_merging(name: str) -> None:
    torch.manual_seed(0)
    module = timm.create_model(name, num_classes=0).eval()
    size = module.pretrained_cfg["input_size"]
    x, before = torch.randn(2, *size), weights(module)
    kinds = {n: type(m) for n, m in module.named_modules()}
    with torch.no_grad():
        plain = module(x)
        layers = lora(module, rank=4, alpha=8.0)
        assert torch.equal(module(x), plain), "the first output is bit-identical"
        moved = stirred(module)(x)
        assert not torch.allclose(moved, plain)
        torch.testing.assert_close(merge_and_unload(module)(x), moved, rtol=1e-5, atol=1e-5)
    after = weights(module)
    assert after.keys() == before.keys() and {n: type(m) for n, m in module.named_modules()} == kinds
    changed = {n.removesuffix(".weight") for n in before if not torch.equal(before[n], after[n])}
    assert changed == set(layers)
    fresh = timm.create_model(name, num_classes=0)
    fresh.load_state_dict(after)


def test_merging_does_not_touch_a_copy() -> None:
    torch.manual_seed(0)
    net = PictureNet().eval()
    lora(net, rank=2, alpha=4.0)
    x, copied = torch.randn(2, 3, 16, 16), copy.deepcopy(stirred(net))
    with torch.no_grad():
        expected = net(x)
        torch.testing.assert_close(merge_and_unload(net)(x), expected, rtol=1e-5, atol=1e-5)
        assert torch.equal(copied(x), expected)
        assert torch.equal(merge_and_unload(copied)(x), net(x))


def test_only_the_updates_get_a_gradient() -> None:
    net = PictureNet().eval()
    layers = lora(net, rank=2, alpha=4.0)
    assert layers == ["stem.0", "body.0", "top"]
    net(torch.randn(4, 3, 16, 16)).square().sum().backward()
    moving = updates(net)
    assert all((p.grad is not None) == any(p is m for m in moving) for p in net.parameters())
    assert all(part.B.grad is not None and part.B.grad.abs().sum() > 0 for part in net.modules() if _is(part))


def _is(part: nn.Module) -> bool:
    return isinstance(part, LowRank)


def test_thin_shared_and_bare_weights_are_left_alone() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.depthwise, self.plain = nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 1)
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
            self.two.weight = self.one.weight
            self.bare = nn.Parameter(torch.ones(4, 4))

        def forward(self, x: Tensor) -> Tensor:
            return self.two(self.one(self.plain(self.depthwise(x)).mean((2, 3)))) @ self.bare

    net = Odd()
    assert lora(net, rank=2, alpha=2.0) == ["plain"]
    merge_and_unload(net)
    assert net.two.weight is net.one.weight


@pytest.mark.parametrize("wrapped", [weight_norm, spectral_norm])
def test_a_weight_that_is_made_of_others_is_left_alone(wrapped: Any) -> None:
    net = nn.Sequential(wrapped(nn.Linear(4, 4)), nn.Linear(4, 3)).eval()
    x, plain = torch.randn(2, 4), copy.deepcopy(net)
    assert lora(net, rank=2, alpha=2.0) == ["1"]
    assert torch.equal(net(x), plain(x)) and not torch.allclose(stirred(net)(x), plain(x))


def test_the_rank_is_no_larger_than_the_weight() -> None:
    net = nn.Sequential(nn.Linear(6, 3))
    lora(net, rank=64, alpha=64.0)
    assert [tuple(p.shape) for p in updates(net)] == [(3, 6), (3, 3)]


def test_attention_reads_the_updated_weight_of_its_output_layer() -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(2, 3, 8)
    plain = attention(x, x, x)[0]
    assert lora(attention, rank=2, alpha=4.0) == ["out_proj"]
    stirred(attention)
    assert not torch.allclose(attention(x, x, x)[0], plain)


def test_a_backbone_without_a_layer_to_update_is_refused() -> None:
    with pytest.raises(
        InputError, match="low-rank updates are for linear layers and plain convolutions, and this backbone"
    ):
        lora(nn.Sequential(nn.Conv2d(4, 4, 3, groups=4)), rank=2, alpha=2.0)
