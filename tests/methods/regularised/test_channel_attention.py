"""What DELTA weighs its channels by: the loss without each of them."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transferium.embedding.embed import Embedder
from transferium.methods.regularised.delta import DELTA
from transferium.methods.task import Task
from transferium.models.sources.wrapped import wrap_module
from transferium.objectives.channel_attention import loss_rises
from transferium.training.feeds.batch import Batch
from worlds.toy import PICTURE, PictureNet, pictures, same, weights


class Wired(nn.Module):
    """Four channels over a picture, the last of which nothing behind reads."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Conv2d(3, 4, 3, padding=1)
        self.high = nn.Linear(4, 4)
        with torch.no_grad():
            self.high.weight[:, 3] = 0

    def forward(self, x):
        return self.high(self.low(x).relu().mean(dim=(2, 3)))


def wired(seed=0):
    torch.manual_seed(seed)
    return Wired().eval(), nn.Linear(4, 2)


def labelled(n, seed):
    made = torch.Generator().manual_seed(seed)
    return Batch((torch.randn(n, 3, 6, 6, generator=made),), torch.arange(n) % 2, torch.arange(n))


@pytest.mark.parametrize("layer", ["low", "high"])
def test_the_rise_is_that_of_a_whole_pass_without_the_channel(layer):
    body, head = wired()
    given = [labelled(5, 0), labelled(8, 1)]
    rises = loss_rises(body, head, layer, ("low", "high"), given)
    inputs, labels = torch.cat([b.inputs[0] for b in given]), torch.cat([b.labels for b in given])

    def loss():
        with torch.no_grad():
            return nn.functional.cross_entropy(head(body(inputs)).double(), labels).item()

    plain, slow = loss(), []
    for channel in range(4):

        def without(_module, _inputs, output, channel=channel):
            keep = torch.ones(4)
            keep[channel] = 0
            return output * keep.view(-1, *[1] * (output.ndim - 2))

        hook = body.get_submodule(layer).register_forward_hook(without)
        slow.append(loss() - plain)
        hook.remove()
    assert rises.numpy() == pytest.approx(slow, abs=1e-7)
    assert (layer != "low") or rises[3] == 0
    assert rises.abs().max() > 1e-4


def test_switching_channels_off_leaves_the_network_as_it_was():
    body, head = wired()
    before, batch = weights(body), labelled(4, 0)
    expected = body(*batch.inputs)
    loss_rises(body, head, "low", ("low", "high"), [batch])
    assert same(before, weights(body)) and torch.equal(body(*batch.inputs), expected)
    assert not any("forward" in vars(m) or m._forward_hooks for m in body.modules())


def test_blocks_before_the_layer_are_not_computed_again():
    body, head = wired()
    calls = {"low": 0, "high": 0}
    for name in calls:
        module = body.get_submodule(name)

        def counted(x, name=name, run=module.forward):
            calls[name] += 1
            return run(x)

        module.forward = counted
    loss_rises(body, head, "high", ("low", "high"), [labelled(4, 0)])
    assert calls == {"low": 1, "high": 1}
    loss_rises(body, head, "low", ("low", "high"), [labelled(4, 0)])
    assert calls == {"low": 2, "high": 6}


def task(n, backbone):
    torch.set_num_threads(1)
    return Task(pictures(n), None, backbone, Embedder(None, engine="torch"), 0)


def test_attention_is_where_the_classes_are_read_from():
    """Of five features only the first two tell the classes apart: they get the weight."""
    net = PictureNet()
    with torch.no_grad():
        net.top.weight.zero_(), net.top.bias.zero_()
        net.stem[0].weight.zero_(), net.stem[0].bias.zero_(), net.body[0].weight.zero_(), net.body[0].bias.zero_()
        for i, colour in enumerate((0, 2)):
            net.stem[0].weight[i, colour] = 1 / 9
            net.stem[0].bias[i] = 3.0
            net.body[0].weight[i, i, 1, 1] = 1.0
            net.top.weight[i, i] = 1.0
    given = task(200, wrap_module(net, "image", PICTURE))
    given = replace(given, backbone=replace(given.backbone, blocks=("stem", "body", "top")))
    method = DELTA(epochs=1, batch_size=8)
    setup = method.setup(given)
    method._groups(setup)
    (weight,) = method._attention(setup, ("top",))
    assert weight.sum() == pytest.approx(1, abs=1e-6)
    assert weight[:2].min() > weight[2:].max() * 1.2, weight
    assert torch.allclose(weight[2:], weight[2], atol=1e-6)
