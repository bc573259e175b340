"""Augmented examples as one picture, or as lines of text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from transferium.training.preview import Contact

FILE = "augmented.jpg"
MARK = "transferium contact sheet"
"""The mark of a sheet: a comment in its file, where the format allows one."""
SMALLEST, LARGEST, GAP, LINE = 112, 224, 8, 22
LONGEST = 600


def draw(contact: Contact) -> Image:
    """A row for each example: itself at the left, then as each epoch sees it; at the backbone's size up to 224 pixels.

    Smaller inputs are enlarged without smoothing, so that every pixel shows.
    """
    from PIL import Image, ImageDraw, ImageFont

    side = _side(max(max(e.versions[0].size) for e in contact.examples))
    columns = 1 + len(contact.examples[0].versions)
    width, height = GAP + columns * (side + GAP) + GAP, LINE + len(contact.examples) * (side + LINE) + GAP
    sheet = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column in range(columns):
        words = f"epoch {column}" if column else "without augmentation" if side > 150 else "without"
        pen.text((_left(column, side), 4), words, "black", font)
    for row, example in enumerate(contact.examples):
        top = LINE + row * (side + LINE)
        for column, picture in enumerate([example.original, *example.versions]):
            sheet.paste(_fitted(picture, side), (_left(column, side), top))
        pen.text((_left(0, side), top + side + 3), _caption(example.label or example.id), "#566474", font)
    return sheet


def check_picture(path: Path) -> None:
    """Raise ``InputError`` where a sheet in ``path`` would take the place of a file that is no earlier sheet."""
    if path.is_file() and path.stat().st_size and not _is_sheet(path):
        raise InputError(
            f"--out {path} is not known as a contact sheet of --augment (a png, jpg or gif says so); nothing was "
            "overwritten. Name another file, or remove this one."
        )


def _is_sheet(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.info.get("comment") in (MARK, MARK.encode())
    except (OSError, ValueError, Image.DecompressionBombError):
        return False


def write_picture(contact: Contact, path: Path) -> None:
    """Save the sheet in the format that the file name asks for; raises ``InputError`` where it cannot be written."""
    from PIL.PngImagePlugin import PngInfo

    said = PngInfo()
    said.add_text("comment", MARK)
    try:
        draw(contact).save(path, pnginfo=said, comment=MARK)
    except ValueError as error:
        raise InputError(f"--out {path}: {error}. Name a picture, as in {path.stem or 'augment'}.png.") from error
    except OSError as error:
        raise InputError(f"--out {path} cannot be written: {error.strerror or error}.") from error


def as_facts(contact: Contact) -> dict[str, Any]:
    """The entry for ``metrics.json``: the recipe, and the texts or the name of the picture."""
    if contact.drawn:
        return {"recipe": contact.recipe, "file": FILE}
    rows = [
        {
            "id": e.id,
            "label": e.label,
            "original": shortened(e.original),
            "versions": [shortened(v) for v in e.versions],
        }
        for e in contact.examples
    ]
    return {"recipe": contact.recipe, "texts": rows}


def as_jpeg(contact: Contact) -> bytes | None:
    """The sheet as a small file; None for texts."""
    if not contact.drawn:
        return None
    file = io.BytesIO()
    draw(contact).save(file, "JPEG", quality=82)
    return file.getvalue()


def shortened(text: str) -> str:
    """At most ``LONGEST`` characters."""
    return text if len(text) <= LONGEST else text[:LONGEST].rstrip() + " …"


def _left(column: int, side: int) -> int:
    """Where a column begins; the originals stand a little apart."""
    return GAP + column * (side + GAP) + (GAP if column else 0)


def _side(largest: int) -> int:
    if largest >= SMALLEST:
        return min(largest, LARGEST)
    return largest * -(-SMALLEST // largest)


def _fitted(picture: Image, side: int) -> Image:
    """The picture in a square of ``side``, its proportions kept."""
    from PIL import Image as Pillow

    scale = side / max(picture.size)
    if scale == 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Pillow.Resampling.NEAREST if scale > 1 else Pillow.Resampling.BICUBIC)


def _caption(name: str) -> str:
    """A name as far as the built-in font can write it."""
    words = name if len(name) <= 30 else f"…{name[-29:]}"
    return words if all(ord(letter) < 0x250 or letter == "…" for letter in words) else ""
