"""The examples shown with their predictions, the worst mistakes first."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transferium.errors import TransferiumError
from transferium.report.boxes.drawn_boxes import counted, draw_frames
from transferium.report.presentation import Presentation, presentation
from transferium.report.spans import Piece, in_words, pieces
from transferium.report.words import amount, number, percent

MOST_EXAMPLES = 24
LONGEST_TEXT = 2000
SIDE = 384
"""Pixels of a thumbnail's longer side: sharp in the opened view, and two dozen of them stay under a megabyte."""

PLAYED = 8
"""Sounds that can be played in one page, the first that are shown: each takes some 200 KB."""

MARKS = {True: "✓", False: "✗", None: "?"}

Thumbnails = Callable[[str], Any]


@dataclass(frozen=True)
class Heard:
    """A sound: its picture, and itself as a WAV file."""

    picture: Any
    wav: bytes


@dataclass(frozen=True)
class Shown:
    """One example: its picture (and the ``sound`` that it is of) or its words, what it is, and what it was taken for.

    ``right`` is None where nobody knows and where answers are amounts: there ``off`` says how far they are off.
    ``missed`` says whether the label differs and is to be shown.
    """

    id: str
    label: str | None
    predicted: str
    confidence: str
    off: str
    right: bool | None
    missed: bool
    mark: str
    image: str | None
    size: tuple[int, int]
    text: str | None
    sound: str | None
    pieces: list[Piece]
    """The text by its spans, where answers are spans."""
    said: str
    """The prediction in one sentence, as the alternative text of a picture."""


def gallery(run: Mapping[str, Any], thumbnails: Thumbnails) -> list[Shown]:
    """At most ``MOST_EXAMPLES``: mistakes from the surest down, then right answers from the least sure up.

    Amounts come from the largest error down; where no answer has a confidence, mistakes keep the order they came in.
    """
    how = presentation(run)
    examples = sorted(run.get("examples") or (), key=lambda example: _place(example, how))
    return [_show(example, thumbnails, how, i < PLAYED) for i, example in enumerate(examples[:MOST_EXAMPLES])]


def _place(example: Mapping[str, Any], how: Presentation) -> tuple[bool, float]:
    if how.amounts:
        off = _error(example)
        return off is None, -(off or 0.0)
    sure = number(example.get("confidence")) or 0.0
    wrong = example.get("label") is not None and not _is_right(example)
    return (not wrong, -sure if wrong else sure)


def _is_right(example: Mapping[str, Any]) -> bool:
    """Whether an answer is right: as it says, else where it is the label."""
    return bool(example.get("right", example.get("label") == example["predicted"]))


def _error(example: Mapping[str, Any]) -> float | None:
    """How far a predicted amount is off; None where nobody knows."""
    label, predicted = (_float(example.get(key)) for key in ("label", "predicted"))
    return None if label is None or predicted is None else abs(predicted - label)


def _float(given: Any) -> float | None:
    try:
        return number(float(given))
    except (TypeError, ValueError):
        return None


def _show(example: Mapping[str, Any], thumbnails: Thumbnails, how: Presentation, played: bool) -> Shown:
    text, sound, image, size = example.get("text"), None, None, (0, 0)
    if text is None:
        found = thumbnails(str(example["id"]))
        if isinstance(found, Heard):
            sound = f"data:audio/wav;base64,{base64.b64encode(found.wav).decode('ascii')}" if played else None
            found = found.picture
        if isinstance(found, str):
            text = found
        elif found is not None:
            image, size = thumbnail(found, example.get("frames") or ())
    label, predicted = (_answer(example.get(key), how) for key in ("label", "predicted"))
    off = _error(example) if how.amounts else None
    right = None if label is None or how.amounts else _is_right(example)
    missed = "" if off is None else f"off by {amount(off)}"
    confidence = percent(example["confidence"], 0) if "confidence" in example else ""
    sure = confidence and f" with {confidence} confidence"
    known = "" if label is None else f"labelled {label}, "
    return Shown(
        id=str(example["id"]),
        label=label,
        predicted=str(predicted),
        confidence=confidence,
        off=missed,
        right=right,
        missed=right is False or off is not None,
        mark="≈" if how.amounts else MARKS[right],
        image=image,
        size=size,
        text=None if text is None else _shortened(str(text)),
        sound=sound,
        pieces=pieces(_shortened(str(text)), example.get("label"), example["predicted"]) if how.spans and text else [],
        said=f"{example['id']}: {known}predicted {predicted}{sure}{missed and f', {missed}'}",
    )


def _answer(given: Any, how: Presentation) -> str | None:
    """A label as it is read: an amount with the digits that count, several with room between them, words for none."""
    if how.amounts and (value := _float(given)) is not None:
        return amount(value)
    if given is None:
        return None
    given = in_words(given) if how.spans else counted(given) if how.frames else given
    text = str(given).replace(how.between, f" {how.between} ") if how.between else str(given)
    return text or how.nothing


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + " …"


def thumbnail(content: Any, frames: Sequence[Mapping[str, Any]] = ()) -> tuple[str | None, tuple[int, int]]:
    """An image file's content (or an image) as a small JPEG data URI with its size; None where it cannot be read.

    ``frames`` are drawn over it.
    """
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
    if frames:
        draw_frames(image, frames)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}", image.size
