"""Features joined with predictions, for a critic that looks at both (CDAN's map)."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.errors import InputError


def multilinear_map(features: Tensor, probabilities: Tensor) -> Tensor:
    """``f ⊗ p``, flattened: ``(n, width) × (n, classes) -> (n, width · classes)``, feature index first.

    Unlike concatenation it carries which feature goes with which class. Prefer :func:`random_multilinear_map` when
    ``width · classes`` is above about 4,096. Raises ``InputError`` when the rows differ in number.
    Long et al., Conditional adversarial domain adaptation, NeurIPS 2018, equation 4.

    >>> multilinear_map(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.25, 0.75]])).tolist()
    [[0.25, 0.75, 0.5, 1.5]]
    """
    _check_rows(features, probabilities)
    return (features[:, :, None] * probabilities[:, None, :]).flatten(1)


def random_projections(width: int, classes: int, dimensions: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Two fixed Gaussian matrices, ``(width, dimensions)`` and ``(classes, dimensions)``, with unit variance.

    >>> [tuple(r.shape) for r in random_projections(8, 3, 16, seed=0)]
    [(8, 16), (3, 16)]
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(width, dimensions, generator=generator), torch.randn(classes, dimensions, generator=generator)


def random_multilinear_map(features: Tensor, probabilities: Tensor, projections: tuple[Tensor, Tensor]) -> Tensor:
    """``(f R_f) ⊙ (p R_p) / sqrt(dimensions)``, shape ``(n, dimensions)``.

    Its inner products equal those of :func:`multilinear_map` in expectation over the projections.
    Long et al., NeurIPS 2018, equation 6.

    >>> out = random_multilinear_map(torch.ones(2, 8), torch.ones(2, 3), random_projections(8, 3, 16, seed=0))
    >>> tuple(out.shape)
    (2, 16)
    """
    _check_rows(features, probabilities)
    for_features, for_probabilities = projections
    scale: float = for_features.shape[1] ** -0.5
    return (features @ for_features) * (probabilities @ for_probabilities) * scale


def _check_rows(features: Tensor, probabilities: Tensor) -> None:
    if len(features) != len(probabilities):
        raise InputError(
            f"one prediction per row is needed; found {len(features)} rows, {len(probabilities)} predictions"
        )
