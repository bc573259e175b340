"""Files that somebody else may have made or damaged: opened only where they are files, and known by their digests."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from transferium.system.write_atomically import write_atomically

LARGE, RATIO = 256 << 20, 100
"""More than ``LARGE`` bytes out of a file of less than a ``RATIO``-th of that are a bomb and no data."""
LONGEST_JSON, MOST_BRACKETS, MOST_COMMAS = 64 << 20, 500_000, 4_000_000
NOT_YET = "0" * 64
_SEAL = re.compile(rb'"seal": ?"([0-9a-f]{64})"')
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class DamagedFile(ValueError):  # noqa: N818  (it says what the file is, as ``UnreadableImage`` does)
    """A file is not what was written: which one, and in what way."""


def check_file(path: Path) -> None:
    """Raise ``OSError`` where ``path`` is no file: a folder, pipe or device, a circle of links, or a hole on the disk.

    A pipe would be waited for without end, and a device or a file of holes (one that says that it is large and takes no
    room) would fill the memory.
    """
    found = path.stat()
    for is_kind, name in _KINDS:
        if is_kind(found.st_mode):
            raise OSError(0, f"it is {name} and not a file", str(path))
    refuse_bomb(found.st_size, getattr(found, "st_blocks", found.st_size) * 512, "is empty space", str(path))


def refuse_bomb(size: int, behind: int, how: str = "unpacks to that", path: str | None = None) -> None:
    """Raise ``OSError`` where ``size`` bytes are said to come of the ``behind`` bytes of a file."""
    if size > max(LARGE, RATIO * behind):
        raise OSError(0, f"{behind:,} bytes are said to hold {size:,}: almost all of it {how}", path)


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; ``OSError`` for anything else (:func:`check_file`), without waiting."""
    check_file(path)
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    return os.fdopen(handle, "rb")


def read_file(path: Path, most: int | None = None) -> bytes:
    """The bytes of a file; ``OSError`` for anything else, and for more than ``most`` bytes."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise OSError(0, f"it has {size:,} bytes, more than the {most:,} that such a file may have", str(path))
        return file.read()


def hash_file(path: Path, whole: Any = None) -> Any:
    """The SHA-256 object ``whole``, or a new one, with the content of a file of any length (about 2 GB/s)."""
    whole = whole or hashlib.sha256()
    with open_file(path) as file:
        while block := file.read(1 << 22):
            whole.update(block)
    return whole


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sealed(head: bytes, rest: bytes | memoryview = b"") -> bytes:
    """``head``, in which a field ``"seal"`` holds ``NOT_YET``, with the digest of it and of the ``rest`` in that place.

    >>> check_seal(sealed(b'{"a": 1, "seal": "' + NOT_YET.encode() + b'"}'))
    True
    """
    whole = hashlib.sha256(head)
    whole.update(rest)
    (found,) = _SEAL.finditer(head)
    return head[: found.start(1)] + whole.hexdigest().encode() + head[found.end(1) :]


def check_seal(head: bytes, rest: Iterable[bytes] = (), *, needed: bool = False) -> bool:
    """Whether there is a seal; ``DamagedFile`` for one that does not fit, and for none where one is ``needed``."""
    found = list(_SEAL.finditer(head))
    if not found:
        if needed:
            raise DamagedFile("its seal is missing")
        return False
    at = found[0]
    whole = hashlib.sha256(head[: at.start(1)] + NOT_YET.encode() + head[at.end(1) :])
    for piece in rest:
        whole.update(piece)
    if len(found) > 1 or whole.hexdigest().encode() != at[1]:
        raise DamagedFile("it is not what was written: its seal does not fit its content")
    return True


def check_tensors_seal(path: Path) -> bool:
    """:func:`check_seal` of a safetensors file, whose seal lies in its header."""
    with open_file(path) as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if length > min(LONGEST_JSON, os.fstat(file.fileno()).st_size):
            raise DamagedFile("it has no header")
        return check_seal(start + file.read(length), iter(lambda: file.read(1 << 22), b""))


def to_sealed_json(value: Mapping[str, Any], *, indent: int | None = None) -> bytes:
    """``value`` as JSON with a seal, for :func:`parse_json`."""
    text = json.dumps({**value, "seal": NOT_YET}, indent=indent, ensure_ascii=False)
    return sealed(text.encode("utf-8", "surrogatepass"))  # a file's name may hold any bytes


def write_sealed_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON with a seal, whole or not at all, and wait until it is on the disk."""
    write_atomically(path, to_sealed_json(value), durable=True)


def read_sealed_json(path: Path) -> dict[str, Any]:
    """What :func:`write_sealed_json` wrote; ``OSError`` or ``ValueError`` where that is missing or damaged."""
    content = read_file(path, LONGEST_JSON)
    check_seal(content, needed=True)
    return parse_json(content)


def parse_json(content: bytes) -> dict[str, Any]:
    """A JSON object without its seal; ``ValueError`` for anything else, also for what would fill the memory."""
    if content.count(b"[") + content.count(b"{") > MOST_BRACKETS or content.count(b",") > MOST_COMMAS:
        raise DamagedFile("it has more entries than any such file")
    try:
        value = json.loads(content)
    except RecursionError:
        raise DamagedFile("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise DamagedFile(f"it holds {type(value).__name__} and no object")
    value.pop("seal", None)
    return value
