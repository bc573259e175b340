"""What a finished run leaves behind, written all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain

if TYPE_CHECKING:
    pass

Probabilities = NDArray[np.float64]
SHOWN = 24


def examples_to_show(test: Domain, probabilities: Probabilities) -> list[dict[str, Any]]:
    """The most confident mistakes first, then the least confident right answers; at most ``SHOWN``."""
    guess, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = guess != test.y
    order = np.lexsort((np.where(wrong, -sure, sure), ~wrong))[:SHOWN]
    shown = []
    for i in order:
        example = {
            "id": test.ids[i],
            "label": test.classes[test.y[i]],
            "predicted": test.classes[guess[i]],
            "confidence": round(float(sure[i]), 4),
        }
        if test.kind == "text":
            example["text"] = str(test.samples.raw(int(i)))[:600]
        shown.append(example)
    return shown


def write_json(path: Path, value: Any) -> None:
    """Strict JSON (no NaN), UTF-8."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _thumbnails(test: Domain) -> Any:
    """Give the report an example's raw content by its id."""
    if test.kind != "image":
        return lambda _id: None
    position = {name: i for i, name in enumerate(test.ids)}
    return lambda name: test.samples.raw(position[name])
