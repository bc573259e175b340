"""BitFit and norm tuning: the network's own biases, or scales and shifts of its normalisation layers, move alone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from transferium.errors import InputError

_NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)
"""Subclasses of these normalise too, whatever they are called."""


def norm_parameters(module: nn.Module) -> set[str]:
    """The names of the parameters that normalisation layers hold: scales and shifts.

    >>> sorted(norm_parameters(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))))
    ['1.bias', '1.weight']
    """
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, layer in module.named_modules()
        if isinstance(layer, _NORMS) or "norm" in type(layer).__name__.lower()
        for name, _ in layer.named_parameters(recurse=False)
    }


@dataclass(frozen=True)
class BitFit:
    """The ``bias`` of every layer, the ``norm`` layers, or ``both``; nothing is added to the network.

    Ben Zaken et al., BitFit: simple parameter-efficient fine-tuning for transformer-based masked language-models, ACL
    2022.
    """

    terms: str = "bias"

    def inject(self, module: nn.Module) -> list[str]:
        """Let them move; returns their names, or raises ``InputError`` where there are none."""
        biases = {name for name, _ in module.named_parameters() if name.rpartition(".")[2] == "bias"}
        wanted = {"bias": biases, "norm": norm_parameters(module)}
        moving = wanted["bias"] | wanted["norm"] if self.terms == "both" else wanted[self.terms]
        names = [n for n, p in module.named_parameters() if n in moving and p.is_floating_point()]
        if not names:
            raise InputError(
                f"terms={self.terms}: this backbone has no such parameters of its own; try another of bias, norm and "
                "both, or lora."
            )
        for name in names:
            module.get_parameter(name).requires_grad_(True)
        return names
