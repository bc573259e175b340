"""Maximum mean discrepancy: how far apart two batches lie in the space of a kernel (DAN's term)."""

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


def mmd(
    source: Tensor,
    target: Tensor,
    *,
    scales: Sequence[float] = SCALES,
    bandwidth: float | None = None,
    unbiased: bool = False,
) -> Tensor:
    """Squared maximum mean discrepancy with several Gaussian kernels (MK-MMD), in quadratic time.

    ``MMD² = E k(s, s') + E k(t, t') - 2 E k(s, t)`` for batches ``(n, width)`` and ``(m, width)``; a scalar in [0, 2]
    when biased, and centred on 0 for equal distributions, so possibly negative, when ``unbiased``. ``bandwidth``
    multiplies ``scales``; None takes the median squared distance of the two batches together, without gradient.
    Raises ``InputError`` when widths differ or a batch is too small.

    Prefer :func:`mmd_linear` for batches of thousands, and ``jmmd`` or ``cdd`` when the classes move differently.
    Gretton et al., A kernel two-sample test, JMLR 2012; Long et al., Learning transferable features with deep
    adaptation networks, ICML 2015.

    >>> mmd(torch.zeros(4, 2), torch.zeros(3, 2), bandwidth=1.0).item()
    0.0
    """
    check_widths(source, target)
    distances = squared_distances(joint := torch.cat([source, target]), joint)
    width = median_bandwidth(distances) if bandwidth is None else bandwidth
    return kernel_discrepancy(gaussian_kernels(distances, width, scales), len(source), unbiased=unbiased)


def mmd_linear(
    source: Tensor, target: Tensor, *, scales: Sequence[float] = SCALES, bandwidth: float | None = None
) -> Tensor:
    """The unbiased linear-time estimate of MMD² over consecutive pairs of rows.

    ``2/n · Σ_i k(s₂ᵢ, s₂ᵢ₊₁) + k(t₂ᵢ, t₂ᵢ₊₁) - k(s₂ᵢ, t₂ᵢ₊₁) - k(s₂ᵢ₊₁, t₂ᵢ)``, over the first ``n`` rows of each,
    ``n`` the greatest even number that both have; the rows must be in random order. Costs O(n) but has a larger
    variance than :func:`mmd` and may be negative. ``bandwidth`` None takes the median of the distances it needs.

    Gretton et al., JMLR 2012, Lemma 14; Long et al., ICML 2015, equation 7.

    >>> mmd_linear(torch.ones(4, 2), torch.ones(4, 2), bandwidth=1.0).item()
    0.0
    """
    check_widths(source, target)
    n = min(len(source), len(target)) // 2 * 2
    if n < 2:
        raise InputError(f"linear-time MMD needs two rows of each domain; found {len(source)} and {len(target)}")
    s, t = source[:n], target[:n]
    pairs = [(s[::2], s[1::2]), (t[::2], t[1::2]), (s[::2], t[1::2]), (s[1::2], t[::2])]
    distances = torch.stack([(a - b).square().sum(1) for a, b in pairs])
    tiny = torch.finfo(distances.dtype).tiny
    width = distances.detach().median().clamp_min(tiny) if bandwidth is None else bandwidth
    kernel = gaussian_kernels(distances, width, scales)
    return (kernel[0] + kernel[1] - kernel[2] - kernel[3]).mean()


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
