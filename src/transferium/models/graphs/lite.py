"""EfficientNet-Lite in NumPy: its batch norm folded into its convolutions, and its random weights."""

from __future__ import annotations

import math

import numpy as np

from transferium.models.graphs.normal import normal
from transferium.models.graphs.unbound_graph import Tensors

_EPSILON = 1e-3
_EACH = 6
"""A convolution's kernel, and its batch norm: gamma, beta, mean, variance, and how many batches were seen."""


def fold_batch_norm(tensors: Tensors) -> Tensors:
    """``w · s`` and ``β - μ · s`` with ``s = γ / sqrt(σ² + ε)`` for every convolution without bias and its batch norm.

    The bias of the convolution ``NAME.weight`` is called ``NAME.bias``. A classifier at the end is left out.
    """
    names, values, folded = list(tensors), list(tensors.values()), {}
    for at in range(0, len(names) - _EACH + 1, _EACH):
        kernel, gamma, beta, mean, variance = values[at : at + _EACH - 1]
        scale = gamma / np.sqrt(variance + np.float32(_EPSILON))
        folded[names[at]] = kernel * scale[:, None, None, None]
        folded[names[at].replace(".weight", ".bias")] = beta - mean * scale
    return folded


def draw_lite(tensors: Tensors, seed: int) -> Tensors:
    """Kernels from N(0, 2 / fan-out), fan-out = height · width · outputs / groups; batch norm changes nothing.

    timm starts EfficientNets so: batch norm has gain and variance 1, bias and mean 0. A classifier stays as it was.
    """
    draw, drawn = normal(seed), dict(tensors)
    for name, tensor in tensors.items():
        if tensor.ndim == 4:
            outputs, inputs, height, width = tensor.shape
            groups = outputs if inputs == 1 else 1
            drawn[name] = draw(tensor.shape, math.sqrt(2 * groups / (height * width * outputs)))
        elif "_bn" in name:
            drawn[name] = np.full_like(tensor, name.endswith(("weight", "var")))
    return drawn
