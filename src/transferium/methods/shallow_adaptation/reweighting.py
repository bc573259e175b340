"""Source rows that look like the target count more: kernel mean matching and density ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferium.data.domain import Domain
from transferium.functional.adaptation.density_ratio import logistic_ratio
from transferium.functional.adaptation.kmm import kmm
from transferium.functional.adaptation.weights import effective_sample_size, tempered
from transferium.functional.matrices import Array
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.settings.field import setting
from transferium.methods.shallow_adaptation.base import Moved, Shallow, check_pairs, unit


@dataclass
class Reweighted(Shallow):
    """Weights to the power of ``strength``, mean 1; the notes say how many rows' worth of source is left."""

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        x = np.asarray(source.features, np.float64)
        scale = unit(x, target)
        weights = tempered(self._weigh(x * scale, target * scale), self.strength)
        alive = effective_sample_size(weights)
        return Moved(counts=weights, notes=(f"{len(x)} weighted source rows are worth {alive:.0f}",))

    def _weigh(self, x: Array, z: Array) -> Array:
        raise NotImplementedError(f"{type(self).__name__} does not say how it weighs")


@dataclass
class KMM(Reweighted):
    """Weights for source rows that bring their mean onto the target's: kernel mean matching.

    ``min_β ||mean_i β_i φ(s_i) - mean_j φ(t_j)||²`` with ``0 <= β <= bound`` and ``mean β`` about 1, ``φ`` of a
    Gaussian kernel. For covariate shift, where the domains overlap and have up to some tens of features; prefer
    ``density-ratio`` with more. Costs memory for all pairs.
    Huang et al., Correcting sample selection bias by unlabeled data, NeurIPS 2006.
    """

    name: ClassVar[str] = "kmm"

    bound: float = setting(10.0, "the largest weight", (2.0, 100.0), {"least": 1})

    def _weigh(self, x: Array, z: Array) -> Array:
        check_pairs(self.name, len(x), max(len(x), len(z)))
        return kmm(x, z, bound=self.bound)


@dataclass
class DensityRatio(Reweighted):
    """Weights for source rows, read from a classifier that tells the domains apart.

    ``p_target(x) / p_source(x)``, read from a logistic domain classifier.
    For covariate shift in more dimensions than kernels can see. Sugiyama et al., Density ratio estimation in machine
    learning, 2012.
    """

    name: ClassVar[str] = "density-ratio"

    penalty: float = setting(1.0, "of the domain classifier; larger is nearer equal weights", (1e-2, 1e2))

    def _weigh(self, x: Array, z: Array) -> Array:
        return logistic_ratio(x, z, penalty=self.penalty)(x)
