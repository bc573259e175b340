"""Pairs of texts as texts: each different text is embedded once, whatever pairs it is in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.data.text_pair import SIDES


def texts_of(domain: Domain) -> tuple[Domain, NDArray[np.intp]]:
    """The different texts of the usable pairs, and which of them the sides of each pair are ``(n, 2)``."""
    place: dict[str, int] = {}
    pairs = [domain.samples.raw(i) for i in range(len(domain))]
    at = np.array([[place.setdefault(text, len(place)) for text in pair] for pair in pairs], np.intp)
    texts = list(place)
    return Domain(Items(texts), "text", list(map(str, range(len(texts)))), name=domain.name), at


def wrong_sides(pair: Sequence[int], problems: dict[int, str]) -> str:
    """What is wrong with the texts of one pair; empty where both can be read."""
    said = [f"{side} text: {problems[at]}" for side, at in zip(SIDES, pair, strict=True) if at in problems]
    return "; ".join(said)
