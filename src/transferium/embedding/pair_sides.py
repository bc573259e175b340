"""Pairs as what they are made of: each different text or picture is embedded once, whatever pairs it is in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.picture_pairs import PicturePairs
from transferium.data.samples import Items
from transferium.data.text_pair import SIDES


def sides_of(domain: Domain) -> tuple[Domain, NDArray[np.intp]]:
    """The texts or pictures of the usable pairs, and which of them the sides of each pair are ``(n, 2)``."""
    if isinstance(domain.samples, PicturePairs):
        return domain.samples.in_a_row(), np.arange(2 * len(domain)).reshape(2, -1).T
    place: dict[str, int] = {}
    pairs = [domain.samples.raw(i) for i in range(len(domain))]
    at = np.array([[place.setdefault(text, len(place)) for text in pair] for pair in pairs], np.intp)
    texts = list(place)
    return Domain(Items(texts), "text", list(map(str, range(len(texts)))), name=domain.name), at


def wrong_sides(pair: Sequence[int], problems: dict[int, str], kind: str) -> str:
    """What is wrong with the examples of one pair; empty where both can be read."""
    said = [f"{side} {kind}: {problems[at]}" for side, at in zip(SIDES, pair, strict=True) if at in problems]
    return "; ".join(said)
