"""Adapters put into a network and taken out: inject, extract, attach, merge, unmerge and unload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from transferium.errors import InputError
from transferium.models.adapter import Adapter
from transferium.models.peft.graft import Update, grafts, part_of, remove
from transferium.models.peft.low_rank import DoRA, LoRA
from transferium.models.peft.own_parameters import BitFit
from transferium.models.peft.prompts import PrefixTuning, PromptTuning, VisualPromptTuning
from transferium.models.peft.scaling import IA3
from transferium.models.peft.serial_adapter import SerialAdapter


class Kind(Protocol):
    """Settings of one kind of adapter."""

    def inject(self, module: nn.Module) -> list[str]:
        """Put it into a frozen network; the names of the layers (or parameters) that it went into."""
        ...


ADAPTERS: dict[str, type[Kind]] = {
    "lora": LoRA,
    "dora": DoRA,
    "ia3": IA3,
    "bitfit": BitFit,
    "adapter": SerialAdapter,
    "prefix": PrefixTuning,
    "prompt": PromptTuning,
    "vpt": VisualPromptTuning,
}
_RECORD = "_adapted_by"
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Record:
    """What a network remembers of the adapter that is being trained in it."""

    kind: str
    settings: Mapping[str, Any]
    layers: tuple[str, ...]
    moving: tuple[str, ...]


def inject(module: nn.Module, kind: str, **settings: Any) -> Record:
    """Freeze ``module`` but for a new adapter of that kind, which is all that requires a gradient.

    Raises ``InputError`` where the network has no place for it, with what would have one.
    """
    before = {name for name, _ in module.named_parameters()}
    module.requires_grad_(False)
    layers = ADAPTERS[kind](**settings).inject(module)
    for name, parameter in module.named_parameters():
        if name not in before:
            parameter.requires_grad_(True)
    moving = tuple(name for name, p in module.named_parameters() if p.requires_grad)
    record = Record(kind, settings, tuple(layers), moving)
    setattr(module, _RECORD, record)
    return record


def record_of(module: nn.Module) -> Record | None:
    """The adapter that is being trained in a network, if any is."""
    found: Record | None = getattr(module, _RECORD, None)
    return found


def extract(
    module: nn.Module, tensors: Mapping[str, Tensor] | None = None, base: Mapping[str, Tensor] | None = None
) -> Adapter | None:
    """The adapter that was trained in ``module``, with its batch-norm statistics; None where there is none.

    ``tensors``: the network's whole ``state_dict``, where its parameters are split over processes. ``base``: that of
    the backbone before training; what else differs from it belongs to the adapter too.
    """
    record = record_of(module)
    if record is None:
        return None
    whole = module.state_dict() if tensors is None else tensors
    moved = (n for n, t in (base or {}).items() if not torch.equal(t, whole[n].to(t.device)))
    kept = dict.fromkeys([*record.moving, *_statistics(module), *moved])
    return Adapter(record.kind, record.settings, {n: whole[n].detach().cpu().clone().numpy() for n in kept})


def attach(module: M, adapter: Adapter) -> M:
    """Put a trained adapter into the network that it belongs to; raises ``InputError`` where it does not fit."""
    record = inject(module, adapter.kind, **adapter.settings)
    delattr(module, _RECORD)
    there = module.state_dict()
    given = set(adapter.tensors)
    odd = ({*record.moving, *_statistics(module)} - given) | (given - set(there))
    odd |= {n for n in given & set(there) if there[n].shape != adapter.tensors[n].shape}
    if odd:
        raise InputError(
            f"this {adapter.kind} adapter does not fit the network: {', '.join(sorted(odd)[:3])} "
            f"{'differs' if len(odd) == 1 else 'differ'}. Give the backbone that it was trained in."
        )
    with torch.no_grad():
        for name, tensor in adapter.tensors.items():
            there[name].copy_(torch.from_numpy(tensor))
    return module


@contextmanager
def attached(module: M, adapter: Adapter) -> Iterator[M]:
    """While this lasts, ``adapter`` is in ``module``; afterwards every bit is what it was."""
    before = {n: t.clone() for n, t in module.state_dict().items() if n in adapter.tensors}
    required = [(p, p.requires_grad) for p in module.parameters()]
    try:
        yield attach(module, adapter)
    finally:
        unload(module)
        there = module.state_dict()
        with torch.no_grad():
            for name, tensor in before.items():
                there[name].copy_(tensor)
        for parameter, wanted in required:
            parameter.requires_grad_(wanted)


def merge(module: M) -> M:
    """Write every update of a weight into that weight; outputs stay the same. Other parts go on as they are."""
    for _, layer in grafts(module):
        part = part_of(layer)
        if isinstance(part, Update) and not part.merged:
            part.merge(layer)
    return module


def unmerge(module: M) -> M:
    """Take the updates that :func:`merge` wrote out of the weights again."""
    for _, layer in grafts(module):
        part = part_of(layer)
        if isinstance(part, Update) and part.merged:
            part.unmerge(layer)
    return module


def unload(module: M) -> M:
    """Take every part out of the network; what was merged, and parameters of its own that moved, stay."""
    for _, layer in grafts(module):
        remove(layer)
    if record_of(module) is not None:
        delattr(module, _RECORD)
    return module


def merge_and_unload(module: M) -> M:
    """An ordinary network with the same outputs, where every part can be merged; else with the parts that cannot."""
    for _, layer in grafts(merge(module)):
        if isinstance(part_of(layer), Update):
            remove(layer)
    if record_of(module) is not None:
        delattr(module, _RECORD)
    return module


def _statistics(module: nn.Module) -> list[str]:
    """The names of the running statistics of batch normalisation."""
    return [
        f"{prefix}.{name}" if prefix else name
        for prefix, layer in module.named_modules()
        if isinstance(layer, _BatchNorm)
        for name, buffer in layer.named_buffers(recurse=False)
        if buffer is not None
    ]
