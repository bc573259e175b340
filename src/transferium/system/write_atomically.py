"""Files that are there as a whole or not at all, whatever interrupts the writing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, content: str | bytes | Callable[[Path], object], *, durable: bool = False) -> None:
    """Replace ``path`` in one step by a file with ``content``, or by one that a function writes beside it.

    ``durable`` waits until the content has reached the disk. A failure is an ``OSError`` and leaves what was there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "new" / "notes.txt", "kept")
    ...     [file.name for file in (Path(folder) / "new").iterdir()]
    ['notes.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix if callable(content) else ".tmp"
    handle, name = tempfile.mkstemp(prefix=f".{path.stem[:12]}.", suffix=suffix, dir=path.parent)
    os.close(handle)
    fresh = Path(name)
    try:
        if callable(content):
            content(fresh)
        else:
            fresh.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        if durable:
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
        fresh.chmod(0o644)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
