"""The cloze: a masked language model reads a text in a pattern, and says how likely each class's words are at the slot.

It is the module of a backbone: token ids of texts in, one number for each pattern and class out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from transferium.models.peft.graft import graft, part_of
from transferium.models.peft.prompts import SoftPrompt
from transferium.models.prompting.pattern import Ids, Pattern
from transferium.models.sources.language_models import language_model

Words = tuple[tuple[Ids, ...], ...]
"""For each class its words, each as its pieces."""


@dataclass(frozen=True)
class ClozePlan:
    """Each pattern with the words of every class; how many tokens come before and after a text, and the padding.

    ``prompt``: so many learned embeddings stand before everything, and start as those of words drawn by ``seed``.
    """

    patterns: tuple[tuple[Pattern, Words], ...]
    ends: tuple[int, int]
    pad: int
    prompt: int = 0
    seed: int = 0

    @property
    def longest(self) -> int:
        """The most tokens that a pattern adds to a text."""
        return self.prompt + max(
            len(pattern) - 1 + max(len(w) for said in words for w in said) for pattern, words in self.patterns
        )


class ClozeNetwork(nn.Module):
    """``ids (n, t)``, ``mask (n, t)`` of texts -> scores ``(n, patterns · classes)``, pattern by pattern.

    ``score = mean over words w of mean over pieces k of log P(w_k | text in the pattern, as many masks as pieces)``.
    """

    def __init__(self, whole: Any, plan: ClozePlan) -> None:
        super().__init__()
        halves = language_model(whole)
        self.encoder, self.head = halves.backbone, halves.head
        if plan.prompt:
            graft(self.encoder, SoftPrompt(_drawn_words(self.encoder.model, plan)))
        self.readings = nn.ModuleList(
            Reading(plan, number, k) for number, (_, words) in enumerate(plan.patterns) for k in _lengths(words)
        )

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        mask = torch.ones_like(ids) if mask is None else mask
        parts = [reading(self.encoder, self.head, ids, mask) for reading in self.readings]
        return torch.stack(parts).sum(dim=0)

    def freeze_but_prompt(self) -> None:
        """Only the learned embeddings move from now on."""
        self.requires_grad_(False)
        part_of(self.encoder).requires_grad_(True)

    def for_export(self) -> ClozeNetwork:
        """Plain attention: fused kernels are taken apart on export into a slower graph."""
        set_attention: Any = getattr(self.encoder.model, "set_attn_implementation", None)
        if set_attention is not None:
            set_attention("eager")
        return self


class Reading(nn.Module):
    """One pattern with ``slots`` masks, and the words of that many pieces: their share of every score."""

    before: Tensor
    after: Tensor
    at: Tensor
    pieces: Tensor
    share: Tensor

    def __init__(self, plan: ClozePlan, number: int, slots: int) -> None:
        super().__init__()
        pattern, words = plan.patterns[number][0].with_slots(slots), plan.patterns[number][1]
        self.slots, self.ends, self.pad = slots, plan.ends, plan.pad
        self.in_front = pattern.mask in pattern.before
        side = pattern.before if self.in_front else pattern.after
        said = [(c, w, 1 / len(of)) for c, of in enumerate(words) for w in of if len(w) == slots]
        share = torch.zeros(len(said), len(plan.patterns) * len(words))
        for row, (c, _, part) in enumerate(said):
            share[row, number * len(words) + c] = part
        for name, ids in (("before", pattern.before), ("after", pattern.after)):
            self.register_buffer(name, torch.tensor(ids, dtype=torch.int64), persistent=False)
        self.register_buffer("at", side.index(pattern.mask) + torch.arange(slots), persistent=False)
        self.register_buffer("pieces", torch.tensor([w for _, w, _ in said]), persistent=False)
        self.register_buffer("share", share, persistent=False)

    def forward(self, encoder: nn.Module, head: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
        """The part of the scores ``(n, patterns · classes)`` that these words make."""
        given, seen, at = self.around(ids, mask)
        tokens = encoder(given, seen)
        rows = tokens.gather(1, at[:, :, None].expand(-1, -1, tokens.shape[2]))
        logs = head(rows.flatten(0, 1)).float().log_softmax(dim=1).unflatten(0, (-1, self.slots))
        found = logs[:, torch.arange(self.slots, device=ids.device), self.pieces].mean(dim=2)
        return torch.matmul(found[:, None, :], self.share)[:, 0, :]

    def around(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The ids of the texts in the pattern, their mask, and where the slots are; padding stays behind."""
        (n, t), (first, last) = ids.shape, self.ends  # not len(), which would write these into an exported graph
        p, s = len(self.before), len(self.after)
        length = mask.sum(dim=1, keepdim=True)
        from_after = length - last + p  # where what stands after the text begins
        place = torch.arange(t + p + s, device=ids.device)[None, :]
        pool = [ids, self.before.expand(n, -1), self.after.expand(n, -1), ids.new_full((n, 1), self.pad)]
        index = torch.where(place < first + p, t + place - first, place - p)
        index = torch.where(place < first, place, index)
        index = torch.where(place >= from_after, t + p + place - from_after, index)
        index = torch.where(place >= from_after + s, place - p - s, index)
        seen = place < length + p + s
        index = torch.where(seen, index, t + p + s)
        at = first + self.at if self.in_front else from_after + self.at
        return torch.cat(pool, dim=1).gather(1, index), seen.to(mask.dtype), at.expand(n, -1)


def _drawn_words(model: Any, plan: ClozePlan) -> Tensor:
    table: Tensor = model.get_input_embeddings().weight.detach()
    lot = torch.Generator().manual_seed(plan.seed)
    return table[torch.randint(len(table), (plan.prompt,), generator=lot)].clone()


def _lengths(words: Words) -> Sequence[int]:
    return sorted({len(word) for said in words for word in said})
