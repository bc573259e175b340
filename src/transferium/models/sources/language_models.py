"""Models of transformers with a head for masked tokens, taken apart into a backbone of tokens and that head."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from transferium.errors import BackboneError
from transferium.models.model import Model
from transferium.models.sources.transformers_models import load_whole, quiet

KINDS_WITH_IT = "such as BERT, RoBERTa, DistilBERT, ALBERT, MPNet, ELECTRA or ModernBERT"


class TokenEncoder(nn.Module):
    """``ids (n, t)``, ``mask (n, t)`` and maybe ``types (n, t)`` -> a row for each token, ``(n, t, width)``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> Tensor:
        given = {} if types is None else {"token_type_ids": types}
        return self.pooled(self.model(input_ids=ids, attention_mask=mask, **given), mask)

    def pooled(self, output: Any, _mask: Tensor) -> Tensor:
        """What the model gives for each token: a prompt in front of a text (``models/peft/prompts.py``) has none."""
        tokens: Tensor = output.last_hidden_state
        return tokens


class LanguageModelHead(nn.Module):
    """Rows of any tokens ``(m, width)`` -> logits ``(m, vocabulary)``, by the model's own head.

    It is the whole model, whose encoder is replaced by what hands it these rows: every architecture's head is right.
    """

    def __init__(self, whole: Any) -> None:
        super().__init__()
        setattr(whole, whole.base_model_prefix, _Given())
        self.whole = whole

    def forward(self, rows: Tensor) -> Tensor:
        given: Any = getattr(self.whole, self.whole.base_model_prefix)
        given.rows = rows[None]
        nothing = torch.zeros((1, rows.shape[0]), dtype=torch.int64, device=rows.device)
        logits: Tensor = self.whole(input_ids=nothing).logits[0]
        given.rows = None
        return logits


class _Given(nn.Module):
    """Stands for an encoder that has done its work: it gives the rows that were put here."""

    rows: Tensor | None = None

    def forward(self, *_args: Any, **_named: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutput

        return BaseModelOutput(last_hidden_state=self.rows)


def initial_spread(width: int) -> float:
    """The standard deviation of a new network's weights: 0.02 at BERT's width of 768.

    It grows so that sums over ``width`` of them spread alike at any width: with 0.02 a narrow network begins by
    attending to all tokens alike, and learns for epochs no more than how often each occurs.

    >>> round(initial_spread(768), 3), round(initial_spread(192), 3)
    (0.02, 0.04)
    """
    return 0.02 * math.sqrt(768 / width)


def language_model(whole: Any) -> Model:
    """The two halves of a masked language model as backbone and head; tied weights stay tied."""
    encoder = whole.base_model
    if encoder is whole:
        raise BackboneError(f"{type(whole).__name__} has no encoder of its own: take one {KINDS_WITH_IT}.")
    return Model(TokenEncoder(encoder), LanguageModelHead(whole))


def put_together(model: Model) -> Any:
    """The inverse of :func:`language_model`."""
    whole: Any = model.head.whole
    setattr(whole, whole.base_model_prefix, model.backbone.model)
    return whole


def untrained(config: Any) -> Any:
    """A masked language model of that configuration with random weights."""
    import transformers

    try:
        with quiet():
            return transformers.AutoModelForMaskedLM.from_config(config)
    except ValueError as error:
        raise BackboneError(
            f"transformers has no masked language model of type {config.model_type!r}: take one {KINDS_WITH_IT}."
        ) from error


def continued(folder: Path) -> Any:
    """The masked language model of a folder; its head has random weights where there are none."""
    return load_whole(folder, True, "AutoModelForMaskedLM")


def read_config(path: Path) -> Any:
    """The configuration in a ``config.json``, or in a folder with one; no code of it is run."""
    import transformers

    try:
        return transformers.AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise BackboneError(f"{path} is no configuration that transformers knows: {str(error)[:200]}") from error
