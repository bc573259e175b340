"""The spectrum's tail, feature maps in every layout, and attention from rises in loss."""

import numpy as np
import pytest
import torch

from transferium.errors import InputError
from transferium.functional.losses.bss import bss
from transferium.functional.losses.feature_maps import attention_from, channel_axis, feature_map_gap


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_bss_is_the_tail_of_the_spectrum_and_shrinks_nothing_else(k):
    x = maps(9, 5).double().requires_grad_()
    values = np.linalg.svd(x.detach().numpy(), compute_uv=False)
    assert bss(x, k).item() == pytest.approx((values[-k:] ** 2).sum(), rel=1e-10)
    bss(x, k).backward()
    after = np.linalg.svd((x - 0.25 * x.grad).detach().numpy(), compute_uv=False)
    expected = np.sort(np.concatenate([values[:-k], 0.5 * values[-k:]]))[::-1]
    assert np.allclose(after, expected), "d σ² / dF moves σ alone: half a step halves it"


def test_bss_of_half_precision_is_computed_in_full():
    x = maps(6, 4)
    assert bss(x.bfloat16()).dtype == torch.float32
    assert bss(x.bfloat16()).item() == pytest.approx(bss(x).item(), rel=0.05)


@pytest.mark.parametrize("k", [0, 5])
def test_bss_names_how_many_there_are(k):
    with pytest.raises(InputError, match=rf"smallest={k} must be from 1 to 4 for a batch of \(4, 7\)"):
        bss(maps(4, 7), k)


@pytest.mark.parametrize(("front", "back"), [((3, 5, 6, 6), (3, 6, 6, 5)), ((3, 5, 1, 1), (3, 1, 1, 5))])
def test_both_layouts_of_images_give_one_gap(front, back):
    moved, start = maps(*front, seed=1), maps(*front, seed=2)
    turned = [m.permute(0, 2, 3, 1) for m in (moved, start)]
    assert turned[0].shape == back and channel_axis(moved) == 1 and channel_axis(turned[0]) == 3
    attention = torch.softmax(torch.arange(5.0), 0)
    assert feature_map_gap(moved, start, attention).item() == pytest.approx(
        feature_map_gap(*turned, attention).item(), rel=1e-6
    )


def test_equal_attention_is_no_attention():
    moved, start = maps(4, 6, 3, 3, seed=1), maps(4, 6, 3, 3, seed=2)
    flat = torch.full((6,), 1 / 6)
    assert feature_map_gap(moved, start, flat).item() == pytest.approx(feature_map_gap(moved, start).item(), rel=1e-6)


def test_a_mask_of_ones_is_no_mask():
    moved, start = maps(4, 6, 3, seed=1), maps(4, 6, 3, seed=2)
    with_mask = feature_map_gap(moved, start, mask=torch.ones(4, 6, dtype=torch.int64))
    assert with_mask.item() == pytest.approx(feature_map_gap(moved, start).item(), rel=1e-6)


def test_no_gradient_reaches_the_start():
    moved, start = maps(4, 6).requires_grad_(), maps(4, 6, seed=1).requires_grad_()
    feature_map_gap(moved, start).backward()
    assert start.grad is None and torch.allclose(moved.grad, (moved - start) / 4)


def test_what_does_not_fit_is_named():
    with pytest.raises(InputError, match=r"one shape; found \(4, 6\) and \(4, 5\)"):
        feature_map_gap(maps(4, 6), maps(4, 5))
    with pytest.raises(InputError, match=r"attention must hold 6 numbers, one a channel; found \(5,\)"):
        feature_map_gap(maps(4, 6), maps(4, 6), torch.ones(5) / 5)


def test_attention_follows_the_rise_whatever_its_size():
    rises = torch.tensor([0.0, 0.1, 0.4, -0.1], dtype=torch.float64)
    z = (rises.numpy() - rises.numpy().mean()) / rises.numpy().std() / 5
    assert np.allclose(attention_from(rises), np.exp(z) / np.exp(z).sum())
    assert torch.allclose(attention_from(rises), attention_from(100 * rises + 3))
