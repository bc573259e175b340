"""Any module as a backbone, and any backbone with random weights."""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from transferium.data.domain import Kind
from transferium.data.modality import by_kind
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.graphs.unbound_graph import UnboundGraph
from transferium.models.modality import MODALITIES
from transferium.models.preprocess import Preprocess

if TYPE_CHECKING:
    from torch import nn


def wrap_module(module: nn.Module, kind: Kind, transform: Any) -> Backbone:
    """A user's ``nn.Module`` that maps one batch to features, with the transform its weights were trained with.

    ``transform``: a callable from a PIL picture to a ``(3, h, w)`` tensor, an ``ImagePreprocess``, or for texts a
    ``TextPreprocess`` (the module is then called with ids and mask). The weights are copied now.
    """
    from transferium.models.surgery.blocks import block_names

    row = by_kind(MODALITIES, kind, "backbone")
    preprocess = row.wrapped(transform)
    module = copy.deepcopy(module).eval().requires_grad_(False).cpu()
    return Backbone(
        name=type(module).__name__,
        kind=kind,
        width=_width(module, preprocess),
        blocks=block_names(module),
        preprocess=preprocess,
        fingerprint=fingerprint_module(module),
        build=partial(_copy_of, module),
        licence="your own",
        size_bytes=sum(t.numel() * t.element_size() for t in module.state_dict().values()),
        fresh=partial(_reset, module),
        any_size=False,
    )


def fingerprint_module(module: nn.Module) -> str:
    """SHA-256 over every tensor, the printed structure, and the source of each class outside torch."""
    whole = hashlib.sha256(repr(module).encode())
    for name, tensor in module.state_dict().items():
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.detach().cpu().contiguous().flatten().view(_bytes()).numpy())
    for kind in sorted({type(part) for part in module.modules()}, key=_name_of):
        whole.update(_name_of(kind).encode())
        if not kind.__module__.startswith("torch."):
            whole.update(_source(kind).encode())
    return whole.hexdigest()


def _name_of(kind: type) -> str:
    """The full name of a class; of one of this package its own name alone, wherever its file lies."""
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    return kind.__qualname__ if ours else f"{kind.__module__}.{kind.__qualname__}"


def _bytes() -> Any:
    import torch

    return torch.uint8


def _source(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # typed at a prompt: the names and the printed structure must do
        return ""


def _copy_of(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).requires_grad_(True)


def _width(module: nn.Module, preprocess: Preprocess) -> int:
    import torch

    with torch.inference_mode():
        batch = torch.from_numpy(preprocess.made_up()[0])[None]
        output = module(batch, torch.ones_like(batch)) if preprocess.ragged else module(batch)
    if not isinstance(output, torch.Tensor) or output.ndim != 2:
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise BackboneError(f"a backbone must give one feature row per example, (n, width); this module gives {found}.")
    return int(output.shape[1])


def _reset(module: nn.Module) -> nn.Module:
    """The same structure, each part drawn anew by its own ``reset_parameters``; bare matrices as N(0, 0.02)."""
    from torch import nn

    fresh = _copy_of(module)
    for part in fresh.modules():
        reset: Callable[[], None] | None = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()
            continue
        for parameter in part.parameters(recurse=False):
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)
    return fresh


def randomised(backbone: Backbone, seed: int = 0, *, full: bool = False) -> Backbone:
    """The same architecture with its default random weights: what is left of a backbone when nothing is transferred.

    Unless ``full``, examples are read as coarsely as costs a fraction (images at half the side, through the same decode
    and crop). Known by (architecture and weights of the original, seed): needs no torch where there is
    a graph. Those of a bundled backbone are drawn in NumPy.
    """
    if backbone.fresh is None:
        raise BackboneError(f"how to draw random weights for {backbone.name} is not known.")
    preprocess, graph = backbone.preprocess, None
    build, words = backbone.fresh, f"random {seed} {backbone.fingerprint}"
    if isinstance(backbone.graph, UnboundGraph):
        graph = backbone.graph.random(seed)
        build, words = graph.build, f"{words} drawn in NumPy"
    if preprocess is not None:
        preprocess = preprocess.redrawn(seed)
        preprocess = preprocess.cheaper() if backbone.any_size and not full else preprocess
    return backbone.made_into(
        hashlib.sha256(words.encode()).hexdigest(),
        partial(drawn, build, seed),
        name=f"{backbone.name} (random weights, seed {seed})",
        preprocess=preprocess,
        licence="none: random weights",
        size_bytes=0,
        pretrained=False,
        graph=graph,
        whole=None if backbone.whole is None else replace(backbone.whole, seed=seed),
    )


def drawn(fresh: Callable[[], Any], seed: int) -> Any:
    """What ``fresh`` makes with random weights of that ``seed``; torch's global stream is as it was before."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return fresh().eval()
