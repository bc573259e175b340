"""Dropout on what a head reads, whatever kind of head it is."""

from __future__ import annotations

from typing import Any

from torch import nn


class _Drop:
    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, head: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (nn.functional.dropout(inputs[0], self.share, head.training), *inputs[1:])


def drop_features(head: nn.Module, share: float) -> None:
    """In training mode ``head`` reads ``x · b / (1 - share)``, ``b ~ Bernoulli(1 - share)`` for each row and feature.

    A hook, so that the head's class, parameters and answers in eval mode stay what they are; 0 adds none.
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).

    >>> import torch
    >>> head = nn.Linear(2, 1)
    >>> drop_features(head, 0.5)
    >>> torch.equal(head.eval()(torch.ones(1, 2)), nn.functional.linear(torch.ones(1, 2), head.weight, head.bias))
    True
    """
    if share:
        head.register_forward_pre_hook(_Drop(share))
