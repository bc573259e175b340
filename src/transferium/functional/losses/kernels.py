"""Gaussian kernels over the rows of two batches, and the mean discrepancy read off a kernel matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from transferium.errors import InputError

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


def check_widths(source: Tensor, target: Tensor) -> None:
    """Both batches are ``(n, width)`` with one width, or the message says what was found."""
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise InputError(
            f"two batches of shape (n, width) with one width are needed; found {tuple(source.shape)} and "
            f"{tuple(target.shape)}. Flatten the features, or embed both with one backbone."
        )


def at_least_single(x: Tensor) -> Tensor:
    """``x`` in float32 or better: nothing decomposes a matrix in half precision.

    >>> at_least_single(torch.ones(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """``D[i, j] = ||a_i - b_j||²``, shape ``(len(a), len(b))``, never negative.

    Both batches are first moved by one common vector, which changes no distance and keeps the expanded square
    accurate in single precision when the features lie far from the origin.

    >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])).tolist()
    [[25.0]]
    """
    middle = b.detach().mean(0)
    a, b = a - middle, b - middle
    return (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).clamp_min(0.0)


def median_bandwidth(distances: Tensor) -> Tensor:
    """The median heuristic: the median off-diagonal entry of a square matrix of squared distances, without gradient.

    With an even number of entries the lower middle one is taken. Never less than the smallest positive normal number.

    >>> median_bandwidth(squared_distances(z := torch.tensor([[0.0], [1.0], [3.0]]), z)).item()
    4.0
    """
    n = len(distances)
    rows, columns = torch.triu_indices(n, n, offset=1, device=distances.device)
    return distances.detach()[rows, columns].median().clamp_min(torch.finfo(distances.dtype).tiny)


def gaussian_kernels(distances: Tensor, bandwidth: Tensor | float, scales: Sequence[float] = SCALES) -> Tensor:
    """The mean of Gaussian kernels, ``k = 1/S · Σ_s exp(-D / (s · bandwidth))``, in [0, 1].

    A mean, where DAN (Long et al., 2015) takes a sum: the discrepancy then has one range whatever the number of scales.

    >>> gaussian_kernels(torch.zeros(1, 1), 1.0).item()
    1.0
    """
    return torch.stack([torch.exp(-distances / (scale * bandwidth)) for scale in scales]).mean(0)


def kernel_discrepancy(kernel: Tensor, sources: int, *, unbiased: bool = False) -> Tensor:
    """MMD² from the joint kernel matrix, whose first ``sources`` rows are the source.

    Biased (V-statistic, >= 0): ``mean(Kss) + mean(Ktt) - 2 mean(Kst)``. Unbiased (U-statistic, may be negative): the
    diagonals of ``Kss`` and ``Ktt`` are left out.
    """
    n, m = sources, len(kernel) - sources
    if min(n, m) < 1 + unbiased:
        raise InputError(f"a discrepancy needs {1 + unbiased} or more rows of each domain; found {n} and {m}")
    within_source, within_target, across = kernel[:n, :n], kernel[n:, n:], kernel[:n, n:].mean()
    if not unbiased:
        return within_source.mean() + within_target.mean() - 2 * across
    source = (within_source.sum() - within_source.diagonal().sum()) / (n * (n - 1))
    target = (within_target.sum() - within_target.diagonal().sum()) / (m * (m - 1))
    return source + target - 2 * across
