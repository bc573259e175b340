"""What training saw: examples beside their augmented versions."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

Shown = dict[str, Any]


def augmented(given: Mapping[str, Any] | None, kind: str) -> Shown | None:
    """The picture as a data URI, or the texts; None where there is neither. ``kind`` says what several are called."""
    if not given or not (given.get("picture") or given.get("texts")):
        return None
    picture = given.get("picture")
    return {
        "kind": kind.capitalize(),
        "recipe": str(given.get("recipe", "")),
        "picture": picture and f"data:image/jpeg;base64,{base64.b64encode(picture).decode('ascii')}",
        "texts": list(given.get("texts") or ()),
    }
