"""The format of a file, found from its first bytes and never from its name."""

from __future__ import annotations

HEAD = 512
"""The number of first bytes that ``sniff`` needs."""

ENCODED_LIMIT = 400_000_000
"""The most bytes of an image file: as many as the most pixels that are decoded take in memory."""

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
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "pnm"),
}
"""File name endings (lower case) of images that can be read, and the format they promise."""

PICTURES = SUFFIXES | {
    **dict.fromkeys((".heic", ".heif", ".hif"), "heic"),
    **dict.fromkeys((".avif", ".avifs"), "avif"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jpf"), "jpeg2000"),
    ".jxl": "jxl",
    ".psd": "psd",
    ".exr": "exr",
    ".dcm": "dicom",
    ".svg": "svg",
}
"""File name endings (lower case) that make a file an example: also of pictures that cannot be read, to say so."""

IMAGES = frozenset(SUFFIXES.values())

OTHERS = {
    "html": "an HTML page",
    "svg": "an SVG drawing: save it as PNG",
    "xml": "an XML document",
    "pdf": "a PDF document",
    "zip": "a ZIP archive",
    "gzip": "a gzip archive",
    "heic": "a HEIC photo: save it as JPEG or PNG",
    "avif": "an AVIF picture: save it as JPEG or PNG",
    "jpeg2000": "a JPEG 2000 picture: save it as JPEG or PNG",
    "jxl": "a JPEG XL picture: save it as JPEG or PNG",
    "psd": "a Photoshop file: save it as PNG",
    "exr": "an OpenEXR picture: save it as PNG",
    "dicom": "a DICOM file: save its picture as PNG",
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
    (b"\x00\x00\x00\x0cjP  ", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
    (b"\x00\x00\x00\x0cJXL ", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"8BPS", "psd"),
    (b"v/1\x01", "exr"),
)


def sniff(head: bytes) -> str:
    """The format behind the first ``HEAD`` bytes: one of ``IMAGES``, one of ``OTHERS``, or ``""`` when unknown.

    >>> sniff(b"GIF89a......"), sniff(b"<!DOCTYPE html><p>404"), sniff(b"\\x00\\x01\\x02\\x03")
    ('gif', 'html', '')
    """
    by_start = next((name for magic, name in _MAGIC if head.startswith(magic)), "")
    return by_start or _sniff_structure(head) or _sniff_text(head[:HEAD])


def _sniff_structure(head: bytes) -> str:
    """Formats that are known by more than their first bytes."""
    found = ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        found = "webp"
    elif head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in {12, 16, 40, 52, 56, 64, 108, 124}:
        found = "bmp"
    elif head[:1] == b"P" and head[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6") and head[2:3].isspace():
        found = "pnm"
    elif head[128:132] == b"DICM":
        found = "dicom"
    elif head[4:8] == b"ftyp":
        found = {b"avif": "avif", b"avis": "avif"}.get(head[8:12], "heic")
    return found


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
