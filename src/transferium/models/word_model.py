"""The model of sentences: a backbone that makes a row of each token, the mean over each word's rows, and a head."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.models.backbone import Output
from transferium.models.model import Model


class WordModel(Model):
    """Reads ``ids``, ``mask`` and ``words``, ``int64 (n, windows, t)`` each, and ``there``, ``bool (n, words)``.

    A sentence is one window, or several where it is long. ``words`` holds the word of each token (-1: none, or one that
    another window answers) and ``there`` which of the rows are words. Features are ``(n, words, width)``: the mean over
    the tokens of each word, noughts where there is no token, as ``embedding/word_rows.py`` gives them.

    >>> import torch
    >>> from torch import nn
    >>> net = WordModel(lambda ids, mask: ids[..., None].float(), nn.Identity())
    >>> one = torch.tensor([[[7, 2, 4, 9]]])
    >>> net(one, torch.ones_like(one), torch.tensor([[[-1, 0, 0, 1]]]), torch.ones(1, 2, dtype=torch.bool)).tolist()
    [[[3.0], [9.0]]]
    """

    def features(self, *inputs: Tensor) -> Tensor:
        ids, mask, words, there = inputs
        read = mask.any(dim=2)
        tokens: Tensor = self.backbone(ids[read], mask[read])
        number = torch.arange(there.shape[1], device=ids.device)
        share = (words[read][:, None, :] == number[:, None]).to(tokens.dtype)
        means = torch.matmul(share / share.sum(dim=2, keepdim=True).clamp_min(1), tokens)
        # Each word is answered by one window: the others add noughts, in whatever order.
        return means.new_zeros(len(ids), *means.shape[1:]).index_add(0, read.nonzero()[:, 0], means)


MODELS: dict[Output, type[Model]] = {"pooled": Model, "tokens": WordModel}
"""The model around a backbone, by what that gives."""
