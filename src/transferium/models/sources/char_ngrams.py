"""Counts of the character n-grams of a text: an untrained backbone for any language."""

from __future__ import annotations

import torch
from torch import Tensor, nn

ORDERS = 4
BYTES = 6
WIDTH = 4096
_PRIME = 2**31 - 1
_MIX = ((1_103_515_245, 12_345), (48_271, 2_531), (69_621, 7_919), (16_807, 104_729))
"""Multipliers and offsets of known linear congruential generators, and small primes: any would do."""


class CharNgrams(nn.Module):
    """Hashed counts of the 1 to 4 characters that follow one another, as far as they have 6 bytes together.

    ``int64 ids (n, t)``, each a byte of UTF-8 plus 1 (0 is padding), to ``(n, 4096)``. Every n-gram adds +1 or -1, by
    its hash, to one of the features; then ``sign(x) · sqrt|x|``, scaled to length 1, times ``scale``, one learned
    number a feature. The limit in bytes gives every script the orders that mean something in it: two characters of
    Chinese, three of Cyrillic, four of Latin. The inner product of two texts is that of the roots of their counts, up
    to chance collisions of about ``1 / sqrt(4096)``.
    Weinberger et al., Feature hashing for large scale multitask learning, ICML 2009.

    >>> ids = torch.tensor([[byte + 1 for byte in "心态".encode()]])
    >>> features = CharNgrams()(ids)
    >>> features.shape, int((features != 0).sum()), float(features.norm().detach().round(decimals=4))
    (torch.Size([1, 4096]), 3, 1.0)
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(WIDTH))

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        there = ids > 0 if mask is None else (ids > 0) & (mask > 0)
        byte = torch.where(there, ids - 1, 0)
        begins = there & ((byte < 0x80) | (byte >= 0xC0))
        length = 1 + (byte >= 0xC0).long() + (byte >= 0xE0).long() + (byte >= 0xF0).long()
        character = _characters(byte, length)
        # One place behind the end, where every walk stays: no character, of no length.
        nowhere = torch.zeros_like(ids[:, :1])
        character, length = (torch.cat([x, nowhere], 1) for x in (character, torch.where(begins, length, 0)))
        last = ids.shape[1]
        at = torch.arange(last, device=ids.device).expand_as(ids)
        counts = torch.zeros(ids.shape[0], WIDTH, dtype=self.scale.dtype, device=ids.device)
        hashed, taken, valid = torch.zeros_like(ids), torch.zeros_like(ids), begins
        for order in range(ORDERS):
            spent = length.gather(1, at)
            multiplier, offset = _MIX[order]
            hashed = (hashed * multiplier + character.gather(1, at) % _PRIME + offset) % _PRIME
            taken = taken + spent
            valid = valid & (spent > 0) & (taken <= BYTES)
            mixed = (hashed * 1_664_525 + 1_013_904_223) % _PRIME
            sign = (mixed // WIDTH % 2 * 2 - 1) * valid.long()
            counts = counts.scatter_add(1, mixed % WIDTH, sign.to(counts.dtype))
            at = (at + spent).clamp(max=last)
        rooted = torch.sign(counts) * counts.abs().sqrt()
        unit = rooted / (rooted * rooted).sum(1, keepdim=True).clamp_min(1e-24).sqrt()
        return unit * self.scale


def _characters(byte: Tensor, length: Tensor) -> Tensor:
    """The bytes of the character that begins at each place, as one number."""
    found = byte
    for further in range(1, 4):
        later = torch.cat([byte[:, further:], torch.zeros_like(byte[:, :further])], 1)[:, : byte.shape[1]]
        found = torch.where(length > further, found * 256 + later, found)
    return found
