"""MiniLM in NumPy: its weights as its graph multiplies by them, and its random weights."""

from __future__ import annotations

import numpy as np

from transferium.models.graphs.normal import normal
from transferium.models.graphs.unbound_graph import Tensors

_STD = 0.02
_PADDING = 0


def transposed(tensors: Tensors) -> Tensors:
    """The weights of linear layers as ``(inputs, outputs)``, called ``NAME.T``; others as they are, no pooler."""
    return {
        f"{name}.T" if _linear(name) else name: np.ascontiguousarray(tensor.T) if _linear(name) else tensor
        for name, tensor in tensors.items()
        if not name.startswith("pooler.") and tensor.dtype == np.float32
    }


def _linear(name: str) -> bool:
    return name.endswith((".dense.weight", ".query.weight", ".key.weight", ".value.weight"))


def draw_minilm(tensors: Tensors, seed: int) -> Tensors:
    """Matrices from N(0, 0.02²), with the row of the padding token 0; biases 0; layer norm changes nothing.

    transformers starts BERT so.
    """
    draw, drawn = normal(seed), dict(tensors)
    for name in sorted(tensors):
        tensor = tensors[name]
        if tensor.dtype != np.float32:
            continue
        drawn[name] = draw(tensor.shape, _STD) if tensor.ndim > 1 else np.full_like(tensor, "Norm.weight" in name)
    drawn["embeddings.word_embeddings.weight"][_PADDING] = 0
    return drawn
