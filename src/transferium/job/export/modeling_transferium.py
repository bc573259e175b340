"""A transformers encoder, pooled, with a classifier behind it. This file travels with the folders that use it.

It needs torch and transformers alone: ``AutoModelForSequenceClassification.from_pretrained(folder,
trust_remote_code=True)``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class TransferiumConfig(PretrainedConfig):  # type: ignore[misc]  # transformers comes without types
    """``encoder``: the configuration of the encoder; ``pooling``: mean, max or cls of its tokens; ``normalise``: to
    length 1; ``hidden``: the widths of layers before the last one; ``cosine``: whether these read directions alone.
    """

    model_type = "transferium"

    def __init__(
        self,
        encoder: dict[str, Any] | None = None,
        pooling: str = "mean",
        normalise: bool = False,
        hidden: list[int] | None = None,
        cosine: bool = False,
        **others: Any,
    ) -> None:
        self.encoder, self.pooling, self.normalise = encoder or {}, pooling, normalise
        self.hidden, self.cosine = hidden or [], cosine
        super().__init__(**others)


class TransferiumForSequenceClassification(PreTrainedModel):  # type: ignore[misc]  # transformers comes without types
    """Logits whose softmax (one label), sigmoid (several) or value (an amount) is the answer; padding changes none."""

    config_class = TransferiumConfig

    def __init__(self, config: TransferiumConfig) -> None:
        super().__init__(config)
        inner = CONFIG_MAPPING[config.encoder["model_type"]].from_dict(config.encoder)
        self.encoder = AutoModel.from_config(inner)
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = None
        widths = [inner.hidden_size, *config.hidden]
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.classifier = nn.Linear(widths[-1], config.num_labels)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """With ``labels``, the loss that fits ``config.problem_type``."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        features = self._pooled(self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state, mask)
        if self.config.normalise or self.config.cosine:
            features = nn.functional.normalize(features)
        for layer in self.hidden:
            features = layer(features).relu()
        logits = self.classifier(features)
        loss = None if labels is None else LOSSES[self.config.problem_type](logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def _pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        if self.config.pooling == "cls":
            return tokens[:, 0]
        there = mask[:, :, None].to(tokens.dtype)
        if self.config.pooling == "max":
            return tokens.masked_fill(there == 0, float("-inf")).amax(dim=1)
        return (tokens * there).sum(dim=1) / there.sum(dim=1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "single_label_classification": nn.functional.cross_entropy,
    "multi_label_classification": nn.functional.binary_cross_entropy_with_logits,
    "regression": lambda logits, amounts: nn.functional.mse_loss(logits.squeeze(-1), amounts),
}
