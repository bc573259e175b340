"""The format of a file, found from its first bytes and never from its name."""

from __future__ import annotations

HEAD = 512
"""The number of first bytes that ``sniff`` needs."""

SUFFIXES = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
    ".gif": "gif",
    ".bmp": "bmp",
    ".dib": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}
"""File name endings (lower case) that make a file an example, and the format they promise."""

IMAGES = frozenset(SUFFIXES.values())

OTHERS = {
    "html": "an HTML page",
    "svg": "an SVG drawing",
    "xml": "an XML document",
    "pdf": "a PDF document",
    "zip": "a ZIP archive",
    "gzip": "a gzip archive",
    "heic": "a HEIC photo",
    "avif": "an AVIF picture",
    "npy": "a NumPy array",
    "text": "plain text",
}
"""Formats that cannot be used as images here, in words."""

_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"%PDF", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\x93NUMPY", "npy"),
)


def sniff(head: bytes) -> str:
    """The format behind the first ``HEAD`` bytes: one of ``IMAGES``, one of ``OTHERS``, or ``""`` when unknown.

    >>> sniff(b"GIF89a......"), sniff(b"<!DOCTYPE html><p>404"), sniff(b"\\x00\\x01\\x02\\x03")
    ('gif', 'html', '')
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in {12, 16, 40, 52, 56, 64, 108, 124}:
        return "bmp"
    if head[4:8] == b"ftyp":
        return {b"avif": "avif", b"avis": "avif"}.get(head[8:12], "heic")
    return _sniff_text(head[:HEAD])


def _sniff_text(head: bytes) -> str:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not merely a character cut in two at the end
            return ""
        text = head[: error.start].decode("utf-8")
    if not text or any(c < " " and c not in "\t\n\r\f" for c in text):
        return ""
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "html"
    if start.startswith(("<svg", "<?xml")):
        return "svg" if "<svg" in start else "xml"
    return "text"
