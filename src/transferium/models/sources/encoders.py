"""The modules around transformers encoders: tokens, pixels or samples in, one pooled feature row per example out."""

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


def mean_over_moments(moments: Tensor, known: Tensor) -> Tensor:
    """The mean ``(n, width)`` of rows ``(n, t, width)`` where ``known (n, t)`` is 1."""
    weights = known / known.sum(dim=1, keepdim=True)
    return torch.matmul(weights[:, None, :], moments)[:, 0, :]


class WaveEncoder(nn.Module):
    """``(n, 2, samples)``: a recording and 1 where it lasts -> features ``(n, width)``, for wav2vec 2.0 and its kin.

    What lies behind the end of a recording changes nothing: windows beyond it are left out of attention, of the mean,
    and of the normalisation over time that some of these networks have after their first layer.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, heard: Tensor) -> Tensor:
        rows, lasts = heard[:, :1], heard[:, 1].sum(dim=1)
        for layer in self.model.feature_extractor.conv_layers:
            rows = layer.conv(rows)
            # Windows that begin and end inside of the recording; of a shorter one, the first.
            lasts = torch.floor((lasts - layer.conv.kernel_size[0]) / layer.conv.stride[0] + 1).clamp_min(1)
            norm = getattr(layer, "layer_norm", None)
            if isinstance(norm, nn.GroupNorm):
                rows = _normalised(rows, _known(rows, lasts), norm)
            elif norm is not None:
                rows = norm(rows.transpose(1, 2)).transpose(1, 2)
            rows = layer.activation(rows)
        known = _known(rows, lasts)
        projected: Any = self.model.feature_projection(rows.transpose(1, 2))
        hidden = projected[0] if isinstance(projected, tuple) else projected
        moments = self.model.encoder(hidden, attention_mask=known.bool()).last_hidden_state
        return mean_over_moments(moments, known)


def _known(rows: Tensor, lasts: Tensor) -> Tensor:
    """1 for the first ``lasts`` moments of ``rows (n, channels, t)``, else 0: ``(n, t)``."""
    return (torch.arange(rows.shape[2], device=rows.device)[None, :] < lasts[:, None]).to(rows.dtype)


def _normalised(rows: Tensor, known: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Each channel with mean 0 and standard deviation 1 over the moments that are known, then scaled and moved."""
    weights = (known / known.sum(dim=1, keepdim=True))[:, None, :]
    centred = rows - (rows * weights).sum(dim=2, keepdim=True)
    variance = (centred**2 * weights).sum(dim=2, keepdim=True)
    return centred / torch.sqrt(variance + norm.eps) * norm.weight[:, None] + norm.bias[:, None]
