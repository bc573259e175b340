"""One hyper-parameter of a method, with its range and help beside its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any


def setting(default: Any, help: str, range: Any = None, bounds: Mapping[str, float] | None = None) -> Any:
    """A hyper-parameter with its search range, its help and what it may be (``bounds.py``) beside its default."""
    return field(default=default, metadata={"range": range, "help": help} | ({"bounds": bounds} if bounds else {}))
