"""Where descriptions, exported graphs and stored features live."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """``$TRANSFERIUM_HOME``, else ``transferium`` in ``$XDG_CACHE_HOME`` or ``~/.cache``. It may not exist yet."""
    if stated := os.environ.get("TRANSFERIUM_HOME"):
        return Path(stated).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "transferium"
