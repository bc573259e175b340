"""Per channel, the moving statistics or the batch's, and an ordinary layer at inference."""

import numpy as np
import pytest
import timm
import torch
from torch import nn

from transferium.objectives.supervised import Supervised
from transferium.training.distributed.machine import Machine
from transferium.training.loop.episode import Episode
from transferium.training.loop.freeze import freeze
from transferium.training.loop.stage import Stage
from transferium.training.run import run
from transferium.training.wrappers.batch_norm_statistics import refresh_statistics
from transferium.training.wrappers.stochastic_norm import StochasticNorm
from worlds.toy import blobs, row_model, same, weights


def layer(kind=nn.BatchNorm2d, channels=6):
    torch.manual_seed(0)
    norm = kind(channels)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            tensor.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    return norm.train()


def slow(x, norm, kept):
    """One channel at a time, by the statistics that the channel was given."""
    out = np.zeros_like(x)
    for c in range(x.shape[1]):
        mean, var = (norm[f"running_{s}"][c] for s in ("mean", "var")) if kept[c] else (x[:, c].mean(), x[:, c].var())
        out[:, c] = (x[:, c] - mean) / np.sqrt(var + 1e-5) * norm["weight"][c] + norm["bias"][c]
    return out


@pytest.mark.parametrize(("kind", "shape"), [(nn.BatchNorm2d, (5, 6, 3, 4)), (nn.BatchNorm1d, (7, 6))])
def test_each_channel_is_normalised_by_one_of_the_two(kind, shape):
    norm, x = layer(kind), torch.randn(shape)
    before = {name: t.detach().double().numpy().copy() for name, t in norm.state_dict().items()}
    StochasticNorm(0.5).attach(norm)
    torch.manual_seed(0)
    kept = (torch.rand(6) < 0.5).tolist()
    assert 0 < sum(kept) < 6
    torch.manual_seed(0)
    assert np.allclose(norm(x).detach(), slow(x.double().numpy(), before, kept), atol=1e-5)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_ends_are_the_two_layers_and_the_moving_statistics_move_as_ever(p):
    plain, norm, x = layer(), layer(), torch.randn(5, 6, 3, 4)
    StochasticNorm(p).attach(norm)
    expected = (plain.eval() if p else plain)(x)
    assert torch.equal(norm(x), expected)
    plain.train()
    if p:
        plain(x)
    assert same(weights(norm), weights(plain))
    assert torch.equal(norm.eval()(x), plain.eval()(x)), "an ordinary layer at inference"


def test_both_branches_give_their_gradient():
    norm, x = layer(), torch.randn(5, 6, 3, 4, requires_grad=True)
    StochasticNorm(0.5).attach(norm)
    torch.manual_seed(0)
    kept = torch.rand(6) < 0.5
    assert 0 < kept.sum() < 6
    torch.manual_seed(0)
    norm(x).sum().backward()
    size = x.grad.abs().amax(dim=(0, 2, 3))
    assert (size[kept] > 1e-2).all(), "a shift of the input is seen"
    assert (size[~kept] < 1e-5).all(), "the batch's mean takes it away"


def test_timms_layers_with_an_activation_inside():
    torch.manual_seed(0)
    net = timm.create_model("test_efficientnet", num_classes=0)
    names, x = list(net.state_dict()), torch.randn(4, 3, 64, 64)
    plain = net.eval()(x)
    net.train()
    hooks = StochasticNorm(1.0).attach(net)
    assert len(hooks) == 2 * sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) > 0
    assert torch.allclose(net(x), plain, atol=1e-5)
    for hook in hooks:
        hook.remove()
    assert list(net.state_dict()) == names
    assert not torch.allclose(net.train()(x), plain, atol=1e-3)


def trained(p, *, frozen=False):
    model = row_model(batch_norm=True)
    if frozen:
        freeze(model.backbone, ("low", "high"), 1)
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d)]

    def stages():
        around = [] if p is None else [StochasticNorm(p)]
        yield Stage(model, {"target": blobs(40)}, Supervised(), epochs=2, batch_size=8, around=around)

    run(stages(), seed=1)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in layers)
    return weights(model)


def test_around_a_stage_it_is_nothing_at_zero_and_leaves_nothing_behind():
    assert same(trained(0.0), trained(None))
    assert not same(trained(0.5), trained(None))


def test_a_frozen_layer_is_left_alone():
    assert same(trained(1.0, frozen=True), trained(None, frozen=True))


def test_statistics_taken_anew_for_an_average_are_those_of_whole_batches():
    def refreshed(p):
        torch.manual_seed(0)
        model = row_model(batch_norm=True)
        episode = Episode(Stage(model, {"target": blobs(40)}, Supervised(), epochs=1, batch_size=10), Machine())
        episode.step = episode.steps_per_epoch
        StochasticNorm(p).attach(model)
        episode.set_modes()
        assert refresh_statistics(episode)
        return weights(model) | {"next draw": torch.rand(1)}

    assert same(refreshed(0.5), refreshed(0.0))
