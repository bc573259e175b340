import pytest
import torch
from torch import nn

from transferium.errors import InputError
from transferium.models.model import Model
from transferium.objectives.supervised import Supervised
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.freeze import freeze, split_modules
from transferium.training.loop.param_groups import layered_groups, plain_groups
from transferium.training.loop.stage import Stage
from transferium.training.run import run
from worlds.toy import PICTURE, PictureNet, RowNet, pictures, same, weights

BLOCKS = ("stem", "body", "top")


def moving(unfreeze, net=None):
    net = net or PictureNet()
    freeze(net, BLOCKS, unfreeze)
    return {name for name, p in net.named_parameters() if p.requires_grad}


EVERYTHING = {name for name, _ in PictureNet().named_parameters()}


@pytest.mark.parametrize(
    ("unfreeze", "expected"),
    [
        ("all", EVERYTHING),
        ("none", set()),
        (0, set()),
        (1, {"top.weight", "top.bias"}),
        ("2", {n for n in EVERYTHING if not n.startswith("stem")}),
        (3, EVERYTHING),
        ("norm", {"stem.1.weight", "stem.1.bias", "body.1.weight", "body.1.bias"}),
        ("top", {"top.weight", "top.bias"}),
        ("stem.0,top.bias", {"stem.0.weight", "stem.0.bias", "top.bias"}),
        ("*.bias", {n for n in EVERYTHING if n.endswith("bias")}),
        ("b*y", {n for n in EVERYTHING if n.startswith("body")}),
    ],
)
def test_what_moves(unfreeze, expected):
    assert moving(unfreeze) == expected


@pytest.mark.parametrize(
    ("unfreeze", "message"),
    [
        ("stm", "unfreeze='stm' matches nothing in this backbone. Did you mean 'stem'"),
        ("stem.0.weigt", "unfreeze='stem.0.weigt' matches nothing in this backbone. Did you mean 'stem.0.weight'"),
        ("top,zzz9", "unfreeze='zzz9' matches nothing in this backbone. Its blocks are stem, body, top"),
        (4, "unfreeze=4: this backbone has 3 blocks .* from 0 to 3, or 'all'"),
        ("-1", "unfreeze=-1: this backbone has 3 blocks"),
    ],
)
def test_what_cannot_be_unfrozen_is_named(unfreeze, message):
    with pytest.raises(InputError, match=message):
        moving(unfreeze)


def test_norms_that_are_not_there():
    with pytest.raises(InputError, match="no normalisation layer"):
        freeze(RowNet(), ("low", "high"), "norm")


def test_a_prefix_of_a_name_is_not_the_name():
    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(12)))
    freeze(net, tuple(str(i) for i in range(12)), "1")
    assert [n for n, p in net.named_parameters() if p.requires_grad] == ["11.weight", "11.bias"]
    freeze(net, tuple(str(i) for i in range(12)), "1.weight")
    assert [n for n, p in net.named_parameters() if p.requires_grad] == ["1.weight"]


@pytest.mark.parametrize("unfreeze", ["none", 1, 2, "norm", "top"])
def test_frozen_means_bit_identical_while_the_rest_moves(unfreeze):
    torch.manual_seed(0)
    model = Model(PictureNet(), nn.Linear(5, 2))
    freeze(model.backbone, BLOCKS, unfreeze)
    before = weights(model)
    stage = Stage(
        model, {"target": pictures(20)}, Supervised(), feeds=Feeds(PICTURE), epochs=2, lr=0.1, weight_decay=0.1
    )

    def stages():
        yield stage

    run(stages())
    after = weights(model)
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    still, _ = {m for m in ("stem", "body") if not any(f"backbone.{m}" in n for n in trained)}, None
    for name, tensor in before.items():
        block = name.split(".")[1]
        frozen = name not in trained if name in dict(model.named_parameters()) else block in still
        assert torch.equal(tensor, after[name]) == frozen, name


def test_dropout_and_statistics_of_a_frozen_part_are_still():
    net = PictureNet()
    freeze(net, BLOCKS, 1)
    moving_modules, still = split_modules(Model(net, nn.Linear(5, 2)))
    assert net.body[3] in still and net.body[1] in still and net.stem in still
    assert net.top in moving_modules and net in moving_modules


def test_a_dropout_between_siblings_follows_what_came_before_it():
    frozen_first = nn.Sequential(nn.Linear(2, 2).requires_grad_(False), nn.Dropout(), nn.Linear(2, 2), nn.Dropout())
    _, still = split_modules(frozen_first)
    assert still == [frozen_first[0], frozen_first[1]]
    head = nn.Sequential(nn.Dropout(), nn.Linear(2, 2))
    assert split_modules(head)[1] == []
    assert set(split_modules(head.requires_grad_(False))[1]) == set(head.modules())


def test_rates_fall_towards_the_input_and_norms_do_not_decay():
    net = PictureNet()
    groups = layered_groups(net, BLOCKS, lr=0.1, decay=0.5, weight_decay=0.3)
    found = {(g.name, round(g.lr, 6), g.weight_decay, len(g.params)) for g in groups}
    assert found == {
        ("stem", 0.025, 0.3, 1),
        ("stem (no decay)", 0.025, 0.0, 3),
        ("body", 0.05, 0.3, 1),
        ("body (no decay)", 0.05, 0.0, 3),
        ("top", 0.1, 0.3, 1),
        ("top (no decay)", 0.1, 0.0, 1),
    }
    assert sum(len(g.params) for g in groups) == len(list(net.parameters()))


def test_frozen_parameters_are_in_no_group():
    net = PictureNet()
    freeze(net, BLOCKS, "top")
    assert {g.name for g in layered_groups(net, BLOCKS, lr=0.1)} == {"top", "top (no decay)"}
    assert sum(len(g.params) for g in plain_groups(net.parameters(), 0.1)) == 2
    assert not same(weights(net), weights(PictureNet()))


def test_statistics_are_kept_while_scales_and_shifts_move():
    torch.manual_seed(0)
    model = Model(PictureNet(), nn.Linear(5, 2))
    before = weights(model)
    seen = []

    class Look(Supervised):
        def forward(self, view):
            seen.append((model.backbone.stem[1].training, model.backbone.body[3].training))
            return super().forward(view)

    def stages():
        yield Stage(
            model, {"target": pictures(9)}, Look(), feeds=Feeds(PICTURE), epochs=1, batch_size=1, keep_statistics=True
        )

    run(stages())
    after = weights(model)
    assert set(seen) == {(False, True)}, "batch norm is still, dropout is not"
    for name in before:
        kept = name.endswith(("running_mean", "running_var", "num_batches_tracked"))
        assert torch.equal(before[name], after[name]) == kept, name
