"""Examples with the parts that speak for their answers: heat maps over pictures, words and pieces in colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from transferium.report.gallery import Thumbnails, thumbnail
from transferium.report.words import decimal, percent


@dataclass(frozen=True)
class Part:
    """A part of an example: how strongly it is coloured, 0 to 1, whether it speaks for the answer, and in words."""

    name: str
    share: float
    tone: str
    said: str


@dataclass(frozen=True)
class Explained:
    """One example: what it is and was taken for, its parts (words, pieces), or its ``picture`` under a heat map."""

    id: str
    answer: str
    right: bool | None
    parts: list[Part]
    picture: str
    nearest: str


def explained(why: Mapping[str, Any], thumbnails: Thumbnails) -> list[Explained]:
    """The examples that were looked into; of tables there are none."""
    return [_explained(row, thumbnails) for row in why.get("examples", ())]


def _explained(row: Mapping[str, Any], thumbnails: Thumbnails) -> Explained:
    label, answer = (value if isinstance(value, str) else decimal(value) for value in (row["label"], row["answer"]))
    sure = f", {percent(row['confidence'], 0)} sure" if "confidence" in row else ""
    most = max(map(abs, row["adds"]), default=0.0) or 1.0
    parts = [
        Part(name, abs(adds) / most, "for" if adds > 0 else "against", f"{name}: {decimal(adds)}")
        for name, adds in zip(row["parts"], row["adds"], strict=True)
    ]
    picture = _heat_map(row, parts, thumbnails) if len(row["shape"]) == 2 else ""
    near = ", ".join(f"{one['id']} ({one['label']})" for one in row["nearest"])
    right = label == answer if "confidence" in row else None
    return Explained(row["id"], f"{answer}{sure}; labelled {label}", right, [] if picture else parts, picture, near)


def _heat_map(row: Mapping[str, Any], parts: list[Part], thumbnails: Thumbnails) -> str:
    """The picture with its patches, darker in colour the more they add; nothing where it cannot be read."""
    uri, (width, height) = thumbnail(thumbnails(row["id"]))
    if uri is None:
        return ""
    down, across = row["shape"]
    marks = []
    for k, part in enumerate(parts):
        i, j = divmod(k, across)
        place = f'x="{width * j / across:.1f}" y="{height * i / down:.1f}"'
        size = f'width="{width / across:.1f}" height="{height / down:.1f}"'
        title = f"<title>{escape(part.said)}</title>"
        opacity = f'fill-opacity="{0.7 * part.share:.3f}"'
        marks.append(f'<rect class="{part.tone}" {place} {size} {opacity}>{title}</rect>')
    best = max(parts, key=lambda part: part.share if part.tone == "for" else -1, default=None)
    said = f"{row['id']}: answered {row['answer']}" + ("" if best is None else f"; most speaks for it in {best.name}")
    return (
        f'<svg class="heat" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(said)}">'
        f'<image href="{uri}" width="{width}" height="{height}"/>{"".join(marks)}</svg>'
    )
