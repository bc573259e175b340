"""A backbone split over processes, so that each keeps a part of every weight, gradient and moment: FSDP 2."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.system.processes import world


@dataclass(frozen=True)
class Split:
    """How a backbone is split, as ``accelerate launch`` says it in the environment.

    The parts are gathered for a pass, layer by layer, and let go after it; ``keep`` keeps them until the backward pass.
    Other settings of accelerate's FSDP are refused where they would change what is computed, and else not read: which
    layers are gathered together follows from the module (:func:`units`), and a checkpoint is always one whole file.
    """

    keep: bool = False

    @classmethod
    def asked(cls, precision: str = "no") -> Split | None:
        """What the launch asks for, or None; ``InputError`` for what training here cannot do."""
        from accelerate.utils import parse_flag_from_env

        if world() == 1 or not parse_flag_from_env("ACCELERATE_USE_FSDP"):
            return None
        wrong = [f"{n.lower()}: true" for n in REFUSED if parse_flag_from_env(n)]
        if os.environ.get("FSDP_VERSION", "1") != "2":
            wrong.append("fsdp_version: 1 (say 2)")
        if precision == "fp16":
            wrong.append("fp16 (say bf16)")
        if wrong:
            raise InputError(f"models are split by plain FSDP 2 here, and this launch asks for {', '.join(wrong)}.")
        return cls(keep=not parse_flag_from_env("FSDP_RESHARD_AFTER_FORWARD", default=True))

    def place(self, module: nn.Module) -> None:
        """Split a whole backbone, before anything refers to its parameters: they are replaced."""
        from accelerate import PartialState
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        device = PartialState(cpu=not torch.cuda.is_available()).device
        mesh = init_device_mesh(device.type, (world(),))
        for unit in [*units(module), module]:
            fully_shard(unit, mesh=mesh, reshard_after_forward=not self.keep)


REFUSED = ("FSDP_OFFLOAD_PARAMS", "FSDP_ACTIVATION_CHECKPOINTING", "FSDP_CPU_RAM_EFFICIENT_LOADING")
"""Settings that change what is computed, or that leave a backbone without weights in all processes but one."""


def units(module: nn.Module, listed: bool | None = None) -> Iterator[nn.Module]:
    """What is gathered at a time: the members of a module's outermost lists and sequences, as a transformer's layers.

    >>> [type(u).__name__ for u in units(nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU())))]
    ['Linear', 'Sequential']
    """
    lists = (nn.ModuleList, nn.Sequential)
    listed = isinstance(module, lists) if listed is None else listed
    for child in module.children():
        if listed and not isinstance(child, nn.ModuleList):
            yield from [child] if any(True for _ in child.parameters()) else []
        else:
            yield from units(child, isinstance(child, lists))


def is_split(tensor: Tensor) -> bool:
    """Whether this process holds only a part of it."""
    return hasattr(tensor, "device_mesh")


def whole(tensor: Tensor) -> Tensor:
    """All of it; of a split tensor a copy, for which every process must call this."""
    gather: Any = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def gathered(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """:func:`whole` tensors, those that were split in the memory of the CPU."""
    return {name: whole(t).cpu() if is_split(t) else t for name, t in tensors.items()}


def as_there(value: Tensor, there: Tensor) -> Tensor:
    """A copy of ``value`` where ``there`` is, in its memory layout, and split as it is."""
    if is_split(there) and not is_split(value):
        from torch.distributed.tensor import DTensor, distribute_tensor

        assert isinstance(there, DTensor)
        return distribute_tensor(value.to(there.device), there.device_mesh, there.placements, src_data_rank=None)
    return torch.empty_like(there).copy_(value)


def total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norm of all tensors together, split or not."""
    kinds = [[t for t in tensors if is_split(t) == kind] for kind in (False, True)]
    norms = [whole(nn.utils.get_total_norm(kind)) for kind in kinds if kind]
    return norms[0] if len(norms) == 1 else torch.stack(norms).norm() if norms else torch.zeros(())
