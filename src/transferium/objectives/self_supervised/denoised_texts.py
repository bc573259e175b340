"""Denoising of texts: a row for a noisy text that is enough to say which words stood in the whole one."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.errors import InputError, did_you_mean
from transferium.objectives.self_supervised.choices import TEXT_NOISES
from transferium.objectives.self_supervised.masked_language_model import MaskedLanguageModel
from transferium.training.loop.view import View


class DenoisedTexts(MaskedLanguageModel):
    """``-mean log P(x_i | noisy x)`` over all tokens of a text, told by one row: the mean of the noisy text's rows.

    ``deletion`` takes a ``rate`` of the tokens away; ``infilling`` does so by spans, each of which leaves one token
    ``mask``. No decoder writes the text again: the head gives the row one distribution over the vocabulary, by which
    each token of the whole text costs. So the row that will stand for a text learns what it is about, not its order.
    Wang et al., "TSDAE: using transformer-based sequential denoising auto-encoder" (2021), with the decoder replaced as
    by Ma et al., "Drop your decoder: pre-training with bag-of-word prediction" (2024).
    """

    def __init__(
        self,
        mask: int,
        special: Tensor,
        continues: Tensor,
        *,
        rate: float = 0.6,
        noise: str = "deletion",
        stream: str = "corpus",
    ) -> None:
        if noise not in TEXT_NOISES:
            raise InputError(f"there is no noise {noise!r} of texts. {did_you_mean(noise, TEXT_NOISES)}")
        unit = "span" if noise == "infilling" else "token"
        super().__init__(mask, special, continues, rate=rate, unit=unit, stream=stream)
        self.noise = noise

    def lowered(self) -> tuple[str, ...]:
        return ("dae",)

    def measures(self, view: View) -> dict[str, Tensor]:
        ids, mask, *types = view.inputs(self.stream)
        told = mask.bool() & ~self.special[ids]
        left = self.noisy(ids, mask, *types)
        rows = view.seen_as(self.stream, left).features(self.stream)
        weights = left[1].unsqueeze(-1).to(rows.dtype)
        logits = view.model.head((rows * weights).sum(1) / weights.sum(1))
        return {"dae": -logits.float().log_softmax(-1).gather(1, ids)[told]}

    def noisy(self, ids: Tensor, mask: Tensor, *types: Tensor) -> tuple[Tensor, ...]:
        """What is left of the texts, moved together and padded: ids, mask and maybe types."""
        _, chosen = self.draw(ids, mask)
        if self.noise == "infilling":
            follows = torch.zeros_like(chosen)
            follows[:, 1:] = chosen[:, :-1]
            ids, chosen = ids.masked_fill(chosen, self.mask), chosen & follows
        kept = mask.bool() & ~chosen
        order = (~kept).long().argsort(dim=1, stable=True)[:, : int(kept.sum(1).max())]
        return tuple(x.gather(1, order) for x in (ids, kept.to(mask.dtype), *types))
