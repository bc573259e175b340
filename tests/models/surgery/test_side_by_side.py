"""Several networks as one backbone: features, blocks, export."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError
from transferium.methods.finetuning.prefix_cache import first_moving
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone, randomised
from transferium.models.sources.bundled import bundled
from transferium.models.surgery.cut import CannotCutError
from transferium.models.surgery.side_by_side import side_by_side
from transferium.training.loop.freeze import freeze
from transferium.training.loop.param_groups import layered_groups
from worlds.domains import texts
from worlds.toy import picture_backbone

PROBE = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def three() -> list[Backbone]:
    return [picture_backbone(seed) for seed in range(3)]


def test_features_stand_one_after_the_other() -> None:
    alone = three()
    whole = side_by_side(alone)
    with torch.no_grad():
        expected = torch.cat([backbone.build()(PROBE) for backbone in alone], dim=1)
        assert torch.equal(whole.build()(PROBE), expected)
        more = side_by_side([side_by_side(alone[:2]), alone[2]])
        assert torch.equal(more.build()(PROBE), expected)
    assert (whole.width, whole.members, more.members, more.blocks) == (15, 3, 3, whole.blocks)
    assert more.build().state_dict().keys() == whole.build().state_dict().keys()
    assert side_by_side(alone[:1]) is alone[0]
    assert side_by_side(alone[::-1]).fingerprint != whole.fingerprint, "heads read columns: the order is part of it"
    drawn = [*(member.top.weight for member in randomised(whole, 9).build().members), alone[0].build().top.weight]
    assert len({tuple(w.flatten().tolist()) for w in drawn}) == 4, "each is drawn by itself"


@pytest.mark.parametrize("unfreeze", [0, 1, 2, "all", "norm", "members.*.body"])
def test_a_block_is_that_of_every_network(unfreeze: int | str) -> None:
    one = picture_backbone()
    alone, pair = one.build(), side_by_side([one, one]).build()
    freeze(alone, one.blocks, str(unfreeze).removeprefix("members.*."))
    freeze(pair, side_by_side([one, one]).blocks, unfreeze)
    moving = {name for name, p in alone.named_parameters() if p.requires_grad}
    assert {n for n, p in pair.named_parameters() if p.requires_grad} == {
        f"members.{i}.{n}" for i in (0, 1) for n in moving
    }


def test_each_learns_at_the_rates_that_it_would_have_alone() -> None:
    one = picture_backbone()
    pair = side_by_side([one, one])

    def rates(backbone: Backbone) -> dict[str, float]:
        module = backbone.build()
        names = {p: name for name, p in module.named_parameters()}
        groups = layered_groups(module, backbone.blocks, lr=1.0, decay=0.5)
        return {names[p]: group.lr for group in groups for p in group.params}

    assert set(rates(one).values()) == {1.0, 0.5, 0.25}
    assert rates(pair) == {f"members.{i}.{name}": lr for i in (0, 1) for name, lr in rates(one).items()}


def test_no_prefix_of_several_is_cut() -> None:
    pair = side_by_side(three())
    with pytest.raises(CannotCutError, match=r"members\.\*\.top is a block of each of several networks"):
        first_moving(pair.build(), pair.blocks, 1)
    with pytest.raises(CannotCutError, match="nothing at the input side is frozen"):
        first_moving(pair.build(), pair.blocks, "all")


def test_texts_are_read_by_one_graph_of_several_encoders() -> None:
    one = bundled("all_minilm_l6_v2")
    other = replace(randomised(one), name=one.name)
    pair = side_by_side([one, other])
    lines = texts(["one", "and another, longer text"])
    seen = Embedder(None)(lines, one, other, pair)
    assert seen[2].engine == "onnx"
    expected = np.concatenate([seen[0].features, seen[1].features], axis=1)
    assert np.allclose(seen[2].features, expected, atol=1e-4 * np.abs(expected).max())
    padded = Embedder(None, engine="torch")(lines, pair)[0].features
    assert np.allclose(padded, expected, atol=1e-4 * np.abs(expected).max())
    ids = torch.tensor([[101, 7, 102, 0], [101, 7, 8, 102]])
    with torch.no_grad():
        both, alone = pair.build()(ids, (ids > 0).long()), one.build()(ids[:1, :3], torch.ones(1, 3, dtype=torch.int64))
    assert torch.allclose(both[:1, : one.width], alone, atol=1e-5), "the mask reaches every network"


def test_what_differs_in_more_than_weights_is_refused() -> None:
    cnn = find_backbone("small_cnn", "image")
    with pytest.raises(BackboneError, match="PictureNet and small_cnn cannot lie side by side"):
        side_by_side([picture_backbone(), cnn])
    smaller = bundled("efficientnet_lite0")
    with pytest.raises(BackboneError, match="cannot lie side by side"):
        side_by_side([smaller, find_backbone("efficientnet_lite0", "image", size=64)])
