"""A module in two parts is the module: the same features, the same weights, the same gradients."""

import copy

import pytest
import torch
from torch import nn

from transferium.models.surgery.cut import CannotCutError, Cut, whole_of
from worlds.toy import PictureNet, same, weights


def picture_probes(size=16):
    torch.manual_seed(1)
    x = torch.randn(3, 3, size, size)
    return [(x,), (x[:1],)]


def text_probes():
    torch.manual_seed(1)
    ids, mask = torch.randint(1, 30, (3, 7)), torch.ones(3, 7, dtype=torch.int64)
    mask[1, 4:] = 0
    return [(ids, mask), (ids[:1, :5], mask[:1, :5])]


class Reader(nn.Module):
    """Tokens, their neighbours, and a mean over what is not padding."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(30, 8)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True) for _ in "abc")

    def forward(self, ids, mask):
        x = self.words(ids)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=mask == 0)
        return (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


class Position(nn.Module):
    """A parameter of the root's own, and functions between the blocks that change the shape."""

    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter(torch.randn(6, 1, 1))
        self.low, self.mid, self.top = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 3), nn.Linear(4, 5)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.low(2 * x) + self.offset, 2)
        return self.top(self.mid(x).relu_().mean(dim=(2, 3)) * 3)


NETS = [
    (PictureNet, "body", picture_probes(), (6, 8, 8)),
    (PictureNet, "top", picture_probes(), (8,)),
    (PictureNet, None, picture_probes(), (5,)),
    (Position, "mid", picture_probes(), (6, 7, 7)),
    (Position, "top", picture_probes(), (4,)),
    (Reader, "layers.0", text_probes(), (7, 8)),
    (Reader, "layers.2", text_probes(), (7, 8)),
    (Reader, None, text_probes(), (8,)),
]
every = pytest.mark.parametrize(("net", "block", "probes", "shape"), NETS, ids=lambda x: getattr(x, "__name__", None))


def make(net):
    torch.manual_seed(0)
    return net().eval()


@every
def test_the_suffix_of_the_prefix_is_the_whole(net, block, probes, shape):
    whole = make(net)
    cut = Cut(whole, block, probes)
    assert cut.shape == shape
    for inputs in probes:
        activation = cut.prefix(*inputs)
        rest = inputs[1:] if block else ()
        assert not activation.requires_grad
        assert torch.allclose(cut.suffix(activation, *rest), make(net)(*inputs), atol=1e-6)
    assert whole_of(cut.suffix) is whole and whole_of(whole) is whole


@every
def test_nothing_before_the_cut_runs_again(net, block, probes, shape):
    whole = make(net)
    cut = Cut(whole, block, probes)
    activation, rest = cut.prefix(*probes[0]), probes[0][1:] if block else ()
    expected = cut.suffix(activation, *rest)
    with torch.no_grad():
        for part in cut.gone:
            for parameter in part.parameters():
                parameter.fill_(float("nan"))
    assert torch.equal(cut.suffix(activation, *rest), expected)


@every
def test_to_train_the_suffix_is_to_train_the_whole(net, block, probes, shape):
    if block is None:
        return
    whole, twin = make(net), make(net)
    cut = Cut(whole, block, probes)
    frozen = {id(p) for part in cut.gone for p in part.parameters()}
    twin_of = dict(zip(map(id, whole.parameters()), twin.parameters(), strict=True))
    names = [name for name, p in cut.suffix.named_parameters() if p.numel()]
    assert names and {n: p for n, p in whole.named_parameters() if n in names}.keys() == set(names)
    cut.suffix(cut.prefix(*probes[0]), *probes[0][1:]).square().sum().backward()
    twin(*probes[0]).square().sum().backward()
    for parameter in whole.parameters():
        if id(parameter) in frozen:
            assert parameter.grad is None
        elif "offset" not in names or parameter is not whole.offset:
            assert torch.allclose(parameter.grad, twin_of[id(parameter)].grad, rtol=1e-4, atol=1e-6)
    before = weights(whole)
    with torch.no_grad():
        cut.suffix.get_parameter(next(name for name in names if name.startswith(block))).add_(1)
    assert not same(weights(whole), before)


def test_a_copy_is_a_whole_of_its_own():
    cut = Cut(make(PictureNet), "body", picture_probes())
    activation = cut.prefix(*picture_probes()[0])
    expected = cut.suffix(activation).detach()
    twin = copy.deepcopy(cut.suffix)
    with torch.no_grad():
        for parameter in cut.whole.parameters():
            parameter.zero_()
    assert torch.equal(twin(activation), expected)
    assert torch.allclose(whole_of(twin)(*picture_probes()[0]), expected, atol=1e-6)
    assert not torch.equal(cut.suffix(activation), expected)


def test_the_whole_still_runs_after_it_was_cut():
    whole, expected = make(PictureNet), make(PictureNet)(*picture_probes()[0])
    Cut(Cut(whole, "body", picture_probes()).whole, "top", picture_probes())
    assert torch.equal(whole(*picture_probes()[0]), expected)


def test_what_was_finished_stands_frozen_and_empty():
    cut = Cut(make(PictureNet), "top", picture_probes())
    stems = {name: p for name, p in cut.suffix.named_parameters() if not name.startswith("top")}
    assert {name: (p.numel(), p.requires_grad) for name, p in stems.items()} == {
        "stem.gone": (0, False),
        "body.gone": (0, False),
    }


class Pooled(Reader):
    """One more layer after the mean."""

    def __init__(self):
        super().__init__()
        self.top = nn.Linear(8, 5)

    def forward(self, ids, mask):
        return self.top(super().forward(ids, mask))


class Skip(PictureNet):
    """What the stem gives reaches the top too."""

    def forward(self, x):
        low = self.stem(x)
        return self.top(self.body(low.relu()).mean(dim=(2, 3))) + low.mean()


class Twice(PictureNet):
    """The body is called twice."""

    def forward(self, x):
        x = self.stem(x)[:, :3].relu()
        return self.top(self.body(torch.cat([x, x], 1)).mean(dim=(2, 3)) + self.body(torch.cat([x, -x], 1)).mean())


class Pair(PictureNet):
    """The stem gives two tensors."""

    def __init__(self):
        super().__init__()
        self.stem = Two()

    def forward(self, x):
        low, high = self.stem(x)
        return self.top(self.body(low + high).mean(dim=(2, 3)))


class Two(nn.Module):
    """A convolution, twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2, padding=1)

    def forward(self, x):
        return self.conv(x), self.conv(-x)


class Peeking(PictureNet):
    """The code beside the blocks reads a weight of one."""

    def forward(self, x):
        return super().forward(x) + self.stem[0].weight.mean()


def test_a_text_without_a_row_for_each_token_is_refused():
    with pytest.raises(CannotCutError, match=r"what top is called with has no row for each token"):
        Cut(make(Pooled), "top", text_probes())


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Skip, r"more than what body is called with reaches the layers after it"),
        (Twice, r"body is called 2 times in one pass"),
        (Pair, r"stem gives more than one tensor"),
        (Peeking, r"its own code does not run without what comes before body \(TypeError"),
    ],
)
def test_what_does_not_come_apart_is_refused(net, message):
    with pytest.raises(CannotCutError, match=message):
        Cut(make(net), "body", picture_probes())
