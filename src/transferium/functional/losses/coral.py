"""Correlation alignment as a term: the distance between two covariance matrices (Deep CORAL's)."""

from __future__ import annotations

from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.kernels import check_widths


def covariance(x: Tensor) -> Tensor:
    """The unbiased covariance ``(width, width)`` of the rows of ``x``."""
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def coral(source: Tensor, target: Tensor) -> Tensor:
    """``||Cov(S) - Cov(T)||²_F / (4 width²)`` for batches ``(n, width)`` and ``(m, width)``; a scalar >= 0.

    Blind to a shift of the mean, and its value scales with the fourth power of the features: give it a large weight on
    small features. Raises ``InputError`` for a batch of one row. Prefer ``mmd`` when the means differ.
    Sun & Saenko, Deep CORAL: correlation alignment for deep domain adaptation, ECCV workshops 2016.

    >>> import torch
    >>> x = torch.eye(3)
    >>> coral(x, x + 5.0).item() < 1e-12
    True
    """
    check_widths(source, target)
    if min(len(source), len(target)) < 2:
        raise InputError(
            f"a covariance needs two rows of each domain; found {len(source)} and {len(target)}: give larger batches"
        )
    return (covariance(source) - covariance(target)).square().sum() / (4 * source.shape[1] ** 2)
