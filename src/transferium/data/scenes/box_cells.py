"""Label cells of scenes: boxes in pixels, made shares of the picture's sides, and what is wrong with them."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from transferium.data.images.pixels import UnreadableImage
from transferium.data.samples import Samples
from transferium.data.scenes.scenes import Scenes
from transferium.errors import DataError, TransferiumWarning
from transferium.problems.boxes import Placed
from transferium.problems.label_cells import is_missing, label_name

LABEL = ("label", "class", "category", "name")
"""What the class of a box may be called in a cell; its place is ``box``: left, top, right, bottom in pixels."""
OTHER_SHAPE = 0.02
"""How much the proportions that an annotation gives may differ from those of the picture."""


@dataclass(frozen=True)
class Annotated:
    """The boxes of one picture: class, left, top, right, bottom, in pixels or, with ``shares``, as shares of the sides.

    ``sides`` are the width and height that whoever drew them had before them, where that is known.
    """

    boxes: Sequence[tuple[str, float, float, float, float]]
    sides: tuple[float, float] | None = None
    shares: bool = False


@dataclass
class Placing:
    """Boxes as shares, a list for each picture; by reason, the ids of the pictures with a box that was changed."""

    cells: list[list[Placed]] = field(default_factory=list)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def note(self, reason: str, name: str) -> None:
        """Note something about one picture."""
        if name not in self.wrong.setdefault(reason, []):
            self.wrong[reason].append(name)


REASONS = {
    "clipped": "boxes reach beyond the picture, and are cut at its side",
    "empty-boxes": "boxes have no area inside of the picture, and are left out",
    "shapes": "annotations are of a picture of other proportions: their boxes may be in the wrong place",
}
"""What can be wrong with boxes, as ``Domain.ignored`` and the doctor call it."""


def place_boxes(samples: Scenes, ids: Sequence[str], annotated: Sequence[Annotated]) -> Placing:
    """Every box as shares of the sides of its picture; of a picture that cannot be read, none."""
    found = Placing()
    for i, (name, given) in enumerate(zip(ids, annotated, strict=True)):
        sides = None
        with suppress(OSError, UnreadableImage):
            sides = samples.sides(i)
        if sides is None:
            found.cells.append([])
            continue
        if given.sides is not None and _differs(sides, given.sides):
            found.note("shapes", name)
        scale = np.ones(4) if given.shares else np.tile(given.sides or sides, 2)
        placed = [_placed(label, np.array(box) / scale, name, found) for label, *box in given.boxes]
        found.cells.append([one for one in placed if one is not None])
    return found


def _differs(sides: tuple[float, float], given: tuple[float, float]) -> bool:
    return abs(math.log(sides[0] * given[1] / (sides[1] * given[0]))) > OTHER_SHAPE


def _placed(label: str, box: Any, name: str, found: Placing) -> Placed | None:
    inside = np.clip(box, 0, 1)
    if not (inside[0] < inside[2] and inside[1] < inside[3]):
        found.note("empty-boxes", name)
        return None
    if (inside != box).any():
        found.note("clipped", name)
    return Placed(label, *map(float, inside))


def boxes_in(samples: Samples, values: Sequence[Any], where: str) -> list[Any]:
    """Label cells as boxes: lists of ``{"label": "cat", "box": [left, top, right, bottom]}`` in pixels, or such JSON.

    An empty list is a picture without boxes. Raises ``DataError`` for anything else; warns of boxes that are changed.
    """
    at = [f"{where}, row {i + 1} (counted from 1)," for i in range(len(values))]
    annotated = [Annotated([_box(one, at[i]) for one in _listed(cell, at[i])]) for i, cell in enumerate(values)]
    found = place_boxes(Scenes(samples), [str(i + 1) for i in range(len(values))], annotated)
    for reason, rows in found.wrong.items():
        words = f"{where}: {REASONS[reason]} (in {len(rows):,} rows, row {rows[0]} is the first, counted from 1)"
        warnings.warn(words, TransferiumWarning, stacklevel=2)
    return found.cells


def _listed(cell: Any, where: str) -> Sequence[Any]:
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except ValueError as error:
            raise DataError(f"{where} holds {cell:.60}, which is no list in JSON ({error}).") from error
    if isinstance(cell, (list, tuple, np.ndarray)):
        return list(cell)
    raise DataError(
        f"{where} holds {str(cell)[:60]!r}: give a list of boxes, such as "
        '[{"label": "cat", "box": [left, top, right, bottom]}], in pixels; an empty one where there is none.'
    )


def _box(one: Any, where: str) -> tuple[str, float, float, float, float]:
    if not isinstance(one, Mapping):
        raise DataError(f"{where} holds {one!r:.60}: a box is an object with 'label' and 'box'.")
    label = next((one[name] for name in LABEL if not is_missing(one.get(name))), None)
    if label is None:
        raise DataError(f"{where} holds a box without 'label': {one!r:.60}.")
    left, top, right, bottom = four_numbers(one.get("box"), where)
    return label_name(label), left, top, right, bottom


def four_numbers(given: Any, where: str) -> tuple[float, float, float, float]:
    """Four finite numbers; raises ``DataError`` for anything else."""
    try:
        left, top, right, bottom = map(float, given)
    except (TypeError, ValueError):
        raise DataError(f"{where} has a box {given!r:.60}: a box is four numbers.") from None
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise DataError(f"{where} has a box {given!r:.60}: a box is four finite numbers.")
    return left, top, right, bottom
