"""Boxes over pictures, boxes in words, and what the answered boxes of a run are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from transferium.report.strips import share_bar
from transferium.report.words import number, percent

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = {"right": "#1f9d55", "missed": "#f2a900", "wrong": "#d64545"}
"""Of a frame by what it is, as text in the report is coloured."""


def draw_frames(image: Image, frames: Sequence[Mapping[str, Any]]) -> None:
    """Draw each frame with what is said of it; its sides are shares of those of ``image``."""
    from PIL import ImageDraw, ImageFont

    pen, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    for frame in frames:
        colour = COLOURS[frame["state"]]
        left, top, right, bottom = (
            round(side * (length - 1)) for side, length in zip(frame["sides"], image.size * 2, strict=True)
        )
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=3)
        at = (left + 4, top + 3)
        pen.rectangle(pen.textbbox(at, frame["said"], font), fill=colour)
        pen.text(at, frame["said"], "white", font)


def counted(boxes: str | None) -> str | None:
    """Boxes as they are read: how many of each class.

    >>> counted('[{"label": "cat", "box": [0, 0, 1, 1]}, {"label": "cat", "box": [2, 2, 3, 3]}]')
    '2 cat'
    """
    if not boxes:
        return boxes
    return ", ".join(f"{n} {name}" for name, n in sorted(Counter(one["label"] for one in json.loads(boxes)).items()))


def box_lines(test: Mapping[str, Any]) -> dict[str, list[tuple[str, ...]]] | None:
    """The answered boxes by what they are, and the figures of each class, the weakest first; None without boxes."""
    kinds: Mapping[str, int] = test.get("mistakes") or {}
    if not kinds:
        return None
    most = max(kinds.values()) or 1
    rows = sorted(test.get("per_class") or (), key=lambda row: number(row["ap50"]) or 0.0)
    return {
        "kinds": [
            (name, str(n), share_bar(n / most, "right" if name == "right" else "wrong")) for name, n in kinds.items()
        ],
        "classes": [
            (str(row["class"]), *(percent(row[figure]) for figure in ("ap50", "ap", "ar")), str(row["support"]))
            for row in rows
        ],
    }
