"""Decoding of any image to upright 8-bit RGB, or the reason why it cannot be decoded."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from transferium.data.images.pixels import UnreadableImage, image_from_array, to_rgb
from transferium.data.images.sniff import HEAD, OTHERS, sniff

if TYPE_CHECKING:
    from PIL.Image import Image

PIXEL_LIMIT = 100_000_000
"""The most pixels of an image: above every camera sold for hand use, far below what exhausts memory (400 MB in RGB).

Of a mode that takes more, as read and as RGB together, so many fewer are allowed that it stays below 500 MB."""

_ORIENTATION = 0x0112
_PLUGINS = {"jpeg": "Jpeg", "png": "Png", "gif": "Gif", "bmp": "Bmp", "tiff": "Tiff", "webp": "WebP", "pnm": "Ppm"}
_MODES = {
    "L": "grey",
    "1": "black and white",
    "P": "palette",
    "LA": "grey with transparency",
    "I;16": "16-bit grey",
    "I;16B": "16-bit grey",
    "I": "32-bit grey",
    "F": "32-bit grey",
}
_ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND\xaeB`\x82", "gif": b"\x3b"}


def decode(raw: Any, at_least: int | None = None) -> Image:
    """Encoded bytes, a Pillow image or an array as an upright RGB image (the first frame of several).

    ``at_least`` lets a JPEG be decoded at 1/2, 1/4 or 1/8 of its size so long as its shorter side keeps that
    many pixels. Bytes are read by their content, never by a name, and only as JPEG, PNG, GIF, BMP, TIFF, WebP or PNM.
    Raises ``UnreadableImage``; nothing unreadable is ever replaced. Safe to call from many threads.

    >>> decode(np.zeros((2, 3), np.uint8)).size
    (3, 2)
    """
    if isinstance(raw, (bytes, bytearray, memoryview)):
        return _upright(_opened(bytes(raw), at_least))
    if isinstance(raw, np.ndarray):
        _check_size(raw.shape[1::-1])
        return to_rgb(image_from_array(raw))
    _check_size(raw.size)
    return _upright(raw)


def upright_sides(raw: Any) -> tuple[int, int]:
    """Width and height of the image that ``decode`` gives, of a file from its header alone.

    Raises ``UnreadableImage``.

    >>> upright_sides(np.zeros((2, 3), np.uint8))
    (3, 2)
    """
    if isinstance(raw, np.ndarray):
        return int(raw.shape[1]), int(raw.shape[0])
    plugin = _plugin(sniff(bytes(raw[:HEAD]))) if isinstance(raw, (bytes, bytearray, memoryview)) else None
    try:
        image = raw if plugin is None else plugin(io.BytesIO(bytes(raw)))
        turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    except Exception as error:  # see _opened
        raise UnreadableImage(f"damaged image ({error})") from error
    width, height = image.size
    return (height, width) if turned else (width, height)


def mode_of(raw: Any) -> str:
    """The pixel mode of an image in a word or two, from its header alone; raises ``UnreadableImage``.

    >>> mode_of(np.zeros((2, 3), np.uint8)), mode_of(np.zeros((2, 3, 4), np.uint8))
    ('grey', 'RGBA')
    """
    if isinstance(raw, (bytes, bytearray, memoryview)):
        head = bytes(raw)
        plugin = _plugin(sniff(head[:HEAD]))
        try:
            mode = str(plugin(io.BytesIO(head)).mode)
        except Exception as error:  # see _opened
            raise UnreadableImage(f"damaged image ({error})") from error
    else:
        mode = image_from_array(raw[:1, :1]).mode if isinstance(raw, np.ndarray) else str(raw.mode)
    return _MODES.get(mode, mode)


def _opened(raw: bytes, at_least: int | None) -> Image:
    """The pixels behind encoded bytes, in the file's own mode."""
    if not raw:
        raise UnreadableImage("empty file (0 bytes)")
    kind = sniff(raw[:HEAD])
    plugin = _plugin(kind)
    try:
        image = plugin(io.BytesIO(raw))
        _check_size(image.size, image.mode)
        if at_least and kind == "jpeg":
            image.draft(None, (at_least, at_least))
        image.load()
    except UnreadableImage:
        raise
    except Exception as error:  # a decoder fed with damaged bytes raises whatever it stumbles over
        raise UnreadableImage(_why(raw, kind, error)) from error
    return image


def _plugin(kind: str) -> Callable[[io.BytesIO], Image]:
    """Pillow's reader of one format. Called directly: no other parser sees the bytes, and no warning is raised."""
    if kind not in _PLUGINS:
        raise UnreadableImage(f"not an image but {OTHERS[kind]}" if kind else "not an image this program can read")
    name = _PLUGINS[kind]
    plugin: Callable[[io.BytesIO], Image] = getattr(import_module(f"PIL.{name}ImagePlugin"), f"{name}ImageFile")
    return plugin


def _check_size(size: tuple[int, ...], mode: str = "RGB") -> None:
    pixels = int(np.prod(size, dtype=np.int64))
    both = 4 + (0 if mode == "RGB" else 1 if mode in ("1", "L", "P") else 2 if mode.startswith("I;16") else 4)
    limit = min(PIXEL_LIMIT, 5 * PIXEL_LIMIT // both)
    if pixels > limit:
        shape = " x ".join(map(str, size))
        raise UnreadableImage(
            f"{shape} = {pixels / 1e6:,.0f} megapixels, more than the limit of {limit / 1e6:,.0f}"
            f"{'' if limit == PIXEL_LIMIT else f' in the mode {mode}'}: "
            "scale it down first"
        )


def _why(raw: bytes, kind: str, error: Exception) -> str:
    """The reason in a few words; truncation has its own, since copying the original file again may help."""
    words = " ".join(str(error).split()) or type(error).__name__
    end = _ENDS.get(kind)
    cut = end is not None and end not in raw[-64:]
    if kind == "webp":
        cut = int.from_bytes(raw[4:8], "little") + 8 > len(raw)
    if cut or "truncat" in words.lower() or isinstance(error, EOFError):
        return f"truncated {kind.upper()} ({len(raw):,} bytes, and its end is missing)"
    return f"damaged {kind.upper()} ({words})"


def _upright(image: Image) -> Image:
    """RGB, turned as the EXIF orientation asks, whatever the format."""
    from PIL.Image import Transpose as Turn

    turns = (
        *(None, None, Turn.FLIP_LEFT_RIGHT, Turn.ROTATE_180, Turn.FLIP_TOP_BOTTOM),
        *(Turn.TRANSPOSE, Turn.ROTATE_270, Turn.TRANSVERSE, Turn.ROTATE_90),
    )
    try:
        image.load()
        orientation = image.getexif().get(_ORIENTATION, 1)
        upright = to_rgb(image)
    except UnreadableImage:
        raise
    except Exception as error:  # see _opened
        raise UnreadableImage(f"damaged image ({' '.join(str(error).split()) or type(error).__name__})") from error
    turn = turns[orientation] if isinstance(orientation, int) and 1 < orientation < 9 else None
    return upright if turn is None else upright.transpose(turn)
