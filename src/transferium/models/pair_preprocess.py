"""Preprocessing of pairs of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transferium.models.preprocess import TextPreprocess


@dataclass(frozen=True)
class PairPreprocess(TextPreprocess):
    """Each text of a pair by itself."""

    kind: ClassVar[str] = "pair"
