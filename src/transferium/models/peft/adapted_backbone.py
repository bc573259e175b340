"""A backbone with an adapter in it, which is a backbone again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferium.errors import InputError
from transferium.models.adapter import Adapter
from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from torch import nn


def check_belongs(adapter: Adapter, given: Backbone) -> None:
    """Raise ``InputError`` for another backbone than that which the adapter was trained in."""
    told = adapter.backbone
    if given.said_to_be != told["fingerprint"]:
        raise InputError(
            f"this {adapter.kind} adapter belongs to {told['name']} with the fingerprint "
            f"{str(told['fingerprint'])[:12]}; it was given {given.name} with {given.said_to_be[:12]}. Give the "
            "backbone that it was trained in."
        )


def adapted(backbone: Backbone, adapter: Adapter) -> Backbone:
    """``backbone`` with an adapter that was trained in it; merged where that is possible, so that it costs nothing.

    Its fingerprint is of the backbone's and of every tensor of the adapter.
    """
    whole = hashlib.sha256(f"adapted {backbone.fingerprint} {adapter.kind} {dict(adapter.settings)}".encode())
    for name, tensor in sorted(adapter.tensors.items()):
        whole.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
        whole.update(np.ascontiguousarray(tensor).tobytes())
    belongs = replace(adapter, backbone=backbone.to_json() | ({"tuned": True} if backbone.tuned else {}))
    return backbone.made_into(whole.hexdigest(), partial(_build, backbone, adapter), adapter=belongs, tuned=True)


def with_adapter(module: nn.Module, adapter: Adapter) -> nn.Module:
    """``module`` with the adapter in it, merged where that is possible."""
    from transferium.models.peft.inject import attach, merge_and_unload

    return merge_and_unload(attach(module, adapter)).requires_grad_(True).eval()


def _build(backbone: Backbone, adapter: Adapter) -> nn.Module:
    return with_adapter(backbone.build(), adapter)
