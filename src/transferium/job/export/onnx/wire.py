"""Messages of Protocol Buffers as bytes: their fields taken apart and put together, without a library."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | float | bytes
VARINT, LENGTH, FIXED32 = 0, 2, 5


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message in order: each one's number, and an integer, a number of 4 bytes, or bytes.

    Raises ``ValueError`` for what is no message.

    >>> list(fields(field(1, 300) + field(2, "ab")))
    [(1, 300), (2, b'ab')]
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        length, at = _varint(message, at) if kind == LENGTH else (4 if kind == FIXED32 else -1, at)
        if length < 0 or at + length > len(message):
            raise ValueError("it is cut off, or no message of Protocol Buffers")
        content, at = message[at : at + length], at + length
        yield number, struct.unpack("<f", content)[0] if kind == FIXED32 else content


def field(number: int, value: Value | str) -> bytes:
    """One field: an integer as a varint, a float in 4 bytes, text and bytes with their length.

    >>> field(1, -1).hex()
    '08ffffffffffffffffff01'
    """
    if isinstance(value, int):
        return _of_varint(number << 3 | VARINT) + _of_varint(value % 2**64)
    if isinstance(value, float):
        return _of_varint(number << 3 | FIXED32) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return _of_varint(number << 3 | LENGTH) + _of_varint(len(content)) + content


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 0x80:
            return value, at
    raise ValueError("it is cut off, or no message of Protocol Buffers")


def _of_varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])
