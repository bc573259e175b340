"""Preprocessing of pairs: each side by itself."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from transferium.models.preprocess import ImagePreprocess, Preprocess, TextPreprocess

Other = TypeVar("Other", bound=Preprocess)


@dataclass(frozen=True)
class PairPreprocess(TextPreprocess):
    """Each text of a pair by itself."""

    kind: ClassVar[str] = "pair"


@dataclass(frozen=True)
class ImagePairPreprocess(ImagePreprocess):
    """Each picture of a pair by itself."""

    kind: ClassVar[str] = "image_pair"


PairReader = PairPreprocess | ImagePairPreprocess
ONE_SIDE: dict[type[PairReader], type[TextPreprocess | ImagePreprocess]] = {
    PairPreprocess: TextPreprocess,
    ImagePairPreprocess: ImagePreprocess,
}
"""What reads one side of a pair."""


def read_as(preprocess: Any, other: type[Other]) -> Other:
    """The same settings for another kind of example."""
    return other(**{field.name: getattr(preprocess, field.name) for field in fields(preprocess)})
