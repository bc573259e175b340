"""Masked language model: tokens that are hidden, and guessed from those around them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from transferium.errors import InputError, did_you_mean
from transferium.objectives.self_supervised.base import SelfSupervised
from transferium.objectives.self_supervised.choices import UNITS
from transferium.training.loop.view import View

SPAN = 3.8
"""The mean length of a span, in words (Joshi et al., "SpanBERT", 2020)."""


class MaskedLanguageModel(SelfSupervised):
    """``-mean log P(x_i | x with masks)`` over the tokens that were chosen, drawn anew in every pass.

    A ``rate`` of each text's tokens is chosen, at least one and none of the ``special`` ones: units in random order,
    the last one where most of it still fits. Of these 80 % become the token ``mask``, 10 % another one at random, and
    10 % stay. ``unit``: tokens are chosen singly, whole words at a time (``continues`` says of each id whether it goes
    on with a word), or spans of words, whose lengths are geometric; a span is masked, changed or kept as a whole.
    ``beside`` reads the same pass, as in BERT.

    ``special`` and ``continues`` are ``bool (vocabulary,)``. The model's backbone gives ``(n, t, width)``, its head
    logits ``(m, vocabulary)`` of rows ``(m, width)``: only for chosen tokens are they computed.
    Devlin et al., "BERT: pre-training of deep bidirectional transformers" (2019).
    """

    special: Tensor
    continues: Tensor

    def __init__(
        self,
        mask: int,
        special: Tensor,
        continues: Tensor,
        *,
        rate: float = 0.15,
        unit: str = "token",
        beside: SelfSupervised | None = None,
        stream: str = "corpus",
    ) -> None:
        super().__init__(stream)
        if unit not in UNITS:
            raise InputError(f"there is no unit of masking {unit!r}. {did_you_mean(unit, UNITS)}")
        self.mask, self.rate, self.unit, self.beside = mask, rate, unit, beside
        self.register_buffer("special", special, persistent=False)
        self.register_buffer("continues", continues, persistent=False)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, rate={self.rate}, unit={self.unit!r}"

    def lowered(self) -> tuple[str, ...]:
        return ("mlm", *(() if self.beside is None else self.beside.lowered()))

    def measures(self, view: View) -> dict[str, Tensor]:
        ids, mask, *types = view.inputs(self.stream)
        changed, chosen = self.draw(ids, mask)
        seen = view.seen_as(self.stream, (changed, mask, *types))
        logits = view.model.head(seen.features(self.stream)[chosen])
        losses = nn.functional.cross_entropy(logits.float(), ids[chosen], reduction="none")
        return {"mlm": losses} | ({} if self.beside is None else self.beside.measures(seen))

    def draw(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Other ids for these, and ``bool (n, t)``: which were chosen."""
        may = mask.bool() & ~self.special[ids]
        number, length = self._units(ids), ids.shape[1]
        lot = torch.rand(ids.shape, device=ids.device).gather(1, number).masked_fill(~may, 2.0)
        rank = lot.argsort(dim=1, stable=True).argsort(dim=1, stable=True).float()
        unit = number.masked_fill(~may, length)
        middle = rank.new_zeros(len(ids), length + 1).scatter_reduce(1, unit, rank, "mean", include_self=False)
        fits = middle.gather(1, unit) + 0.5 <= self.rate * may.sum(1, keepdim=True)
        chosen = may & (fits | (lot == lot.amin(1, keepdim=True)))
        how = torch.rand(ids.shape, device=ids.device)
        how = how.gather(1, number) if self.unit == "span" else how
        changed = torch.where(chosen & (how < 0.8), self.mask, ids)
        return torch.where(chosen & (how >= 0.9), torch.randint_like(ids, len(self.special)), changed), chosen

    def _units(self, ids: Tensor) -> Tensor:
        """For each token the number of the unit that it belongs to, within its row."""
        begins = torch.ones_like(ids, dtype=torch.bool) if self.unit == "token" else ~self.continues[ids]
        if self.unit == "span":
            begins &= torch.rand(ids.shape, device=ids.device) < 1 / SPAN
        return (begins.cumsum(1) - 1).clamp_min(0)
