"""Several networks on the same input, with their features joined into one row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from transferium.errors import BackboneError
from transferium.models.backbone import Backbone


class SideBySide(nn.Module):
    """``f(x) = [f_1(x), …, f_k(x)]``: ``(n, w_1 + … + w_k)``; what already is side by side joins one by one.

    >>> pair = SideBySide([nn.Linear(3, 2), nn.Linear(3, 1)])
    >>> pair(torch.zeros(4, 3)).shape, len(SideBySide([pair, nn.Linear(3, 1)]).members)
    (torch.Size([4, 3]), 3)
    """

    members: nn.ModuleList

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        flat = [part for each in members for part in (each.members if isinstance(each, SideBySide) else [each])]
        self.members = nn.ModuleList(flat)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        given = (inputs,) if mask is None else (inputs, mask)
        return torch.cat([member(*given) for member in self.members], dim=1)

    def for_export(self) -> nn.Module:
        """The same, each network as it wants to be exported."""
        prepared = [getattr(member, "for_export", None) for member in self.members]
        return SideBySide([m if p is None else p() for m, p in zip(self.members, prepared, strict=True)])


def side_by_side(backbones: Sequence[Backbone]) -> Backbone:
    """One backbone of several of one architecture, which read the same preprocessed input; of one, itself.

    Features are concatenated, so that it costs what all of them cost together. A block is that block of every network
    (``members.*.top``): freezing and rates do to each what they would do to it alone. Raises ``BackboneError`` where
    they differ in more than weights. Prefer one network of all the data unless each has something of its own to say.

    >>> from transferium.models.catalogue import find_backbone
    >>> pair = side_by_side([find_backbone("small_cnn", "image")] * 2)
    >>> pair.name, pair.width, pair.members, pair.blocks
    ('small_cnn', 2048, 2, ('members.*.first', 'members.*.second'))
    """
    first = backbones[0]
    if len(backbones) == 1:
        return first
    for other in backbones[1:]:
        if (other.name, other.preprocess) != (first.name, first.preprocess):
            raise BackboneError(
                f"{first.name} and {other.name} cannot lie side by side: they differ in more than weights (what they "
                "are, or how they read)."
            )
    fresh = [backbone.fresh for backbone in backbones]
    prints = " ".join(backbone.fingerprint for backbone in backbones)
    return first.made_into(
        hashlib.sha256(f"side by side {prints}".encode()).hexdigest(),
        partial(_build, [backbone.build for backbone in backbones]),
        width=sum(backbone.width for backbone in backbones),
        blocks=first.blocks if first.members > 1 else tuple(f"members.*.{name}" for name in first.blocks),
        size_bytes=sum(backbone.size_bytes for backbone in backbones),
        fresh=partial(_build, [make for make in fresh if make is not None]) if all(fresh) else None,
        members=sum(backbone.members for backbone in backbones),
    )


def _build(builds: Sequence[Callable[[], nn.Module]]) -> nn.Module:
    return SideBySide([build() for build in builds]).eval()
