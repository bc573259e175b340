"""How alike the model places examples before and after it learned, and beside random weights: CKA, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import BackboneError, DataError, TransferiumError
from transferium.evaluation.layers.block_outputs import block_outputs, need_torch
from transferium.evaluation.sides.looked import Array, Looked
from transferium.functional.sequences.ragged import flat, is_ragged_array
from transferium.functional.similarity.cka import unbiased_cka
from transferium.models.backbone import Backbone
from transferium.models.catalogue import randomised

if TYPE_CHECKING:
    from torch import nn

MOST, MOST_OF_LAYERS = 1000, 64
"""The most examples whose features are compared, and whose activations in every block are."""


def layer_similarity(looked: Looked) -> dict[str, Any]:
    """Linear CKA (unbiased) of the model's features with those of random weights, and with those before it was tuned.

    ``features`` has a number for each: 1 is alike up to rotation and scale, 0 is as chance has it. ``before`` is the
    pretrained backbone of that name, or the model that never saw the target. ``layers`` compares the mean activation
    of each block before and after, with how far its weights moved (a share of their norm); it needs PyTorch, and a
    backbone that was tuned. Raises ``DataError`` where there is nothing to compare with.
    """
    backbone, held = looked.model.backbone, looked.held
    rng = np.random.default_rng(looked.seed)
    some = held.domain.take(np.sort(rng.permutation(len(held))[:MOST]))
    found: dict[str, Any] = {"examples": len(some), "features": {}}
    others, reasons = _others(looked)
    for name, other in others.items():
        try:
            sides = [looked.embedder(some, one)[0] for one in (backbone, other)]
            ok = sides[0].ok & sides[1].ok
            found["features"][name] = unbiased_cka(*(_rows(side.features[ok]) for side in sides))
        except TransferiumError as error:
            reasons[name] = str(error)
    if not found["features"]:
        raise DataError("; ".join(reasons.values()) or "there are no other features to compare these with")
    before = others.get("before")
    if before is not None and not looked.quick:
        try:
            found["layers"] = _layers(backbone, before, some.take(np.arange(min(MOST_OF_LAYERS, len(some)))))
        except TransferiumError as error:
            reasons["layers"] = str(error)
    return found | ({"reasons": reasons} if reasons else {})


def _rows(features: Array) -> Array:
    """A row for each example; where an example has several (one for each word), all of them."""
    return flat(features) if is_ragged_array(features) else features


def _others(looked: Looked) -> tuple[dict[str, Backbone], dict[str, str]]:
    """The backbones to compare with, and why one is not there."""
    others: dict[str, Backbone] = {}
    reasons: dict[str, str] = {}
    if looked.before is not None and not looked.moved:
        reasons["before"] = "the features are those before it learned: the head alone moved"
    try:
        origin = looked.origin
    except BackboneError as error:
        return others, {"before": str(error)}
    if looked.moved:
        others["before"] = origin
    if not origin.pretrained:
        reasons["random_weights"] = "no pretrained backbone is involved"
        return others, reasons
    try:
        others["random_weights"] = looked.embedder.fitted(randomised(origin), looked.held.domain)
    except BackboneError as error:
        reasons["random_weights"] = str(error)
    return others, reasons


def _layers(after: Backbone, before: Backbone, some: Domain) -> list[dict[str, Any]]:
    """A row for each block, from the input on."""
    if after.members != before.members:
        raise BackboneError("several networks lie side by side, which have no layers in common with one")
    need_torch()
    modules = [one.build().eval().requires_grad_(False) for one in (before, after)]
    seen = [block_outputs(module, before, some) for module in modules]
    rows = []
    for block in before.blocks:
        row: dict[str, Any] = {"block": block, "drift": _drift(modules[0], modules[1], block), "cka": None}
        if all(block in side for side in seen):
            try:
                row["cka"] = unbiased_cka(*(side[block].mean for side in seen))
            except TransferiumError as error:
                row["reason"] = str(error)
        rows.append(row)
    return rows


def _drift(before: nn.Module, after: nn.Module, block: str) -> float | None:
    """How far the block's weights moved, as a share of the norm that they had."""
    old, new = (
        {name: p for name, p in module.named_parameters() if name == block or name.startswith(f"{block}.")}
        for module in (before, after)
    )
    if not old or old.keys() != new.keys():
        return None
    norm = sum(float(p.square().sum()) for p in old.values()) ** 0.5
    moved = sum(float((new[name] - p).square().sum()) for name, p in old.items()) ** 0.5
    return moved / norm if norm else None
