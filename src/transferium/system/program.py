"""The identity of the program that wrote a file: its version, and a digest of its code."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from transferium.version import __version__


@cache
def program() -> str:
    """``"0.1.0 3f9a1c04"``: the version, and the start of a digest of the package's source files."""
    root, digest = Path(__file__).resolve().parents[1], hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{__version__} {digest.hexdigest()[:8]}"


def change_of_program(before: str | None) -> str:
    """The changes since ``before`` (None: a program without this record), in words; empty where there are none.

    >>> change_of_program(program())
    ''
    """
    now = program()
    if before == now:
        return ""
    old, new = ("an earlier one" if before is None else before.split()[0]), now.split()[0]
    return f"version {new} with other code" if old == new else f"{old} → {new}"
