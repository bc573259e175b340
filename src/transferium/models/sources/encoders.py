"""The modules around transformers encoders: tokens or pixels in, one pooled feature row per example out."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

Pooling = Literal["mean", "cls", "max", "pooler", "tokens"]
"""How rows of tokens become one row of features; ``tokens``: they stay what they are."""


class TextEncoder(nn.Module):
    """``ids (n, t)``, ``mask (n, t)`` -> features ``(n, width)``; without a mask nothing is padding.

    The mean and the norm are matrix products: unlike reductions, they treat a batch of one like any other, so that a
    text's features do not depend on its neighbours.
    """

    def __init__(self, model: nn.Module, pooling: Pooling, normalise: bool) -> None:
        super().__init__()
        self.model, self.pooling, self.normalise = model, pooling, normalise
        self.of_all_layers = False  # whether the rows of tokens are the mean of what all layers give

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        named = {"output_hidden_states": True} if self.of_all_layers else {}
        output: Any = self.model(input_ids=ids, attention_mask=mask, **named)
        return self.pooled(output, torch.ones_like(ids) if mask is None else mask)

    def pooled(self, output: Any, mask: Tensor) -> Tensor:
        """The features of what the model gives for each token of ``mask``."""
        pooled = self._pool(output, mask)
        if self.normalise:
            square = torch.matmul(pooled[:, None, :], pooled[:, :, None])[:, 0, :]
            pooled = pooled / square.clamp_min(1e-24).sqrt()
        return pooled

    def _pool(self, output: Any, mask: Tensor) -> Tensor:
        tokens: Tensor = output.last_hidden_state
        if self.of_all_layers:
            tokens = torch.stack(output.hidden_states[1:]).mean(dim=0)
        if self.pooling == "pooler":
            pooled: Tensor = output.pooler_output
            return pooled
        if self.pooling == "tokens":
            return tokens
        if self.pooling == "cls":
            return tokens[:, 0]
        if self.pooling == "max":
            return tokens.masked_fill(mask[:, :, None] == 0, float("-inf")).amax(dim=1)
        weights = mask.to(tokens.dtype)
        weights = weights / weights.sum(dim=1, keepdim=True)
        return torch.matmul(weights[:, None, :], tokens)[:, 0, :]

    def for_export(self) -> TextEncoder:
        """Plain attention: fused kernels are taken apart on export into a slower graph."""
        set_attention: Any = getattr(self.model, "set_attn_implementation", None)
        if set_attention is not None:
            set_attention("eager")
        return self


class VisionEncoder(nn.Module):
    """``pixels (n, 3, h, w)`` -> features ``(n, width)``."""

    def __init__(self, model: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.model, self.pooling = model, pooling

    def forward(self, pixels: Tensor) -> Tensor:
        output: Any = self.model(pixel_values=pixels)
        if self.pooling == "pooler":
            pooled: Tensor = output.pooler_output
            return pooled.flatten(1)
        tokens: Tensor = output.last_hidden_state
        if tokens.ndim == 4:
            return tokens.mean(dim=(2, 3))
        return tokens[:, 0] if self.pooling == "cls" else tokens.mean(dim=1)
