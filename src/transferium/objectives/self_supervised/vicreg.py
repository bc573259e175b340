"""VICReg: two versions of a picture have the same features, and features differ and tell different things."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from transferium.objectives.self_supervised.base import SelfSupervised
from transferium.system.processes import refuse_several
from transferium.training.loop.view import View


class VICReg(SelfSupervised):
    """``25 ||z - z'||² / d + 25 mean_j max(0, 1 - sd(z_j)) + sum_{j != k} cov(z_j, z_k)² / d`` of two views.

    ``z (n, d)`` is a projection of the features by three layers, which is thrown away. The second and third term are
    of both views. The stream's inputs are two versions of each example. No negatives are needed: prefer it to
    contrastive losses with small batches. Bardes et al., "VICReg: variance-invariance-covariance regularization for
    self-supervised learning" (2022).
    """

    terms: ClassVar[tuple[str, ...]] = ("invariance", "variance", "covariance")

    def __init__(self, width: int, dimensions: int = 256, stream: str = "corpus") -> None:
        super().__init__(stream)
        refuse_several("vicreg spreads the features of a whole batch", "pretrain with one process")
        layers: list[Any] = []
        for given in (width, dimensions):
            layers += [nn.Linear(given, dimensions, bias=False), nn.BatchNorm1d(dimensions), nn.ReLU()]
        self.projector = nn.Sequential(*layers, nn.Linear(dimensions, dimensions, bias=False))

    def measures(self, view: View) -> dict[str, Tensor]:
        seen = [view.seen_as(self.stream, (x,)) for x in view.inputs(self.stream)]
        z = [self.projector(part.features(self.stream)).float() for part in seen]
        return {
            "invariance": 25 * (z[0] - z[1]).square().mean(1),
            "variance": 25 * torch.stack([torch.relu(1 - (x.var(0) + 1e-4).sqrt()).mean() for x in z]),
            "covariance": torch.stack([_off_diagonal(x) for x in z]),
        }


def _off_diagonal(z: Tensor) -> Tensor:
    centred = z - z.mean(0)
    cov = centred.T @ centred / max(1, len(z) - 1)
    return (cov.square().sum() - cov.diagonal().square().sum()) / z.shape[1]
