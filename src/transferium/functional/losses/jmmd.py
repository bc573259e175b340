"""Joint maximum mean discrepancy: several layers compared together (JAN's term)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.kernels import (
    SCALES,
    check_widths,
    gaussian_kernels,
    kernel_discrepancy,
    median_bandwidth,
    squared_distances,
)


def jmmd(
    source: Sequence[Tensor],
    target: Sequence[Tensor],
    *,
    scales: Sequence[float] = SCALES,
    bandwidths: Sequence[float | None] | None = None,
    unbiased: bool = False,
) -> Tensor:
    """MMD² under the product of one kernel per layer, ``k((x¹, x²), (z¹, z²)) = k₁(x¹, z¹) · k₂(x², z²)``.

    Each layer is ``(n, width_l)`` for the source and ``(m, width_l)`` for the target; usually the features and the
    class probabilities, so that a feature may move only together with what is predicted from it. ``bandwidths`` has one
    number per layer, None for that layer's median heuristic. A scalar in [0, 2] when biased.
    Raises ``InputError`` when the numbers of layers or their widths differ.

    Prefer ``mmd`` when predictions are still too poor to lean on, ``cdd`` when pseudo-labels are good.
    Long et al., Deep transfer learning with joint adaptation networks, ICML 2017.

    >>> x, p = torch.zeros(2, 3), torch.full((2, 2), 0.5)
    >>> jmmd([x, p], [x, p], bandwidths=[1.0, 1.0]).item()
    0.0
    """
    widths = [None] * len(source) if bandwidths is None else bandwidths
    if not source or not len(source) == len(target) == len(widths):
        raise InputError(
            f"joint MMD needs one list of layers per domain and one bandwidth per layer; found {len(source)} source "
            f"layers, {len(target)} target layers and {len(widths)} bandwidths"
        )
    kernels = []
    for a, b, width in zip(source, target, widths, strict=True):
        check_widths(a, b)
        distances = squared_distances(joint := torch.cat([a, b]), joint)
        kernels.append(gaussian_kernels(distances, median_bandwidth(distances) if width is None else width, scales))
    return kernel_discrepancy(torch.stack(kernels).prod(0), len(source[0]), unbiased=unbiased)
