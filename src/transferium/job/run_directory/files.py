"""The files of a finished run, written all at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.data.images.decode import decode
from transferium.job.run_directory.spectrogram import heard
from transferium.problems.classes import Classes
from transferium.report.gallery import SIDE

Outputs = NDArray[np.float64]
SHOWN = 24
GAP = 4
"""Pixels between both pictures of a pair."""
LOOKS: dict[Kind, Literal["picture", "pictures", "text", "sound"]] = {
    "image": "picture",
    "text": "text",
    "pair": "text",
    "sentence": "text",
    "mixed": "text",
    "scene": "picture",
    "sound": "sound",
    "image_pair": "pictures",
}
"""What the report shows of an example; of feature rows it shows nothing."""


def examples_to_show(test: Domain, outputs: Outputs) -> list[dict[str, Any]]:
    """The worst mistakes first: the most confident ones, or those of most labels, or the largest; at most ``SHOWN``.

    Behind the mistakes on classes stand the least confident right answers.
    """
    problem, confident = test.posed, isinstance(test.posed, Classes)
    if confident:
        sure, wrong = outputs.max(1), outputs.argmax(1) != test.y
        order = np.lexsort((np.where(wrong, -sure, sure), ~wrong))[:SHOWN]
    else:
        order = np.argsort(-problem.missed(test.y, outputs), kind="stable")[:SHOWN]
    shown, seen = [], test.samples.take(order)
    told = zip(order, problem.cells(test.y[order], seen), problem.answers(outputs[order], seen), strict=True)
    for i, label, answer in told:
        example: dict[str, Any] = {"id": test.ids[i], "label": label, "predicted": answer}
        if confident:
            example["confidence"] = round(float(sure[i]), 4)
        if (frames := problem.drawn(test.y[i], outputs[i])) is not None:
            wrong = any(frame.state != "right" for frame in frames)
            example |= {"frames": [frame._asdict() for frame in frames], "right": not wrong}
        if LOOKS.get(test.kind) == "text":
            example["text"] = str(test.samples.raw(int(i)))[:600]
        shown.append(example)
    return shown


def write_json(path: Path, value: Any) -> None:
    """Strict JSON (no NaN), UTF-8."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def thumbnails(test: Domain) -> Any:
    """Give the report what it shows of an example, by its id."""
    look = LOOKS.get(test.kind)
    if look not in ("picture", "pictures", "sound"):
        return lambda _id: None
    position = {name: i for i, name in enumerate(test.ids)}
    if look == "sound":
        return lambda name: heard(test.samples.raw(position[name]))
    if look == "pictures":
        return lambda name: _in_a_row(test.samples.raw(position[name]))
    return lambda name: test.samples.raw(position[name])


def _in_a_row(pair: Sequence[Any]) -> Any:
    """Both pictures of a pair as one, of one height."""
    from PIL import Image

    pictures = [decode(raw, 2 * SIDE) for raw in pair]
    widths = [max(1, round(SIDE * picture.width / picture.height)) for picture in pictures]
    both = Image.new("RGB", (sum(widths) + GAP, SIDE), "white")
    for picture, width, left in zip(pictures, widths, (0, widths[0] + GAP), strict=True):
        both.paste(picture.resize((width, SIDE)), (left, 0))
    return both
