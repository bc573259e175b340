"""A cache of backbone descriptions: a backbone is built once to describe it, and not again in later runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from transferium.system.cache_dir import home
from transferium.system.checked_files import read_sealed_json, write_sealed_json


def remembered(words: tuple[str, ...], learn: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """``learn()``, or what it gave for the same ``words`` before: they must name everything that it depends on.

    Kept as JSON under the home; where that cannot be read or written, it is learned again every time.
    """
    name = hashlib.sha256("\n".join(words).encode()).hexdigest()[:40]
    path = home() / "backbones" / f"{name}.json"
    with suppress(OSError, ValueError):
        return read_sealed_json(path)
    facts = learn()
    with suppress(OSError):
        write_sealed_json(path, facts)
    return facts
