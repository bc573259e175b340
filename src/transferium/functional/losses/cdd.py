"""Contrastive domain discrepancy: same classes together, different classes apart, across domains (CAN's term)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.kernels import (
    SCALES,
    check_widths,
    gaussian_kernels,
    median_bandwidth,
    squared_distances,
)


def cdd(
    source: Tensor,
    source_labels: Tensor,
    target: Tensor,
    target_labels: Tensor,
    *,
    scales: Sequence[float] = SCALES,
    bandwidth: float | None = None,
) -> Tensor:
    """Mean class-conditional MMD² within classes minus the mean between classes.

    ``1/C Σ_c D(c, c) - 1/(C (C - 1)) Σ_{c ≠ c'} D(c, c')`` where ``D(c, c')`` is the biased MMD² between source rows of
    class ``c`` and target rows of (pseudo-)class ``c'``, over the ``C`` classes that *both* batches hold; a scalar in
    [-2, 2]. With one shared class only the first sum is left; with none the term and its gradient are 0.
    Features are ``(n, width)`` and ``(m, width)``, labels integer ``(n,)`` and ``(m,)``.

    Prefer ``mmd`` until the target's pseudo-labels are mostly right, and sample batches class by class.
    Kang et al., Contrastive adaptation network for unsupervised domain adaptation, CVPR 2019.

    >>> x, y = torch.tensor([[0.0], [0.0], [9.0], [9.0]]), torch.tensor([0, 0, 1, 1])
    >>> cdd(x, y, x, y, bandwidth=1.0).item() < -1.9, cdd(x, y, x, 1 - y, bandwidth=1.0).item() > 1.9
    (True, True)
    """
    check_widths(source, target)
    if len(source) != len(source_labels) or len(target) != len(target_labels):
        raise InputError(
            f"one label per row is needed; found {len(source)} source rows with {len(source_labels)} labels and "
            f"{len(target)} target rows with {len(target_labels)}"
        )
    shared = sorted(set(source_labels.tolist()) & set(target_labels.tolist()))
    if not shared:
        return (source.sum() + target.sum()) * 0.0
    distances = squared_distances(joint := torch.cat([source, target]), joint)
    kernel = gaussian_kernels(distances, median_bandwidth(distances) if bandwidth is None else bandwidth, scales)
    shares = [_shares(labels, shared, source) for labels in (source_labels, target_labels)]
    between = _class_discrepancies(kernel, *shares)
    same, classes = between.diagonal(), len(shared)
    if classes == 1:
        return same.mean()
    return same.mean() - (between.sum() - same.sum()) / (classes * (classes - 1))


def _shares(labels: Tensor, shared: list[int], like: Tensor) -> Tensor:
    """``(n, classes)``: 1/count where the row is of that class, so that a product with it is a class mean."""
    member = (labels[:, None] == labels.new_tensor(shared)).to(like.dtype)
    return member / member.sum(0)


def _class_discrepancies(kernel: Tensor, source: Tensor, target: Tensor) -> Tensor:
    n = len(source)
    within_source = (source * (kernel[:n, :n] @ source)).sum(0)
    within_target = (target * (kernel[n:, n:] @ target)).sum(0)
    return within_source[:, None] + within_target - 2 * source.T @ kernel[:n, n:] @ target
