"""Every kind of adapter: exact at the ends of its life, small, and refused where it does not belong."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from transferium.errors import InputError
from transferium.models.adapter import ADAPTER_KINDS
from transferium.models.peft.adapted_backbone import adapted, check_belongs
from transferium.models.peft.graft import Update, grafts, part_of
from transferium.models.peft.inject import (
    ADAPTERS,
    attach,
    attached,
    extract,
    inject,
    merge,
    merge_and_unload,
    unload,
    unmerge,
)
from transferium.models.peft.layers import transformer_blocks
from transferium.models.peft.own_parameters import norm_parameters
from worlds.adapted import bert_backbone, small_vit, stirred
from worlds.toy import PictureNet, picture_backbone, same, weights

TEXTS = (torch.tensor([[2, 4, 5, 7, 3], [2, 5, 3, 0, 0]]), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]))
WORLDS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "vit": (small_vit, (torch.linspace(-1, 1, 2 * 3 * 16 * 16).view(2, 3, 16, 16),)),
    "bert": (lambda: bert_backbone().build(), TEXTS),
    "convolutions": (lambda: picture_backbone().build().eval(), (torch.linspace(-1, 1, 1536).view(2, 3, 16, 16),)),
}
FITS = [
    *(("lora", world, {"rank": 2}) for world in WORLDS),
    *(("lora", world, {"rank": 2, "stabilised": True}) for world in ("bert",)),
    *(("dora", world, {"rank": 2}) for world in WORLDS),
    *(("bitfit", world, {"terms": "both"}) for world in WORLDS),
    *(("ia3", world, {}) for world in ("vit", "bert")),
    *(("adapter", world, {"reduced": 3}) for world in ("vit", "bert")),
    ("adapter", "bert", {"reduced": 3, "layout": "pfeiffer"}),
    ("prefix", "bert", {"tokens": 3}),
    ("prompt", "bert", {"tokens": 3}),
    ("vpt", "vit", {"tokens": 2}),
    ("vpt", "vit", {"tokens": 2, "deep": False}),
]
every = pytest.mark.parametrize(("kind", "world", "settings"), FITS)
MERGED = ("lora", "dora", "ia3")


def network(world: str) -> tuple[nn.Module, tuple[Any, ...]]:
    build, inputs = WORLDS[world]
    return build(), inputs


@every
@torch.no_grad()
def test_merging_and_unmerging_keep_the_answers_and_unmerging_gives_the_weights_back(
    kind: str, world: str, settings: dict[str, Any]
) -> None:
    module, inputs = network(world)
    before = weights(module)
    moved = stirred(module, record := inject(module, kind, **settings))
    expected = moved(*inputs)
    parts = [part_of(layer) for _, layer in grafts(module)]
    merged = merge(copy.deepcopy(moved))(*inputs)
    torch.testing.assert_close(merged, expected, rtol=1e-5, atol=1e-5)
    assert all(isinstance(part, Update) for part in parts) == (kind in MERGED or not parts)
    torch.testing.assert_close(unmerge(merge(moved))(*inputs), expected, rtol=1e-5, atol=1e-5)
    after = moved.state_dict()
    for name, tensor in before.items():
        if name not in record.moving:
            torch.testing.assert_close(after[name], tensor, rtol=1e-5, atol=1e-6)
    plain = merge_and_unload(moved)
    torch.testing.assert_close(plain(*inputs), expected, rtol=1e-5, atol=1e-5)
    assert kind not in (*MERGED, "bitfit") or plain.state_dict().keys() == before.keys()


@every
@torch.no_grad()
def test_an_adapter_put_into_another_copy_answers_alike_and_leaves_no_trace(
    kind: str, world: str, settings: dict[str, Any]
) -> None:
    module, inputs = network(world)
    plain, before = module(*inputs), weights(module)
    stirred(module, inject(module, kind, **settings))
    adapter = extract(module)
    assert adapter is not None
    other, _ = network(world)
    structure = repr(other)
    with attached(other, adapter) as with_it:
        assert torch.equal(with_it(*inputs), module(*inputs))
        assert not torch.allclose(with_it(*inputs), plain, atol=1e-4)
    assert torch.equal(other(*inputs), plain) and same(weights(other), before) and repr(other) == structure
    assert {type(part) for part in other.modules()} == {type(part) for part in network(world)[0].modules()}


@every
def test_only_the_adapter_has_a_gradient_and_all_of_it_has_one(kind: str, world: str, settings: dict[str, Any]) -> None:
    module, inputs = network(world)
    record = inject(module, kind, **settings)
    stirred(module, record)
    module(*inputs).square().sum().backward()
    assert record.moving and {n for n, p in module.named_parameters() if p.grad is not None} <= set(record.moving)
    unused = {n for n in record.moving if module.get_parameter(n).grad is None}
    assert not unused


@pytest.mark.parametrize("kind", ["lora", "ia3", "bitfit", "adapter", "vpt"])
@torch.no_grad()
def test_what_starts_at_nothing_changes_nothing(kind: str) -> None:
    module, inputs = network("vit")
    plain = module(*inputs)
    settings = {"tokens": 1} if kind == "vpt" else {}
    inject(module, kind, **settings)
    assert torch.equal(module(*inputs), plain) != (kind == "vpt")


def test_batch_norm_statistics_travel_with_the_adapter() -> None:
    module = PictureNet().eval()
    inject(module, "lora", rank=2, targets="top")
    with torch.no_grad():
        module.get_buffer("stem.1.running_mean").add_(1.0)
    adapter = extract(module)
    assert adapter is not None and np.allclose(adapter.tensors["stem.1.running_mean"], 1.0)
    other = attach(PictureNet().eval(), adapter)
    assert torch.equal(other.get_buffer("stem.1.running_mean"), module.get_buffer("stem.1.running_mean"))


def test_a_fingerprint_is_of_the_adapter_and_of_its_backbone() -> None:
    backbone = picture_backbone()
    prints = set()
    for by in (0.1, 0.2):
        module = backbone.build()
        stirred(module, inject(module, "lora", rank=2), by)
        adapter = extract(module)
        assert adapter is not None
        prints |= {adapted(b, adapter).fingerprint for b in (backbone, picture_backbone(1))}
    assert len(prints) == 4


def test_an_adapter_of_another_backbone_is_refused_with_both_names() -> None:
    backbone = picture_backbone()
    module = backbone.build()
    inject(module, "lora", rank=2)
    adapter = extract(module)
    assert adapter is not None
    kept = adapted(backbone, adapter).adapter
    assert kept is not None
    check_belongs(kept, backbone)
    other = picture_backbone(1)
    with pytest.raises(
        InputError, match=f"belongs to PictureNet .*{backbone.fingerprint[:12]}.*{other.fingerprint[:12]}"
    ):
        check_belongs(kept, other)
    with pytest.raises(InputError, match=r"does not fit the network: .* differ"):
        attach(small_vit(), adapter)


@pytest.mark.parametrize(
    ("targets", "found"),
    [("all", 9), ("attention", 4), ("qkv", 2), ("blocks.1", 4), ("blocks.*.fc?", 4), ("qkv, blocks.0.mlp", 4)],
)
def test_targets_are_named_by_layer_by_end_by_module_or_by_pattern(targets: str, found: int) -> None:
    assert len(inject(small_vit(), "lora", targets=targets).layers) == found


@pytest.mark.parametrize(("targets", "nearest"), [("qvk", "qkv"), ("blocks.0.atn", "attn"), ("blokcs", "blocks")])
def test_targets_that_match_nothing_are_met_with_the_nearest_name(targets: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"targets='{targets}' matches no layer .*Did you mean .*{nearest}"):
        inject(small_vit(), "lora", targets=targets)


@pytest.mark.parametrize(
    ("kind", "world", "message"),
    [
        ("ia3", "convolutions", "ia3 goes into transformer blocks, and this backbone .*use lora, dora or bitfit"),
        ("adapter", "convolutions", "bottleneck adapter goes into transformer blocks"),
        ("vpt", "bert", "vpt is for vision transformers, and this backbone reads texts: use prompt or prefix"),
        ("vpt", "convolutions", "visual prompt goes into transformer blocks"),
        ("prompt", "vit", "text encoder of transformers, and this backbone .VisionTransformer. is none"),
        ("prefix", "convolutions", "text encoder of transformers"),
    ],
)
def test_what_has_no_place_in_a_network_is_refused_with_what_has(kind: str, world: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        inject(network(world)[0], kind)


def test_a_network_of_windows_takes_no_more_tokens() -> None:
    swin = timm.models.SwinTransformer(
        img_size=32, patch_size=4, embed_dim=8, depths=(1, 1), num_heads=(1, 1), window_size=4
    )
    with pytest.raises(InputError, match="vpt adds tokens to a plain vision transformer, and layers"):
        inject(swin.eval(), "vpt")
    assert len(inject(swin, "ia3").layers) == 4


def test_scales_go_into_weights_that_a_layer_holds_itself() -> None:
    module = small_vit()
    weight_norm(module.blocks[1].mlp.fc2)
    with pytest.raises(InputError, match=r"hold their weights themselves, and blocks.1.mlp.fc2 .*ParametrizedLinear"):
        inject(module, "ia3")


def test_norm_layers_are_known_by_their_class_where_their_name_does_not_say_so() -> None:
    class Shifted(nn.BatchNorm2d):
        pass

    assert norm_parameters(nn.Sequential(nn.Conv2d(3, 4, 1), Shifted(4))) == {"1.weight", "1.bias"}


def test_an_adapter_that_cannot_be_merged_gets_no_second_one() -> None:
    module = small_vit()
    inject(module, "adapter")
    with pytest.raises(InputError, match="has an adapter already, which cannot be merged"):
        inject(module, "adapter")
    unload(module)
    inject(module, "adapter")


def test_blocks_are_found_by_what_their_layers_are_called() -> None:
    bert, vit = transformer_blocks(bert_backbone().build(), "x"), transformer_blocks(small_vit(), "x")
    assert [b.name for b in bert] == ["model.encoder.layer.0", "model.encoder.layer.1"]
    first = bert[0]
    assert (first.width, first.fused) == (16, False)
    assert first.attention.endswith("attention.self") and first.keys.endswith("self.key")
    assert first.end_of_attention.endswith("0.attention.output.dense")
    assert first.end_of_feedforward == "model.encoder.layer.0.output.dense"
    assert (vit[1].keys, vit[1].values, vit[1].fused) == ("blocks.1.attn.qkv", "blocks.1.attn.qkv", True)
    assert (vit[1].end_of_attention, vit[1].end_of_feedforward) == ("blocks.1.attn.proj", "blocks.1.mlp.fc2")
    assert tuple(ADAPTERS) == ADAPTER_KINDS and set(ADAPTER_KINDS) == {kind for kind, *_ in FITS}
