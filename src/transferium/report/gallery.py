"""The examples shown with their predictions, most confident mistakes first."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from transferium.errors import TransferiumError
from transferium.report.words import number, percent

MOST_EXAMPLES = 24
LONGEST_TEXT = 2000
SIDE = 384
"""Pixels of a thumbnail's longer side: sharp in the opened view, and two dozen of them stay under a megabyte."""

Thumbnails = Callable[[str], Any]


@dataclass(frozen=True)
class Shown:
    """One example: its picture or its words, what it is, and what it was taken for."""

    id: str
    label: str | None
    predicted: str
    confidence: str
    right: bool | None
    image: str | None
    size: tuple[int, int]
    text: str | None

    @property
    def said(self) -> str:
        """The prediction in one sentence, as the alternative text of a picture."""
        guess = f"predicted {self.predicted} with {self.confidence} confidence"
        return f"{self.id}: {guess}" if self.label is None else f"{self.id}: labelled {self.label}, {guess}"


def gallery(run: Mapping[str, Any], thumbnails: Thumbnails) -> list[Shown]:
    """At most ``MOST_EXAMPLES``: mistakes from the surest down, then right answers from the least sure up."""
    return [_show(example, thumbnails) for example in sorted(run.get("examples") or (), key=_place)[:MOST_EXAMPLES]]


def _place(example: Mapping[str, Any]) -> tuple[bool, float]:
    sure = number(example.get("confidence")) or 0.0
    wrong = example.get("label") is not None and example["label"] != example["predicted"]
    return (not wrong, -sure if wrong else sure)


def _show(example: Mapping[str, Any], thumbnails: Thumbnails) -> Shown:
    text, image, size = example.get("text"), None, (0, 0)
    if text is None:
        found = thumbnails(str(example["id"]))
        if isinstance(found, str):
            text = found
        elif found is not None:
            image, size = thumbnail(found)
    label = example.get("label")
    return Shown(
        id=str(example["id"]),
        label=None if label is None else str(label),
        predicted=str(example["predicted"]),
        confidence=percent(example.get("confidence"), 0),
        right=None if label is None else label == example["predicted"],
        image=image,
        size=size,
        text=None if text is None else _shortened(str(text)),
    )


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + " …"


def thumbnail(content: Any) -> tuple[str | None, tuple[int, int]]:
    """An image file's content (or an image) as a small JPEG data URI with its size; None where it cannot be read."""
    from PIL import Image

    from transferium.data.images.decode import decode

    try:
        image = decode(content, at_least=SIDE * 3 // 4)
    except TransferiumError:
        return None, (0, 0)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    if max(image.size) < SIDE // 4:
        factor = SIDE // 4 // max(image.size) + 1
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}", image.size
