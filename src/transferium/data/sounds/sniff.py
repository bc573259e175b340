"""The format of a sound file, found from its first bytes and never from its name."""

from __future__ import annotations

from transferium.data.images.sniff import OTHERS, sniff

SUFFIXES = {
    **dict.fromkeys((".wav", ".wave"), "wav"),
    ".flac": "flac",
    **dict.fromkeys((".ogg", ".oga", ".opus"), "ogg"),
    ".mp3": "mp3",
    **dict.fromkeys((".aif", ".aiff", ".aifc"), "aiff"),
}
"""File name endings (lower case) of sounds that can be read, and the format they promise."""

RECORDINGS = SUFFIXES | {
    **dict.fromkeys((".m4a", ".aac"), "aac"),
    ".wma": "wma",
    ".amr": "amr",
}
"""File name endings (lower case) that make a file an example: also of sounds that cannot be read, to say so."""

SOUNDS = frozenset(SUFFIXES.values())

CLOSED = {
    "aac": "an AAC recording: save it as WAV or FLAC",
    "wma": "a Windows Media recording: save it as WAV or FLAC",
    "amr": "an AMR recording: save it as WAV or FLAC",
}
"""Formats of sounds that cannot be read here, in words."""

_MAGIC = (
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"#!AMR", "amr"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wma"),
)


def sniff_sound(head: bytes) -> str:
    """The format behind the first bytes of a sound file; what else it is where it is none, ``""`` where unknown.

    >>> sniff_sound(b"RIFF\\x24\\x00\\x00\\x00WAVEfmt "), sniff_sound(b"GIF89a"), sniff_sound(b"\\x00" * 9)
    ('wav', 'gif', '')
    """
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if by_start := next((name for magic, name in _MAGIC if head.startswith(magic)), ""):
        return by_start
    if len(head) > 3 and head[0] == 0xFF and head[1] >= 0xE0:  # eleven set bits begin a frame
        layer = head[1] >> 1 & 3
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3" if layer and head[2] >> 4 != 15 and not _is_jpeg(head) else ""
    if head[4:8] == b"ftyp" and head[8:12] in (b"M4A ", b"mp42", b"isom", b"M4B "):
        return "aac"
    return sniff(head)


def _is_jpeg(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


def no_sound(format: str) -> str:
    """Why bytes of this format are no sound that can be read; nothing where they may be one.

    >>> no_sound("png"), no_sound("wav"), no_sound("aac")
    ('not a sound but a PNG picture', '', 'not readable: an AAC recording: save it as WAV or FLAC')
    """
    if format in SOUNDS or not format:
        return ""
    if format in CLOSED:
        return f"not readable: {CLOSED[format]}"
    return f"not a sound but {OTHERS.get(format, f'a {format.upper()} picture')}"
